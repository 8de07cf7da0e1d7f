"""Checks of lesson 09: a few-shot prompt, the induction score, calibration by no content."""

from __future__ import annotations

import math
from collections.abc import Mapping
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
    outcome,
    refuse_known,
)

__all__ = ["check", "outcome"]

_WORDS = "cat dog box hen map pot cup fox sun net bag hat ant jug log pen rug tin".split()


def _few_shot_cases() -> list[tuple[list[tuple[str, str]], str]]:
    """Examples and queries: some drawn, one with blanks inside, one without examples."""
    generator = hidden(9)
    words = [_WORDS[at] for at in torch.randperm(len(_WORDS), generator=generator).tolist()]
    three = [(word, word[::-1]) for word in words[:3]]
    return [(three, words[3]), ([("the " + words[4], "a b")], "e f"), ([], words[5])]


def _prompt_hint(came: str, examples: list[tuple[str, str]], query: str) -> str:
    """What to think of, for a prompt that is not the right one."""
    wanted = [f"{given} -> {answer}" for given, answer in examples] + [f"{query} ->"]
    right, lines = "\n".join(wanted), came.split("\n")
    if came.rstrip("\n") == right:
        return "Nothing may stand behind the last arrow, no line end either."
    if came.rstrip() == right:
        return "The blank before an answer belongs to the answer's first token."
    if not examples:
        return "What is left of the prompt without examples?"
    if [line for line in lines if line] == wanted:
        return "Are there empty lines that nobody asked for?"
    if sorted(lines) == sorted(wanted):
        return "In which order did the examples come, and where is the query?"
    if [line.rstrip() for line in lines] == wanted:
        return "What stands at the ends of your lines?"
    if lines[:-1] == [f"{answer} -> {given}" for given, answer in examples]:
        return "Which of the two is the input?"
    if lines[1:] == wanted:
        return "The prompt begins with the first example, without a heading."
    if " -> " not in came:
        return "Compare the arrows and the blanks around them, letter by letter."
    if not came.endswith(" ->"):
        return "How does the last line end? Compare it with ' ->', letter by letter."
    if came.replace("\n", "") == right.replace("\n", ""):
        return "Does each example, and the query, have a line of its own?"
    if len(lines) < len(wanted):
        return (
            f"How many lines are there, and how many should there be for {len(examples)} examples?"
        )
    return "Compare what came with what was expected, line by line."


@exercise(
    "few_shot",
    hint="Each example is 'input -> output', a line each; the query's line ends at the arrow.",
    wrong=[
        Wrong(
            """
def few_shot(examples, query):
    lines = [f"{x} -> {y}" for x, y in examples] + [f"{query} ->"]
    return "\\n\\n".join(lines)
""",
            "empty lines",
        ),
        Wrong(
            """
def few_shot(examples, query):
    lines = [f"{x} -> {y}" for x, y in examples] + [f"{query} -> "]
    return "\\n".join(lines)
""",
            "blank before an answer",
        ),
        Wrong(
            """
def few_shot(examples, query):
    return "\\n".join(f"{x} -> {y}" for x, y in examples) + f"{query} ->"
""",
            "line of its own",
        ),
        Wrong(
            """
def few_shot(examples, query):
    return "\\n".join(f"{x} -> {y}" for x, y in examples) + f"\\n{query} ->"
""",
            "without examples",
        ),
        Wrong(
            """
def few_shot(examples, query):
    lines = [f"{x} -> {y}" for x, y in reversed(examples)] + [f"{query} ->"]
    return "\\n".join(lines)
""",
            "In which order",
        ),
        Wrong(
            """
def few_shot(examples, query):
    return "".join(f"{x} -> {y}\\n" for x, y in examples) + f"{query} ->\\n"
""",
            "no line end either",
        ),
        Wrong(
            """
def few_shot(examples, query):
    return "\\n".join([*(f"{x}: {y}" for x, y in examples), f"{query}:"])
""",
            "Compare the arrows",
        ),
        Wrong(
            """
def few_shot(examples, query):
    return "\\n".join([*(f"{x} -> {y}" for x, y in examples), query])
""",
            "How does the last line end",
        ),
        Wrong(
            """
def few_shot(examples, query):
    return "\\n".join([*(f"{y} -> {x}" for x, y in examples), f"{query} ->"])
""",
            "Which of the two is the input",
        ),
        Wrong(
            """
def few_shot(examples, query):
    return "\\n".join([*(f"{x} -> {y} " for x, y in examples), f"{query} ->"])
""",
            "ends of your lines",
        ),
        Wrong(
            """
def few_shot(examples, query):
    return "\\n".join(["Examples:", *(f"{x} -> {y}" for x, y in examples), f"{query} ->"])
""",
            "without a heading",
        ),
        Wrong(
            """
def few_shot(examples, query):
    for x, y in examples:
        return f"{x} -> {y}\\n{query} ->"
    return f"{query} ->"
""",
            "How many lines",
        ),
        Wrong(
            """
def few_shot(examples, query):
    return [*(f"{x} -> {y}" for x, y in examples), f"{query} ->"]
""",
            "one text, not a list",
        ),
    ],
)
def _few_shot(attempt: Any) -> None:
    for examples, query in _few_shot_cases():
        came = attempt(list(examples), query)
        expect(
            isinstance(came, str),
            expected="a text",
            came=came,
            think="Join the lines: one text, not a list.",
        )
        right = "\n".join([*(f"{x} -> {y}" for x, y in examples), f"{query} ->"])
        if came != right:
            think = _prompt_hint(came, examples, query)
            raise NotRight(expected=repr(right), came=repr(came), think=think)


def _score_mistakes(a: torch.Tensor) -> list[tuple[torch.Tensor, str, str]]:
    """What goes wrong with a (T, T) attention: value, what it is, what to think of."""
    size = a.shape[-1]
    half = size // 2
    at, every = torch.arange(half, size - 1), torch.arange(half, size)
    right = a[at, at - half + 1]  # (T/2 - 1,)
    same = "That is how much it looks at the same token. It is what came after that helps."
    queries = "Rows are queries: attention[query, key]. Which of the two is the later token?"
    each = "Of each query one key is looked at: which one? Two ranges side by side, not a block."
    places = "The places are right: take their mean."
    return [
        (right.sum() / size, "a sum over the right places, divided by T",
         "How many places did you add up?"),
        (right.sum() / (size - 1), "a sum over the right places, divided by T - 1",
         "How many places did you add up?"),
        (right.max(), "the largest of the right places", places),
        (right.median(), "the median of the right places", places),
        (a[every, every - half].mean(), "the attention to the same token", same),
        (a[at, at - half].mean(), "the attention to the same token, without the last", same),
        (a[every, every - half + 1].mean(), "the mean over one place too many",
         "Leave the last place out: what followed its token begins the second copy."),
        (a[torch.arange(1, size), torch.arange(size - 1)].mean(), "the attention one place back",
         "That is how much it looks at the token just before."),
        (a[at - half + 1, at].mean(), "rows and columns exchanged", queries),
        (a[every - half + 1, every].mean(), "rows and columns exchanged", queries),
        (a[every, every - half - 1].mean(), "the attention to what stood before the same token",
         "Before or after? The prediction needs what came after."),
        (a[at, at - half - 1].mean(), "the attention to what stood before the same token",
         "Before or after? The prediction needs what came after."),
        (a[torch.arange(half + 1, size), torch.arange(half + 1, size) - half + 1].mean(),
         "without the first place of the second copy, and with the last",
         "Which place of the second copy has nothing to look for, the first or the last?"),
        (a[half:, :half].mean(), "the mean over all keys of the first copy", each),
        (a[half:-1, 1:half].mean(), "the mean over a block of keys", each),
        (right, "a number for each place", "One number for the head: their mean."),
        (right.sum(), "the sum", "The mean of so many places is between 0 and 1: divide the sum."),
        (right.sum() / half, "the sum divided by T/2",
         "How many places are left when the last one is out?"),
        ((a[half:-1].argmax(-1) == torch.arange(1, half)).double().mean(),
         "how often the right key has the most attention",
         "How much attention it gets, not whether it gets most of it."),
        (a.diagonal(1 - half).mean(), "the whole diagonal, with queries of the first copy",
         "Queries are places of the second copy only."),
    ]  # fmt: skip


@exercise(
    "induction_score",
    hint="The token at place i stood at i - half before. At which place is what followed it?",
    wrong=[
        *(
            Wrong(
                f"""
def induction_score(attention):
    half = attention.shape[-1] // 2
    at = torch.arange(half, attention.shape[-1] - 1)
    return attention[at, at - half + 1]{change}
""",
                says,
            )
            for change, says in (
                (".sum() / attention.shape[-1]", "divided by T\n"),
                (".sum() / (attention.shape[-1] - 1)", "divided by T - 1"),
                (".max()", "the largest of"),
                (".median()", "the median of"),
            )
        ),
        Wrong(
            """
def induction_score(attention):
    half = attention.shape[-1] // 2
    at = torch.arange(half, attention.shape[-1])
    return attention[at, at - half].mean()
""",
            "at the same token",
        ),
        Wrong(
            """
def induction_score(attention):
    at = torch.arange(1, attention.shape[-1])
    return attention[at, at - 1].mean()
""",
            "token just before",
        ),
        Wrong(
            """
def induction_score(attention):
    half = attention.shape[-1] // 2
    at = torch.arange(half, attention.shape[-1])
    return attention[at - half + 1, at].mean()
""",
            "Rows are queries",
        ),
        Wrong(
            """
def induction_score(attention):
    half = attention.shape[-1] // 2
    at = torch.arange(half, attention.shape[-1])
    return attention[at, at - half + 1].mean()
""",
            "Leave the last place out",
        ),
        Wrong(
            """
def induction_score(attention):
    half = attention.shape[-1] // 2
    at = torch.arange(half, attention.shape[-1] - 1)
    return attention[at, at - half + 1]
""",
            "One number for the head",
        ),
        Wrong(
            """
def induction_score(attention):
    half = attention.shape[-1] // 2
    at = torch.arange(half, attention.shape[-1] - 1)
    return attention[at, at - half + 1].sum()
""",
            "divide the sum",
        ),
        Wrong(
            """
def induction_score(attention):
    half = attention.shape[-1] // 2
    at = torch.arange(half, attention.shape[-1] - 1)
    return float(attention[at, at - half + 1].sum()) / half
""",
            "How many places are left",
        ),
        Wrong(
            """
def induction_score(attention):
    half = attention.shape[-1] // 2
    at = torch.arange(half, attention.shape[-1])
    return attention[at, at - half - 1].mean()
""",
            "Before or after",
        ),
        Wrong(
            """
def induction_score(attention):
    half = attention.shape[-1] // 2
    return attention[half:, :half].mean()
""",
            "not a block",
        ),
        Wrong(
            """
def induction_score(attention):
    half = attention.shape[-1] // 2
    return (attention[half:-1].argmax(-1) == torch.arange(1, half)).float().mean()
""",
            "How much attention",
        ),
        Wrong(
            """
def induction_score(attention):
    half = attention.shape[-1] // 2
    return attention.diagonal(1 - half).mean()
""",
            "second copy only",
        ),
    ],
)
def _induction_score(attempt: Any) -> None:
    """Matrices that are not causal, so that no mistake is 0 by itself."""
    generator = hidden(9)
    for half in (4, 7):
        size = 2 * half
        rows = torch.rand(size, size, generator=generator) + 0.05
        rows = rows / rows.sum(-1, keepdim=True)  # (T, T), rows add up to 1
        at = torch.arange(half, size - 1)
        right = rows[at, at - half + 1].mean()
        came = attempt(rows.clone())
        if not isinstance(came, torch.Tensor):
            try:
                came = torch.as_tensor(came)
            except (TypeError, ValueError, RuntimeError):
                raise NotRight(
                    expected="a number",
                    came=came,
                    think="What does your function return?",
                ) from None
        what = f"the score for {size} tokens"
        refuse_known(came, _score_mistakes(rows), f"{what} to be {float(right):.4g}", right)
        think = "Which places are queries, and which key does each look for?"
        expect_close(came, float(right), what=what, think=think)


Chances = dict[str, float]


def _distribution(generator: torch.Generator, labels: list[str]) -> Chances:
    """Probabilities of the labels, none very small."""
    weights = torch.rand(len(labels), generator=generator, dtype=torch.float64) + 0.15
    return dict(zip(labels, (weights / weights.sum()).tolist(), strict=True))


def _calibrate_cases() -> list[tuple[Chances, Chances]]:
    """What was asked and what nothing gives, drawn; the last one's labels in another order."""
    generator = hidden(9)
    cases = []
    for labels in (["good", "bad"], ["a", "b", "c"], ["red", "blue", "green", "grey"]):
        asked, nothing = (_distribution(generator, labels) for _ in range(2))
        cases.append((asked, nothing))
    asked, nothing = cases[-1]
    return [*cases, (asked, dict(reversed(nothing.items())))]


def _normalised(weight: Mapping[str, float]) -> Chances:
    total = sum(weight.values())
    return {label: w / total for label, w in weight.items()}


def _calibrate_hint(came: Chances, p: Chances, q: Chances) -> str:
    """What to think of, for numbers that are not the right ones."""

    def are(other: Mapping[str, float]) -> bool:
        return all(math.isclose(came[label], other[label], abs_tol=1e-6) for label in p)

    ratio = {label: p[label] / q[label] for label in p}
    right = _normalised(ratio)
    quotients = (a / b for a, b in zip(p.values(), q.values(), strict=True))
    by_place = dict(zip(p, quotients, strict=True))
    minus = {label: p[label] - q[label] for label in p}
    if are(p):
        return "These are the probabilities as they were: what changes them?"
    if are(_normalised({label: p[label] * q[label] for label in p})):
        return "A label that is favoured anyway would then be favoured even more."
    if are(_normalised({label: q[label] / p[label] for label in p})):
        return "Should a label that is likely for nothing gain or lose?"
    if by_place != ratio and (are(by_place) or are(_normalised(by_place))):
        return "Which label does each number belong to? The two dicts may have other orders."
    shares = [came[label] / right[label] for label in p]
    if max(shares) - min(shares) < 1e-6:
        return "The labels stand in the right ratio. But probabilities sum to 1."
    even = {label: minus[label] + 1 / len(p) for label in p}
    if are(minus) or are(even) or any(not 0 <= value <= 1 for value in came.values()):
        return "Can a probability be negative, or larger than 1? Divide, do not subtract."
    if not math.isclose(sum(came.values()), 1, abs_tol=1e-6):
        return "They do not sum to 1. Is the total that you divide by the same for all labels?"
    return "Divide p by q for each label, then by the sum of these ratios."


@exercise(
    "calibrate",
    hint="Divide each label's probability by what the model gives it for nothing; then normalise.",
    wrong=[
        Wrong(
            """
def calibrate(probability, of_nothing):
    weight = {k: probability[k] / of_nothing[k] for k in probability}
    return weight
""",
            "But probabilities sum to 1",
        ),
        Wrong(
            """
def calibrate(probability, of_nothing):
    return {k: probability[k] - of_nothing[k] for k in probability}
""",
            "do not subtract",
        ),
        Wrong(
            """
def calibrate(probability, of_nothing):
    weight = {k: probability[k] * of_nothing[k] for k in probability}
    total = sum(weight.values())
    return {k: w / total for k, w in weight.items()}
""",
            "even more",
        ),
        Wrong(
            """
def calibrate(probability, of_nothing):
    weight = {k: of_nothing[k] / probability[k] for k in probability}
    total = sum(weight.values())
    return {k: w / total for k, w in weight.items()}
""",
            "gain or lose",
        ),
        Wrong(
            """
def calibrate(probability, of_nothing):
    weight = [a / b for a, b in zip(probability.values(), of_nothing.values())]
    return dict(zip(probability, [w / sum(weight) for w in weight]))
""",
            "Which label does each number belong to",
        ),
        Wrong(
            """
def calibrate(probability, of_nothing):
    return dict(probability)
""",
            "as they were",
        ),
        Wrong(
            """
def calibrate(probability, of_nothing):
    for k in probability:
        probability[k] /= of_nothing[k]
    for k in probability:
        probability[k] /= sum(probability.values())
    return probability
""",
            "the same for all labels",
        ),
        Wrong(
            """
def calibrate(probability, of_nothing):
    weight = {k: math.exp(probability[k] / of_nothing[k]) for k in probability}
    return {k: w / sum(weight.values()) for k, w in weight.items()}
""",
            "Divide p by q",
        ),
        Wrong(
            """
def calibrate(probability, of_nothing):
    good = probability["good"] / of_nothing["good"]
    bad = probability["bad"] / of_nothing["bad"]
    return {"good": good / (good + bad), "bad": bad / (good + bad)}
""",
            "other labels than good and bad",
        ),
        Wrong(
            """
def calibrate(probability, of_nothing):
    weight = [probability[k] / of_nothing[k] for k in probability]
    return [w / sum(weight) for w in weight]
""",
            "What does your function return?",
        ),
    ],
)
def _calibrate(attempt: Any) -> None:
    for probability, of_nothing in _calibrate_cases():
        try:
            came = attempt(dict(probability), dict(of_nothing))
        except KeyError as error:
            raise NotRight(
                expected=f"a dict with a number for each of {[*probability]}",
                came=f"KeyError: {error}",
                think="There are other labels than good and bad: take them from the dict.",
            ) from None
        expect(
            isinstance(came, Mapping) and set(came) == set(probability),
            expected=f"a dict with a number for each of {[*probability]}",
            came=came,
            think="What does your function return?",
        )
        for label in probability:
            size = getattr(torch.as_tensor(came[label]), "numel", lambda: 1)()
            expect(size == 1, expected=f"a number for {label!r}", came=came[label], think="Shape?")
        values = {label: float(came[label]) for label in probability}
        right = _normalised({k: probability[k] / of_nothing[k] for k in probability})
        if any(not math.isclose(values[k], right[k], abs_tol=1e-5) for k in probability):
            think = _calibrate_hint(values, probability, of_nothing)
            for label, value in values.items():
                shown = value if math.isfinite(value) and abs(value) < 1e6 else math.inf
                expect_close(shown, right[label], what=f"p({label!r})", think=think)
