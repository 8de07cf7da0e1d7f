"""Review sentiment, with negation and contrast: the words alone do not tell the answer."""

from __future__ import annotations

from collections.abc import Sequence

from ..language import capital
from ..plan import held_out
from ..tape import Tape
from .base import Item, check_split, same, simple_baselines

NAME = "sentiment"
SPLITS = ("test", "wording", "train")
LABELS = ("good", "bad")
GOOD = (
    "good fine lovely fresh tasty warm friendly clean quick cosy cheerful splendid generous "
    "delightful excellent pleasant"
).split()
BAD = (
    "bad dull stale cold rude dirty slow noisy bitter awful greasy dreadful mean bland gloomy "
    "unpleasant"
).split()
SUBJECTS = (
    "soup stew bread pie cake tea service room bed garden music waiter cook inn breakfast dinner "
    "shop market fire view play concert"
).split()
ORDINARY, NEGATED = (
    ("was", "seemed", "felt"),
    ("was not", "was never", "was hardly", "was far from"),
)
CONTRASTS = ("at first, but", "in the morning, but", "last year, but", "they say, but")
ASKED = (
    "Review: {text}\nSentiment:",
    "{text}\nGood or bad?",
    "Read this review. {text} Verdict:",
    "Did the guest like it? {text}\nOverall:",
)
ASKED_NEW = ("A guest wrote: {text}\nSentiment:", "{text} Verdict:")


def _clause(tape: Tape, good: bool) -> str:
    """A clause that says good or bad; half of them say it by denying the opposite."""
    negated = tape.chance(0.5)
    word = tape.choice(GOOD if good != negated else BAD)
    return f"the {tape.choice(SUBJECTS)} {tape.choice(NEGATED if negated else ORDINARY)} {word}"


def _text(tape: Tape, good: bool) -> str:
    """One or two sentences; where two clauses disagree, the one after "but" is the verdict."""
    if tape.chance(0.3):
        text = _clause(tape, good)
    else:
        first = _clause(tape, not good)
        text = f"{first} {tape.choice(CONTRASTS)} {_clause(tape, good)}"
    return capital(text) + "."


def _item(tape: Tape, asked: Sequence[str], new: bool) -> Item:
    good = tape.choice(LABELS) == "good"
    text = tape.until(lambda: _text(tape, good), lambda text: held_out("text", text) == new)
    return Item(
        prompt=tape.choice(asked).format(text=text),
        answer=" good" if good else " bad",
        choices=(" good", " bad"),
        absent=(text,) if new else (),
        meta={"text": text},
    )


def document(tape: Tape) -> str:
    """A review with its sentiment."""
    item = _item(tape, ASKED, new=False)
    return item.prompt + item.answer


def items(tape: Tape, n: int, split: str = "test") -> list[Item]:
    """Reviews held out of training; `wording`: asked for in words held out, too."""
    check_split(split, SPLITS)
    asked = ASKED_NEW if split == "wording" else ASKED
    return [_item(tape, asked, new=split != "train") for _ in range(n)]


is_correct = same


def baselines(items_: Sequence[Item]) -> dict[str, float]:
    """See base.simple_baselines."""
    train = items(Tape(NAME, "baselines"), 4000, "train")
    return simple_baselines(items_, train, is_correct)
