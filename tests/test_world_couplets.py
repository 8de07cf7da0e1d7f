"""Couplets: form and rhyme checked by a reader with its own list of stresses."""

import math
import re
from itertools import pairwise

import pytest

from lessons.world import rhymes, tavi
from lessons.world.tape import Tape, enumerate_outcomes
from lessons.world.tasks import couplets

SPLITS = couplets.SPLITS
FORM = re.compile(
    r"(?:Write a couplet about|A rhyme about|Please write two lines on|Poem:|Write two lines about"
    r"|Please write a rhyme on) ((?:the|a)? ?[a-z ]+?)(?:, rhyming on (\w+))?[.:]"
)
ROWS = rhymes.RHYMES


def syllables(word: str) -> int:
    """Counted by groups of vowels, a silent e at the end left out."""
    if word in ("every",):
        return 2
    stem = word[:-1] if re.search(r"[^aeioul]e$|[aeiou]le$", word) else word
    stem = re.sub(r"(?<=[^aeiouysxz])es$|(?<=[vmkd])es$", "s", stem)
    stem = re.sub("^(.*[aeiou].*)ely$", r"\1ly", stem)
    groups = re.findall("[aeiouy]+", stem)
    return max(1, len(groups) + len(re.findall("ia|io", stem)))


def check(prompt: str, answer: str) -> tuple[str, str]:
    """Asserts all that a couplet needs; returns its subject and the word at its first end."""
    match = FORM.fullmatch(prompt)
    assert match, prompt
    subject, wish = match[1], match[2]
    assert re.fullmatch(r"\n[A-Z][A-Za-z ]+,\n[A-Z][A-Za-z ]+\.", answer), answer
    first, second = (line.lower().strip(",.").split() for line in answer[1:].split("\n"))
    assert first[-1] != second[-1]
    assert [row for row in ROWS if first[-1] in row and second[-1] in row]
    words = {word for part in rhymes.SUBJECTS[subject] for word in part}
    assert words & set(first)
    assert words & set(second)
    assert wish in (None, first[-1])
    return subject, first[-1]


@pytest.fixture(scope="module")
def documents() -> list[str]:
    tape = Tape("test", "documents")
    return [couplets.document(tape) for _ in range(5000)]


def split_up(document: str) -> tuple[str, str]:
    prompt, answer = document.split("\n", 1)
    return prompt, f"\n{answer}"


def test_words_are_in_one_class_and_on_one_subject():
    words = [word for row in rhymes.RHYMES for word in row]
    own = [word for parts in rhymes.SUBJECTS.values() for part in parts for word in part]
    assert len(rhymes.RHYMES) == 24
    assert all(5 <= len(row) <= 8 for row in rhymes.RHYMES)
    assert len(rhymes.SUBJECTS) == 16
    assert len(words + own) == len(set(words + own))
    # A couplet must not write a noun-adjective pair that Tavi holds out.
    assert not {*rhymes.FILLERS["adjective"]} & {*tavi.ADJECTIVE_WORDS}


def test_stresses_agree_with_the_number_of_vowels():
    odd = {"beyond"}  # its y is no vowel
    counted = {word: syllables(word) for word in rhymes.SHAPES if word not in odd}
    differ = [w for w, n in counted.items() if n != len(rhymes.SHAPES[w])]
    assert not differ


def test_lines_are_told_apart():
    assert rhymes.is_pentameter("the silver wave is singing to the moon".split())
    assert not rhymes.is_pentameter("the silver wave is singing to moon".split())
    assert not rhymes.is_pentameter("silver the wave is singing to the moon".split())
    assert not rhymes.is_pentameter("the silver wave is blubbing to the moon".split())
    assert rhymes.rhymes("moon", "tune")
    assert not rhymes.rhymes("moon", "moon")
    assert not rhymes.rhymes("moon", "stone")
    assert not rhymes.rhymes("wave", "cave")


def test_equal_tapes_give_equal_documents():
    one, other = (couplets.document(Tape("same", 3)) for _ in range(2))
    assert one == other != couplets.document(Tape("same", 4))


def test_documents_are_right(documents: list[str]):
    found = {check(*split_up(document)) for document in documents}
    assert not [pair for pair in found if couplets.ends_held_out(*pair)]
    possible = [(s, w) for s in rhymes.SUBJECTS for row in ROWS for w in row]
    held = [pair for pair in possible if couplets.ends_held_out(*pair)]
    assert 0.09 < len(held) / len(possible) < 0.16
    assert len(found) > 0.8 * len(possible)


def test_hardly_any_couplet_comes_twice(documents: list[str]):
    verses = [document.split("\n", 1)[1] for document in documents]
    assert len(set(verses)) == len(verses)


def test_there_are_a_hundred_million_couplets():
    """Distinct texts of two lines on one subject: patterns never yield the same line."""
    things, actors = rhymes.SUBJECTS["winter"]

    def lines(patterns: tuple[str, ...]) -> int:
        total = 0
        for pattern in patterns:
            slots = re.findall(r"{(\w+)}", pattern)
            sizes = {"thing": len(things), "actor": len(actors), "rhyme": 1}
            sizes |= {"other_thing": len(things) - 1, "other_actor": len(actors) - 1}
            total += math.prod(sizes.get(s) or len(rhymes.FILLERS[s]) for s in slots)
        return total

    one, two = lines(rhymes.ANYWHERE), lines(rhymes.ANYWHERE + rhymes.SECOND)
    assert one * two > 1e8  # for each subject, and each pair of rhyming words


@pytest.mark.parametrize("split", SPLITS)
def test_answers_are_right_and_near_misses_wrong(split: str):
    items = couplets.items(Tape("items", split), 500, split)
    for item, other in pairwise(items):
        check(item.prompt, item.answer)
        right = couplets.is_correct
        assert right(item, item.answer)
        first, second = item.answer.strip().split("\n")
        end = second.rsplit(" ", 1)
        wrong = [
            "", first, f"{first}\n{first}", f"{item.answer}\n{first}",
            f"{first}\n{end[0]} {first.split()[-1]}",  # the same word twice
            f"{first}\n{end[0]} table.", f"{first}\n{second.replace('.', ' the.')}",
            f"{first}\nThe table {second}", f"{first}\n{' '.join(second.split()[1:])}",
        ]  # fmt: skip
        assert not [output for output in wrong if right(item, output)]
        if other.meta["subject"] != item.meta["subject"]:
            assert not right(item, other.answer)
            assert not right(item, f"{first}\n{other.answer.strip().splitlines()[1]}")


def test_the_word_asked_for_must_be_there():
    item = couplets.items(Tape("wish"), 1)[0]
    assert item.meta["word"]
    free = couplets.Item("p", "", meta=item.meta | {"word": ""})
    elsewhere = couplets.items(Tape("elsewhere"), 500, "free")
    for other in elsewhere:
        if other.meta["subject"] == item.meta["subject"]:
            assert couplets.is_correct(free, other.answer)
            ends = [line[-1] for line in couplets.lines(other.answer)]
            assert couplets.is_correct(item, other.answer) == (item.meta["word"] in ends)


@pytest.mark.parametrize("split", ["test", "wording"])
def test_held_out_strings_are_in_no_document(documents: list[str], split: str):
    text = "\n".join(documents)
    items = couplets.items(Tape("absent", split), 500, split)
    assert all(item.absent for item in items)
    assert len({item.prompt for item in items}) > 250
    strings = {string for item in items for string in item.absent}
    assert not [string for string in strings if string in text]
    assert all(any(string in item.prompt for string in item.absent) for item in items)


def test_items_ask_as_documents_do(documents: list[str]):
    def shape(prompt: str) -> str:
        match = FORM.fullmatch(prompt)
        assert match
        return prompt.replace(match[1], "S").replace(f" {match[2]}", " W")

    shapes = {shape(split_up(document)[0]) for document in documents}
    for split in ("test", "free", "train"):
        items = couplets.items(Tape("shapes", split), 500, split)
        assert {shape(item.prompt) for item in items} <= shapes
    new = couplets.items(Tape("shapes"), 500, "wording")
    assert not {shape(item.prompt) for item in new} & shapes


def test_baselines_are_low():
    items = couplets.items(Tape("baselines"), 300)
    assert couplets.baselines(items).keys() == {"trigrams"}
    assert max(couplets.baselines(items).values()) < 0.05


def test_unknown_split():
    with pytest.raises(ValueError, match="split"):
        couplets.items(Tape("x"), 1, "best")


def test_bits():
    tape = Tape("bits")
    couplets.document(tape)
    assert 30 < tape.bits < 70
    patterns = ("the {actor} and the {other_actor} {love} the {rhyme}",)
    outcomes = [*enumerate_outcomes(lambda tape: couplets._line(tape, patterns, "winter", "moon"))]
    assert len({line for line, _ in outcomes}) == 4 * 3 * 8
    assert sum(2**-bits for _, bits in outcomes) == pytest.approx(1)
