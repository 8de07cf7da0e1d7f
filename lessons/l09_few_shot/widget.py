"""The view of lesson 09: choose task, examples and labels; see prompt, answer, probabilities."""

from __future__ import annotations

import html
import math

import ipywidgets

from lessons import evaluate
from lessons.controls import Choice, Slider
from lessons.l09_few_shot import shots
from lessons.world.corpus import encode
from lessons.world.tasks.base import Item
from minigpt import GPT, BPETokenizer, score_choices
from minigpt.tokenizer import END


def shot_view(model: GPT, tokenizer: BPETokenizer) -> ipywidgets.VBox:
    """Sliders and lists that work by mouse and keyboard; every text is shown as text.

    Below the prompt: what the model writes, and how probable it finds the right answer, and what
    the examples' own rule says where that is another one.
    """
    kind = Choice(shots.KINDS, description="Task")
    k = Slider(shots.SHOTS, 4, "Examples")
    mode = Choice(shots.MODES, description="Labels")
    number = Slider(range(1, 21), 1, "Prompt")
    view = ipywidgets.HTML()

    def draw(_: object = None) -> None:
        item = shots.items(kind.value, k.value, mode.value, 1, number.value)[0]
        (output,) = evaluate.answers(model, tokenizer, [item])
        meant = {"by the true rule": item.answer, "by the examples": item.meta["shown"]}
        names = {name: answer for name, answer in meant.items() if answer}
        if len({*names.values()}) == 1:
            names = {"by the true rule": item.answer}
        p = _probabilities(model, tokenizer, item, [*names.values()])
        rows = "".join(
            f"<tr><td>{html.escape(name)}</td><td style='padding:0 1em'>"
            f"<code>{html.escape(answer.strip())}</code></td><td>p = {p[answer]:.3f}</td></tr>"
            for name, answer in names.items()
        )
        few = ""
        if mode.value != "gold" and k.value < 2:
            few = "<p>So few examples: their labels are as they were, or there are none.</p>"
        verdict = "right" if shots.said(output) == item.answer.strip() else "not right"
        view.value = (
            f'<pre style="white-space:pre-wrap;font-size:14px">{html.escape(item.prompt)}'
            f"<b>{html.escape(output)}</b></pre><p>{verdict}</p><table>{rows}</table>{few}"
        )

    for control in (kind, k, mode, number):
        control.observe(draw, names="value")
    draw()
    return ipywidgets.VBox([kind, k, mode, number, view])


def _probabilities(
    model: GPT, tokenizer: BPETokenizer, item: Item, answers: list[str]
) -> dict[str, float]:
    """p(answer and its end | prompt) of each answer."""
    context = [tokenizer.special_tokens[END], *encode(tokenizer, item.prompt)]
    two = answers if len(answers) > 1 else [*answers, " "]  # scores are for choices
    scores = score_choices(model, tokenizer, context, two, end=item.stop)
    return {answer: math.exp(score) for answer, score in zip(answers, scores, strict=False)}
