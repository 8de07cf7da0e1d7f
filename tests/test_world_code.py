"""The small Python of Fernhollow against Python itself, and what it refuses."""

from __future__ import annotations

import pytest

from lessons.world.code import run, same_behaviour, shows_held_out_sum, sum_pair
from lessons.world.plan import sum_held_out

PROGRAMS = (
    "a = 3\nb = a + 4 - 1\nprint(b)\nprint(a - b)",
    "x = 9\nif x < 9:\n    x = x + 1\nelse:\n    x = x - 5\nprint(x)",
    "x = 2\nfor i in range(4):\n    if i > x:\n        x = x + i\nprint(x)",
    "print(0)",
    "a = 1\nfor i in range(a - 1):\n    a = 9\nprint(a)",
)
WRONG = (
    "print(a)",
    "pritn(1)",
    "a = 2 * 3\nprint(a)",
    "a += 1",
    "a = True",
    "a = 1.5",
    "a = 'x'",
    "print(1, 2)",
    "print(1, end=2)",
    "print()",
    "if 1:\n    print(1)",
    "if 1 == 1:\n    print(1)",
    "if 1 < 2 < 3:\n    print(1)",
    "a = b = 1",
    "while 1 < 2:\n    a = 1",
    "import os",
    "__import__('os')",
    "print(print(1))",
    "for i in 5:\n    print(i)",
    "for i in range(1, 5):\n    print(i)",
    "for i in range(1000):\n    print(i)",
    "for i in range(2):\n    print(i)\nelse:\n    print(9)",
    "a = 999999999",
    "a = 1\nfor i in range(400):\n    a = a + a",
    "a = " + "9" * 590,
    "a = " + "-" * 590 + "1",
    "a = " + "(" * 590,
    "a = 1" + " + 1" * 148,
    "a = 1\n" * 1000,
    "if 1 < 2:\nprint(1)",
    "a = '\\d'",
    "a = 1if 2 else 3",
    "\0",
    "\ud800",
    "print(1",
)


@pytest.mark.parametrize("source", PROGRAMS)
def test_it_prints_what_python_prints(source: str) -> None:
    printed: list[int] = []
    exec(source, {"__builtins__": {"print": printed.append, "range": range}})
    assert run(source).printed == printed


@pytest.mark.parametrize("source", [*WRONG, "print(1)\n" + "a"])
def test_it_refuses_all_else_with_a_value_error(source: str) -> None:
    if source == "a = 1" + " + 1" * 148:  # deep, but right: either is fine, a crash is not
        assert run(source).printed == []
        return
    with pytest.raises(ValueError, match=r"."):
        run(source)


def test_it_records_each_sum() -> None:
    done = run("a = 40\nfor i in range(2):\n    a = a - 15\nprint(a + 1)")
    assert done.values == {"a": 10}
    assert done.operations == [("-", 40, 15), ("-", 25, 15), ("+", 10, 1)]
    assert sum_pair("-", 40, 15) == (15, 25)
    assert sum_pair("-", 15, 40) == (15, 25)
    held_out = next((x, y) for x in range(10, 99) for y in range(10, 99) if sum_held_out(x, y))
    x, y = held_out
    for program in (f"print({x} + {y})", f"print({x + y} - {x})", f"print({x} - {x + y})"):
        assert shows_held_out_sum(run(program))
    assert not shows_held_out_sum(run(f"a = {x}\nb = {y}\nprint(a + 9)"))


def test_same_behaviour_looks_at_branches_not_taken() -> None:
    def printed(source: str) -> list[int]:
        return run(source).printed

    right = "a = 3\nif a > 7:\n    a = a + 5\nelse:\n    a = a - 2\nprint(a)"
    for other, same in {
        right: True,
        right.replace("a + 5", "5 + a"): True,
        right.replace("a + 5", "a + 4"): False,
        right.replace("a + 5", "a - 5"): False,
        right.replace("a > 7", "a < 7"): False,
        right.replace("a > 7", "7 < a"): True,
        right.replace("5", "6"): False,
        right.replace("a - 2", "1"): False,
        "print(1)": False,
        right.replace("print(a)", "print(a"): False,
    }.items():
        assert same_behaviour(right, other, printed, printed) == same, other
    equal = "a = 6\nb = 1\nif b > 6:\n    b = b + 6\nelse:\n    b = b + a\nprint(b)"
    assert same_behaviour(equal, equal, printed, printed)
    assert not same_behaviour(equal, equal.replace(">", "<"), printed, printed)
