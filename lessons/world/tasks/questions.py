"""Questions about people, closed book: the answer stands in no prompt, only in biographies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..people_language import question
from ..plan import LEVELS, Plan, falsehood, never_asked, popular_attribute
from ..tape import Tape
from ..truth import ATTRIBUTES, Person, invented_name, people
from .base import Item, check_split, same, simple_baselines

NAME = "questions"
SPLITS = (
    "never asked",  # facts told 1 to 64 times, of people who are never asked about
    "asked",  # facts that training asks for
    "asked people, other facts",  # of the same people, facts that it never asks for
    "wording",  # facts that training asks for, in other words
    "popular",  # a falsehood was told more often
    "never told",  # facts told 0 times, of people of whom others are told
    "never written",  # of people who are in the truth table and in no document
    "strangers",  # of people invented for the question: there is no truth
    "train",
)


def prompt(question_: str) -> str:
    """How a question stands in a document, up to its answer."""
    return f"Q: {question_}\nA:"


def documents(plan: Plan) -> Iterator[tuple[float, str, float]]:
    """Every question of a plan, in order of time: (time, text, bits of its wording)."""
    asked = [
        (person, attribute)
        for person in people()
        for attribute in ATTRIBUTES
        if person.block == "asked" and not never_asked(person, attribute)
    ]
    for turn in range(plan.questions):
        order = Tape("order", plan.seed, NAME, turn)
        for number, (person, attribute) in enumerate(order.shuffled(asked)):
            tape = Tape(plan.seed, NAME, turn, number)
            text = prompt(question(tape, attribute, person.name))
            time = (turn + number / len(asked)) / plan.questions
            yield time, f"{text} {person.value(attribute)}", tape.bits


def _fact(tape: Tape, split: str) -> tuple[str, Person | None, str]:
    """The name, the person if there is one, and the attribute to ask for."""
    attribute = tape.choice([*ATTRIBUTES])
    if split == "strangers":
        return invented_name(tape, new=True), None, attribute
    block = {
        "never asked": "exposure",
        "never told": "exposure",
        "popular": "popular",
        "never written": "unwritten",
    }.get(split, "asked")
    person = tape.choice([person for person in people() if person.block == block])
    if split == "popular":
        attribute = popular_attribute(person)
    return person.name, person, attribute


def _fits(split: str, person: Person | None, attribute: str) -> bool:
    if person is None:
        return True
    if person.block == "asked":
        return never_asked(person, attribute) == (split == "asked people, other facts")
    if person.block == "exposure":
        return (_PLAN.level(person, attribute) > 0) == (split == "never asked")
    return True


_PLAN = Plan("levels")  # levels depend on nothing but the default table


def _item(tape: Tape, split: str) -> Item:
    name, person, attribute = tape.until(
        lambda: _fact(tape, split), lambda fact: _fits(split, fact[1], fact[2])
    )
    meta: dict[str, object] = {"name": name, "attribute": attribute}
    if person is not None and person.block == "exposure":
        meta["exposures"] = _PLAN.level(person, attribute)
    if split == "popular" and person is not None:
        meta["falsehood"] = falsehood(person)
    return Item(
        prompt=prompt(question(tape, attribute, name, new=split == "wording")),
        answer=f" {person.value(attribute)}" if person else "",
        choices=tuple(f" {value}" for value in ATTRIBUTES[attribute]),
        absent=_absent(split, name),
        meta=meta,
    )


def _absent(split: str, name: str) -> tuple[str, ...]:
    return (name,) if split in ("never written", "strangers") else ()


def items(tape: Tape, n: int, split: str = "never asked") -> list[Item]:
    """Questions of a split (see SPLITS); for "never asked", every level in equal shares."""
    check_split(split, SPLITS)
    if split != "never asked":
        return [_item(tape, split) for _ in range(n)]
    told = [level for level in LEVELS if level]
    return [_told_times(tape, told[i % len(told)]) for i in range(n)]


def _told_times(tape: Tape, level: int) -> Item:
    return tape.until(
        lambda: _item(tape, "never asked"), lambda item: item.meta["exposures"] == level
    )


def is_correct(item: Item, output: str) -> bool:
    """Whether the output is the true value; of strangers nothing is true."""
    return item.answer != "" and same(item, output)


def baselines(items_: Sequence[Item]) -> dict[str, float]:
    """See base.simple_baselines."""
    train = items(Tape(NAME, "baselines"), 3000, "train")
    return simple_baselines(items_, train, is_correct)


def document(tape: Tape) -> str:
    """A question that training asks, with its answer."""
    item = _item(tape, "train")
    return item.prompt + item.answer
