"""Checks of lesson 07: temperature, top-p, and attention with a cache."""

from __future__ import annotations

import math
from typing import Any

import torch

from lessons.exercises import (
    NotRight,
    Wrong,
    check,
    exercise,
    expect,
    expect_close,
    hidden,
    refuse_known,
)

__all__ = ["check"]


@exercise(
    "with_temperature",
    hint="Divide the logits before the softmax. What shall happen at temperature 0?",
    wrong=[
        Wrong(
            """
def with_temperature(logits, temperature):
    return logits.softmax(dim=-1) / temperature
""",
            "after the softmax",
        ),
        Wrong(
            """
def with_temperature(logits, temperature):
    return (logits * temperature).softmax(dim=-1)
""",
            "multiplied",
        ),
        Wrong(
            """
def with_temperature(logits, temperature):
    return (logits / temperature).softmax(dim=-1)
""",
            "temperature 0",
        ),
        Wrong(
            """
def with_temperature(logits, temperature):
    return (logits / max(temperature, 1.0)).softmax(dim=-1)
""",
            "below 1",
        ),
        Wrong(
            """
def with_temperature(logits, temperature):
    if temperature == 0:
        return logits.argmax()
    return (logits / temperature).softmax(dim=-1)
""",
            "One number is no distribution",
        ),
        Wrong(
            """
def with_temperature(logits, temperature):
    return (logits / (temperature + 1e-6)).softmax(dim=-1)
""",
            "as close as you like",
        ),
        Wrong(
            """
def with_temperature(logits, temperature):
    return (logits / max(temperature, 0.5)).softmax(dim=-1)
""",
            "a small temperature in place of 0",
        ),
    ],
)
def _with_temperature(attempt: Any) -> None:
    generator = hidden(7)
    logits = torch.randn(6, generator=generator, dtype=torch.float64) * 3
    for temperature in (1.0, 2.0, 0.5):
        right = (logits / temperature).softmax(-1)
        came = attempt(logits, temperature)
        if temperature != 1.0:
            mistakes = [
                (logits.softmax(-1) / temperature, "a division after the softmax",
                 "Do these numbers add up to 1?"),
                ((logits * temperature).softmax(-1), "logits multiplied, not divided",
                 "A high temperature shall make the probabilities more equal."),
            ]  # fmt: skip
            if temperature < 1:
                mistakes.append(
                    (logits.softmax(-1), "no change for temperatures below 1",
                     "Below 1 the likely becomes likelier.")
                )  # fmt: skip
            refuse_known(came, mistakes, f"softmax(logits / {temperature})")
        what = f"with_temperature(logits, {temperature})"
        expect_close(came, right, what=what, think="Divide first, softmax then.")
    came = _tensor(attempt(logits, 0.0))
    expect(
        not isinstance(came, torch.Tensor) or came.shape == logits.shape,
        expected=f"{len(logits)} probabilities at temperature 0, as at any other",
        came=came,
        think="One number is no distribution: which distribution says the same?",
    )
    expect(
        not isinstance(came, torch.Tensor)
        or not torch.isfinite(came).all()
        or came.max() > 0.999999,
        expected="probability 1 for the largest logit at temperature 0, and 0 for the others",
        came="nearly all for the largest: a small temperature in place of 0",
        think="Two logits may be as close as you like. Choose the largest itself.",
    )
    finite = isinstance(came, torch.Tensor) and bool(torch.isfinite(came).all())
    certain = torch.zeros_like(logits)
    certain[logits.argmax()] = 1
    expect(
        finite and torch.equal(came.double(), certain),
        expected="probability 1 for the largest logit at temperature 0, and 0 for the others",
        came=came,
        think="A division by 0 makes inf and nan: temperature 0 needs a line of its own.",
    )
    close = torch.tensor([1.0, 1.0 + 1e-9, 0.5], dtype=torch.float64)
    came = _tensor(attempt(close, 0.0))
    expect(
        isinstance(came, torch.Tensor) and came.tolist() == [0, 1, 0],
        expected="[0, 1, 0] at temperature 0 for [1, 1.000000001, 0.5]",
        came=came,
        think="A small temperature in place of 0? Two logits may be as close as you like.",
    )


def _tensor(value: Any) -> Any:
    """Lists and arrays of numbers as a tensor; anything else as it is."""
    try:
        return torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        return value


def _drawn() -> list[tuple[list[float], float]]:
    """Three distributions over seven tokens, and a p for each that no sum meets."""
    generator = hidden(7)
    cases = []
    for _ in range(3):
        values = (torch.randn(7, generator=generator, dtype=torch.float64) * 1.5).softmax(0)
        sums = values.sort(descending=True).values.cumsum(0)
        at = int(torch.randint(1, 5, (), generator=generator))
        cases.append((values.tolist(), float(sums[at] - 0.3 * (sums[at] - sums[at - 1]))))
    return cases


@exercise(
    "top_p",
    hint="Sort, add up, and find out how many are needed. Then put the zeros in the old order.",
    wrong=[
        Wrong(
            """
def top_p(probabilities, p):
    kept = torch.where(probabilities >= p, probabilities, 0.0)
    return kept / kept.sum()
""",
            "each one",
        ),
        Wrong(
            """
def top_p(probabilities, p):
    ordered, order = probabilities.sort(descending=True)
    keep = ordered.cumsum(-1) <= p
    out = torch.zeros_like(probabilities)
    out[order[keep]] = ordered[keep]
    return out / out.sum()
""",
            "reaches p",
        ),
        Wrong(
            """
def top_p(probabilities, p):
    ordered, order = probabilities.sort(descending=True)
    keep = ordered.cumsum(-1) - ordered < p
    out = torch.zeros_like(probabilities)
    out[order[keep]] = ordered[keep]
    return out
""",
            "do not add up",
        ),
        Wrong(
            """
def top_p(probabilities, p):
    ordered, order = probabilities.sort(descending=True)
    kept = torch.where(ordered.cumsum(-1) - ordered < p, ordered, 0.0)
    return kept / kept.sum()
""",
            "order",
        ),
        Wrong(
            """
def top_p(probabilities, p):
    ordered, order = probabilities.sort(descending=True)
    keep = ordered.cumsum(-1) - ordered <= p
    out = torch.zeros_like(probabilities)
    out[order[keep]] = ordered[keep]
    return out / out.sum()
""",
            "one token more",
        ),
        Wrong(
            """
def top_p(probabilities, p):
    ordered, order = probabilities.sort()
    keep = ordered.cumsum(-1) - ordered < p
    out = torch.zeros_like(probabilities)
    out[order[keep]] = ordered[keep]
    return out / out.sum()
""",
            "the least probable",
        ),
    ],
)
def _top_p(attempt: Any) -> None:
    """Fixed cases, and some drawn for whoever grades."""
    for values, p in (
        ([0.1, 0.5, 0.3, 0.1], 0.75),
        ([0.05, 0.9, 0.05], 0.5),
        ([0.25, 0.25, 0.3, 0.2], 1.0),
        ([0.2, 0.1, 0.4, 0.3], 0.65),
        ([0.25, 0.5, 0.125, 0.125], 0.75),  # exact in binary: the sum of two is exactly p
        *_drawn(),
    ):
        probabilities = torch.tensor(values, dtype=torch.float64)
        ordered, order = probabilities.sort(descending=True)
        keep = ordered.cumsum(-1) - ordered < p - 1e-12
        kept = torch.zeros_like(probabilities)
        kept[order[keep]] = ordered[keep]
        right = kept / kept.sum()
        came = attempt(probabilities.clone(), p)
        mistakes = []
        each = torch.where(probabilities >= p, probabilities, 0.0)
        if each.sum() > 0 and not torch.allclose(each / each.sum(), right):
            mistakes.append(
                (
                    each / each.sum(),
                    "each one compared with p by itself",
                    "p is for the sum of the most probable tokens.",
                )
            )
        least = torch.zeros_like(probabilities)
        upwards = ordered.flip(0)
        first = upwards.cumsum(-1) - upwards < p - 1e-12
        least[order.flip(0)[first]] = upwards[first]
        if not torch.allclose(least / least.sum(), right):
            mistakes.append(
                (
                    least / least.sum(),
                    "the least probable were kept",
                    "Which end of the order does sort begin with?",
                )
            )
        short = torch.zeros_like(probabilities)
        below = ordered.cumsum(-1) <= p
        short[order[below]] = ordered[below]
        if short.sum() > 0 and not torch.allclose(short / short.sum(), right):
            mistakes.append(
                (
                    short / short.sum(),
                    "without the token at which the sum reaches p",
                    "The smallest set that holds p: 0.5 and 0.3 for p = 0.75.",
                )
            )
        more = torch.zeros_like(probabilities)
        upto = ordered.cumsum(-1) - ordered <= p
        more[order[upto]] = ordered[upto]
        if not torch.allclose(more / more.sum(), right):
            mistakes.append(
                (
                    more / more.sum(),
                    "one token more than needed: the sum had reached p exactly",
                    "When the tokens so far hold p, is another one needed?",
                )
            )
        if kept.sum() < 1 - 1e-9:
            mistakes.append(
                (
                    kept,
                    "the right ones, which do not add up to 1",
                    "What must be done with the rest after some were dropped?",
                )
            )
        sorted_out = torch.where(keep, ordered, 0.0)
        if not torch.allclose(sorted_out / sorted_out.sum(), right):
            mistakes.append(
                (
                    sorted_out / sorted_out.sum(),
                    "sorted: not in the order of the ids",
                    "Number i of the result belongs to token i.",
                )
            )
        if isinstance(came, torch.Tensor) and not bool(torch.isfinite(came).all()):
            raise NotRight(
                expected=f"probabilities for {values}, p = {p}",
                came="numbers that are none: each one was compared with p, or nothing was kept",
                think="The most probable token always stays.",
            )
        expected = f"top_p({values}, {p}) to be {[round(v, 3) for v in right.tolist()]}"
        refuse_known(came, mistakes, expected)
        expect_close(came, right, what=f"top_p({values}, {p})", think="Sort, add up, cut, divide.")


@exercise(
    "attend_next",
    hint="Put the new key and value behind the kept ones; then one query meets all keys.",
    wrong=[
        Wrong(
            """
def attend_next(q, k, v, keys, values):
    return (q @ keys.T / math.sqrt(q.size(-1))).softmax(dim=-1) @ values, keys, values
""",
            "own key",
        ),
        Wrong(
            """
def attend_next(q, k, v, keys, values):
    keys, values = torch.cat([keys, k]), torch.cat([values, v])
    out = F.scaled_dot_product_attention(q[None], keys[None], values[None], is_causal=True)
    return out[0], keys, values
""",
            "sees the first key only",
        ),
        Wrong(
            """
def attend_next(q, k, v, keys, values):
    out = (q @ k.T / math.sqrt(q.size(-1))).softmax(dim=-1) @ v
    return out, torch.cat([keys, k]), torch.cat([values, v])
""",
            "itself only",
        ),
        Wrong(
            """
def attend_next(q, k, v, keys, values):
    all_keys, all_values = torch.cat([keys, k]), torch.cat([values, v])
    out = (q @ all_keys.T / math.sqrt(q.size(-1))).softmax(dim=-1) @ all_values
    return out, keys, values
""",
            "not kept",
        ),
        Wrong(
            """
def attend_next(q, k, v, keys, values):
    keys, values = torch.cat([k, keys]), torch.cat([v, values])
    out = (q @ keys.T / math.sqrt(q.size(-1))).softmax(dim=-1) @ values
    return out, keys, values
""",
            "in front",
        ),
        Wrong(
            """
def attend_next(q, k, v, keys, values):
    keys, values = torch.cat([keys, k]), torch.cat([values, v])
    return (q @ keys.T).softmax(dim=-1) @ values, keys, values
""",
            "divided by the root of D",
        ),
        Wrong(
            """
def attend_next(q, k, v, keys, values):
    keys, values = torch.cat([keys, k]), torch.cat([values, v])
    return (q @ keys.T / math.sqrt(q.size(-1))).softmax(dim=0) @ values, keys, values
""",
            "the wrong axis",
        ),
    ],
)
def _attend_next(attempt: Any) -> None:
    generator = hidden(7)
    q, k, v = torch.randn(3, 5, 4, generator=generator, dtype=torch.float64)
    scores = (q @ k.T / 2).masked_fill(torch.ones(5, 5, dtype=torch.bool).triu(1), -math.inf)
    whole = scores.softmax(-1) @ v
    for at in (2, 1, 3, 4, 0):
        row, keys, values = slice(at, at + 1), k[:at], v[:at]
        answer = attempt(q[row], k[row], v[row], keys, values)
        expect(
            isinstance(answer, tuple | list) and len(answer) == 3,
            expected="three tensors: the result, all keys, all values",
            came=answer,
            think="The caller hands the last two in again with the next token.",
        )
        came, new_keys, new_values = map(_tensor, answer)
        if at:
            without = (q[row] @ keys.T / 2).softmax(-1) @ values
            scores_now = q[row] @ k[: at + 1].T
            refuse_known(
                came,
                [
                    (scores_now.softmax(-1) @ v[: at + 1],
                     "scores that were not divided by the root of D",
                     "Lesson 04: what happens to the softmax of wide vectors?"),
                    (v[: at + 1].sum(0, keepdim=True),
                     "a softmax over the wrong axis: the weights are all 1",
                     "One query: its weights over all keys must add up to 1."),
                    (without, "a token that does not see its own key", "First append."),
                    (v[:1] if at > 1 else torch.empty(0), "a token that sees the first key only",
                     "is_causal counts from the first key. Is there a future to hide here?"),
                    (v[row], "a token that sees itself only",
                     "What are the kept keys for?"),
                ],
                f"row {at} of attention over the whole text",
            )  # fmt: skip
            front = torch.cat([k[row], keys])
            if isinstance(new_keys, torch.Tensor) and torch.equal(new_keys, front):
                raise NotRight(
                    expected="the new key behind the kept ones",
                    came="the new key in front of them",
                    think="Position i of the keys is token i of the text.",
                )
        expect(
            isinstance(new_keys, torch.Tensor)
            and new_keys.shape == (at + 1, 4)
            and isinstance(new_values, torch.Tensor)
            and new_values.shape == (at + 1, 4),
            expected=f"{at + 1} keys and values after token {at + 1}",
            came="keys or values that were not kept"
            if getattr(new_keys, "shape", None) == (at, 4)
            else new_keys,
            think="What does the next token need of this one?",
        )
        expect_close(came, whole[row], what=f"token {at + 1}", think="One query, all keys so far.")
        expect_close(new_keys, k[: at + 1], what="the keys", think="In the order of the text.")
        expect_close(new_values, v[: at + 1], what="the values", think="In the order of the text.")
