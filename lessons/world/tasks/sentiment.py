"""Review sentiment, with negation, contrast and side remarks: the words alone do not tell it.

Half of all claims say what they say by denying the opposite; where two claims disagree, the main
clause decides ("although …", "…, but …", "all in all, …"); what others say about something else
does not count.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..language import capital
from ..sentences import may_write
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
# Claims: {s} is the subject, {w} the word; those of DENIED say the opposite of the word.
PLAIN = (
    "the {s} was {w}",
    "the {s} seemed {w}",
    "the {s} was really {w}",
    "the {s} was nothing but {w}",
)
DENIED = (
    "the {s} was not {w}",
    "the {s} was hardly {w}",
    "the {s} was far from {w}",
    "the {s} was anything but {w}",
)
PLAIN_FRAMES = (
    "we must say that {c}",
    "everyone agreed that {c}",
    "it is true that {c}",
)
DENYING_FRAMES = (
    "we cannot say that {c}",
    "nobody agreed that {c}",
    "it is not true that {c}",
)
FRAMED = 0.25  # share of claims that stand in a frame
DENIED_TWICE = 0.15  # share of framed claims with "not" inside as well: "we cannot say … not dull"
# Reviews: {yes} is the claim that decides, {no} the one that says the opposite.
ALONE = 0.2  # share of reviews with one claim only
PLAIN_SHARE = 0.4  # of documents: of their claims few are denied, and many stand alone
DENIED_IF_PLAIN, ALONE_IF_PLAIN = 0.25, 0.6
FORMS = (
    "{no} at first, but {yes}.",
    "{no}, but in the end {yes}.",
    "{yes}, although {no}.",
    "although {no}, {yes}.",
    "all in all, {yes}. At first {no}.",
    "{no}. All in all, {yes}.",
    "{yes}, even if {no}.",
)
# What does not count: what others say about other things. {w} may be good or bad.
SIDES = (
    "Someone told us that the {s} was {w}, but we did not try it.",
    "In the next village, the {s} was {w}.",
    "My brother, who stayed at home, called the {s} {w}.",
    "Last year we were elsewhere, where the {s} was {w}.",
)
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
NUMBERS = "two three four five six seven eight nine".split()
NEUTRAL = (
    ("We came on a {}.", DAYS),
    ("This was our visit on {}.", DAYS),
    ("We were {} guests.", NUMBERS),
    ("We stayed for {} days.", NUMBERS),
)
ASKED = (
    "Review: {text}\nSentiment:",
    "{text}\nGood or bad?",
    "Read this review. {text}\nVerdict:",
    "Did the guest like it? {text}\nOverall:",
)
ASKED_NEW = ("A guest wrote: {text}\nSentiment:", "{text}\nIn short, it was")
NEW_WORDS = ("A guest wrote:", "In short, it was")


def _claim(tape: Tape, subject: str, good: bool, plain: bool) -> str:
    """A clause that says good or bad of the subject."""
    framed = not plain and tape.chance(FRAMED)
    denying = framed and tape.chance(0.5)
    denied = tape.chance(DENIED_IF_PLAIN if plain else DENIED_TWICE if framed else 0.5)
    word = tape.choice(GOOD if good != (denying != denied) else BAD)
    if not framed:
        return tape.choice(DENIED if denied else PLAIN).format(s=subject, w=word)
    clause = f"the {subject} was {'not ' if denied else ''}{word}"
    return tape.choice(DENYING_FRAMES if denying else PLAIN_FRAMES).format(c=clause)


def _core(tape: Tape, good: bool, plain: bool) -> tuple[str, dict[str, bool]]:
    """The sentences that decide, and which subjects they call good."""
    alone = tape.chance(ALONE_IF_PLAIN if plain else ALONE)
    subjects = tape.sample(SUBJECTS, 1 if alone else 2)
    yes = _claim(tape, subjects[0], good, plain)
    if alone:
        return capital(yes) + ".", {subjects[0]: good}
    text = tape.choice(FORMS).format(yes=yes, no=_claim(tape, subjects[1], not good, plain))
    # A claim may also begin a second sentence.
    text = ". ".join(map(capital, text.split(". ")))
    return text, {subjects[0]: good, subjects[1]: not good}


def _around(tape: Tape, core: str, subjects: Collection[str]) -> str:
    """The core with remarks before or after it that do not count, on none of its subjects."""
    text = core
    if tape.chance(0.4):
        subject = tape.choice([s for s in SUBJECTS if s not in subjects])
        side = tape.choice(SIDES).format(s=subject, w=tape.choice(tape.choice((GOOD, BAD))))
        text = f"{text} {side}" if tape.chance(0.5) else f"{side} {text}"
    if tape.chance(0.2):
        remark, values = tape.choice(NEUTRAL)
        text = f"{remark.format(tape.choice(values))} {text}"
    return text


def _item(tape: Tape, asked: Sequence[str], new: bool, plain: bool = False) -> Item:
    good = tape.choice(LABELS) == "good"
    core, aspects = tape.until(
        lambda: _core(tape, good, plain), lambda made: may_write(made[0], new)
    )
    text = core if plain else _around(tape, core, aspects)
    wording = tape.index(len(asked))
    words = (NEW_WORDS[wording],) if asked is ASKED_NEW else ()
    return Item(
        prompt=asked[wording].format(text=text),
        answer=" good" if good else " bad",
        choices=(" good", " bad"),
        absent=(core, *words) if new else (),
        meta={"text": text, "aspects": aspects, "claims": len(aspects)},
    )


def document(tape: Tape) -> str:
    """A review with its sentiment, or two to four plain ones, and what is said of each subject."""
    plain = tape.chance(PLAIN_SHARE)
    number = tape.integer(2, 4) if plain else 1
    return "\n\n".join(
        _told(_item(tape, ASKED, new=False, plain=plain), tape) for _ in range(number)
    )


def _told(item: Item, tape: Tape) -> str:
    """A review, its sentiment, and a line on each subject."""
    said = tape.shuffled(list(item.meta["aspects"].items()))
    lines = [f"{subject}: {'good' if good else 'bad'}" for subject, good in said]
    return "\n".join([item.prompt + item.answer, *lines])


def items(tape: Tape, n: int, split: str = "test") -> list[Item]:
    """Reviews held out of training, none of them plain; `wording`: asked in words held out."""
    check_split(split, SPLITS)
    asked = ASKED_NEW if split == "wording" else ASKED
    return [_item(tape, asked, new=split != "train") for _ in range(n)]


is_correct = same


def baselines(items_: Sequence[Item]) -> dict[str, float]:
    """See base.simple_baselines."""
    train = items(Tape(NAME, "baselines"), 4000, "train")
    return simple_baselines(items_, train, is_correct)
