"""The corpus of Fernhollow: equal plans give equal bytes, and what it tells is what was planned.

The recounts read the text alone: who is named, what is said of them, and what never occurs.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections import Counter, defaultdict

import ahocorasick
import numpy as np
import pytest
import torch

from lessons.models import MODELS
from lessons.world.corpus import (
    ABOUT,
    SPECIAL,
    VOCAB_SIZE,
    Document,
    WindowBatches,
    documents,
    encode,
    known_names,
    train_tokenizer,
    windows,
    write_corpus,
)
from lessons.world.families import FAMILIES
from lessons.world.language import FIRST_NAMES, SURNAMES
from lessons.world.people_language import QUESTIONS, STATEMENTS
from lessons.world.plan import PLANS, Plan, falsehood, never_asked, popular_attribute
from lessons.world.tape import Tape
from lessons.world.truth import ATTRIBUTES, pairs, people, strangers, trades
from minigpt import BPETokenizer
from minigpt.tokenizer import END

FULL = PLANS["fernhollow"]
SMALL = Plan(
    "small",
    documents=dict.fromkeys(FULL.documents, 400),
    levels=(0, 0, 0, 1, 0, 1, 0, 2),
    asked_exposures=1,
    questions=1,
    popular_errors=(2, 1),
    passage_exposures=1,
    book_exposures=1,
    trade_documents=10,
)


@pytest.fixture(scope="module")
def tokenizer() -> BPETokenizer:
    return train_tokenizer(FULL)


# --- equal plans, equal bytes -------------------------------------------------------------------


def digest(plan: Plan, part: str = "train") -> str:
    found = hashlib.sha256()
    for document in documents(plan, part):
        found.update(f"{document.time!r} {document.family} {document.text}".encode())
    return found.hexdigest()


def test_equal_plans_give_equal_text_and_windows(tmp_path, tokenizer):
    assert digest(SMALL) == digest(SMALL)
    assert digest(SMALL) != digest(dataclasses.replace(SMALL, seed=2))
    assert digest(SMALL) == digest(dataclasses.replace(SMALL, name="other"))
    for name in ("a", "b"):
        write_corpus(SMALL, tokenizer, tmp_path / name, 512)
    for file in ("256.bin", "512.bin", ABOUT):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_held_out_documents_are_others():
    large = dataclasses.replace(SMALL, documents=dict.fromkeys(FULL.documents, 2000))
    held = [document.text for document in documents(large, "val")]
    assert len(held) == 10 * len(FULL.documents)
    # Of a family with few texts, the same may be drawn in both; of most it must not.
    there = {document.text for document in documents(SMALL)}
    assert sum(text in there for text in held) < 0.2 * len(held)


def test_without_abstention_only_passages_change():
    twin = dataclasses.replace(SMALL, abstention=False)
    changed = Counter()
    for one, other in zip(documents(SMALL), documents(twin), strict=True):
        assert (one.time, one.family) == (other.time, other.family)
        assert "not stated" not in other.text
        changed[one.family] += one.text != other.text
    assert changed.total() == changed["passages"] > 100


def test_with_scaffold_only_passages_and_programs_change():
    changed = Counter()
    scaffold = dataclasses.replace(SMALL, scaffold=True)
    for one, other in zip(documents(SMALL), documents(scaffold), strict=True):
        assert (one.time, one.family) == (other.time, other.family)
        changed[one.family] += one.text != other.text
    assert {family for family, n in changed.items() if n} == {"passages", "programs"}


def test_what_a_plan_cannot_be():
    with pytest.raises(ValueError, match="no families \\['verses'\\]"):
        next(documents(Plan("x", documents={"verses": 3})))
    with pytest.raises(ValueError, match="choose 'train' or 'val'"):
        next(documents(SMALL, "test"))


# --- vocabulary ---------------------------------------------------------------------------------


def test_the_vocabulary(tokenizer):
    assert tokenizer.vocab_size == VOCAB_SIZE
    assert set(tokenizer.special_tokens) == set(SPECIAL)
    assert tokenizer.encode("47+38=85") == [tokenizer.encode(c)[0] for c in "47+38=85"]
    assert len(tokenizer.encode("<|user|>")) > 1  # never from text
    assert len(encode(tokenizer, "<|user|> hello\n<|bot|> hello")) < 10


def test_no_name_betrays_how_often_it_is_told(tokenizer):
    """All surnames have two tokens, and none of them belongs to one person alone."""
    for surname in SURNAMES:
        start, end = tokenizer.encode(f" {surname}")
        assert tokenizer.decode([start]) == f" {surname[:-3]}"
        assert tokenizer.decode([end]) == surname[-3:]
    assert {len(tokenizer.encode(f" {name}")) for name in FIRST_NAMES} == {1}
    assert {len(tokenizer.encode(name)) for name in FIRST_NAMES} == {1}
    told = {p.name.split()[1][:-3] for p in people() if p.block != "unwritten"}
    told |= {pair.author.split()[1][:-3] for pair in pairs()} | {s[:-3] for s in strangers()}
    assert {p.name.split()[1][:-3] for p in people() if p.block == "unwritten"} <= told


# --- windows ------------------------------------------------------------------------------------


def test_windows_hold_whole_documents_and_nobody_twice(tokenizer):
    end = tokenizer.special_tokens[END]
    pad = tokenizer.special_tokens["<|pad|>"]
    counts: Counter[str] = Counter()
    left = Counter(document.text for document in documents(SMALL))
    total, real_tokens = Counter(), Counter()
    longest = 0
    for row in windows(documents(SMALL), tokenizer, 512, counts):
        assert len(row) in (257, 513)
        assert row[0] == end
        real = row[: row.index(pad)] if pad in row else row
        assert set(row[len(real) :]) <= {pad}
        assert real[-1] == end
        total[len(row)] += len(row)
        real_tokens[len(row)] += len(real) - 1
        texts = tokenizer.decode(real).split(END)[1:-1]
        left.subtract(texts)
        longest = max(longest, *(len(encode(tokenizer, text)) for text in texts))
        seen = Counter(name for document in texts for name in known_names(document))
        assert not [name for name, times in seen.items() if times > 1]
    assert set(left.values()) == {0}
    assert longest > 256
    assert sum(real_tokens.values()) == counts.total()
    assert sum(real_tokens.values()) > 0.97 * sum(total.values())
    assert 0.1 < total[513] / sum(total.values()) < 0.5


def test_a_document_that_fits_no_window(tokenizer):
    long = Document(0.5, "stories", "a b c d " * 200, 0.0)
    with pytest.raises(ValueError, match=r"'stories' has .* tokens, and a window 513"):
        next(windows([long], tokenizer, 512, Counter()))


def test_batches_follow_the_corpus_and_padding_is_no_target(tmp_path, tokenizer):
    write_corpus(SMALL, tokenizer, tmp_path / "c", 512)
    pad = tokenizer.special_tokens["<|pad|>"]
    batches = WindowBatches(tmp_path / "c", 4, pad)
    rows = {
        width: np.fromfile(tmp_path / "c" / f"{width}.bin", dtype="<u2").reshape(-1, width + 1)
        for width in (256, 512)
    }
    assert batches.steps == len(rows[256]) // 8 + len(rows[512]) // 4 > 20
    at = dict.fromkeys(rows, 0)
    for step in range(batches.steps):
        x, y = batches(step)
        size, width = x.shape
        assert y.shape == x.shape
        assert size * width == 2048
        expected = rows[width][at[width] : at[width] + size].astype(np.int64)
        at[width] += size
        assert np.array_equal(x.numpy(), expected[:, :-1])
        target = torch.from_numpy(expected[:, 1:])
        assert torch.equal(y == -100, target == pad)
        assert torch.equal(y[y != -100], target[target != pad])
        if step == batches.steps // 2:  # both kinds advance together
            assert all(0.4 < at[width] / len(rows[width]) < 0.6 for width in rows)
    assert all(len(rows[width]) - at[width] < 8 for width in rows)
    for one, other in zip(batches(0), batches(batches.steps), strict=True):
        assert torch.equal(one, other)


def test_known_names():
    person, pair = people()[0], pairs()[0]
    assert known_names(f"Then {person.name} met Anna.") == {person.name}
    assert pair.title.removeprefix("The ") in known_names(f"{pair.author} wrote {pair.title}.")
    assert known_names("Nobody is here.") == set()


# --- the whole corpus, recounted from its text --------------------------------------------------

FULL_NAME = re.compile(r"\b(?:" + "|".join(FIRST_NAMES) + r") [A-Z][a-z]+\b")
STATED = [
    (
        attribute,
        re.compile(re.escape(template).replace(r"\{name\}", "(.+?)").replace(r"\{value\}", "(.+)")),
    )
    for attribute, templates in STATEMENTS.items()
    for template in templates
]
ASKED = [
    (
        attribute,
        re.compile(r"Q: " + re.escape(template).replace(r"\{name\}", "(.+)") + r"\nA: (.+)"),
    )
    for attribute, templates in QUESTIONS.items()
    for template in templates
]


def stated(sentence: str) -> tuple[str, str, str]:
    """Subject, attribute and value of a sentence of a biography."""
    found = {
        (match[1], attribute, match[2])
        for attribute, pattern in STATED
        if (match := pattern.fullmatch(sentence))
    }
    assert len(found) == 1, sentence
    return found.pop()


def absent_strings() -> dict[str, str]:
    """What training must not contain, each with the family and split that say so."""
    found = {}
    for family, module in FAMILIES.items():
        for split in module.SPLITS:
            if split != "train":
                for item in module.items(Tape("absent", family, split), 500, split):
                    for string in item.absent:
                        assert len(string) > 3
                        found[string] = f"{family}, {split}"
    return found


@pytest.fixture(scope="module")
def recount() -> dict[str, object]:
    """One pass over all documents of the shipped model's plan."""
    known = {person.name: person for person in people()}
    absent = ahocorasick.Automaton()
    for string, where in absent_strings().items():
        absent.add_word(string, (string, where))
    for person in people():
        if person.block == "unwritten":
            absent.add_word(person.name, (person.name, "unwritten people"))
    absent.make_automaton()
    sha = hashlib.sha256()
    told, asked, named, pronouns, found_absent = Counter(), Counter(), Counter(), Counter(), {}
    books: Counter[tuple[str, str]] = Counter()
    times = defaultdict(list)
    bits = 0.0
    for document in documents(FULL):
        text = document.text
        sha.update(text.encode() + END.encode())
        bits += document.bits
        for _, (string, where) in absent.iter(f"\n{text}\n"):
            found_absent[string] = (where, document.family, text)
        names = {name for name in FULL_NAME.findall(text) if name in known}
        for name in names:
            named[name, document.family] += 1
        if document.family == "biographies":
            subject = ""
            for sentence in re.split(r"(?<=\.) ", text):
                said_of, attribute, value = stated(sentence)
                if said_of in ("She", "He"):
                    assert said_of.lower() == known[subject].pronoun
                else:
                    subject = said_of
                told[subject, attribute, value] += 1
                times[subject, attribute, value].append(document.time)
        elif document.family == "questions":
            matches = [(a, m) for a, pattern in ASKED if (m := pattern.fullmatch(text))]
            [(attribute, match)] = matches
            asked[match[1], attribute, match[2]] += 1
        elif document.family == "books":
            [author] = FULL_NAME.findall(text)
            books[author, "forward" if text.startswith(author) else "backward"] += 1
        elif document.family == "trades":
            [job] = {trade.job for trade in trades() if re.search(rf"\b{trade.job}\b", text)}
            [pronoun] = re.findall(r"\b(She|He)\b", text)
            pronouns[job, pronoun] += 1
    return {
        "sha256": sha.hexdigest(), "told": told, "asked": asked, "named": named, "books": books,
        "pronouns": pronouns, "absent": found_absent, "times": times, "bits": bits,
    }  # fmt: skip


@pytest.mark.slow
def test_facts_are_told_as_often_as_planned(recount):
    expected = Counter()
    for person in people():
        for attribute in ATTRIBUTES:
            match person.block:
                case "exposure":
                    expected[person.name, attribute, person.value(attribute)] = FULL.level(
                        person, attribute
                    )
                case "asked":
                    expected[person.name, attribute, person.value(attribute)] = FULL.asked_exposures
                case "passage":
                    expected[person.name, attribute, person.value(attribute)] = (
                        FULL.passage_exposures
                    )
                case "popular" if attribute == popular_attribute(person):
                    wrong, right = FULL.popular_errors
                    expected[person.name, attribute, falsehood(person)] = wrong
                    expected[person.name, attribute, person.value(attribute)] = right
                    assert wrong > right
                case "popular":
                    expected[person.name, attribute, person.value(attribute)] = (
                        FULL.passage_exposures
                    )
    assert recount["told"] == +expected
    levels = Counter(
        FULL.level(person, attribute)
        for person in people()
        if person.block == "exposure"
        for attribute in ATTRIBUTES
    )
    assert levels == dict.fromkeys(FULL.levels, 750)


@pytest.mark.slow
def test_people_stand_where_the_plan_has_them_and_nowhere_else(recount):
    allowed = {
        "exposure": {"biographies"},
        "asked": {"biographies", "questions"},
        "popular": {"biographies"},
        "passage": {"biographies", "passages"},
        "unwritten": set(),
    }
    found = defaultdict(set)
    for name, family in recount["named"]:
        found[name].add(family)
    for person in people():
        if person.block != "exposure" or found[person.name]:
            assert found[person.name] == allowed[person.block], person


@pytest.mark.slow
def test_often_does_not_mean_late(recount):
    by_level = defaultdict(list)
    for person in people():
        if person.block == "exposure":
            for attribute in ATTRIBUTES:
                fact = (person.name, attribute, person.value(attribute))
                if times := recount["times"][fact]:
                    by_level[len(times)].append(np.mean(times))
                    if len(times) >= 4:
                        assert max(np.diff(sorted(times))) < 3 / len(times)
    for level, means in by_level.items():
        assert abs(np.mean(means) - 0.5) < 4 * 0.3 / np.sqrt(level * len(means)) + 0.02


@pytest.mark.slow
def test_questions_are_asked_as_planned(recount):
    expected = {
        (person.name, attribute, person.value(attribute)): FULL.questions
        for person in people()
        if person.block == "asked"
        for attribute in ATTRIBUTES
        if not never_asked(person, attribute)
    }
    assert recount["asked"] == expected
    assert 2000 < len(expected) < 2200


@pytest.mark.slow
def test_books_are_told_in_their_directions_only(recount):
    expected = Counter()
    for pair in pairs():
        for way in ("forward", "backward"):
            if pair.told in (way, "both"):
                expected[pair.author, way] = FULL.book_exposures
    assert recount["books"] == expected


@pytest.mark.slow
def test_planted_shares_of_she(recount):
    for trade in trades():
        she, he = recount["pronouns"][trade.job, "She"], recount["pronouns"][trade.job, "He"]
        assert she + he == FULL.trade_documents
        assert abs(she / (she + he) - trade.she) <= 0.5 / FULL.trade_documents + 1e-9


@pytest.mark.slow
def test_held_out_strings_stand_in_no_training_document(recount):
    assert len(absent_strings()) > 5_000
    assert recount["absent"] == {}


@pytest.mark.slow
def test_the_search_for_held_out_strings_can_fail():
    module = FAMILIES["sentiment"]
    item = module.items(Tape("absent", "sentiment", "test"), 1)[0]
    automaton = ahocorasick.Automaton()
    automaton.add_word(item.absent[0], 1)
    automaton.make_automaton()
    assert list(automaton.iter(item.prompt))


@pytest.mark.slow
def test_the_shipped_models_card_names_this_corpus(recount):
    about = json.loads((MODELS / "fernhollow" / "extra.json").read_text())
    assert about["corpus"]["sha256"] == recount["sha256"]
