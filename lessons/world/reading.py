"""Passages to read: a few facts on one or two people, in 2 to 4 sentences."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import permutations

from .language import capital, pronoun
from .people_language import STATEMENTS
from .tape import Tape
from .truth import ATTRIBUTES, Person, invented_name, people

Fact = tuple[str, str, str]  # name, attribute, value
TWO_SHARE = 2 / 3  # of passages: about two people


def _orders(*counts: int) -> list[tuple[int, ...]]:
    """All orders of `counts[i]` facts about person i, person 0 first."""
    every = [person for person, n in enumerate(counts) for _ in range(n)]
    return sorted({order for order in permutations(every) if order[0] == 0})


# Whom each fact of a passage is about: 3 or 4 about one person, or 4 or 5 about two.
ORDERS = {1: [(0,) * 3, (0,) * 4], 2: [*_orders(2, 2), *_orders(3, 2), *_orders(2, 3)]}
# How many facts each sentence states: one or two, in 2 to 4 sentences.
SENTENCES = {
    n: [
        sizes
        for k in range(2, 5)
        for sizes in sorted(set(permutations([1] * (2 * k - n) + [2] * (n - k))))
        if sum(sizes) == n and len(sizes) == k
    ]
    for n in (2, 3, 4, 5)
}


@cache
def known_people() -> tuple[Person, ...]:
    """Those whom passages may be about: block "passage"."""
    return tuple(person for person in people() if person.block == "passage")


def _attributes(tape: Tape, order: Sequence[int]) -> list[str]:
    """An attribute for each fact: nobody's twice."""
    left = [list(ATTRIBUTES), list(ATTRIBUTES)]
    return [left[who].pop(tape.index(len(left[who]))) for who in order]


def _differ(order: Sequence[int], attributes: Sequence[str]) -> bool:
    """Whether something is stated of one person and not of the other."""
    of = [{a for w, a in zip(order, attributes, strict=True) if w == who} for who in (0, 1)]
    return of[0] != of[1]


def _other_value(tape: Tape, attribute: str, *taken: str) -> str:
    return tape.choice([value for value in ATTRIBUTES[attribute] if value not in taken])


def _names(tape: Tape, n: int) -> list[str]:
    """One or two invented names; two share neither part."""
    return tape.until(
        lambda: [invented_name(tape) for _ in range(n)],
        lambda names: n == 1 or not set(names[0].split()) & set(names[1].split()),
    )


def facts_of(tape: Tape, source: str) -> list[Fact]:
    """What a passage is to state, in order.

    `source`: "invented" people; "known" people and what is so; "counterfactual": known people, and
    nothing of what is so.
    """
    n = 2 if tape.chance(TWO_SHARE) else 1
    order = tape.choice(ORDERS[n])
    attributes = tape.until(lambda: _attributes(tape, order), lambda a: _differ(order, a))
    known = tape.sample(known_people(), n) if source != "invented" else []
    names = [person.name for person in known] or _names(tape, n)
    facts: list[Fact] = []
    for who, attribute in zip(order, attributes, strict=True):
        taken = [value for _, a, value in facts if a == attribute]
        if source == "known":
            value = known[who].value(attribute)
        else:
            truth = [known[who].value(attribute)] if known else []
            value = _other_value(tape, attribute, *taken, *truth)
        facts.append((names[who], attribute, value))
    return facts


def facts_of_two_alike(tape: Tape) -> list[Fact]:
    """One or two facts on each of two invented people, the same attributes of both.

    Whatever is stated of one is stated of the other, so who is asked about decides; in regular
    passages it seldom does.
    """
    attributes = tape.sample([*ATTRIBUTES], tape.integer(1, 2))
    names = _names(tape, 2)
    order = tape.shuffled([(name, attribute) for name in names for attribute in attributes])
    facts: list[Fact] = []
    for name, attribute in order:
        taken = [value for _, a, value in facts if a == attribute]
        facts.append((name, attribute, _other_value(tape, attribute, *taken)))
    return facts


def passage_text(tape: Tape, facts: Sequence[Fact]) -> str:
    """The passage: "she" or "he" is whoever the sentence before was about at its end."""
    sentences, at, last = [], 0, ""
    for size in tape.choice(SENTENCES[len(facts)]):
        clauses = ""
        for name, attribute, value in facts[at : at + size]:
            clause = tape.choice(STATEMENTS[attribute])[:-1]
            subject = pronoun(name.split()[0]) if name == last else name
            if not clauses:
                clauses = capital(clause.format(name=subject, value=value))
            elif name == last:
                clauses += " and" + clause.format(name="", value=value)
            else:
                clauses += ", while " + clause.format(name=name, value=value)
            last = name
        sentences.append(clauses + ".")
        at += size
    return " ".join(sentences)
