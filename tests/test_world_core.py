"""The core of Fernhollow: the tape, the language, the truth, what is held out, the baselines."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from scipy.stats import chi2_contingency, chisquare

from lessons.world import language, plan, truth
from lessons.world.tape import Tape, enumerate_outcomes
from lessons.world.tasks.base import Item, same, simple_baselines

# --- the tape ---


def small_family(tape: Tape) -> tuple[object, ...]:
    """Every kind of choice, each path to another outcome."""
    first = tape.choice("abc")
    return (
        first,
        tape.integer(3, 4),
        tape.weighted("xyz", [1, 0, 3]),
        tape.chance(0.25),
        *(tape.sample([1, 2, 3], 2) if first == "a" else tape.shuffled([1, 2, 3])),
    )


def test_bits_are_those_of_the_enumeration() -> None:
    bits = dict(enumerate_outcomes(small_family))
    assert len(bits) == 2 * 2 * 2 * (6 + 6 + 6)  # y is never chosen
    assert sum(2**-b for b in bits.values()) == pytest.approx(1)
    tape = Tape("start")
    for seed in range(300):
        tape = Tape("bits", seed)
        assert bits[small_family(tape)] == pytest.approx(tape.bits)
    before = tape.bits
    small_family(tape)
    assert tape.bits > before  # they add up


def test_outcomes_come_as_often_as_their_bits_say() -> None:
    bits = dict(enumerate_outcomes(small_family))
    tape, n = Tape("often"), 20_000
    counts = Counter(small_family(tape) for _ in range(n))
    expected = [n * 2**-b for b in bits.values()]
    assert chisquare([counts[outcome] for outcome in bits], expected).pvalue > 1e-4


def test_until_counts_the_last_try_only() -> None:
    def even(tape: Tape) -> tuple[str, int]:
        return tape.choice("ab"), tape.until(lambda: tape.index(10), lambda n: n % 2 == 0)

    seen = set()
    for seed in range(200):
        tape = Tape("until", seed)
        seen.add(even(tape))
        assert tape.bits == pytest.approx(1 + math.log2(10))
    assert seen == {(letter, n) for letter in "ab" for n in (0, 2, 4, 6, 8)}
    listed = dict(enumerate_outcomes(even))
    assert listed.keys() == seen
    assert sum(2**-b for b in listed.values()) == pytest.approx(0.5)  # the share accepted
    with pytest.raises(RuntimeError, match="7 tries"):
        tape.until(lambda: tape.index(10), lambda n: n > 9, tries=7)


def test_certain_choices_have_no_bits() -> None:
    tape = Tape("certain")
    assert tape.choice(["only"]) == "only"
    assert tape.weighted("ab", [0, 5]) == "b"
    assert [tape.chance(1), tape.chance(0)] == [True, False]
    assert tape.bits == 0


def test_dirichlet_is_even_over_the_simplex_and_adds_no_bits() -> None:
    tape, n = Tape("dirichlet"), 4000
    drawn = [tape.dirichlet(3) for _ in range(n)]
    assert tape.bits == 0
    assert all(sum(p) == pytest.approx(1) and min(p) > 0 for p in drawn)
    # Beta(1, 2) for each part: mean 1/3, mean square 1/6, variance 1/18.
    for at in range(3):
        assert sum(p[at] for p in drawn) / n == pytest.approx(1 / 3, abs=4 * (1 / 18 / n) ** 0.5)
        assert sum(p[at] ** 2 for p in drawn) / n == pytest.approx(1 / 6, abs=0.012)
    with pytest.raises(ValueError, match="too many outcomes"):
        list(enumerate_outcomes(lambda tape: tape.dirichlet(2)))


def test_equal_keys_give_equal_choices_in_every_process() -> None:
    code = (
        "from lessons.world.tape import Tape\n"
        "t = Tape('key', 3)\n"
        "print([t.index(1000) for _ in range(5)], t.chance(.3), t.shuffled('abc'), t.dirichlet(2))"
    )
    out = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parents[1],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    tape = Tape("key", 3)
    numbers = [tape.index(1000) for _ in range(5)]
    assert out == {f"{numbers} {tape.chance(0.3)} {tape.shuffled('abc')} {tape.dirichlet(2)}\n"}
    assert numbers == [277, 618, 58, 490, 107]  # and on every machine


def test_other_keys_give_other_choices() -> None:
    keys = [("a",), ("b",), ("a", 1), ("a", 11), ("a", 1, 1), ("a1",)]
    drawn = {tuple(Tape(*key).index(10**6) for _ in range(3)) for key in keys}
    assert len(drawn) == len(keys)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda tape: tape.index(0),
        lambda tape: tape.choice([]),
        lambda tape: tape.integer(3, 2),
        lambda tape: tape.weighted("ab", [1]),
        lambda tape: tape.weighted("ab", [2, -1]),
        lambda tape: tape.weighted("ab", [0, 0]),
        lambda tape: tape.weighted("", []),
        lambda tape: tape.chance(1.5),
        lambda tape: tape.chance(-0.1),
        lambda tape: tape.sample("abc", 4),
    ],
)
def test_impossible_choices_are_refused(wrong: Callable[[Tape], object]) -> None:
    with pytest.raises(ValueError, match=r"choose|need|take"):
        wrong(Tape("wrong"))


# --- language ---


@pytest.mark.parametrize(
    ("noun", "nouns"),
    [
        ("cat", "cats"), ("box", "boxes"), ("bush", "bushes"), ("church", "churches"),
        ("glass", "glasses"), ("city", "cities"), ("boy", "boys"), ("knife", "knives"),
        ("wolf", "wolves"), ("roof", "roofs"), ("chief", "chiefs"), ("cliff", "cliffs"),
        ("goose", "geese"), ("child", "children"), ("sheep", "sheep"), ("mouse", "mice"),
    ],
)  # fmt: skip
def test_plural(noun: str, nouns: str) -> None:
    assert language.plural(noun) == nouns


def test_articles_lists_and_capitals() -> None:
    assert [language.article(noun) for noun in ("owl", "cow")] == ["an owl", "a cow"]
    assert language.joined(["a"]) == "a"
    assert language.joined(["a", "b"]) == "a and b"
    assert language.joined(["a", "b", "c"]) == "a, b and c"
    assert language.capital("the Swan. it") == "The Swan. it"
    assert language.capital("") == ""


def test_names_are_distinct_and_none_is_part_of_another() -> None:
    surnames, first = language.SURNAMES, language.FIRST_NAMES
    assert len(set(surnames)) == len(surnames) == 4096
    assert len(set(first)) == len(first) == 64
    assert len(language.SHE_NAMES) == len(language.HE_NAMES) == 32
    for names in (surnames, first):
        known = set(names)
        for name in names:
            inside = {name[i:j] for i, j in itertools.combinations(range(len(name) + 1), 2)}
            assert inside & known == {name}
    assert not {*surnames} & {*first}
    words = {value for values in truth.ATTRIBUTES.values() for value in values}
    assert not words & {*surnames, *first}


def test_pronouns_follow_from_first_names() -> None:
    assert {language.pronoun(name) for name in language.SHE_NAMES} == {"she"}
    assert {language.pronoun(name) for name in language.HE_NAMES} == {"he"}


# --- the truth ---


def test_people_and_blocks() -> None:
    people = truth.people()
    assert len(people) == 2000
    assert Counter(person.block for person in people) == truth.BLOCKS
    assert len({person.name.split()[1] for person in people}) == 2000
    assert [person.number for person in people] == [*range(2000)]
    for person in people:
        first, surname = person.name.split()
        assert first == person.first_name
        assert surname in language.SURNAMES
        assert person.pronoun == language.pronoun(first)
        assert all(person.value(a) in values for a, values in truth.ATTRIBUTES.items())
    with pytest.raises(ValueError, match="'height'"):
        people[0].value("height")


def test_attributes_carry_27_bits() -> None:
    assert sum(math.log2(len(set(values))) for values in truth.ATTRIBUTES.values()) == 27
    every = [value for values in truth.ATTRIBUTES.values() for value in values]
    assert len(set(every)) == len(every)  # a value tells its attribute


def test_attributes_blocks_and_pronouns_are_independent_and_even() -> None:
    """Within counting error: no p-value below 1 in 1,000 times the number of tests."""
    columns = {a: [person.value(a) for person in truth.people()] for a in truth.ATTRIBUTES}
    for attribute, column in columns.items():
        counts = Counter(column)
        values = truth.ATTRIBUTES[attribute]
        assert chisquare([counts[value] for value in values]).pvalue > 1e-3 / 30
    columns["block"] = [person.block for person in truth.people()]
    columns["pronoun"] = [person.pronoun for person in truth.people()]
    for one, other in itertools.combinations(columns.values(), 2):
        pairs = Counter(zip(one, other, strict=True))
        table = [[pairs[a, b] for b in sorted(set(other))] for a in sorted(set(one))]
        assert chi2_contingency(table).pvalue > 1e-3 / 30


def test_numbers_tell_nothing_of_blocks() -> None:
    """Blocks are drawn at random, not cut from the list in its order."""
    half = Counter((person.block, person.number < 1000) for person in truth.people())
    assert (
        chi2_contingency([[half[b, h] for h in (True, False)] for b in truth.BLOCKS]).pvalue > 1e-3
    )


def test_pairs() -> None:
    pairs = truth.pairs()
    assert Counter(pair.told for pair in pairs) == dict.fromkeys(
        ("forward", "backward", "both"), 200
    )
    assert len({pair.title for pair in pairs}) == len({pair.author for pair in pairs}) == 600
    surnames = {pair.author.split()[1] for pair in pairs}
    assert len(surnames) == 600
    assert not surnames & {person.name.split()[1] for person in truth.people()}


def test_strangers_are_nobody() -> None:
    taken = {person.name.split()[1] for person in truth.people()}
    taken |= {pair.author.split()[1] for pair in truth.pairs()}
    assert {*truth.strangers()} == {*language.SURNAMES} - taken
    assert len(truth.strangers()) == 1496
    for seed in range(500):
        first, surname = truth.invented_name(Tape("stranger", seed)).split()
        assert first in language.FIRST_NAMES
        assert surname not in taken


def test_trades() -> None:
    trades = truth.trades()
    assert len({trade.job for trade in trades}) == 20
    assert Counter(trade.she for trade in trades) == dict.fromkeys(truth.SHE_SHARES, 4)
    others = {*truth.ATTRIBUTES["job"], *(craft.worker for craft in truth.CRAFTS)}
    assert not {trade.job for trade in trades} & others


def test_shops() -> None:
    shops = truth.shops()
    for column in ("name", "sells", "town"):
        assert len({getattr(shop, column) for shop in shops}) == 24
    assert {shop.town for shop in shops} <= {*truth.ATTRIBUTES["town"]}


@pytest.mark.parametrize("rows", [truth.CRAFTS, truth.ANIMALS])
def test_grids_have_no_word_twice(rows: tuple[object, ...]) -> None:
    words = [word for row in truth.table(rows) for word in row.values()]
    assert len(rows) == 16
    assert len(set(words)) == len(words)


def test_people_never_change() -> None:
    """What models have learnt stays true."""
    rows = [truth.table(made) for made in (truth.people(), truth.pairs())]
    rows += [truth.table(made) for made in (truth.trades(), truth.shops())]
    digests = [hashlib.sha256(json.dumps(row).encode()).hexdigest()[:16] for row in rows]
    assert digests == [
        "513c574792014ab2",
        "59a1688ade33a392",
        "78008a4292bbaefc",
        "3e9100eeb5b5931a",
    ]


def test_tables_can_be_filtered() -> None:
    people = truth.people()
    found = truth.where(people, town="Oakham", pet="cat")
    assert found == [p for p in people if p.town == "Oakham" and p.pet == "cat"]
    assert found
    assert truth.table(found)[0]["name"] == found[0].name
    assert truth.where([], town="Oakham") == []
    with pytest.raises(ValueError, match="'height'"):
        truth.where(people, height=3)


# --- what is held out ---


@pytest.mark.parametrize("kind", plan.HELD_OUT)
def test_the_share_held_out_is_as_planned(kind: str) -> None:
    n, share = 20_000, 1 / plan.HELD_OUT[kind]
    held = sum(plan.held_out(kind, f"key {i}") for i in range(n))
    assert held == pytest.approx(n * share, abs=4 * math.sqrt(n * share * (1 - share)))


def test_kinds_draw_different_lines() -> None:
    kinds = list(plan.HELD_OUT)
    lines = [[plan.held_out(kind, f"key {i}") for i in range(400)] for kind in kinds]
    assert len({tuple(line) for line in lines}) == len(kinds)
    with pytest.raises(KeyError):
        plan.held_out("recipe", "soup")


def test_sums_are_held_out_in_both_orders_and_never_with_one_digit() -> None:
    two = range(10, 100)
    assert all(plan.sum_held_out(x, y) == plan.sum_held_out(y, x) for x in two for y in two)
    assert not any(plan.sum_held_out(x, y) for x in range(10) for y in range(1000))
    assert not any(plan.sum_held_out(y, x) for x in range(10) for y in range(1000))
    pairs = [*itertools.combinations_with_replacement(two, 2)]
    n, share = len(pairs), 1 / plan.HELD_OUT["sum"]
    held = sum(plan.sum_held_out(x, y) for x, y in pairs)
    assert held == pytest.approx(n * share, abs=4 * math.sqrt(n * share * (1 - share)))


# --- the baselines ---


def test_baselines_where_a_word_tells_the_answer() -> None:
    def item(i: int, yes: bool) -> Item:
        return Item(f"number {i} is {'round' if yes else 'square'} :", " yes" if yes else " no")

    train = [item(i, i % 10 < 6) for i in range(400)]  # 60 % yes
    items = [item(1000 + i, i % 4 == 0) for i in range(100)]  # 25 % yes
    scores = simple_baselines(items, train, same)
    assert scores["constant"] == 0.25  # "yes" is most common in training
    assert scores["bag of words"] == 1
    assert scores["nearest document"] == 1


def test_baselines_where_the_order_of_words_tells_the_answer() -> None:
    animals = [f"animal{i}" for i in range(12)]
    pairs = [*itertools.permutations(animals, 2)]

    def item(one: str, two: str) -> Item:
        return Item(f"{one} before {two}", f" {'up' if one < two else 'down'}")

    train = [item(*pair) for pair in pairs]
    scores = simple_baselines(train, train, same)
    assert scores["constant"] == 0.5
    assert scores["bag of words"] == 0.5  # both orders have the same words
    assert scores["nearest document"] == 1  # it has read them


def test_baselines_where_all_answers_are_alike() -> None:
    items = [Item(f"{i} ?", " same") for i in range(20)]
    assert simple_baselines(items, items, same) == {"constant": 1, "nearest document": 1}


def test_baselines_ask_the_scorer() -> None:
    """They are scored by the family's own scorer, not by comparing texts."""
    items = [Item(f"{i} ?", " 12" if i % 2 else " 012") for i in range(20)]
    scores = simple_baselines(items, items, lambda item, output: int(output) == 12)
    assert set(scores.values()) == {1.0}
