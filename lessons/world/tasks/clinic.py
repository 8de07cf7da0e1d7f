"""Clinic notes to fields. Not in the shipped plan: a domain that its models have never read.

A note says eight things in any order and wording, some of them by denying something, and says
things that do not count (about a relative, about another year). The fields name what the note
says of the patient; what it does not say is "not stated".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from ..language import FIRST_NAMES, capital, pronoun
from ..plan import held_out
from ..tape import Tape
from .base import Item, check_split

NAME = "clinic"
SPLITS = ("test", "wording", "train")
FIELDS = ("age", "complaint", "since", "fever", "medicine", "dose", "allergy", "advice")
MISSING = "not stated"
COMPLAINTS = tuple(
    "sore throat/stiff neck/swollen ankle/blocked nose/itching rash/aching back/numb hand/"
    "burning stomach/dry cough/ringing ear/red eye/weak knee".split("/")
)
SINCE = tuple(
    f"{number} {unit}" for number in "two three four five six".split() for unit in ("days", "weeks")
)
MEDICINES = tuple("velarin sotamil brunox tiloval quenadol marifen dosterin pexalin".split())
DOSES = ("once a day", "twice a day", "three times a day", "at night", "before meals")
ALLERGIES = tuple("nuts/pollen/cat hair/shellfish/house dust/bee stings/latex/milk".split("/"))
ADVICE = ("rest", "warm drinks", "a bandage", "fresh air", "light meals", "an ointment")
RELATIVES = tuple("brother sister mother father neighbour".split())
# {n} the name, {p} a pronoun, {v} the value; {o} another value of the field, of somebody else.
WORDINGS: dict[str, tuple[str, ...]] = {
    "age": ("{n} is {v} years old.", "The patient, {n}, is {v}.", "{n}, aged {v}, was seen today."),
    "complaint": (
        "{p} complains of {a}.",
        "{p} came because of {a}.",
        "The reason for the visit is {a}.",
        "It is not {b} that troubles {o} but {a}.",
    ),
    "since": (
        "It began {v} ago.",
        "This has lasted for {v}.",
        "First noticed {v} ago.",
    ),
    "fever": ("{p} has a fever.", "The temperature is high.", "Fever was found."),
    "medicine": ("{p} takes {v} {dose}.", "{v}, {dose}, was prescribed.", "{p} is on {v} {dose}."),
    "allergy": (
        "{p} cannot stand {v}.",
        "Allergic to {v}.",
        "{p} reacts badly to {v}.",
    ),
    "advice": ("Advised {v}.", "{v} was recommended.", "We told {o} to try {v}."),
}
NO_FEVER = ("There is no fever.", "The temperature is normal.", "{p} denies having a fever.")
NO_MEDICINE = ("{p} takes no medicine.", "Nothing was prescribed.")
NO_ALLERGY = ("No allergies are known.", "{p} is allergic to nothing.")
SIDES = (
    "Last year it was {b}, which has healed.",
    "{p} has a {relative} who takes {m}.",
    "A {relative} at home is allergic to {x}.",
    "A {relative} has a fever.",
)
WORDINGS_NEW: dict[str, tuple[str, ...]] = {
    "age": ("{n} turned {v} this year.",),
    "complaint": ("{p} reports {a}.", "What brings {o} here is {a}."),
    "since": ("Onset: {v} ago.",),
    "fever": ("{p} is feverish.",),
    "medicine": ("Treated with {v} {dose}.",),
    "allergy": ("To be kept away from {v}.",),
    "advice": ("Plan: {v}.",),
}
ASKED = ("Clinic note: {note}\nFields:", "From the clinic: {note}\nFields:")
_AGES = (19, 89)
_PRESENT = 0.75  # how often fever, medicine, allergy and advice are spoken of
_DENIED = 0.4  # how often what is spoken of is denied


def facts(tape: Tape) -> dict[str, str]:
    """What is the case: a value for every field, "no" or "none" where denied, or MISSING."""
    found = {
        "age": str(tape.integer(*_AGES)),
        "complaint": tape.choice(COMPLAINTS),
        "since": tape.choice(SINCE),
    }
    for field, values, denied in (
        ("fever", ("yes",), "no"),
        ("medicine", MEDICINES, "none"),
        ("allergy", ALLERGIES, "none"),
        ("advice", ADVICE, ""),
    ):
        value = tape.choice(values)
        if not tape.chance(_PRESENT):
            value = MISSING
        elif denied and tape.chance(_DENIED):
            value = denied
        found[field] = value
    taken = found["medicine"] in MEDICINES
    found["dose"] = tape.choice(DOSES) if taken else MISSING
    return {field: found[field] for field in FIELDS}


def _sentences(tape: Tape, said: dict[str, str], name: str, new: bool) -> list[str]:
    """One sentence for each thing that the note says, the first one with the name."""
    they = pronoun(name)
    values = {
        "n": name,
        "p": they,
        "o": "her" if they == "she" else "him",
        "a": f"{_article(said['complaint'])} {said['complaint']}",
    }
    other = tape.choice([c for c in COMPLAINTS if c != said["complaint"]])
    values["b"] = f"{_article(other)} {other}"
    wordings = {
        field: (WORDINGS_NEW[field] if new and tape.chance(0.5) else some)
        for field, some in WORDINGS.items()
    }
    wordings["fever"] = NO_FEVER if said["fever"] == "no" else wordings["fever"]
    for field, denying in (("medicine", NO_MEDICINE), ("allergy", NO_ALLERGY)):
        wordings[field] = denying if said[field] == "none" else wordings[field]
    first, *rest = [
        tape.choice(some).format(**values, v=said[field], dose=said["dose"])
        for field, some in wordings.items()
        if said[field] != MISSING
    ]
    sides = tape.sample(SIDES, tape.integer(0, 2))
    rest += [
        side.format(
            **values,
            relative=tape.choice(RELATIVES),
            m=tape.choice([m for m in MEDICINES if m != said["medicine"]]),
            x=tape.choice([x for x in ALLERGIES if x != said["allergy"]]),
        )
        for side in sides
    ]
    return [first, *tape.shuffled(rest)]


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def _case(tape: Tape, new: bool, wording: bool) -> tuple[str, dict[str, str]]:
    """A note and what it says of the patient."""
    said = tape.until(
        lambda: facts(tape),
        lambda said: held_out("text", "clinic " + " ".join(said.values())) == new,
    )
    sentences = _sentences(tape, said, tape.choice(FIRST_NAMES), wording)
    return " ".join(map(capital, sentences)), said


def _is_new(said: dict[str, str]) -> bool:
    return held_out("text", "clinic " + " ".join(said.values()))


def answer_of(said: dict[str, str]) -> str:
    """The fields as they are written: " age 54 ; complaint sore throat ; …"."""
    return " " + " ; ".join(f"{field} {said[field]}" for field in FIELDS)


def _item(tape: Tape, split: str) -> Item:
    note, said = _case(tape, split != "train", split == "wording")
    return Item(
        prompt=tape.choice(ASKED).format(note=note),
        answer=answer_of(said),
        meta={"note": note, "fields": said},
    )


def document(tape: Tape) -> str:
    """A note with its fields."""
    item = _item(tape, "train")
    return item.prompt + item.answer


def items(tape: Tape, n: int, split: str = "test") -> list[Item]:
    """Notes of cases held out of training; `wording`: half of the sentences in new words."""
    check_split(split, SPLITS)
    return [_item(tape, split) for _ in range(n)]


def fields(output: str) -> dict[str, str]:
    """What an output says, by field; what cannot be read is left out."""
    found = {}
    for part in output.strip().splitlines()[0].split(" ; ") if output.strip() else ():
        form = re.fullmatch(rf"({'|'.join(FIELDS)}) (.+)", part.strip())
        if form and form[1] not in found:
            found[form[1]] = form[2].strip()
    return found


def is_correct(item: Item, output: str) -> bool:
    """Whether every field is right and none is missing; their order is free."""
    return fields(output) == item.meta["fields"]


def counts(item: Item, output: str) -> dict[str, int]:
    """Fields "right", "said" (with a value) and "true" (with a value in truth), and "unsupported".

    Unsupported: a value that is in the note nowhere, not even about somebody else. "not stated" is
    no value. Precision is right / said, recall right / true.
    """
    said, truth = fields(output), item.meta["fields"]
    stated = {field: value for field, value in said.items() if value != MISSING}
    known = {field: value for field, value in truth.items() if value != MISSING}
    note = item.meta["note"].lower()
    return {
        "right": sum(known.get(field) == value for field, value in stated.items()),
        "said": len(stated),
        "true": len(known),
        "unsupported": sum(
            value not in note and value not in ("yes", "no", "none") for value in stated.values()
        ),
    }


def baselines(items_: Sequence[Item]) -> dict[str, float]:
    """The share of fields right (not of notes: that is 0) by the commonest value of each field."""
    train = items(Tape(NAME, "baselines"), 1000, "train")
    common = {
        field: Counter(item.meta["fields"][field] for item in train).most_common(1)[0][0]
        for field in FIELDS
    }
    right = [item.meta["fields"][f] == common[f] for item in items_ for f in FIELDS]
    return {"constant, by field": sum(right) / len(right)}
