"""Passages: every answer is found again by reading the text clause by clause."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import pytest

from lessons.world import people_language, reading, truth
from lessons.world.language import FIRST_NAMES, SHE_NAMES
from lessons.world.plan import held_out
from lessons.world.tape import Tape, enumerate_outcomes
from lessons.world.tasks import passages
from lessons.world.tasks.base import Item

ATTRIBUTE_OF = {value: a for a, values in truth.ATTRIBUTES.items() for value in values}
NAME = re.compile(rf"(?:{'|'.join(FIRST_NAMES)}) [A-Z][a-z]+")
# The first that a question matches tells what it asks for.
ASKS = {
    "pet": r"\b(pet|animal)\b",
    "door": r"\bdoor\b",
    "dish": r"\b(eat|dish|dinner)\b",
    "instrument": r"\b(instrument|music|play)\b",
    "job": r"\b(living|job|work|trade)\b",
    "town": r"\b(live|town|home)\b",
}
MARKS = {before: (ask, reply) for before, ask, reply in passages.FORMS + passages.FORMS_NEW}
BLOCK = {person.name: person for person in truth.people() if person.block == "passage"}


def read(text: str) -> dict[tuple[str, str], str]:
    """What a passage states: who is spoken of, clause by clause, and the values named."""
    stated: dict[tuple[str, str], str] = {}
    subject = ""
    for clause in re.split(r"(?<=\.) |, while | and ", text):
        if named := NAME.match(clause):
            subject = named[0]
        elif said := re.match(r"(She|He) ", clause):
            assert said[1] == ("She" if subject.split()[0] in SHE_NAMES else "He")
        for word in re.findall(r"\w+", clause.removeprefix(subject)):
            if word in ATTRIBUTE_OF:
                assert (subject, ATTRIBUTE_OF[word]) not in stated
                stated[subject, ATTRIBUTE_OF[word]] = word
    return stated


def asked_for(question: str) -> tuple[str, str]:
    """Whom and what a question is about."""
    [name] = NAME.findall(question)
    words = question.replace(name, "")
    return name, next(a for a, pattern in ASKS.items() if re.search(pattern, words))


def parsed(document: str) -> tuple[str, list[tuple[str, str]]]:
    """The passage of a document, and its questions with what is replied ("" if nothing yet)."""
    first, *lines = document.split("\n")
    before = next(mark for mark in MARKS if first.startswith(f"{mark} "))
    ask, reply = MARKS[before]
    pairs = []
    assert len(lines) % 2 == 0
    for question, replied in zip(lines[::2], lines[1::2], strict=True):
        assert question.startswith(f"{ask} ")
        assert replied.startswith(reply)
        pairs.append((question.removeprefix(f"{ask} "), replied.removeprefix(reply).strip()))
    return first.removeprefix(f"{before} "), pairs


def solved(prompt: str) -> str:
    """The right reply to the last question."""
    text, pairs = parsed(prompt)
    return read(text).get(asked_for(pairs[-1][0]), "not stated")


@cache
def documents(abstention: bool = True) -> list[str]:
    return [passages.document(Tape("passages", i), abstention) for i in range(5000)]


@cache
def items(split: str) -> list[Item]:
    return passages.items(Tape("items", split), 500, split)


def test_wordings_are_as_other_families_need_them() -> None:
    tables = (people_language.STATEMENTS, people_language.QUESTIONS, people_language.QUESTIONS_NEW)
    for table, least in zip(tables, (5, 4, 1), strict=True):
        assert table.keys() == truth.ATTRIBUTES.keys()
        for attribute, wordings in table.items():
            assert len(set(wordings)) == len(wordings) >= least
            for wording in wordings:
                assert wording.count("{name}") == 1
                if table is people_language.STATEMENTS:
                    assert re.fullmatch(r"\{name\} [^.]*\{value\}[^.]*\.", wording)
                    assert read(wording.format(name="Anna Balbak", value="x")) == {}
                else:
                    assert asked_for(wording.format(name="Anna Balbak")) == (
                        "Anna Balbak",
                        attribute,
                    )
    for attribute in truth.ATTRIBUTES:
        for value in truth.ATTRIBUTES[attribute]:
            said = people_language.statement(Tape(value), attribute, "she", value)
            assert said.startswith("She ")
            assert not re.search(r"\b(a [aeiou]|an [^aeiou])", said)
    every = [q for table in tables[1:] for wordings in table.values() for q in wordings]
    assert len(set(every)) == len(every)


def test_documents_are_right_and_short() -> None:
    for i, document in enumerate(documents()):
        if i < 200:
            assert document == passages.document(Tape("passages", i))
        text, pairs = parsed(document)
        stated = read(text)
        assert 3 <= len(stated) <= 5
        assert 1 <= len({name for name, _ in stated}) <= 2
        assert 2 <= len(re.findall(r"\.", text)) <= 4
        assert 2 <= len(pairs) <= 4
        assert len({asked_for(question) for question, _ in pairs}) == len(pairs)
        for question, replied in pairs:
            assert replied == stated.get(asked_for(question), "not stated")
            assert asked_for(question)[0] in text
    assert max(map(len, documents())) < 700
    assert not any(re.search(r"\n?\b[QA]:", document) for document in documents())


def test_shares_are_as_planned() -> None:
    asked = of_other = unanswerable = known = 0
    for document in documents():
        text, pairs = parsed(document)
        stated = read(text)
        known += {name for name, _ in stated} <= BLOCK.keys()
        for question, replied in pairs:
            asked += 1
            unanswerable += replied == "not stated"
            of_other += replied == "not stated" and asked_for(question)[1] in {a for _, a in stated}
    assert known / len(documents()) == pytest.approx(0.1, abs=0.018)
    assert unanswerable / asked == pytest.approx(0.36, abs=0.02)
    assert of_other / unanswerable == pytest.approx(0.5, abs=0.04)


def test_the_twin_without_abstention_differs_in_unanswerable_questions_only() -> None:
    replaced = 0
    for document, twin in zip(documents(), documents(abstention=False), strict=True):
        (text, pairs), (same_text, twin_pairs) = parsed(document), parsed(twin)
        assert text == same_text
        assert len(pairs) == len(twin_pairs)
        stated = read(text)
        for pair, twin_pair in zip(pairs, twin_pairs, strict=True):
            assert twin_pair[1] == stated[asked_for(twin_pair[0])]
            assert pair == twin_pair or pair[1] == "not stated"
            replaced += pair != twin_pair
    assert replaced > 1000


@pytest.mark.parametrize("scaffold", [False, True])
def test_exposures_can_be_counted(scaffold: bool) -> None:
    for i in range(1000):
        document, facts = passages.parts(Tape("passages", i), scaffold=scaffold)
        if not scaffold:
            assert document == documents()[i]
        assert {(n, a): v for n, a, v in facts} == read(parsed(document)[0])
        assert len(facts) == len(read(parsed(document)[0]))


def test_scaffold_tells_the_same_of_two_people() -> None:
    alike = answered = 0
    for i in range(2000):
        text, questions = parsed(passages.document(Tape("passages", i), scaffold=True))
        stated = read(text)
        of: dict[str, set[str]] = {}
        for name, attribute in stated:
            of.setdefault(name, set()).add(attribute)
        alike += len(of) == 2 and len({*map(frozenset, of.values())}) == 1
        for question, said in questions:
            answered += said != "not stated"
            assert said == stated.get(asked_for(question), "not stated")
    assert alike / 2000 == pytest.approx(0.9 * passages.ALIKE_SHARE, abs=0.03)
    assert answered > 2000


def test_people_in_documents_are_invented_or_of_their_block_with_true_facts() -> None:
    strangers = set(truth.strangers())
    met = set()
    for document in documents():
        for (name, attribute), value in read(parsed(document)[0]).items():
            if name in BLOCK:
                assert BLOCK[name].value(attribute) == value
                met.add(name)
            else:
                assert name.split()[1] in strangers
    assert len(met) > 150


@pytest.mark.parametrize("split", passages.SPLITS)
def test_items_are_right(split: str) -> None:
    for item in items(split):
        right = solved(item.prompt)
        assert item.answer == f" {right}"
        assert passages.is_correct(item, f" {right}")
        text, [(question, replied)] = parsed(item.prompt)
        stated, (name, attribute) = read(text), asked_for(question)
        assert replied == ""
        assert (item.meta["name"], item.meta["attribute"]) == (name, attribute)
        wrong = {*stated.values(), *truth.ATTRIBUTES[attribute], "not stated", "", name} - {right}
        assert not any(passages.is_correct(item, f" {output}") for output in wrong)
        others = [v for (n, a), v in stated.items() if a == attribute and n != name]
        assert item.meta["rival"] == (others[0] if others else "")
        assert {item.meta["name"], item.meta["other"]} - {""} == {n for n, _ in stated}
        assert item.meta["people"] == len({n for n, _ in stated})


def test_splits_are_what_they_say() -> None:
    kinds = Counter(item.meta["kind"] for item in items("unanswerable"))
    assert kinds == {"of the other": 250, "of nobody": 250}
    for split in ("test", "known", "counterfactual", "wording"):
        assert all(item.meta["kind"] == "stated" for item in items(split))
    assert sum(bool(item.meta["rival"]) for item in items("test")) > 100
    for split, so in (("known", True), ("counterfactual", False)):
        for item in items(split):
            for (name, attribute), value in read(item.meta["text"]).items():
                assert (BLOCK[name].value(attribute) == value) == so
            assert item.meta["truth"] == BLOCK[item.meta["name"]].value(item.meta["attribute"])
    assert Counter(item.meta["new"] for item in items("wording")) == {"form": 250, "question": 250}
    with pytest.raises(ValueError, match="split='tset'"):
        passages.items(Tape(1), 1, "tset")


def test_what_is_held_out_is_in_no_document() -> None:
    corpus = "\n\n".join([*documents(), *documents(abstention=False)])
    for split in passages.SPLITS[:-1]:
        for item in items(split)[:120]:
            assert item.meta["text"] in item.absent
            assert not any(string in corpus for string in item.absent)
            assert len(item.absent) == (2 if split == "wording" else 1)
    assert not any(held_out("text", parsed(document)[0]) for document in documents())
    new = [q.split("{name}") for qs in people_language.QUESTIONS_NEW.values() for q in qs]
    names = r"[A-Z]\w+ [A-Z]\w+"
    assert not any(re.search(names.join(map(re.escape, parts)), corpus) for parts in new)


def test_trained_items_begin_as_documents_do() -> None:
    shapes = {
        re.sub(NAME, "N", "\n".join(document.split("\n")[1:3])).rsplit(": ", 1)[0]
        for document in documents()
    }
    for item in items("train"):
        asked = re.sub(NAME, "N", "\n".join(item.prompt.split("\n")[1:]))
        assert asked.removesuffix(":") in shapes
        assert item.absent == ()
        assert not held_out("text", item.meta["text"])


def test_baselines_are_low(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passages, "N_BASELINES", 800)  # 4,000 take long
    scores = passages.baselines(items("test")[:300])
    assert scores["constant"] == 0
    assert max(scores.values()) < 0.4


def test_bits() -> None:
    tape = Tape("bits")
    passages.document(tape)
    assert 60 < tape.bits < 160
    facts = [("Anna Balbak", "town", "Oakham"), ("Anna Balbak", "pet", "cat"),
             ("Emil Corsol", "pet", "dog")]  # fmt: skip
    told = list(enumerate_outcomes(lambda tape: reading.passage_text(tape, facts)))
    assert sum(2**-bits for _, bits in told) == pytest.approx(1)
    assert len({text for text, _ in told}) == len(told) == 3 * 6**3
    assert all(read(text) == {(n, a): v for n, a, v in facts} for text, _ in told)
