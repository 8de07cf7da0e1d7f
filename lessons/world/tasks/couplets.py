"""Rhymed couplets on a subject: two iambic pentameters, many millions of them possible."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from ..language import capital
from ..plan import held_out
from ..rhymes import (
    ANYWHERE,
    FILLERS,
    RHYMES,
    SECOND,
    SUBJECT_WORDS,
    SUBJECTS,
    is_pentameter,
    rhymes,
)
from ..tape import Tape
from .base import Item, check_split

NAME = "couplets"
SPLITS = ("test", "wording", "free", "train")
ASKED = (
    "Write a couplet about {subject}{wish}.",
    "A rhyme about {subject}{wish}:",
    "Please write two lines on {subject}{wish}.",
    "Poem: {subject}{wish}.",
)
ASKED_NEW = ("Write two lines about {subject}{wish}.", "Please write a rhyme on {subject}{wish}:")
WISH = ", rhyming on {word}"
SUBJECT_NAMES = tuple(SUBJECTS)
_SLOTS = {pattern: tuple(re.findall(r"{(\w+)}", pattern)) for pattern in (*ANYWHERE, *SECOND)}


def _line(tape: Tape, patterns: Sequence[str], subject: str, rhyme: str) -> str:
    pattern = tape.choice(patterns)
    things, actors = SUBJECTS[subject]
    words = {"rhyme": rhyme}
    for slot in _SLOTS[pattern]:
        if slot in FILLERS:
            words[slot] = tape.choice(FILLERS[slot])
        elif slot == "thing":
            words["thing"], words["other_thing"] = tape.sample(things, 2)
        elif slot == "actor":
            words["actor"], words["other_actor"] = tape.sample(actors, 2)
    return capital(pattern.format_map(words))


def _couplet(tape: Tape, subject: str, ends: Sequence[str]) -> str:
    first = _line(tape, ANYWHERE, subject, ends[0])
    return f"{first},\n{_line(tape, ANYWHERE + SECOND, subject, ends[1])}."


def ends_held_out(subject: str, word: str) -> bool:
    """Whether no training couplet on the subject has this word at the end of its first line."""
    return held_out("text", f"couplet {subject} {word}")


def _item(tape: Tape, split: str) -> Item:
    new = split in ("test", "wording")

    def plan() -> tuple[str, list[str]]:
        return tape.choice(SUBJECT_NAMES), tape.sample(tape.choice(RHYMES), 2)

    subject, ends = tape.until(plan, lambda plan: ends_held_out(plan[0], plan[1][0]) == new)
    wished = new or (split == "train" and tape.chance(0.5))
    wish = WISH.format(word=ends[0]) if wished else ""
    asked = tape.choice(ASKED_NEW if split == "wording" else ASKED)
    return Item(
        prompt=asked.format(subject=subject, wish=wish),
        answer="\n" + _couplet(tape, subject, ends),
        absent=(f"{subject}{wish}.", f"{subject}{wish}:") if new else (),
        stop="\n\n",
        meta={"subject": subject, "word": ends[0] if wished else ""},
    )


def document(tape: Tape) -> str:
    """A couplet on a subject, half of the time with the word on which it is to rhyme."""
    item = _item(tape, "train")
    return item.prompt + item.answer


def items(tape: Tape, n: int, split: str = "test") -> list[Item]:
    """Subjects with a rhyme that was never asked for with them; `wording`: in new words, too.

    `free` names the subject only, as training does: there are few such prompts, so sample.
    """
    check_split(split, SPLITS)
    return [_item(tape, split) for _ in range(n)]


def lines(output: str) -> list[list[str]]:
    """The words of each line of an output, in lower case and without stops."""
    return [re.findall(r"[a-z]+", line) for line in output.lower().strip().splitlines()]


def is_correct(item: Item, output: str) -> bool:
    """Two pentameters of known words that rhyme (on the word asked for), both on the subject.

    Whether they are new is another question: compare lines(output) with the training text.
    """
    verse = lines(output)
    if len(verse) != 2 or not all(map(is_pentameter, verse)):
        return False
    ends = [line[-1] for line in verse]
    on_subject = all(SUBJECT_WORDS[item.meta["subject"]].intersection(line) for line in verse)
    return rhymes(*ends) and on_subject and item.meta["word"] in ("", *ends)


def baselines(items_: Sequence[Item]) -> dict[str, float]:
    """A trigram model of prompts and couplets, sampled.

    No constant answer and no nearest document: a couplet that is copied rhymes, but is not new.
    """
    follow: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for item in items(Tape(NAME, "baselines"), 4000, "train"):
        words = [*_words(item.prompt + item.answer), "<end>"]
        for one, two, three in zip(words, words[1:], words[2:], strict=False):
            follow[one, two][three] += 1
    tape = Tape(NAME, "trigrams")
    right = [is_correct(item, _continued(tape, follow, item.prompt)) for item in items_]
    return {"trigrams": sum(right) / len(right)}


def _words(text: str) -> list[str]:
    return re.findall(r"\n|\S+", text)


def _continued(
    tape: Tape, follow: dict[tuple[str, str], Counter[str]], prompt: str, most: int = 40
) -> str:
    words = _words(prompt)
    start = len(words)
    while len(words) < start + most:
        known = follow.get((words[-2], words[-1])) or Counter({"\n": 1})
        word = tape.weighted([*known], [*known.values()])
        if word == "<end>":
            break
        words.append(word)
    return " ".join(words[start:])
