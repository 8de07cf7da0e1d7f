"""Lore: every answer is found again in the truth table, from the words of the question."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import pytest

from lessons.world import truth
from lessons.world.lore_language import N_TRAINED, RELATIONS, Fact
from lessons.world.plan import held_out
from lessons.world.tape import Tape, enumerate_outcomes
from lessons.world.tasks import lore
from lessons.world.tasks.base import Item

TABLES = {
    "craft": truth.table(truth.CRAFTS),
    "animal": truth.table(truth.ANIMALS),
    "shop": truth.table(truth.shops()),
}
ANIMAL_WORDS = {word for row in TABLES["animal"] for word in row.values()}
SIGNS = {row["name"].removeprefix("the ") for row in TABLES["shop"]}
# For each kind and role named in a question: what is asked for if the pattern is found.
ASKS = {
    ("craft", "worker"): (("place", r"Where|place"), ("tool", r"with|need|tool"), ("product", "")),
    ("craft", "place"): (("worker", r"^Whom?\b"), ("product", "")),
    ("craft", "tool"): (("worker", r"^Who"), ("product", "")),
    ("craft", "product"): (("worker", r"^Who |whom"), ("place", r"Where|place"), ("tool", "")),
    ("animal", "name"): (
        ("home", r"Where|home"),
        ("sound", r"call|hungry|day"),
        ("food", r"eat|fond|feed|look for"),
        ("young", ""),
    ),
    ("shop", "name"): (("town", r"Where|town"), ("sells", "")),
}


def rows_with(words: set[str], kind: str) -> list[tuple[dict[str, str], list[str]]]:
    """Rows of a table with the roles that these words have in them."""
    found = []
    for row in TABLES[kind]:
        named = [role for role, value in row.items() if value.removeprefix("the ") in words]
        if named:
            found.append((row, named))
    return found


def kind_of(sentence: str) -> str:
    """Which table it is about (bells are sold, and what a deer does)."""
    words = set(re.findall(r"\w+", sentence))
    if SIGNS & words or re.search(r"\bshop\b|buy|go for", sentence):
        return "shop"
    return "animal" if "animal" in words or words & ANIMAL_WORDS else "craft"


def solved(question: str) -> str:
    kind = kind_of(question)
    [(row, [given])] = rows_with(set(re.findall(r"\w+", question)), kind)
    for role, pattern in ASKS.get((kind, given), (("name", ""),)):
        if re.search(pattern, question):
            return row[role]
    raise AssertionError(question)


@cache
def documents() -> list[str]:
    return [lore.document(Tape("lore", i)) for i in range(5000)]


@cache
def items(split: str) -> list[Item]:
    return lore.items(Tape("items", split), 500, split)


def pairs(document: str) -> list[tuple[str, str]]:
    """Questions and answers of a document that asks."""
    lines = document.split("\n")
    assert all(line.startswith("Q: ") for line in lines[::2])
    assert all(line.startswith("A: ") for line in lines[1::2])
    return [(q[3:], a[3:]) for q, a in zip(lines[::2], lines[1::2], strict=True)]


def test_documents_are_right() -> None:
    told = set()
    for i, document in enumerate(documents()):
        if i < 300:
            assert document == lore.document(Tape("lore", i))
        assert not re.search(r"\b([Aa] [aeiou]|[Aa]n [^aeiou])", document.replace("A: ", ""))
        if document.startswith("Q: "):
            assert 1 <= len(pairs(document)) <= 4
            for question, answer in pairs(document):
                assert answer == solved(question)
            continue
        sentences = re.findall(r"[^.]+\.", document)
        assert 1 <= len(sentences) <= 4
        for sentence in sentences:
            kind = kind_of(sentence)
            [(row, roles)] = rows_with(set(re.findall(r"\w+", sentence)), kind)
            assert len(roles) == 2  # what is told together belongs together
            told.add((kind, *row.values(), *sorted(roles)))
            assert sentence.strip()[0].isupper()
    assert max(map(len, documents())) < 250
    assert len(told) == sum(len(TABLES[relation.kind]) for relation in RELATIONS)  # every fact


def test_no_answer_stands_in_the_lines_before() -> None:
    for document in documents():
        if document.startswith("Q: "):
            for at, (_, answer) in enumerate(pairs(document)):
                before = "\n".join(f"{q} {a}" for q, a in pairs(document)[:at])
                assert not re.search(rf"\b{answer}\b", before)


@pytest.mark.parametrize("split", lore.SPLITS)
def test_items_are_right(split: str) -> None:
    for item in items(split):
        question = item.prompt.removeprefix("Q: ").removesuffix("\nA:")
        right = solved(question)
        assert item.answer == f" {right}"
        assert lore.is_correct(item, item.answer)
        assert item.answer in item.choices
        wrong = {*item.choices, "", f" {right} {right}"} - {item.answer}
        assert len(wrong) >= 16
        assert not any(lore.is_correct(item, output) for output in wrong)


def test_what_is_held_out_is_in_no_document_but_its_fact_and_wording_are() -> None:
    corpus = "\n".join(documents())
    asked = {q for document in documents() if document[0] == "Q" for q, _ in pairs(document)}
    for split in ("test", "wording"):
        for item in items(split):
            assert item.absent
            assert not any(string in corpus for string in item.absent)
    for relation in RELATIONS:
        for wordings in (relation.asks_a, relation.asks_b):
            assert len(set(wordings)) == len(wordings) == N_TRAINED + 1
            shapes = [
                re.compile(re.sub(r"\\\{[ab]\\\}", r"[\\w ]+", re.escape(w))) for w in wordings
            ]
            seen = [sum(bool(shape.fullmatch(q)) for q in asked) for shape in shapes]
            assert min(seen[:N_TRAINED]) >= 8  # facts asked for in each trained wording
            new = wordings[N_TRAINED]
            assert not any(new.format(a=a, b=b) in corpus for a, b in relation.rows)
    answered = Counter((solved(q), kind_of(q)) for q in asked)
    for item in items("test"):  # asked for in other words
        assert answered[item.answer.strip(), item.meta["kind"]] >= 1


def test_trained_items_are_those_of_documents() -> None:
    asked = {q for document in documents() if document[0] == "Q" for q, _ in pairs(document)}
    trained = [item.prompt[3:-3] for item in items("train")]
    assert not any(held_out("text", question) for question in trained)
    assert sum(question in asked for question in trained) > 450
    with pytest.raises(ValueError, match="split='facts'"):
        lore.items(Tape(1), 1, "facts")


def test_baselines_need_more_than_similar_questions() -> None:
    assert max(lore.baselines(items("test")[:300]).values()) < 0.6


def test_bits() -> None:
    tape = Tape("bits")
    lore.document(tape)
    assert 3 < tape.bits < 60
    fact = Fact(RELATIONS[0], 0)
    asked = list(enumerate_outcomes(lambda tape: lore._asked(tape, fact)))
    assert all(bits == pytest.approx(1 + 1.585, abs=1e-3) for _, bits in asked)
    shown = [fact.question(*made) for made, _ in asked]
    assert shown
    assert not any(held_out("text", question) for question in shown)
    held = sum(held_out("text", fact.question(a, w)) for a in "ab" for w in range(N_TRAINED))
    assert len(shown) == 2 * N_TRAINED - held
