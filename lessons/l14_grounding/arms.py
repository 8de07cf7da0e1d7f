"""The same questions with nothing to read, and with papers: right, wrong, lying, missing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lessons import evaluate
from lessons.l14_grounding.papers import (
    Asked,
    Library,
    sentences,
    support,
    swapped,
    with_other_value,
)
from lessons.l14_grounding.retrieval import Retriever
from lessons.world.corpus import encode
from lessons.world.tape import Tape
from lessons.world.tasks import questions
from lessons.world.tasks.base import Item
from lessons.world.tasks.passages import FORMS, NOT_STATED
from minigpt import GPT, BPETokenizer, sequence_logprob
from minigpt.tokenizer import END

NEW_TOKENS = 6  # of an answer: no value is longer
CLOSED, ORACLE, DISTRACTOR, CONTRADICTION = "closed", "oracle", "distractor", "contradiction"
FIRST = "the first paper found"
EACH = "two papers, one by one"
SURER = "the surer of two"
TOGETHER = "two papers in one"
RANDOM = "two papers on others"  # what the form of the prompt does by itself
COMBINED = (FIRST, EACH, SURER, TOGETHER)  # ways to use what was found
ARMS = (CLOSED, RANDOM, ORACLE, *COMBINED, DISTRACTOR, CONTRADICTION)
NEED_PAPER = (ORACLE, DISTRACTOR, CONTRADICTION)  # the others also serve questions without one
MISSING_ARMS = tuple(arm for arm in ARMS if arm not in NEED_PAPER)


@dataclass(frozen=True)
class Shown:
    """What an arm gives to read: texts, each read by itself; and the lie."""

    texts: tuple[str, ...]  # empty: nothing to read
    papers: tuple[int, ...]
    lie: str = ""


def reading_prompt(text: str, question: str) -> str:
    """A passage and a question on it, as training had them, up to the answer."""
    before, ask, reply = FORMS[0]
    return f"{before} {text}\n{ask} {question}\n{reply}"


def shown(arm: str, asked: Asked, held: Library, retriever: Retriever, seed: int) -> Shown:
    """What an arm gives to read for a question.

    RANDOM: two papers on other people. DISTRACTOR: the best paper found that does not state the
    fact. CONTRADICTION: the paper that states it, with another value. Raises ValueError for an
    unknown arm, and for one that needs a paper where no paper answers.
    """
    if arm not in ARMS or (asked.paper is None and arm in NEED_PAPER):
        allowed = ARMS if asked.paper is not None else MISSING_ARMS
        raise ValueError(f"arm={arm!r} for a question of paper {asked.paper}: choose of {allowed}")
    if arm == CLOSED:
        return Shown((), ())
    if asked.paper is not None and arm == CONTRADICTION:
        paper, lie = with_other_value(held.papers[asked.paper], asked, seed)
        return Shown((paper.text,), (paper.number,), lie)
    if asked.paper is not None and arm == ORACLE:
        numbers = [asked.paper]
    elif arm == RANDOM:
        others = [paper.number for paper in held.papers if asked.name not in paper.text]
        numbers = Tape("papers on others", seed, asked.name, asked.attribute).sample(others, 2)
    elif arm == DISTRACTOR:
        numbers = [n for n in retriever.search(asked.question, 2) if n != asked.paper][:1]
    else:
        numbers = retriever.search(asked.question, 1 if arm == FIRST else 2)
    texts = [held.papers[number].text for number in numbers]
    if arm == TOGETHER:
        texts = [" ".join(texts)]
    return Shown(tuple(texts), tuple(numbers))


Reading = tuple[str, str, str]  # an answer, the text that gave it ("": closed book), its prompt


def read(
    model: GPT, tokenizer: BPETokenizer, some: Sequence[tuple[Asked, Shown]], surest: bool = False
) -> list[Reading]:
    """One reading for each question. Its texts are read one by one.

    The first that is answered with more than "not stated" counts; with `surest`, of all such
    answers the one to which the model gives the highest probability.
    """
    items: list[Item] = []
    texts: list[list[str]] = []
    for asked, given in some:
        texts.append([*given.texts] or [""])
        for text in texts[-1]:
            prompt = (
                reading_prompt(text, asked.question) if text else questions.prompt(asked.question)
            )
            items.append(Item(prompt, f" {asked.truth}"))
    outputs = iter(zip(items, evaluate.answers(model, tokenizer, items), strict=True))

    def probability(tried: Reading) -> float:
        return answer_probability(model, tokenizer, tried[2], tried[0])

    found = []
    for mine in texts:
        tried = [
            (output.strip(), text, item.prompt)
            for text, (item, output) in zip(mine, outputs, strict=False)
            # the next ones are the next question's
        ]
        answered = [t for t in tried if t[0] != NOT_STATED] or tried[-1:]
        found.append(max(answered, key=probability) if surest else answered[0])
    return found


def record(
    model: GPT,
    tokenizer: BPETokenizer,
    arm: str,
    some: Sequence[Asked],
    held: Library,
    retriever: Retriever,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """A row for each question under an arm.

    `right`: the truth. `declined`: "not stated", or nothing. `false`: anything else. `follows`: the
    lie of a contradicting paper. `supported`: some sentence of what was read says so of this
    person. `confidence`: the probability of the answer's words. prompt_of gives the prompt back.
    """
    given = [shown(arm, asked, held, retriever, seed) for asked in some]
    found = read(model, tokenizer, [*zip(some, given, strict=True)], surest=arm == SURER)
    rows = []
    for asked, what, (said, text, prompt) in zip(some, given, found, strict=True):
        right, declined = said == asked.truth, said in (NOT_STATED, "")
        rows.append(
            {
                "arm": arm,
                "group": asked.group,
                "kind": "missing" if asked.paper is None else "stated",
                "name": asked.name,
                "attribute": asked.attribute,
                "question": asked.question,
                "truth": asked.truth,
                "wanted": -1 if asked.paper is None else asked.paper,
                "papers": " ".join(map(str, what.papers)),
                "answered_from": what.texts.index(text) if text else -1,
                "lie": what.lie,
                "output": said,
                "confidence": answer_probability(model, tokenizer, prompt, said),
                "right": int(right),
                "declined": int(declined),
                "false": int(not right and not declined),
                "follows": int(said == what.lie != ""),
                "supported": int(support(text, asked.name, said) >= 0),
            }
        )
    return rows


def prompt_of(row: Mapping[str, Any], held: Library) -> str:
    """The prompt that gave a record's output, from its row."""
    texts = [held.papers[int(number)].text for number in str(row["papers"]).split()]
    if not texts:
        return questions.prompt(row["question"])
    if row["arm"] == CONTRADICTION:
        texts = [swapped(texts[0], row["truth"], row["lie"])]
    if row["arm"] == TOGETHER:
        texts = [" ".join(texts)]
    return reading_prompt(texts[int(row["answered_from"])], row["question"])


def answer_probability(model: GPT, tokenizer: BPETokenizer, prompt: str, output: str) -> float:
    """The probability of an output's words after a prompt; what follows them is left open, for
    after a passage another question may come, and after a closed-book question the end."""
    if not output:
        return 0.0
    ids = [tokenizer.special_tokens[END], *encode(tokenizer, prompt)]
    return math.exp(sequence_logprob(model, tokenizer, ids, f" {output}")[0])


def pointed_sentence(
    model: GPT, tokenizer: BPETokenizer, text: str, question: str, output: str
) -> tuple[int, list[float]]:
    """The sentence without which an answer loses most, and each sentence's loss of log2 p, bits.

    A sentence is taken out and the same answer scored again: what the answer depends on, not what
    a model says that it depends on. Raises ValueError for a text without a sentence.
    """
    parts = sentences(text)
    if not parts:
        raise ValueError("the text has no sentence to point to")

    def bits(some: Sequence[str]) -> float:
        prompt = reading_prompt(" ".join(some), question)
        ids = [tokenizer.special_tokens[END], *encode(tokenizer, prompt)]
        return sequence_logprob(model, tokenizer, ids, f" {output}")[0] / math.log(2)

    whole = bits(parts)
    losses = [whole - bits(parts[:out] + parts[out + 1 :]) for out in range(len(parts))]
    return max(range(len(parts)), key=lambda i: losses[i]), losses
