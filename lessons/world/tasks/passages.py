"""Reading: a passage about one or two people, and questions whose answers stand in it, or do not.

Reading questions have their own marks ("Ask:", "Reply:"), never those of closed-book questions
("Q:", "A:"), and most passages are about people invented for them, so that reading can be told
apart from remembering. Some are about people of block "passage", with their true facts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import permutations

from ..language import capital, pronoun
from ..people_language import QUESTIONS, STATEMENTS, question
from ..plan import held_out
from ..tape import Tape
from ..truth import ATTRIBUTES, Person, invented_name, people
from .base import Item, check_split, same, simple_baselines

NAME = "passages"
SPLITS = ("test", "unanswerable", "known", "counterfactual", "wording", "train")
NOT_STATED = "not stated"
KNOWN_SHARE = 0.1  # of passages in training: about people of block "passage"
UNANSWERABLE_SHARE = 0.3  # of questions in training
TWO_SHARE = 2 / 3  # of passages: about two people
OTHER_SHARE = 0.75  # of unanswerable questions in those: stated of the other person; half in all

# What stands before a passage, a question and a reply.
FORMS = (
    ("Passage:", "Ask:", "Reply:"),
    ("Read this:", "Find:", "Found:"),
    ("Text:", "From the text:", "It says:"),
    ("Notes:", "Look up:", "In the notes:"),
)
FORMS_NEW = (("Report:", "From the report:", "It says:"), ("This is known:", "Look up:", "Reply:"))

N_WORDINGS = min(map(len, QUESTIONS.values()))
Fact = tuple[str, str, str]  # name, attribute, value
Asked = tuple[str, str, str]  # name, attribute, what the passage says: a value or NOT_STATED


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
    for n in (3, 4, 5)
}


@cache
def _known() -> tuple[Person, ...]:
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


def _facts(tape: Tape, source: str) -> list[Fact]:
    """What a passage states, in order; `source`: "invented", "known" or "counterfactual"."""
    n = 2 if tape.chance(TWO_SHARE) else 1
    order = tape.choice(ORDERS[n])
    attributes = tape.until(lambda: _attributes(tape, order), lambda a: _differ(order, a))
    known = tape.sample(_known(), n) if source != "invented" else []
    names = [person.name for person in known] or tape.until(
        lambda: [invented_name(tape) for _ in range(n)],
        lambda names: n == 1 or not set(names[0].split()) & set(names[1].split()),
    )
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


def _text(tape: Tape, facts: Sequence[Fact]) -> str:
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


def _passage(tape: Tape, source: str, new: bool) -> tuple[str, list[Fact]]:
    """A passage, held out of training (`new`) or not, and what it states."""

    def make() -> tuple[str, list[Fact]]:
        facts = _facts(tape, source)
        return _text(tape, facts), facts

    return tape.until(make, lambda made: held_out("text", made[0]) == new)


def _unstated(facts: Sequence[Fact], other: bool) -> list[Asked]:
    """What the passage does not say: but says of the `other` person, or says of nobody."""
    stated = {(name, attribute) for name, attribute, _ in facts}
    names = list(dict.fromkeys(name for name, _, _ in facts))
    somewhere = {attribute for _, attribute, _ in facts}
    return [
        (name, attribute, NOT_STATED)
        for name in names
        for attribute in ATTRIBUTES
        if (name, attribute) not in stated and (attribute in somewhere) == other
    ]


def _questions(tape: Tape, facts: Sequence[Fact], abstention: bool) -> list[tuple[str, str]]:
    """2 to 4 different questions with replies; without abstention, the answerable ones only."""
    asked: list[Asked] = tape.sample(facts, tape.integer(2, min(4, len(facts))))
    wordings = [tape.index(N_WORDINGS) for _ in asked]
    two = len({name for name, _, _ in facts}) == 2
    # Last, so that without abstention all else stays the same.
    for at in range(len(asked)):
        if abstention and tape.chance(UNANSWERABLE_SHARE):
            left = _unstated(facts, other=two and tape.chance(OTHER_SHARE))
            if left := [ask for ask in left if ask not in asked]:
                asked[at] = tape.choice(left)
    return [
        (QUESTIONS[attribute][wording].format(name=name), said)
        for (name, attribute, said), wording in zip(asked, wordings, strict=True)
    ]


def parts(tape: Tape, abstention: bool = True) -> tuple[str, list[Fact]]:
    """A document and the (name, attribute, value) that it states, for counting exposures.

    Without `abstention` (the twin model's corpus) every question is answerable; all else in the
    document of an equal tape is the same.
    """
    source = "known" if tape.chance(KNOWN_SHARE) else "invented"
    text, facts = _passage(tape, source, new=False)
    before, ask, reply = tape.choice(FORMS)
    lines = [f"{before} {text}"]
    for asked, said in _questions(tape, facts, abstention):
        lines += [f"{ask} {asked}", f"{reply} {said}"]
    return "\n".join(lines), facts


def document(tape: Tape, abstention: bool = True) -> str:
    """A passage with 2 to 4 questions and replies."""
    return parts(tape, abstention)[0]


def _item(
    tape: Tape,
    source: str,
    new: bool,
    pick: Callable[[list[Fact]], Asked],
    new_form: bool = False,
    new_question: bool = False,
) -> Item:
    text, facts = _passage(tape, source, new)
    before, ask, reply = tape.choice(FORMS_NEW if new_form else FORMS)
    name, attribute, said = pick(facts)
    asked = question(tape, attribute, name, new_question)
    of_others = [v for n, a, v in facts if a == attribute and n != name]
    kind = "stated" if said != NOT_STATED else "of the other" if of_others else "of nobody"
    truth = {person.name: person.value(attribute) for person in _known() if source != "invented"}
    return Item(
        prompt=f"{before} {text}\n{ask} {asked}\n{reply}",
        answer=f" {said}",
        absent=((text,) if new else ()) + ((asked,) if new_question else ()),
        meta={
            "text": text,
            "name": name,
            "attribute": attribute,
            "kind": kind,
            "people": len({fact[0] for fact in facts}),
            "rival": of_others[0] if of_others else "",  # the other person's value
            "truth": truth.get(name, ""),  # of known people
            "new": "form" if new_form else "question" if new_question else "",
        },
    )


def items(tape: Tape, n: int, split: str = "test") -> list[Item]:
    """One question on a passage held out of training (all splits but "train").

    test: stated, invented people. unanswerable: not stated; half the time stated of the other
    person. known: true facts of people of block "passage"; counterfactual: the passage states
    other values than the truth (meta["truth"]), and is to be followed. wording: the marks or the
    question are in words held out, half each. train: as in training.
    """
    check_split(split, SPLITS)

    def stated(facts: list[Fact]) -> Asked:
        return tape.choice(facts)

    def as_trained(facts: list[Fact]) -> Asked:
        if tape.chance(UNANSWERABLE_SHARE):
            two = len({name for name, _, _ in facts}) == 2
            return _pick(tape, facts, other=two and tape.chance(OTHER_SHARE))
        return stated(facts)

    def unanswerable(other: bool) -> Item:
        return tape.until(
            lambda: _item(tape, "invented", True, lambda f: _pick(tape, f, other)),
            lambda item: item.meta["kind"] == ("of the other" if other else "of nobody"),
        )

    if split == "unanswerable":
        return [unanswerable(other=i % 2 == 0) for i in range(n)]
    if split == "train":
        sources = ["known" if tape.chance(KNOWN_SHARE) else "invented" for _ in range(n)]
        return [_item(tape, source, False, as_trained) for source in sources]
    if split == "wording":
        return [
            _item(tape, "invented", True, stated, new_form=i % 2 == 0, new_question=i % 2 == 1)
            for i in range(n)
        ]
    source = split if split in ("known", "counterfactual") else "invented"
    return [_item(tape, source, True, stated) for _ in range(n)]


def _pick(tape: Tape, facts: list[Fact], other: bool) -> Asked:
    """An unanswerable question of this kind, or, where there is none, an answerable one."""
    return tape.choice(_unstated(facts, other) or facts)


is_correct = same


def baselines(items_: Sequence[Item]) -> dict[str, float]:
    """See base.simple_baselines.

    The constant answer is "not stated": right for every unanswerable question, so that split
    means something only beside the false "not stated" of the others.
    """
    train = items(Tape(NAME, "baselines"), 4000, "train")
    return simple_baselines(items_, train, is_correct)
