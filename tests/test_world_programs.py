"""The family of programs against Python itself."""

from __future__ import annotations

import math
import re

import pytest

from lessons.world.code import sum_pair
from lessons.world.plan import held_out, sum_held_out
from lessons.world.tape import Tape, enumerate_outcomes
from lessons.world.tasks import programs

PROGRAM = re.compile(r"(?:^|(?<=\n))[a-z] = \d+\n(?:.*\n)*?print\(.*\)(?=\n)")


class Number(int):
    """A whole number that notes what is added to it and taken from it."""

    pairs: list[tuple[int, int]]

    def __add__(self, other: int) -> Number:
        self.pairs.append((int(self), int(other)))
        return Number(int(self) + other)

    def __sub__(self, other: int) -> Number:
        self.pairs.append((int(other), int(self) - int(other)))
        return Number(int(self) - other)


def executed(source: str) -> tuple[list[int], list[tuple[int, int]]]:
    """What Python prints, and the pairs of numbers that add up on the way."""
    Number.pairs, printed = [], []
    known = {"N": Number, "range": range, "print": printed.append}
    exec(re.sub(r"\b(\d+)\b", r"N(\1)", source), {"__builtins__": {}} | known)
    return [int(number) for number in printed], Number.pairs


def traced(source: str) -> str:
    """Every assignment as Python makes it, a line for each."""
    said: list[str] = []
    telling = re.sub(r"^( *)(\w) = (.*)$", r"\1\2 = \3; say('\2', \2)", source, flags=re.M)
    known = {"range": range, "print": str, "say": lambda x, v: said.append(f"\n{x} = {v}")}
    exec(telling, {"__builtins__": {}} | known)
    return "".join(said)


@pytest.fixture(scope="module")
def documents() -> list[str]:
    return [programs.document(Tape("programs", i)) for i in range(5000)]


def test_documents_are_right_and_show_nothing_held_out(documents: list[str]) -> None:
    assert documents[:50] == [programs.document(Tape("programs", i)) for i in range(50)]
    forms = {"tiny": 0, "steps": 0, "plain": 0}
    both_large = False
    for document in documents:
        assert len(document) < 250
        parts = document.split("\n\n")
        forms["tiny" if len(parts) == 3 else "steps" if "Steps:" in document else "plain"] += 1
        for part in parts:
            source = PROGRAM.search(part)
            assert source, part
            assert not held_out("program", source[0])
            (printed,), pairs = executed(source[0])
            assert part.endswith(f" {printed}")
            assert all(0 <= x + y <= 60 and y >= 0 for x, y in pairs)
            assert not any(sum_held_out(*pair) for pair in pairs)
            assert len(pairs) <= 4
            both_large |= any(min(pair) >= 10 for pair in pairs)
            if "Steps:" in part:
                told = part.split("Steps:")[1]
                assert told == traced(source[0]) + f"\nOutput: {printed}"
    assert both_large
    shares = {form: n / len(documents) for form, n in forms.items()}
    assert shares == pytest.approx(programs.FORMS, abs=0.03)


@pytest.mark.parametrize("split", [split for split in programs.SPLITS if split != "steps"])
def test_items_are_right_and_new(split: str, documents: list[str]) -> None:
    tape = Tape("items", split)
    made = programs.items(tape, 500, split)
    assert len(made) == 500
    assert math.isfinite(tape.bits)
    text = "\n".join(documents)
    for item in made:
        source = PROGRAM.search(item.prompt + item.answer)
        assert source
        (printed,), _ = executed(source[0])
        assert item.answer == f" {printed}"
        assert programs.is_correct(item, item.answer)
        for wrong in (printed + 1, printed - 1, f"{printed}0", f"{printed} 1", "", "x"):
            assert not programs.is_correct(item, f" {wrong}")
        assert held_out("program", source[0]) == bool(item.absent) == (split != "train")
        assert not any(absent in text for absent in item.absent)
    assert {item.meta["kind"] for item in made} == set(programs.KINDS)


def test_items_with_steps() -> None:
    for item in programs.items(Tape("steps"), 100, "steps"):
        (printed,) = executed(item.meta["program"])[0]
        assert item.prompt.endswith("Steps:")
        assert item.absent == (item.meta["program"],)
        assert programs.is_correct(item, item.answer)
        assert programs.is_correct(item, f"\nwrong\nOutput: {printed}")
        for wrong in (f" {printed + 1}", f"\nOutput: {printed + 1}", f"\nOutput: {printed} 1", ""):
            assert not programs.is_correct(item, wrong)


def test_kinds_and_branches_are_mixed() -> None:
    made = programs.items(Tape("mixed"), 500)
    for item in made:
        text, kind = item.meta["program"], item.meta["kind"]
        found = ("if " in text, "for " in text)
        expected = {"straight": (0, 0), "branch": (1, 0), "loop": (0, 1), "nested": (1, 1)}
        assert found == expected[kind]
    branches = [item.meta["program"] for item in made if item.meta["kind"] == "branch"]
    taken = [bool(executed(re.sub(r"\n    .*\nelse:\n    .*\nprint.*", "\n    print(1)", text))[0])
             for text in branches]  # fmt: skip
    assert 0.35 < sum(taken) / len(taken) < 0.65


def test_no_program_is_the_end_of_another() -> None:
    for item in programs.items(Tape("ends"), 300):
        with pytest.raises((NameError, IndentationError)):
            executed(item.meta["program"].split("\n", 1)[1])


def test_items_ask_as_documents_do(documents: list[str]) -> None:
    def form(text: str) -> str:
        text = re.sub(r"(?s)Steps:.*\n", "Steps:\n", PROGRAM.sub("P", text))
        return re.sub(r" \d+$", " 0", text.split("\n\n")[0])

    known = {form(document) for document in documents}
    for split in programs.SPLITS:
        forms = {form(i.prompt + i.answer) for i in programs.items(Tape("f"), 200, split)}
        if split == "wording":
            assert forms.isdisjoint(known)
        else:
            asked = programs.ASKED_STEPS if split == "steps" else programs.ASKED
            assert len(forms) == len(asked)
            assert forms < known


def test_baselines_are_far_below_the_target() -> None:
    scores = programs.baselines(programs.items(Tape("baselines of", 1), 300), n_train=300)
    assert len(scores) == 3
    assert max(scores.values()) < 0.2


def test_tape_counts_every_choice() -> None:
    outcomes = list(enumerate_outcomes(lambda tape: programs._change(tape, "x", "y")))
    assert sum(2**-bits for _, bits in outcomes) == pytest.approx(1)
    assert {text for text, _ in outcomes} >= {"x = x + y", "x = x - 9", "x = x + 1"}
    tape = Tape("bits")
    programs.document(tape)
    assert 0 < tape.bits < 60


def test_unknown_split() -> None:
    with pytest.raises(ValueError, match="split='new'"):
        programs.items(Tape("x"), 1, "new")


def test_scaffold_shows_how_each_value_comes_about() -> None:
    text = "x = 5\nn = 8\nif x > 7:\n    x = x + n\nelse:\n    x = x - 3\nprint(x + n)"
    assert programs.steps(text, worked=True) == "\nx = 5\nn = 8\n5 > 7: no\nx = 5-3=2\n2+8=10"
    assert programs.steps(text, worked=False) == "\nx = 5\nn = 8\nx = 2"
    shown = [programs.document(Tape("scaffold", i), scaffold=True) for i in range(2000)]
    steps = [document for document in shown if "Steps:" in document]
    assert len(steps) / len(shown) == pytest.approx(programs.FORMS_SCAFFOLD["steps"], abs=0.03)
    sums = [s for document in shown for s in re.findall(r"(\d+)([+-])(\d+)=(\d+)", document)]
    assert len(sums) > 1000
    for x, sign, y, result in sums:
        x, y = int(x), int(y)
        assert int(result) == (x + y if sign == "+" else x - y)
        assert not sum_held_out(*sum_pair(sign, x, y))
    for test, says in re.findall(r"\n(\d+ [<>] \d+): (yes|no)", "".join(shown)):
        x, sign, y = test.split()
        assert (int(x) < int(y) if sign == "<" else int(x) > int(y)) == (says == "yes")
