"""Stories of two or three people whose things change hands, with questions and a summary.

What a pronoun means is settled by the sentence before: "she", "he", "her" or "him" is the one
person in it of that kind, "it" the thing in it. Nothing else in a story is left to guessing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..language import FIRST_NAMES, capital, joined, pronoun
from ..plan import held_out
from ..tape import Tape
from .base import Item, check_split, simple_baselines

NAME = "stories"
SPLITS = ("test", "wording", "train")
THINGS = (
    "lamp kite drum ring coin rope ball bell book key map cup hat coat box pen spoon bag clock "
    "comb flute knife plate brush basket bottle button candle hammer jug ladder mirror needle "
    "pillow ribbon saddle shovel whistle bucket lantern"
).split()
NUMBERS = ("zero", "one", "two", "three")
FROM_GIVER = ("{a} gave {x} to {b}", "{a} handed {x} to {b}", "{a} passed {x} to {b}")
FROM_TAKER = ("{b} got {x} from {a}", "{b} took {x} from {a}")
HAD = ("had", "owned")
QUESTIONS = {  # kind → wordings
    "owner": ("Who has the {x} at the end?", "Who has the {x} now?"),
    "first": ("Who had the {x} first?", "Whose was the {x} at the start?"),
    "a": ("Who gave the {x} to {b}?", "From whom did {b} get the {x}?"),
    "b": ("Who got the {x} from {a}?", "To whom did {a} give the {x}?"),
    "count": ("How many things has {p} at the end?", "How many things has {p} now?"),
    "summary": ("Who has what at the end?", "Who has what now?"),
}
# Of items: "giver" asks for one side of a gift that is named there, "pronoun" for one that is not.
KINDS = ("owner", "first", "giver", "pronoun", "count", "summary")
EASY_SHARE = 0.4  # of stories in training: two people, one or two things, one to three moves
KEPT_SHARE = 0.4  # of stories in training: behind each sentence stands who has its things now
LAYOUTS = ("Q: {question}\nA:", "{question}", "Question: {question}\nAnswer:")
LAYOUTS_NEW = ("Q: {question}\nAnswer:", "Question: {question}\nA:")
SUBJECT = {name: pronoun(name) for name in FIRST_NAMES}
OBJECT = {name: "her" if word == "she" else "him" for name, word in SUBJECT.items()}
MOVES = (3, 4, 5)


@dataclass(frozen=True)
class Gift:
    """A thing passes from one person to another; `unnamed`: which of "ab" are only pronouns."""

    thing: str
    giver: str
    taker: str
    unnamed: str = ""

    def other(self, side: str) -> str:
        """Who stands on the other side."""
        return self.taker if side == "a" else self.giver


@dataclass
class Story:
    """What happens in a story, and the sentences that tell it: one a person, then one a gift."""

    people: list[str]
    first: dict[str, str]  # thing → who has it at the start, in order of the text
    gifts: list[Gift] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(self.sentences)

    def kept(self) -> str:
        """The text, with a note on each thing of a sentence behind it: who has it now."""
        now = [[(thing, p) for thing in holdings(self.first, p)] for p in self.people]
        now += [[(gift.thing, gift.taker)] for gift in self.gifts]
        return " ".join(
            sentence + "".join(f" [the {thing}: {person}]" for thing, person in notes)
            for sentence, notes in zip(self.sentences, now, strict=True)
        )

    def sides(self) -> tuple[list[tuple[Gift, str]], list[tuple[Gift, str]]]:
        """Gifts with the side, "a" or "b", that the thing and the other side single out.

        First those whose side the story calls by name, then those it calls by pronoun.
        """
        sides: tuple[list[tuple[Gift, str]], list[tuple[Gift, str]]] = ([], [])
        for side in "ab":
            keys = [(gift.thing, gift.other(side)) for gift in self.gifts]
            for gift, key in zip(self.gifts, keys, strict=True):
                if keys.count(key) == 1:
                    sides[side in gift.unnamed].append((gift, side))
        return sides

    def last(self) -> dict[str, str]:
        """Thing → who has it at the end."""
        return self.first | {gift.thing: gift.taker for gift in self.gifts}


def holdings(owner: dict[str, str], person: str) -> list[str]:
    """What a person has, in the order in which the story names the things."""
    return [thing for thing, name in owner.items() if name == person]


def _listed(things: Sequence[str], before: Callable[[str], str]) -> str:
    return joined([before(thing) for thing in things]) or "nothing"


def _the(thing: str) -> str:
    return f"the {thing}"


def _a(thing: str) -> str:
    return f"a {thing}"


def _story(tape: Tape, easy: bool = False) -> Story:
    """Three things (or, if easy, fewer), each of which changes hands at least once."""
    people = tape.sample(FIRST_NAMES, 2 if easy else tape.weighted((2, 3), (1, 3)))
    things = tape.sample(THINGS, tape.integer(1, 2) if easy else 3)
    at = [tape.index(len(people)) for _ in things]
    # In the order of the text: by person.
    first = {things[i]: people[at[i]] for i in sorted(range(len(things)), key=at.__getitem__)}
    had = tape.choice(HAD)
    told = [f"{p} {had} {_listed(holdings(first, p), _a)}." for p in people]
    story = Story(people, first, sentences=told)
    owner = dict(first)
    moves = tape.integer(len(things), 3) if easy else tape.choice(MOVES)
    order = tape.shuffled(things + [tape.choice(things) for _ in range(moves - len(things))])
    for thing in order:
        giver = owner[thing]
        taker = tape.choice([person for person in people if person != giver])
        before = story.gifts[-1] if story.gifts else None
        gift, sentence = _gift(tape, thing, giver, taker, before)
        owner[thing] = taker
        story.gifts.append(gift)
        story.sentences.append(sentence)
    return story


def _gift(tape: Tape, thing: str, giver: str, taker: str, before: Gift | None) -> tuple[Gift, str]:
    """Something changes hands, told with the pronouns that the sentence before allows."""
    giver_acts = tape.chance(0.6)
    pattern = tape.choice(FROM_GIVER if giver_acts else FROM_TAKER)
    names = {"a": giver, "b": taker, "x": _the(thing)}
    unnamed = ""
    if before is not None:
        if before.thing == thing and tape.chance(0.7):
            names["x"] = "it"
        present = [before.giver, before.taker]
        for role, person in (("a", giver), ("b", taker)):
            alike = [other for other in present if SUBJECT[other] == SUBJECT[person]]
            if alike == [person] and tape.chance(0.7):
                acts = (role == "a") == giver_acts
                names[role] = (SUBJECT if acts else OBJECT)[person]
                unnamed += role
    sentence = pattern.format_map(names)
    if before is not None and tape.chance(0.3):
        sentence = f"then {sentence}"
    return Gift(thing, giver, taker, unnamed), capital(sentence) + "."


def _question(tape: Tape, story: Story, kind: str) -> tuple[str, str]:
    """A question of a kind and its answer."""
    last = story.last()
    if kind in ("giver", "pronoun"):
        gift, side = tape.choice(story.sides()[kind == "pronoun"])
        asked = tape.choice(QUESTIONS[side]).format(x=gift.thing, a=gift.giver, b=gift.taker)
        return asked, gift.giver if side == "a" else gift.taker
    asked = tape.choice(QUESTIONS[kind])
    if kind == "count":
        person = tape.choice(story.people)
        things = holdings(last, person)
        return asked.format(p=person), f"{_listed(things, _the)}, so {NUMBERS[len(things)]}"
    if kind == "summary":
        return asked, summary(story)
    thing = tape.choice([*last])
    return asked.format(x=thing), (last if kind == "owner" else story.first)[thing]


def summary(story: Story) -> str:
    """Who has what at the end, people and things in the order of the story."""
    last = story.last()
    return "; ".join(f"{p} has {_listed(holdings(last, p), _the)}" for p in story.people)


def _possible(story: Story) -> list[str]:
    """The kinds of questions that can be asked about a story."""
    named, unnamed = story.sides()
    lacking = [kind for kind, sides in (("giver", named), ("pronoun", unnamed)) if not sides]
    return [kind for kind in KINDS if kind not in lacking]


def document(tape: Tape) -> str:
    """A story, easy or not, noted down or not, with a question of every kind that it allows."""
    easy = tape.chance(EASY_SHARE)
    story = tape.until(lambda: _story(tape, easy), lambda story: not held_out("text", story.text))
    layout = tape.choice(LAYOUTS)
    lines = [story.kept() if tape.chance(KEPT_SHARE) else story.text]
    for kind in tape.shuffled(_possible(story)):
        question, answer = _question(tape, story, kind)
        lines.append(f"{layout.format(question=question)} {answer}")
    return "\n".join(lines)


def _item(tape: Tape, split: str) -> Item:
    new = split != "train"
    kind = tape.choice(KINDS)
    story = tape.until(
        lambda: _story(tape),
        lambda story: held_out("text", story.text) == new and kind in _possible(story),
    )
    question, answer = _question(tape, story, kind)
    layout = tape.choice(LAYOUTS_NEW if split == "wording" else LAYOUTS)
    return Item(
        prompt=f"{story.text}\n{layout.format(question=question)}",
        answer=f" {answer}",
        choices=() if kind in ("count", "summary") else tuple(f" {p}" for p in story.people),
        absent=(story.text,) if new else (),
        meta={"kind": kind, "people": len(story.people), "moves": len(story.gifts)},
    )


def items(tape: Tape, n: int, split: str = "test") -> list[Item]:
    """One question each, on a story held out of training, none of them easy or with notes.

    `wording`: laid out in a new way.
    """
    check_split(split, SPLITS)
    return [_item(tape, split) for _ in range(n)]


def is_correct(item: Item, output: str) -> bool:
    """Whether the name is right, or what somebody has and how much, or what everybody has.

    The order of people and things is free.
    """
    return _said(output) == _said(item.answer)


def _said(text: str) -> list[tuple[str, list[str], str]]:
    """Person (if named), things or a name, and number (if told) of each part of an answer."""
    parts = re.split("; ?", text.strip().removesuffix("."))
    forms = [re.fullmatch(r"(?:(\w+) has )?(.*?)(?:, so (\w+))?", part) for part in parts]
    return sorted(
        (form[1] or "", sorted(re.split(", | and ", form[2])), form[3] or "")
        for form in forms
        if form
    )


def baselines(items_: Sequence[Item]) -> dict[str, float]:
    """See base.simple_baselines."""
    train = items(Tape(NAME, "baselines"), 800, "train")
    return simple_baselines(items_, train, is_correct)
