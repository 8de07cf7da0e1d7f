"""Checks of lesson 00: a best constant answer, Bayes' rule in logarithms, and three marks."""

from __future__ import annotations

import math
from typing import Any

from lessons.exercises import Wrong, check, exercise, expect, expect_close

__all__ = ["check"]


@exercise(
    "best_constant",
    hint="Count how often each answer occurs: collections.Counter(answers).most_common(1).",
    wrong=[
        Wrong(
            """
def best_constant(answers):
    from collections import Counter
    return Counter(answers).most_common(1)[0]
""",
            "a count",
        ),
        Wrong(
            """
def best_constant(answers):
    return answers[0], answers.count(answers[0]) / len(answers)
""",
            "most often",
        ),
        Wrong(
            """
def best_constant(answers):
    best = max(set(answers), key=answers.count)
    return best, 1 / len(set(answers))
""",
            "equally frequent",
        ),
    ],
)
def _best_constant(attempt: Any) -> None:
    for answers, best, share in (
        (["bad", "good", "good", "bad", "good"], "good", 0.6),
        (["x", "y", "y", "z"], "y", 0.5),
        (["only"], "only", 1.0),
    ):
        came = attempt(list(answers))
        expect(
            isinstance(came, (tuple, list)) and len(came) == 2,
            expected="the answer and its share, two values",
            came=came,
            think="Does your function return both?",
        )
        expect(
            came[0] == best,
            expected=f"{best!r} for {answers}",
            came=came[0],
            think="Which answer would be right most often, if it were given every time?",
        )
        share_came = float(came[1])
        if share_came == answers.count(best) and share_came != share:
            think = "That is a count. What part of all the answers is it?"
        elif share_came > 1:
            think = "A share lies between 0 and 1."
        elif math.isclose(share_came, 1 / len(set(answers))):
            think = "Are the answers equally frequent?"
        else:
            think = "Of how many answers would it be the right one?"
        expect_close(share_came, share, what="the share", think=think)


@exercise(
    "posterior",
    hint="log p(label | text) is log p(text | label) + log p(label), up to a constant.",
    wrong=[
        Wrong(
            """
def posterior(log_likelihood, prior):
    weight = {k: math.exp(v) * prior[k] for k, v in log_likelihood.items()}
    total = sum(weight.values())
    return {k: w / total for k, w in weight.items()}
""",
            "ZeroDivisionError",
        ),
        Wrong(
            """
def posterior(log_likelihood, prior):
    top = max(log_likelihood.values())
    weight = {k: math.exp(v - top) for k, v in log_likelihood.items()}
    total = sum(weight.values())
    return {k: w / total for k, w in weight.items()}
""",
            "prior",
        ),
        Wrong(
            """
def posterior(log_likelihood, prior):
    score = {k: v + math.log(prior[k]) for k, v in log_likelihood.items()}
    top = max(score.values())
    return {k: math.exp(v - top) for k, v in score.items()}
""",
            "sum to 1",
        ),
    ],
)
def _posterior(attempt: Any) -> None:
    def expected(scores: dict[str, float], prior: dict[str, float]) -> dict[str, float]:
        logs = {k: v + math.log(prior[k]) for k, v in scores.items()}
        top = max(logs.values())
        weight = {k: math.exp(v - top) for k, v in logs.items()}
        return {k: w / sum(weight.values()) for k, w in weight.items()}

    cases: tuple[tuple[dict[str, float], dict[str, float], str], ...] = (
        ({"sea": -2.0, "farm": -2.0}, {"sea": 0.5, "farm": 0.5}, "Nothing speaks for either."),
        (
            {"sea": -2.0, "farm": -2.0},
            {"sea": 0.9, "farm": 0.1},
            "Both explain the text alike. Where does the prior come in?",
        ),
        ({"sea": -3.0, "farm": -1.0, "music": -2.0}, dict.fromkeys(("sea", "farm", "music"), 1 / 3),
         "Which label explains the text best?"),
        (
            {"sea": -1800.0, "farm": -1805.0},
            {"sea": 0.5, "farm": 0.5},
            "exp(-1800) is 0 to a computer. Subtract the largest logarithm first.",
        ),
    )  # fmt: skip
    for scores, prior, think in cases:
        came = attempt(dict(scores), dict(prior))
        expect(
            isinstance(came, dict) and set(came) == set(scores),
            expected=f"a dict with a probability for each of {[*scores]}",
            came=came,
            think="What does your function return?",
        )
        total = sum(map(float, came.values()))
        expect(
            math.isclose(total, 1, abs_tol=1e-6),
            expected="probabilities that sum to 1",
            came=total,
            think="Divide by the sum over all labels.",
        )
        right = expected(scores, prior)
        for label in scores:
            expect_close(float(came[label]), right[label], what=f"p({label!r})", think=think)


@exercise(
    "mark_answer",
    hint="First: is there a truth? If not, did it decline? If so, is the output that truth?",
    wrong=[
        Wrong(
            """
def mark_answer(output, name, attribute, truth):
    return "right" if output.strip() == truth.get((name, attribute)) else "wrong"
""",
            "invented",
        ),
        Wrong(
            """
def mark_answer(output, name, attribute, truth):
    if (name, attribute) not in truth:
        return "invented"
    return "right" if output.strip() == truth[name, attribute] else "wrong"
""",
            "declines",
        ),
        Wrong(
            """
def mark_answer(output, name, attribute, truth):
    if output.strip() == "not stated":
        return "right"
    if (name, attribute) not in truth:
        return "invented"
    return "right" if output.strip() == truth[name, attribute] else "wrong"
""",
            "there was something to say",
        ),
        Wrong(
            """
def mark_answer(output, name, attribute, truth):
    said = output.strip()
    if (name, attribute) not in truth:
        return "right" if said == "not stated" else "invented"
    return "right" if said in truth.values() else "wrong"
""",
            "somebody else",
        ),
    ],
)
def _mark_answer(attempt: Any) -> None:
    truth = {
        ("Ada Hill", "town"): "Ashford",
        ("Ada Hill", "pet"): "cat",
        ("Ben Moor", "town"): "Larkhill",
    }
    cases = (
        (" Ashford", "Ada Hill", "town", "right", "That is what the table says."),
        ("Ashford ", "Ada Hill", "town", "right", "Blanks at the ends do not count."),
        (" Larkhill", "Ada Hill", "town", "wrong", "That is the truth about somebody else."),
        (" a cat", "Ada Hill", "pet", "wrong", "It only contains the answer."),
        (" Ashford", "Cora Dell", "town", "invented",
         "Nobody is called that. Can a statement about her be merely wrong, or is it invented?"),
        (" not stated", "Cora Dell", "town", "right",
         "One that declines where there is no truth is right; spaces at the ends do not count."),
        (" not stated", "Ben Moor", "town", "wrong",
         "It declined, but there was something to say."),
        (" dog", "Ben Moor", "pet", "invented", "The table has nothing about his pet."),
    )  # fmt: skip
    for output, name, attribute, expected, think in cases:
        came = attempt(output, name, attribute, dict(truth))
        expect(
            came == expected,
            expected=f"{expected!r} for the output {output!r} about {name}'s {attribute}",
            came=came,
            think=think,
        )
