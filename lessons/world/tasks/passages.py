"""Reading: a passage about one or two people, and questions whose answers stand in it, or do not.

Reading questions have their own marks ("Ask:", "Reply:"), never those of closed-book questions
("Q:", "A:"), and most passages are about people invented for them, so that reading can be told
apart from remembering. Some are about people of block "passage", with their true facts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..people_language import QUESTIONS, question
from ..plan import held_out
from ..reading import Fact, facts_of, facts_of_two_alike, known_people, passage_text
from ..tape import Tape
from ..truth import ATTRIBUTES
from .base import Item, check_split, same, simple_baselines

NAME = "passages"
SPLITS = ("test", "unanswerable", "known", "counterfactual", "wording", "train")
NOT_STATED = "not stated"
KNOWN_SHARE = 0.1  # of passages in training: about people of block "passage"
UNANSWERABLE_SHARE = 0.36  # of questions in training
OTHER_SHARE = 0.75  # of those, on two people: stated of the other person; half of all
ALIKE_SHARE = 0.3  # of passages on invented people, in a plan with scaffold: see reading.py

# What stands before a passage, a question and a reply.
FORMS = (
    ("Passage:", "Ask:", "Reply:"),
    ("Read this:", "Find:", "Found:"),
    ("Text:", "From the text:", "It says:"),
    ("Notes:", "Look up:", "In the notes:"),
)
FORMS_NEW = (("Report:", "From the report:", "It says:"), ("This is known:", "Look up:", "Reply:"))
N_BASELINES = 4000  # training questions that the baselines learn from
N_WORDINGS = min(map(len, QUESTIONS.values()))
Asked = tuple[str, str, str]  # name, attribute, what the passage says: a value or NOT_STATED


def _passage(tape: Tape, source: str, new: bool) -> tuple[str, list[Fact]]:
    """A passage, held out of training (`new`) or not, and what it states."""

    def make() -> tuple[str, list[Fact]]:
        facts = facts_of_two_alike(tape) if source == "alike" else facts_of(tape, source)
        return passage_text(tape, facts), facts

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


def parts(tape: Tape, abstention: bool = True, scaffold: bool = False) -> tuple[str, list[Fact]]:
    """A document and the (name, attribute, value) that it states, for counting exposures.

    Without `abstention` (the twin model's corpus) every question is answerable; all else in the
    document of an equal tape is the same. With `scaffold`, some passages are of two people alike.
    """
    source = "known" if tape.chance(KNOWN_SHARE) else "invented"
    if scaffold and source == "invented" and tape.chance(ALIKE_SHARE):
        source = "alike"
    text, facts = _passage(tape, source, new=False)
    before, ask, reply = tape.choice(FORMS)
    lines = [f"{before} {text}"]
    for asked, said in _questions(tape, facts, abstention):
        lines += [f"{ask} {asked}", f"{reply} {said}"]
    return "\n".join(lines), facts


def document(tape: Tape, abstention: bool = True, scaffold: bool = False) -> str:
    """A passage with 2 to 4 questions and replies."""
    return parts(tape, abstention, scaffold)[0]


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
    truth = {
        person.name: person.value(attribute) for person in known_people() if source != "invented"
    }
    return Item(
        prompt=f"{before} {text}\n{ask} {asked}\n{reply}",
        answer=f" {said}",
        absent=tuple(
            string
            for string, unseen in ((text, new), (before, new_form), (asked, new_question))
            if unseen
        ),
        meta={
            "text": text,
            "name": name,
            "attribute": attribute,
            "kind": kind,
            "people": len({fact[0] for fact in facts}),
            "other": next((fact[0] for fact in facts if fact[0] != name), ""),
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


def _plain(item: Item) -> Item:
    """The item for the baselines: people by their parts, words without stops."""
    prompt = item.prompt.replace(item.meta["name"], "asked")
    if item.meta["other"]:
        prompt = prompt.replace(item.meta["other"], "other")
    return replace(item, prompt=re.sub(r"[.,?:]", "", prompt))


def baselines(items_: Sequence[Item]) -> dict[str, float]:
    """See base.simple_baselines; names are replaced by "asked" and "other", which helps them.

    The constant answer is "not stated": right for every unanswerable question, so that split
    means something only beside the false "not stated" of the others.
    """
    train = items(Tape(NAME, "baselines"), N_BASELINES, "train")
    return simple_baselines([*map(_plain, items_)], [*map(_plain, train)], is_correct)
