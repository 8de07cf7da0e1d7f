"""Some of the tasks before both models: Fernhollow's, and SmolLM2, which only reads English.

Each is asked in the form of its training and writes greedily. The questions to SmolLM2 were written
once and not tried out; its sentences are read generously (see is_right). Reviews besides by the
word that the text makes likelier: what a model says of no review at all is taken off (Zhao et al.
2021, 2102.09690).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lessons import evaluate
from lessons.l00_one_model import tasks
from lessons.world.corpus import encode
from lessons.world.tape import Tape
from lessons.world.tasks import sentiment
from lessons.world.tasks.base import Item
from lessons.world.tasks.stories import THINGS
from minigpt import GPT, BPETokenizer, score_choices
from minigpt.chat import chat, chat_ids
from minigpt.tokenizer import END

NAME = "smollm2-135m"
ABOUT = "SmolLM2-135M-Instruct, weights of 4 to 5 bits"
REVIEWS = ("plain reviews", "hard reviews")
KINDS = (*REVIEWS, "arithmetic", "reading", "not stated", "summary")
SEED = 40  # of the items
SHOWN = 10  # answers of each kind that are kept as they are
NEW = 50  # tokens of an answer at most
WORDS = ("Good", "Bad")
REVIEW = "Here is a review. {text} Is the review good or bad? Answer with one word."
NOTHING = "N/A."  # in the place of a review
READ = '{text}\n\n{question} Answer in a few words. If the text does not say, answer "not stated".'
SUM = "What is {sum}? Answer with the number only."
STORY = (
    "{text}\n\nWho has what at the end? Answer in one line, in this form: "
    "Name has the thing and the thing; Name has nothing."
)
DECLINED = re.compile(r"(not|n't) (\w+ )?(state|mention|say|specif|provid|given)|no information")


def items(kind: str, n: int, seed: int) -> list[Item]:
    """n items: "plain reviews" are one sentence with one claim, "hard" ones hold two at odds."""
    if kind not in REVIEWS:
        return tasks.items(kind, n, seed)
    tape = Tape("lesson 00", "reviews", kind, seed)
    found: list[Item] = []
    while len(found) < n:
        found += [item for item in sentiment.items(tape, n, "test") if _kind(item) == kind]
    return found[:n]


def _kind(item: Item) -> str:
    if item.meta["claims"] > 1:
        return "hard reviews"
    return "plain reviews" if item.meta["text"].count(".") == 1 else ""


def question(kind: str, item: Item) -> str:
    """An item in plain English, for a model that never saw the forms of Fernhollow."""
    if kind == "arithmetic":
        x, y, sign = item.meta["x"], item.meta["y"], item.meta["sign"]
        return SUM.format(sum=f"{x} {sign} {y}")
    text, asked = item.prompt.split("\n")[:2]
    if kind == "summary":
        return STORY.format(text=text)
    return READ.format(text=text.split(": ", 1)[1], question=asked.split(": ", 1)[1])


def answers(
    model: GPT, tokenizer: BPETokenizer, name: str, kind: str, some: Sequence[Item]
) -> list[str]:
    """What a model answers, on one line; of a review the word that the review makes likelier."""
    if kind in REVIEWS:
        return [favoured(model, tokenizer, *_reviews(tokenizer, name, item)) for item in some]
    if name != NAME:
        return [text.strip() for text in evaluate.answers(model, tokenizer, some)]
    turns = [{"role": "user", "content": question(kind, item)} for item in some]
    return [" ".join(chat(model, tokenizer, [turn], NEW).split()) for turn in turns]


def _reviews(tokenizer: BPETokenizer, name: str, item: Item) -> tuple[list[int], list[int], bool]:
    """The ids of a review, the same with no review in it, and whether words follow a blank."""
    text = item.meta["text"]
    if name == NAME:
        turns = [{"role": "user", "content": REVIEW.format(text=t)} for t in (text, NOTHING)]
        read, nothing = (chat_ids(tokenizer, [turn]) for turn in turns)
        return read, nothing, False
    prompts = (item.prompt, item.prompt.replace(text, NOTHING))
    read, nothing = ([tokenizer.special_tokens[END], *encode(tokenizer, p)] for p in prompts)
    return read, nothing, True


_OF_NOTHING: dict[tuple[int, tuple[int, ...]], list[float]] = {}


def favoured(
    model: GPT, tokenizer: BPETokenizer, read: list[int], nothing: list[int], blank: bool
) -> str:
    """ "good" or "bad": the word that a review makes likelier than it is without one."""
    words = [f" {word.lower()}" if blank else word for word in WORDS]
    key = (id(model), tuple(nothing))
    if key not in _OF_NOTHING:  # the same for every review
        _OF_NOTHING[key] = score_choices(model, tokenizer, nothing, words)
    scores = score_choices(model, tokenizer, read, words)
    gains = [one - other for one, other in zip(scores, _OF_NOTHING[key], strict=True)]
    return WORDS[gains.index(max(gains))].lower()


def is_right(kind: str, item: Item, said: str) -> bool:
    """Whether an answer in whatever words is right; generous to what is written around it.

    arithmetic: the last number. reading: the value is named, and nothing else of its kind. not
    stated: it declines. summary: after each person's "has", just the things of that person.
    """
    text, answer = said.lower(), item.answer.strip().lower()
    if kind == "arithmetic":
        return re.findall(r"-?\d+", text)[-1:] == [answer]
    if kind == "not stated":
        return bool(DECLINED.search(text))
    if kind == "reading":
        rival = str(item.meta["rival"]).lower()
        named = re.search(rf"\b{re.escape(answer)}\b", text) and not DECLINED.search(text)
        return bool(named) and not (rival and re.search(rf"\b{re.escape(rival)}\b", text))
    if kind == "summary":
        return _holdings(text) == _holdings(answer)
    return text == answer


def _holdings(text: str) -> dict[str, set[str]]:
    """Person → the things named after "Person has", up to the next person."""
    parts = re.split(r"\b(\w+) has\b", text)
    return {
        person: {*re.findall(r"\w+", what)} & {*THINGS}
        for person, what in zip(parts[1::2], parts[2::2], strict=True)
    }
