"""Checks of lesson 13: calibration error, Good and Turing's estimate, risk at a coverage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
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

Mistake = tuple[torch.Tensor, str, str]


def _number(value: float) -> torch.Tensor:
    return torch.tensor(float(value), dtype=torch.float64)


def _scalar(came: Any) -> Any:
    """A number of any type (numpy's, a tensor's) as one that `refuse_known` compares."""
    try:
        return _number(came)
    except (TypeError, ValueError, RuntimeError):
        return came


# Calibration error.


def _gaps(
    confidence: Sequence[float], right: Sequence[int], which: Callable[[float], float]
) -> list[tuple[int, float, float, float]]:
    """(answers, mean confidence, share right, first confidence) of each bin; `which` names it."""
    bins: dict[float, list[int]] = {}
    for at, value in enumerate(confidence):
        bins.setdefault(which(value), []).append(at)
    return [
        (
            len(inside),
            sum(confidence[i] for i in inside) / len(inside),
            sum(right[i] for i in inside) / len(inside),
            confidence[inside[0]],
        )
        for _, inside in sorted(bins.items())
    ]


def _tenth(value: float) -> float:
    return min(int(value * 10), 9)


def _error(found: Sequence[tuple[int, float, float, float]]) -> float:
    n = sum(each[0] for each in found)
    return sum(k * abs(mean - share) for k, mean, share, _ in found) / n


def _equal_counts(confidence: Sequence[float], right: Sequence[int]) -> float:
    order = sorted(range(len(right)), key=lambda i: confidence[i])
    cut = [order[len(order) * k // 10 : len(order) * (k + 1) // 10] for k in range(10)]
    place = {i: k for k, inside in enumerate(cut) for i in inside}
    names = iter(place[i] for i in range(len(right)))
    return _error(_gaps(confidence, right, lambda _: next(names)))


def _calibration_mistakes(confidence: Sequence[float], right: Sequence[int]) -> list[Mistake]:
    """What known mistakes return for these answers."""
    n, found = len(right), _gaps(confidence, right, _tenth)
    signed = (sum(confidence) - sum(right)) / n
    below = [at for at, value in enumerate(confidence) if value < 1]
    last = _gaps([confidence[at] for at in below], [right[at] for at in below], _tenth)
    return [
        (_number(value), came, think)
        for value, came, think in (
            *((value, "differences that cancel out",
               "Too sure and not sure enough must not cancel: a difference for each bin, without "
               "its sign.") for value in (signed, -signed)),
            (sum(abs(m - s) for _, m, s, _ in found) / len(found),
             "the mean over bins, in which a bin of two answers counts as much as one of fifty",
             "Weigh each bin by its answers."),
            (sum(abs(m - s) for _, m, s, _ in found) / 10,
             "the sum of the differences, divided by 10",
             "Empty bins have no difference; and how much does each of the others count?"),
            (sum(abs(m - s) for _, m, s, _ in found), "the sum of the differences, unweighted",
             "Weigh each bin by its share of the answers."),
            (100 * _error(found), "percent", "Give a number from 0 to 1."),
            (n * _error(found), "a sum over the answers", "Divide by the number of answers."),
            (sum(k * (m - s) ** 2 for k, m, s, _ in found) / n, "squared differences",
             "The difference without its sign, not its square."),
            (_error(_gaps(sorted(confidence), right, _tenth)),
             "confidences sorted, and `right` left as it was",
             "`right` must stay with its confidence."),
            (sum(abs(c - r) for c, r in zip(confidence, right, strict=True)) / n,
             "the distance of each single answer from 0 or 1",
             "First average within the bin (a tenth, not each different confidence), confidence "
             "and right apart; then take the difference."),
            (sum((c - r) ** 2 for c, r in zip(confidence, right, strict=True)) / n,
             "the mean squared distance of single answers (Brier's score)",
             "First average within the bin, confidence and right apart; then take the difference."),
            (sum(k * abs(((_tenth(m) + 0.5) / 10) - s) for k, m, s, _ in found) / n,
             "the middle of each bin in place of a mean",
             "Take the mean confidence of the answers in the bin, not the middle of the bin."),
            (sum(k * abs(first - s) for k, _, s, first in found) / n,
             "one confidence for the whole bin", "Take the mean over all answers in the bin."),
            (max(abs(m - s) for _, m, s, _ in found), "the largest difference",
             "Average over the bins, weighted."),
            (_error(_gaps(confidence, right, lambda c: min(int(c * 5), 4))), "five bins", "Ten."),
            (_error(_gaps(confidence, right, lambda c: min(int(c * 20), 19))), "twenty bins",
             "Ten."),
            (_error(_gaps(confidence, right, lambda c: round(c * 10))),
             "eleven bins: confidences rounded to the nearest tenth",
             "0.58 and 0.62 round to the same tenth; do they lie in the same bin?"),
            (_equal_counts(confidence, right), "ten bins with equally many answers each",
             "Bins of equal width: 0 to 0.1, and so on."),
            (_error(last) * len(below) / n if last else -1.0,
             "answers with a confidence of exactly 1 left out",
             "To which bin does a confidence of exactly 1 belong?"),
        )
    ]  # fmt: skip


_RIGHT = (1, 0, 0, 1, 1, 1, 0, 0, 1, 0)  # whether answers in the lower half of each bin are right
_BINS = """
def calibration_error(confidence, right):
    bins = [[] for _ in range(10)]
    for c, r in zip(confidence, right):
        bins[min(int(c * 10), 9)].append((c, r))
    n = len(right)
    bins = [b for b in bins if b]
    conf = [sum(c for c, r in b) / len(b) for b in bins]
    share = [sum(r for c, r in b) / len(b) for b in bins]
"""


@exercise(
    "calibration_error",
    hint="For each tenth of confidence: |mean confidence - share right|, weighted by its number.",
    wrong=[
        Wrong(
            """
def calibration_error(confidence, right):
    n = len(right)
    return abs(sum(confidence) / n - sum(right) / n)
""",
            "must not cancel",
        ),
        Wrong(
            _BINS + "    return sum(len(b) * (c - s) for b, c, s in zip(bins, conf, share)) / n\n",
            "without its sign",
        ),
        Wrong(
            _BINS + "    return sum(abs(c - s) for c, s in zip(conf, share)) / len(bins)\n",
            "as much as",
        ),
        Wrong(
            _BINS + "    return sum(abs(c - s) for c, s in zip(conf, share)) / 10\n",
            "divided by 10",
        ),
        Wrong(
            _BINS + "    return sum(abs(c - s) for c, s in zip(conf, share))\n",
            "unweighted",
        ),
        Wrong(
            _BINS
            + "    total = sum(len(b) * abs(c - s) for b, c, s in zip(bins, conf, share))\n"
            + "    return 100 * total / n\n",
            "from 0 to 1",
        ),
        Wrong(
            """
def calibration_error(confidence, right):
    return sum(abs(c - r) for c, r in zip(confidence, right)) / len(right)
""",
            "within the bin",
        ),
        Wrong(
            """
def calibration_error(confidence, right):
    return sum((c - r) ** 2 for c, r in zip(confidence, right)) / len(right)
""",
            "Brier",
        ),
        Wrong(
            """
def calibration_error(confidence, right):
    total = 0.0
    for b in range(10):
        inside = [i for i, c in enumerate(confidence) if min(int(c * 10), 9) == b]
        if inside:
            share = sum(right[i] for i in inside) / len(inside)
            total += abs((b + 0.5) / 10 - share) * len(inside) / len(right)
    return total
""",
            "not the middle",
        ),
        Wrong(
            _BINS + "    return sum(len(b) * abs(b[0][0] - s) for b, s in zip(bins, share)) / n\n",
            "over all answers",
        ),
        Wrong(
            _BINS + "    return sum(len(b) * abs(c - s) for b, c, s in zip(bins, conf, share))\n",
            "by the number of answers",
        ),
        Wrong(
            _BINS + "    gaps = zip(bins, conf, share)\n"
            "    return sum(len(b) * (c - s) ** 2 for b, c, s in gaps) / n\n",
            "not its square",
        ),
        Wrong(
            _BINS.replace("    bins = [[]", "    confidence = sorted(confidence)\n    bins = [[]")
            + "    return sum(len(b) * abs(c - s) for b, c, s in zip(bins, conf, share)) / n\n",
            "stay with its",
        ),
        Wrong(
            """
def calibration_error(confidence, right):
    total = 0.0
    for low in range(10):
        inside = [i for i, c in enumerate(confidence) if min(int(c * 10), 9) == low]
        mean = np.mean([confidence[i] for i in inside]) if inside else float("nan")
        share = np.mean([right[i] for i in inside]) if inside else float("nan")
        total += abs(mean - share) * len(inside) / len(right)
    return total
""",
            "leave it out",
        ),
        Wrong(
            _BINS + "    return max(abs(c - s) for c, s in zip(conf, share))\n",
            "largest difference",
        ),
        Wrong(
            """
def calibration_error(confidence, right):
    total = 0.0
    for value in set(confidence):
        inside = [i for i, c in enumerate(confidence) if c == value]
        total += abs(value - sum(right[i] for i in inside) / len(inside)) * len(inside)
    return total / len(right)
""",
            "not each different",
        ),
        *(
            Wrong(
                f"""
def calibration_error(confidence, right):
    total = 0.0
    for b in range({n}):
        inside = [i for i, c in enumerate(confidence) if min(int(c * {n}), {n - 1}) == b]
        if inside:
            mean = sum(confidence[i] for i in inside) / len(inside)
            share = sum(right[i] for i in inside) / len(inside)
            total += abs(mean - share) * len(inside) / len(right)
    return total
""",
                says,
            )
            for n, says in ((5, "five bins"), (20, "twenty bins"))
        ),
        Wrong(
            """
def calibration_error(confidence, right):
    total = 0.0
    for b in range(11):
        inside = [i for i, c in enumerate(confidence) if round(c * 10) == b]
        if inside:
            mean = sum(confidence[i] for i in inside) / len(inside)
            share = sum(right[i] for i in inside) / len(inside)
            total += abs(mean - share) * len(inside) / len(right)
    return total
""",
            "eleven bins",
        ),
        Wrong(
            """
def calibration_error(confidence, right):
    total = 0.0
    for inside in np.array_split(np.argsort(confidence), 10):
        if len(inside):
            mean = np.mean([confidence[i] for i in inside])
            share = np.mean([right[i] for i in inside])
            total += abs(mean - share) * len(inside) / len(right)
    return total
""",
            "equal width",
        ),
        Wrong(
            """
def calibration_error(confidence, right):
    total = 0.0
    for low in range(10):
        inside = [i for i, c in enumerate(confidence) if int(c * 10) == low]
        if inside:
            mean = sum(confidence[i] for i in inside) / len(inside)
            share = sum(right[i] for i in inside) / len(inside)
            total += abs(mean - share) * len(inside) / len(right)
    return total
""",
            "exactly 1 belong",
        ),
        Wrong(
            """
def calibration_error(confidence, right):
    bins = [[] for _ in range(10)]
    for c, r in zip(confidence, right):
        bins[int(c * 10)].append((c, r))
    return sum(abs(sum(c - r for c, r in b)) for b in bins) / len(right)
""",
            "IndexError",
        ),
    ],
)
def _calibration_error(attempt: Any) -> None:
    generator = hidden(13)
    drawn = []
    for low in (0.33, 0.0):  # first with empty bins, then without
        said = low + (1 - low) * torch.rand(200, generator=generator, dtype=torch.float64)
        was = torch.rand(200, generator=generator, dtype=torch.float64) < said
        lower = (said * 20).long() % 2 == 0  # so that other bins than tenths give other errors
        was[lower] = torch.tensor(_RIGHT, dtype=torch.bool)[(said[lower] * 10).long()]
        drawn.append((said.tolist(), was.long().tolist(), "Bin, average, difference, weigh."))
    for confidence, right, think in (
        *drawn,
        ([0.61, 0.64, 0.66, 0.69], [1, 0, 0, 1], "All four lie in one bin: 0.6 to 0.7."),
        ([0.58, 0.62], [1, 0], "These lie in two bins."),
        ([0.95, 0.97, 0.05, 0.02], [1, 1, 0, 0], "Sure and right, unsure and wrong: nearly 0."),
        ([1.0, 1.0, 0.55], [0, 1, 1], "To which bin does a confidence of exactly 1 belong?"),
    ):
        expected = _error(_gaps(confidence, right, _tenth))
        try:
            came = attempt(list(confidence), list(right))
        except IndexError as error:
            if max(confidence) < 1:
                raise
            raise NotRight(
                expected="an answer where a confidence is exactly 1",
                came=f"IndexError: {error}",
                think="To which bin does a confidence of exactly 1 belong?",
            ) from None
        some = f"{len(right)} answers" if len(right) > 4 else f"{confidence}, {right}"
        number = _scalar(came)
        expect(
            not (isinstance(number, torch.Tensor) and bool(number.isnan().any())),
            expected=f"the error of {some} to be {expected:.4f}",
            came="nan, not a number",
            think="A bin without answers has no mean: leave it out.",
        )
        mistakes = _calibration_mistakes(confidence, right)
        refuse_known(
            _scalar(came), mistakes, f"the error of {some} to be {expected:.4f}", _number(expected)
        )
        expect_close(came, expected, what=f"the error of {some}", think=think)


# Good and Turing.


def _unseen_mistakes(facts: Sequence[object]) -> list[Mistake]:
    """What known mistakes return for these facts."""
    n, times = len(facts), Counter(facts)
    counts = [*times.values()]
    single = counts.count(1)
    alone = sum(
        (i == 0 or facts[i - 1] != f) and (i == n - 1 or facts[i + 1] != f)
        for i, f in enumerate(facts)
    )
    return [
        (_number(value), came, think)
        for value, came, think in (
            (single / len(counts), "a share of the different facts",
             "Divide by the number of texts, not of different facts."),
            (single, "a number of facts", "What is that for each text that was read?"),
            (len(counts) / n, "all different facts, for each text",
             "Count only those that were read exactly once."),
            (1 - len(counts) / n, "texts that told something known",
             "Count the facts that were read exactly once."),
            (1 - single / n, "the rest: what is left when the estimate is taken from 1",
             "Facts read once tell how much is new, not how much is known."),
            (sum(c > 1 for c in counts) / n, "facts that were read more than once",
             "Exactly once: such a fact was new at the only time it came."),
            (sum(c <= 2 for c in counts) / n, "facts that were read once or twice",
             "Only those that were read exactly once."),
            (counts.count(2) / n, "facts that were read twice",
             "Only those that were read exactly once."),
            (single / (n + 1), "one text too many below the line",
             "Divide by the number of texts read."),
            (single / max(n - 1, 1), "one text too few below the line",
             "Divide by the number of texts read, all of them."),
            (100 * single / n, "percent", "Give a number from 0 to 1."),
            (0, "0", "`//` drops the fraction; and a Counter goes over its keys: the counts are in "
             "`.values()`."),
            (1, "1", "Every text counted? Only facts that were read exactly once count."),
            (alone / n, "facts that do not stand beside themselves",
             "The same fact may come again much later: count over the whole list."),
        )
    ]  # fmt: skip


@exercise(
    "unseen_share",
    hint="collections.Counter(facts) counts; how many have a count of 1, for each text read?",
    wrong=[
        Wrong(
            """
def unseen_share(facts):
    from collections import Counter
    counts = Counter(facts)
    return sum(c == 1 for c in counts.values()) / len(counts)
""",
            "texts, not",
        ),
        Wrong(
            """
def unseen_share(facts):
    return len(set(facts)) / len(facts)
""",
            "exactly once",
        ),
        Wrong(
            """
def unseen_share(facts):
    from collections import Counter
    return sum(c == 1 for c in Counter(facts).values())
""",
            "for each",
        ),
        Wrong(
            """
def unseen_share(facts):
    return 1 - len(set(facts)) / len(facts)
""",
            "something known",
        ),
        Wrong(
            """
def unseen_share(facts):
    from collections import Counter
    return 1 - sum(c == 1 for c in Counter(facts).values()) / len(facts)
""",
            "how much is new",
        ),
        Wrong(
            """
def unseen_share(facts):
    from collections import Counter
    return sum(c > 1 for c in Counter(facts).values()) / len(facts)
""",
            "more than once",
        ),
        Wrong(
            """
def unseen_share(facts):
    from collections import Counter
    return sum(c <= 2 for c in Counter(facts).values()) / len(facts)
""",
            "once or twice",
        ),
        Wrong(
            """
def unseen_share(facts):
    from collections import Counter
    return sum(c == 1 for c in Counter(facts).values()) / (len(facts) + 1)
""",
            "too many",
        ),
        Wrong(
            """
def unseen_share(facts):
    n = len(facts)
    return sum(
        (i == 0 or facts[i - 1] != f) and (i == n - 1 or facts[i + 1] != f)
        for i, f in enumerate(facts)
    ) / n
""",
            "over the whole list",
        ),
        Wrong(
            """
def unseen_share(facts):
    from collections import Counter
    return sum(c == 1 for c in Counter(facts).values()) / (len(facts) - 1)
""",
            "all of them",
        ),
        Wrong(
            """
def unseen_share(facts):
    from collections import Counter
    return 100 * sum(c == 1 for c in Counter(facts).values()) / len(facts)
""",
            "from 0 to 1",
        ),
        Wrong(
            """
def unseen_share(facts):
    from collections import Counter
    return sum(c == 1 for c in Counter(facts).values()) // len(facts)
""",
            "drops the fraction",
        ),
        Wrong(
            """
def unseen_share(facts):
    from collections import Counter
    return sum(c == 1 for c in Counter(facts)) / len(facts)
""",
            "over its keys",
        ),
        Wrong(
            """
def unseen_share(facts):
    from collections import Counter
    return sum(Counter(facts).values()) / len(facts)
""",
            "Every text counted",
        ),
        Wrong(
            """
def unseen_share(facts):
    from collections import Counter
    return [fact for fact, c in Counter(facts).items() if c == 1]
""",
            "How many",
        ),
    ],
)
def _unseen_share(attempt: Any) -> None:
    generator = hidden(13)
    drawn = (torch.rand(40, generator=generator) ** 2 * 30).long().tolist()  # common and rare ones
    for facts in (
        [*"aabdaebgcbhea"],
        ["a", "b", "a", "c"],
        [1, 2, 3, 4],
        ["x", "x"],
        drawn,
        [f"fact {number}" for number in reversed(drawn)],
    ):
        single = sum(count == 1 for count in Counter(facts).values())
        came = attempt(list(facts))
        expect(
            not isinstance(came, (list, set, tuple, dict)),
            expected="a number",
            came=came,
            think="How many are they, for each text?",
        )
        some = f"{len(facts)} texts" if len(facts) > 13 else str(facts)
        right = single / len(facts)
        refuse_known(
            _scalar(came),
            _unseen_mistakes(facts),
            f"the estimate for {some} to be {right:.4f}",
            _number(right),
        )
        expect_close(
            came,
            right,
            what=f"the estimate for {some}",
            think="Which facts were read exactly once?",
        )


# Risk at a coverage.


def _kept(confidence: Sequence[float], coverage: float) -> list[int]:
    order = sorted(range(len(confidence)), key=lambda i: -confidence[i])
    return order[: max(1, round(coverage * len(confidence)))]


def _risk_mistakes(
    confidence: Sequence[float], right: Sequence[int], coverage: float
) -> list[Mistake]:
    """What known mistakes return for these answers."""
    n = len(right)
    kept = _kept(confidence, coverage)
    wrong = [1 - r for r in right]
    risk = sum(wrong[i] for i in kept) / len(kept)
    unsure = _kept([-c for c in confidence], coverage)
    order = sorted(range(n), key=lambda i: -confidence[i])
    more, fewer = order[: len(kept) + 1], order[: max(len(kept) - 1, 1)]
    found = [
        *((sum(wrong[i] for i in some) / len(some), f"the error among {len(some)} answers",
           f"How many are answered? {len(kept)} of {n}, not {also}.")
          for some, also in ((more, "one more"), (fewer, "one fewer"))),
        (1 - risk, "the share of right ones", "Asked is the share of wrong ones."),
        (sum(right[i] for i in kept) / n, "the right ones, as a share of all questions",
         "Asked is the share of wrong ones, among those that are answered."),
        (100 * risk, "percent", "Give a number from 0 to 1."),
        (sum(wrong[i] for i in kept), "a number of wrong answers",
         "What share is that among those answered?"),
        (sum(wrong[i] for i in kept) / n, "a share of all questions",
         "Divide by those that were answered: the share is among those."),
        (sum(wrong[i] for i in unsure) / len(unsure), "the error among the least sure",
         "The surest are answered: which way does your sorting go?"),
        (sum(wrong[: len(kept)]) / len(kept),
         "the error among the first ones, whatever their confidence",
         "`right` has to move with `confidence` when that is sorted."),
    ]  # fmt: skip
    for limit, think in (
        (
            coverage,
            "Coverage is the part of the questions that is answered, no level of confidence.",
        ),
        (1 - coverage, "Count answers. No level of confidence keeps the same part of every list."),
        (coverage * max(confidence), "Count answers, whatever their confidence is."),
    ):
        above = [w for c, w in zip(confidence, wrong, strict=True) if c >= limit]
        value = sum(above) / len(above) if above else 0.0
        found.append((value, "the error of all answers above a level of confidence", think))
    half = order[: max(1, n // 2)]
    found.append(
        (sum(wrong[i] for i in half) / len(half), "half of the answers kept",
         "`coverage` says which part.")
    )  # fmt: skip
    return [(_number(value), came, think) for value, came, think in found]


_SORTED = """
def error_at(confidence, right, coverage):
    order = sorted(range(len(right)), key=lambda i: -confidence[i])
    kept = order[: max(1, round(coverage * len(right)))]
"""


@exercise(
    "error_at",
    hint="Sort by confidence, keep the surest part, and count the wrong ones among those kept.",
    wrong=[
        Wrong(
            """
def error_at(confidence, right, coverage):
    order = sorted(range(len(right)), key=lambda i: confidence[i])
    kept = order[: max(1, round(coverage * len(right)))]
    return sum(1 - right[i] for i in kept) / len(kept)
""",
            "least sure",
        ),
        Wrong(_SORTED + "    return sum(right[i] for i in kept) / len(kept)\n", "wrong ones"),
        Wrong(_SORTED + "    return sum(1 - right[i] for i in kept) / len(right)\n", "among those"),
        Wrong(_SORTED + "    return sum(1 - right[i] for i in kept)\n", "a number of wrong"),
        Wrong(
            _SORTED + "    return 100 * sum(1 - right[i] for i in kept) / len(kept)\n",
            "from 0 to 1",
        ),
        Wrong(
            """
def error_at(confidence, right, coverage):
    confidence = sorted(confidence, reverse=True)
    n = max(1, round(coverage * len(right)))
    return sum(1 - r for r in right[:n]) / n
""",
            "move with",
        ),
        Wrong(
            """
def error_at(confidence, right, coverage):
    kept = [i for i, c in enumerate(confidence) if c >= coverage]
    return sum(1 - right[i] for i in kept) / max(len(kept), 1)
""",
            "part of the questions",
        ),
        Wrong(
            """
def error_at(confidence, right, coverage):
    kept = [i for i, c in enumerate(confidence) if c >= 1 - coverage]
    return sum(1 - right[i] for i in kept) / max(len(kept), 1)
""",
            "same part of every list",
        ),
        Wrong(
            """
def error_at(confidence, right, coverage):
    kept = [i for i, c in enumerate(confidence) if c >= coverage * max(confidence)]
    return sum(1 - right[i] for i in kept) / max(len(kept), 1)
""",
            "whatever their confidence",
        ),
        Wrong(
            """
def error_at(confidence, right, coverage):
    order = sorted(range(len(right)), key=lambda i: -confidence[i])
    kept = order[: len(right) // 2]
    return sum(1 - right[i] for i in kept) / len(kept)
""",
            "which part",
        ),
        Wrong(
            """
def error_at(confidence, right, coverage):
    order = sorted(range(len(right)), key=lambda i: -confidence[i])
    kept = order[: round(coverage * len(right))]
    return sum(1 - right[i] for i in kept) / len(kept)
""",
            "at least one",
        ),
        *(
            Wrong(
                f"""
def error_at(confidence, right, coverage):
    order = sorted(range(len(right)), key=lambda i: -confidence[i])
    kept = order[: max(1, round(coverage * len(right)) {change})]
    return sum(1 - right[i] for i in kept) / len(kept)
""",
                says,
            )
            for change, says in (("+ 1", "not one more"), ("- 1", "not one fewer"))
        ),
        Wrong(
            _SORTED + "    return sum(right[i] for i in kept) / len(right)\n", "among those that"
        ),
        Wrong(
            """
def error_at(confidence, right, coverage):
    pairs = sorted(zip(confidence, right))
    kept = pairs[-round(coverage * len(right)):]
    return sum(1 - r for _, r in kept) / len(kept)
""",
            "all are kept",
        ),
    ],
)
def _error_at(attempt: Any) -> None:
    generator = hidden(13)
    said = torch.rand(40, generator=generator, dtype=torch.float64)
    was = (torch.rand(40, generator=generator) < said).long()
    many = (said.tolist(), was.tolist())
    for confidence, right, coverage, think in (
        (
            [
                0.55,
                0.94,
                0.56,
                0.3,
                0.59,
                0.21,
                0.47,
                0.91,
                0.64,
                0.76,
                0.17,
                0.33,
                0.86,
                0.25,
                0.85,
                0.54,
                0.26,
                0.22,
                0.24,
                0.31,
                0.7,
                0.44,
                0.49,
            ],
            [0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 1, 0],
            0.35,
            "The share of wrong ones among the eight surest.",
        ),  # here nearly every known mistake gives another number
        ([0.62, 0.71, 0.83, 0.94], [0, 0, 1, 1], 0.5, "The two surest are right."),
        (*many, 0.25, "Ten of forty are answered."),
        (*many, 0.75, "Thirty of forty are answered."),
        (*many, 1.0, "Everything is answered."),
        (*many, 0.01, "At least one is kept: the surest."),
    ):
        everything: list[Mistake] = [
            (_number(1 - sum(right) / len(right)), "the error of all answers",
             "Where the count comes to 0, all are kept. The text says: at least one.")
        ]  # fmt: skip
        kept = _kept(confidence, coverage)
        expected = sum(1 - right[i] for i in kept) / len(kept)
        try:
            came = attempt(list(confidence), list(right), coverage)
        except ZeroDivisionError as error:
            if coverage > 0.1:
                raise
            raise NotRight(
                expected=f"an answer at a coverage of {coverage:.0%} of {len(right)}",
                came=f"ZeroDivisionError: {error}",
                think="Nothing was kept. The text says: at least one.",
            ) from None
        some = f"{len(right)} answers" if len(right) > 10 else f"{confidence}, {right}"
        what = f"the error of {some} at a coverage of {coverage:.0%}"
        refuse_known(
            _scalar(came),
            _risk_mistakes(confidence, right, coverage) if coverage > 0.1 else everything,
            f"{what} to be {expected:.4f}",
            _number(expected),
        )
        expect_close(came, expected, what=what, think=think)
