"""Checks of lesson 09: a few-shot prompt, the induction score, calibration by no content."""

from __future__ import annotations

from typing import Any

import torch

from lessons.exercises import Wrong, check, exercise, expect, expect_close, hidden

__all__ = ["check"]


@exercise(
    "few_shot",
    hint="Each example is 'input -> output', a line each; the query's line ends at the arrow.",
    wrong=[
        Wrong(
            """
def few_shot(examples, query):
    lines = [f"{x} -> {y}" for x, y in examples] + [f"{query} -> "]
    return "\\n".join(lines)
""",
            "blank",
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
            "order",
        ),
    ],
)
def _few_shot(attempt: Any) -> None:
    for examples, query in (
        ([("cat", "cats"), ("box", "boxes")], "dog"),
        ([("a b", "c d")], "e f"),
        ([], "dog"),
    ):
        came = attempt(list(examples), query)
        expect(isinstance(came, str), expected="a text", came=came, think="What is returned?")
        wanted = [f"{x} -> {y}" for x, y in examples] + [f"{query} ->"]
        right = "\n".join(wanted)
        if came.endswith(" ") and came.rstrip() == right:
            think = "The blank before an answer belongs to the answer's first token."
        elif not examples:
            think = "What is left of the prompt without examples?"
        elif sorted(came.split("\n")) == sorted(wanted):
            think = "In which order did the examples come?"
        else:
            think = "Does each example, and the query, have a line of its own?"
        expect(came == right, expected=repr(right), came=repr(came), think=think)


@exercise(
    "induction_score",
    hint="The token at place i stood at i - half before. At which place is what followed it?",
    wrong=[
        Wrong(
            """
def induction_score(attention):
    half = attention.shape[-1] // 2
    at = torch.arange(half, attention.shape[-1])
    return attention[at, at - half].mean()
""",
            "what came after",
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
            "query",
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
    ],
)
def _induction_score(attention_score: Any) -> None:
    generator = hidden(9)
    for half in (4, 7):
        size = 2 * half
        rows = torch.rand(size, size, generator=generator).tril() + 1e-3
        rows = rows.tril() / rows.tril().sum(-1, keepdim=True)  # (T, T), rows add up to 1
        at = torch.arange(half, size - 1)
        right = float(rows[at, at - half + 1].mean())
        every = torch.arange(half, size)
        came = attention_score(rows)
        known = {
            float(rows[every, every - half].mean()):
                "That is how much it looks at the same token. It is what came after that helps.",
            float(rows[at, at - half].mean()):
                "That is how much it looks at the same token. It is what came after that helps.",
            float(rows[every, every - half + 1].mean()):
                "Leave the last place out: what followed its token begins the second copy.",
            float(rows[torch.arange(1, size), torch.arange(size - 1)].mean()):
                "That is how much it looks at the token just before.",
            float(rows[every - half + 1, every].mean()):
                "Rows are queries: attention[query, key]. Which of the two is the later token?",
            float(rows[at - half + 1, at].mean()):
                "Rows are queries: attention[query, key]. Which of the two is the later token?",
        }  # fmt: skip
        value = float(came)
        think = "Which places are queries, and which key does each look for?"
        for mistake, words in known.items():
            if abs(value - mistake) < 1e-6:
                think = words
        expect_close(came, right, what=f"the score for {size} tokens", think=think)


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
            "sum to 1",
        ),
        Wrong(
            """
def calibrate(probability, of_nothing):
    weight = {k: probability[k] - of_nothing[k] for k in probability}
    total = sum(weight.values())
    return {k: w / total if total else 0.5 for k, w in weight.items()}
""",
            "ratio",
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
    ],
)
def _calibrate(attempt: Any) -> None:
    for probability, of_nothing in (
        ({"good": 0.7, "bad": 0.3}, {"good": 0.8, "bad": 0.2}),
        ({"good": 0.6, "bad": 0.4}, {"good": 0.5, "bad": 0.5}),
        ({"a": 0.2, "b": 0.3, "c": 0.5}, {"a": 0.1, "b": 0.3, "c": 0.6}),
    ):
        came = attempt(dict(probability), dict(of_nothing))
        expect(
            isinstance(came, dict) and set(came) == set(probability),
            expected=f"a dict with a number for each of {[*probability]}",
            came=came,
            think="What does your function return?",
        )
        weight = {k: probability[k] / of_nothing[k] for k in probability}
        right = {k: w / sum(weight.values()) for k, w in weight.items()}
        product = {k: probability[k] * of_nothing[k] for k in probability}
        for label in probability:
            value = float(came[label])
            if abs(value - product[label] / sum(product.values())) < 1e-6:
                think = "A label that is favoured anyway would then be favoured even more."
            elif abs(value - weight[label]) < 1e-6:
                think = "Probabilities sum to 1."
            else:
                think = "It is the ratio of the two that tells how much the input changed."
            expect_close(value, right[label], what=f"p({label!r})", think=think)
