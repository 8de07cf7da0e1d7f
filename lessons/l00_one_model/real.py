"""Reviews of Fernhollow before SmolLM2: which of two words goes on, after plain and hard ones.

A model may prefer one of the two words whatever it read. What it says of no review at all is taken
off (Zhao et al. 2021, 2102.09690).
"""

from __future__ import annotations

from collections.abc import Sequence

from lessons import evaluate
from lessons.world.tape import Tape
from lessons.world.tasks import sentiment
from lessons.world.tasks.base import Item
from minigpt import GPT, BPETokenizer, score_choices
from minigpt.chat import chat_ids

NAME = "smollm2-135m"
ABOUT = "SmolLM2-135M-Instruct, weights of 4 to 5 bits"
QUESTION = "Here is a review. {text} Is the review good or bad? Answer with one word."
KINDS = ("plain", "hard")
WORDS = ("Good", "Bad")


def reviews(kind: str, n: int, seed: int) -> list[Item]:
    """n reviews: "plain" ones are a sentence with one claim, "hard" ones hold two that disagree."""
    tape = Tape("lesson 00", "reviews", kind, seed)
    found: list[Item] = []
    while len(found) < n:
        some = sentiment.items(tape, n, "test")
        found += [item for item in some if _kind(item) == kind]
    return found[:n]


def _kind(item: Item) -> str:
    if item.meta["claims"] > 1:
        return "hard"
    return "plain" if item.meta["text"].count(".") == 1 else ""


def _scores(model: GPT, tokenizer: BPETokenizer, text: str) -> list[float]:
    ids = chat_ids(tokenizer, [{"role": "user", "content": QUESTION.format(text=text)}])
    return score_choices(model, tokenizer, ids, WORDS)


def says(model: GPT, tokenizer: BPETokenizer, item: Item) -> str:
    """ " good" or " bad": what SmolLM2's answer favours more than it does without a review."""
    read = _scores(model, tokenizer, item.meta["text"])
    nothing = _scores(model, tokenizer, "N/A.")
    gains = [one - other for one, other in zip(read, nothing, strict=True)]
    return f" {WORDS[gains.index(max(gains))].lower()}"


def said_here(model: GPT, tokenizer: BPETokenizer, items: Sequence[Item]) -> list[str]:
    """What a model of Fernhollow writes after the reviews."""
    return [f" {output.strip()}" for output in evaluate.answers(model, tokenizer, items)]
