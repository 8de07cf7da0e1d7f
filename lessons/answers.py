"""How a check says that an answer is not right, and how it describes what came instead."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from typing import Any, NoReturn

import torch

LONGEST_LINE = 200


class NotRight(Exception):
    """An attempt is not right: what was expected, what came, and one thing to think about.

    `came` is shown as it is when it is text, and described otherwise.
    """

    def __init__(self, *, expected: str, came: object, think: str) -> None:
        super().__init__(expected, came, think)
        self.expected = expected
        self.came = came if isinstance(came, str) else describe(came)
        self.think = think


def describe(value: object) -> str:
    """One short line that tells what a value is; for tensors shape and type come first."""
    if isinstance(value, torch.Tensor):
        kind = f"tensor of shape {tuple(value.shape)}, {str(value.dtype).removeprefix('torch.')}"
        return f"{kind}: {_short(value.tolist())}" if value.numel() <= 6 else kind
    if isinstance(value, str | int | float | bool | None):
        return _short(value)
    return f"{_short(value)} ({type(value).__name__})"


def expect(condition: object, *, expected: str, came: object, think: str) -> None:
    """Raise NotRight unless `condition` is true."""
    if not condition:
        raise NotRight(expected=expected, came=came, think=think)


def expect_close(
    came: object, expected: Any, *, what: str, think: str, tolerance: float = 1e-5
) -> None:
    """Raise NotRight unless `came` has the shape and, within `tolerance`, the values of `expected`.

    Both are numbers, nested lists or tensors; the tolerance is relative and absolute.
    """

    def refuse(wanted: str, got: str) -> NoReturn:
        raise NotRight(expected=f"{what} {wanted}", came=got, think=think)

    want = torch.as_tensor(expected).detach().to(torch.float64)
    kind = f"a tensor of shape {tuple(want.shape)}" if want.ndim else "a number"
    try:
        got = torch.as_tensor(came).detach().cpu().to(torch.float64)
    except (TypeError, ValueError, RuntimeError):
        refuse(f"to be {kind}", describe(came))
    if got.shape != want.shape:
        refuse(f"to be {kind}", describe(came))
    wrong = ~torch.isclose(got, want, rtol=tolerance, atol=tolerance, equal_nan=True)
    if wrong.any():
        at = tuple(int(i) for i in wrong.nonzero()[0])
        place = f" at {list(at)}" if at else ""
        refuse(f"to be {float(want[at]):.6g}{place}", f"{float(got[at]):.6g}{place}")


def refuse_known(
    came: object,
    mistakes: Iterable[tuple[torch.Tensor, str, str]],
    expected: str,
    right: torch.Tensor | None = None,
) -> None:
    """Raise NotRight if `came` is one of the mistakes: (its value, what it is, what to think of).

    Other answers pass: check them afterwards. A mistake that happens to equal `right` is none.
    """
    if isinstance(came, int | float):
        came = torch.tensor(float(came))
    if not isinstance(came, torch.Tensor):
        return

    def same(one: torch.Tensor, other: torch.Tensor) -> bool:
        if one.shape != other.shape:
            return False
        return torch.allclose(one.detach().double(), other.detach().double(), atol=1e-6)

    for value, what, think in mistakes:
        if same(came, value) and (right is None or not same(right, value)):
            raise NotRight(expected=expected, came=what, think=think)


def one_line(text: str, longest: int = LONGEST_LINE) -> str:
    """`text` on one line, cut to `longest` characters, without characters that cannot be shown."""
    text = "".join(c if c.isprintable() else " " for c in text[: 4 * longest]).strip()
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _short(value: object) -> str:
    shortener = reprlib.Repr()
    shortener.maxother, shortener.maxstring, shortener.maxlong = LONGEST_LINE, LONGEST_LINE // 2, 60
    return one_line(shortener.repr(value))
