"""The view of lesson 14: ask, see the papers found, the answer, and the sentence it rests on."""

from __future__ import annotations

import html
import re

import ipywidgets

from lessons import evaluate
from lessons.l14_grounding import arms, papers
from lessons.l14_grounding.injection import without_marks
from lessons.l14_grounding.retrieval import Retriever
from lessons.world.tasks import questions
from lessons.world.tasks.passages import NOT_STATED
from minigpt import GPT, BPETokenizer

FOUND = 2  # papers read
LONGEST = 1500  # characters of a text that is read


def marked(text: str, at: int) -> str:
    """A text as HTML, sentence `at` marked (none if -1); whatever stands in it is text."""
    parts = [html.escape(sentence) for sentence in papers.sentences(text)]
    return " ".join(f"<mark>{part}</mark>" if i == at else part for i, part in enumerate(parts))


def person_asked(question: str) -> str:
    """The first two words with capitals in a row, after the first word: a name, or ""."""
    found = re.search(r"(?<=\s)[A-Z]\w+ [A-Z]\w+", question)
    return found[0] if found else ""


def ask_view(
    model: GPT,
    tokenizer: BPETokenizer,
    held: papers.Library,
    retriever: Retriever,
    first: str,
) -> ipywidgets.VBox:
    """Type a question (mouse or keyboard); what is typed is shown as text, never as HTML.

    Below: the answer closed book; the answer from the two papers found, which are read one by one;
    and these papers, the sentence that supports the answer marked. A paper of your own in the
    second box is read in their place, up to the first mark of a prompt in it; the view says so.
    """
    wide = ipywidgets.Layout(width="48em")
    question = ipywidgets.Text(
        value=first, description="Question", continuous_update=False, layout=wide
    )
    own = ipywidgets.Textarea(
        value="", description="Own paper", continuous_update=False, layout=wide,
        placeholder="empty: the papers found are read",
    )  # fmt: skip
    view = ipywidgets.HTML()

    def answer(prompt: str) -> str:
        return evaluate.ask(model, tokenizer, prompt, arms.NEW_TOKENS).strip()

    def draw(_: object = None) -> None:
        asked = without_marks(question.value)[:200]
        if not asked:
            view.value = f"<p>type a question, such as: {html.escape(first)}</p>"
            return
        cut = ""
        if own.value.strip():
            kept = without_marks(own.value)
            texts = {"your paper": kept[:LONGEST]}
            if len(kept) < len(" ".join(own.value.split())) or len(kept) > LONGEST:
                cut = f"<p>Your paper is read up to: {html.escape(kept[:LONGEST][-30:])} ✂</p>"
        else:
            numbers = retriever.search(asked, FOUND)
            texts = {f"paper {n}": held.papers[n].text for n in numbers}
        given = ("", "", NOT_STATED)  # paper, text, answer: the first that is more than this
        for name, text in texts.items():
            said = answer(arms.reading_prompt(text, asked)) if text else NOT_STATED
            if given[2] == NOT_STATED:
                given = name, text, said
        at = papers.support(given[1], person_asked(asked), given[2])
        if given[2] in (NOT_STATED, ""):
            verdict = "it declines"
        elif at >= 0:
            verdict = f"supported by {given[0]}"
        elif name := person_asked(asked):
            verdict = f"from {given[0]}, where no sentence says so of {name}"
        else:
            verdict = (
                f"from {given[0]}; not checked, for the question has no name: two words in a row "
                "with capitals, not at its beginning"
            )
        lines = [
            f"<p>Closed book: <b>{html.escape(answer(questions.prompt(asked)))}</b></p>",
            f"<p>With papers: <b>{html.escape(given[2])}</b> ({html.escape(verdict)})</p>",
        ]
        for name, text in texts.items():
            lines.append(
                f"<p>{html.escape(name)}: {marked(text, at if name == given[0] else -1)}</p>"
            )
        view.value = "".join([*lines, cut])

    for control in (question, own):
        control.observe(draw, names="value")
    draw()
    return ipywidgets.VBox([question, own, view])
