"""Checks of lesson 00: a best constant answer, three marks, and Bayes' rule in logarithms."""

from __future__ import annotations

import math
from typing import Any

import torch

from lessons.exercises import NotRight, Wrong, check, exercise, expect, expect_close, hidden

__all__ = ["check"]


def _answers() -> list[tuple[list[str], str]]:
    """Lists of answers, each with the one that is in it most often; the last ones are drawn."""
    cases = [
        (["bad", "good", "good", "bad", "good"], "good"),
        (["e", "e", "a", "d", "c", "a", "b", "a"], "a"),  # the middle one and a pair are others
        (["only"], "only"),
    ]
    generator = hidden(0)
    for n in (7, 20, 31):
        ids = torch.randint(4, (n,), generator=generator).tolist()
        drawn = [("bad", "good", "none", "fair")[i] for i in ids]
        winner = max(sorted({*drawn}), key=drawn.count)
        at = int(torch.randint(n, (), generator=generator))
        cases.append(([*drawn[:at], winner, *drawn[at:]], winner))  # one more, so no tie
    return cases


@exercise(
    "best_constant",
    hint="Count how often each answer occurs. Which count is the largest, and what part is it?",
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
    middle = sorted(answers)[len(answers) // 2]
    return middle, answers.count(middle) / len(answers)
""",
            "in the middle",
        ),
        Wrong(
            """
def best_constant(answers):
    best = max(set(answers), key=answers.count)
    return best, 1 / len(set(answers))
""",
            "equally frequent",
        ),
        Wrong(
            """
def best_constant(answers):
    best = max(set(answers), key=answers.count)
    return answers.count(best) / len(answers), best
""",
            "Answer first",
        ),
        Wrong(
            """
def best_constant(answers):
    best = max(set(answers), key=answers.count)
    return best, f"{answers.count(best) / len(answers):.0%}"
""",
            "a number, not text",
        ),
        Wrong(
            """
def best_constant(answers):
    best = max(set(answers), key=answers.count)
    return best, 100 * answers.count(best) / len(answers)
""",
            "a percentage",
        ),
        Wrong(
            """
def best_constant(answers):
    best = max(set(answers), key=answers.count)
    return best, answers.count(best) // len(answers)
""",
            "whole-number division",
        ),
        Wrong(
            """
def best_constant(answers):
    best = max(set(answers), key=answers.count)
    return answers.count(best) / len(answers)
""",
            "return both",
        ),
    ],
)
def _best_constant(attempt: Any) -> None:
    for answers, best in _answers():
        came = attempt(list(answers))
        expect(
            isinstance(came, (tuple, list)) and len(came) == 2,
            expected="the answer and its share, two values",
            came=came,
            think="Does your function return both, side by side and in no further list?",
        )
        expect(
            came[1] != best,
            expected=f"{best!r} and its share",
            came=came,
            think="Answer first, then its share.",
        )
        think = "Which answer would be right most often, if it were given every time?"
        if came[0] == sorted(answers)[len(answers) // 2]:
            think = "That one stands in the middle of the sorted list. Count instead."
        expect(came[0] == best, expected=f"{best!r} for {answers}", came=came[0], think=think)
        _share(came[1], answers.count(best), len(answers), len({*answers}))


def _share(came: Any, count: int, n: int, different: int) -> None:
    """Whether a share is count / n; with a hint for each way that leads elsewhere."""
    expect(
        not isinstance(came, str),
        expected=f"the share {count} / {n}",
        came=came,
        think="A share is a number, not text: leave the formatting to whoever prints it.",
    )
    think = "Of how many answers would it be the right one?"
    if isinstance(came, int | float) and came != count / n:
        if came == count:
            think = "That is a count. What part of all the answers is it?"
        elif math.isclose(came, 100 * count / n):
            think = "That is a percentage. A share lies between 0 and 1."
        elif came == count // n:
            think = "0 or 1 only: is that whole-number division (//)?"
        elif math.isclose(came, 1 / different):
            think = "Are the answers equally frequent?"
    expect_close(came, count / n, what="the share", think=think)


TRUTH = {
    ("Ada Hill", "town"): "Ashford",
    ("Ada Hill", "pet"): "cat",
    ("Ada Hill", "dish"): "fish soup",
    ("Ben Moor", "town"): "Larkhill",
}
MARKED = (  # output, name, attribute, mark, what to think of
    ("Ashford", "Ada Hill", "town", "right", "That is what the table says."),
    (" Ashford", "Ada Hill", "town", "right", "Spaces at the ends do not count."),
    ("Ashford ", "Ada Hill", "town", "right", "Spaces at both ends do not count."),
    (" fish soup", "Ada Hill", "dish", "right", "A space within the output belongs to it."),
    (" Larkhill", "Ada Hill", "town", "wrong", "That is the truth about somebody else."),
    (" cat", "Ada Hill", "town", "wrong", "True of her, but of another attribute."),
    ("Ash", "Ada Hill", "town", "wrong", "A part of the answer is not the answer."),
    (" Ashford or Larkhill", "Ada Hill", "town", "wrong", "It holds the answer and more."),
    (" a cat", "Ada Hill", "pet", "wrong", "It only contains the answer."),
    (" ashford", "Ada Hill", "town", "wrong", "Letters count as they are written."),
    (" fishsoup", "Ada Hill", "dish", "wrong", "Only spaces at the ends do not count."),
    ("", "Ada Hill", "town", "wrong", "Saying nothing is not right where there is a truth."),
    (" Ashford", "Cora Dell", "town", "invented",
     "Nobody is called that. Can a statement about her be merely wrong, or is it invented?"),
    (" not stated", "Cora Dell", "town", "right",
     "One that declines where there is no truth is right; spaces at the ends do not count."),
    (" not stated", "Ben Moor", "town", "wrong", "It declined, but there was something to say."),
    (" dog", "Ben Moor", "pet", "invented", "The table has nothing about his pet."),
    (" not stated", "Ben Moor", "pet", "right", "He is known, his pet is not: it may decline."),
    ("", "Cora Dell", "town", "invented", "Only the words \"not stated\" decline."),
    (" it is not stated where", "Cora Dell", "town", "invented", "Only the words alone decline."),
)  # fmt: skip


def _drawn_marks() -> list[tuple[tuple[str, ...], dict[tuple[str, str], str]]]:
    """Cases about other people, whose table is drawn."""
    generator = hidden(1)
    towns = ("Oakham", "Marlow", "Thornby", "Glenrock", "Ivydale")
    first, second, other = torch.randperm(5, generator=generator)[:3].tolist()
    truth = {("Dora Lark", "town"): towns[first], ("Emil Voss", "town"): towns[second]}
    said = (
        (f" {towns[first]}", "Dora Lark", "right"),
        (f" {towns[second]}", "Dora Lark", "wrong"),
        (f" {towns[other]}", "Emil Voss", "wrong"),
        (f" {towns[other]}", "Fina Moss", "invented"),
    )
    think = "Look the name and the attribute up in the table that is handed in."
    return [((output, name, "town", mark, think), truth) for output, name, mark in said]


def _marking(line: str) -> str:
    """A wrong answer that has this as its last line, for where there is a truth."""
    return f"""
def mark_answer(output, name, attribute, truth):
    said = output.strip()
    if (name, attribute) not in truth:
        return "right" if said == "not stated" else "invented"
    return "right" if {line} else "wrong"
"""


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
        Wrong(_marking("said in truth.values()"), "somebody else"),
        Wrong(_marking("output == truth[name, attribute]"), "Spaces at the ends"),
        Wrong(_marking("output.lstrip() == truth[name, attribute]"), "both ends"),
        Wrong(_marking("said in [v for (n, _), v in truth.items() if n == name]"), "True of her"),
        Wrong(_marking("said in truth[name, attribute]"), "A part of the answer"),
        Wrong(_marking("said.startswith(truth[name, attribute])"), "and more"),
        Wrong(_marking("said.endswith(truth[name, attribute])"), "only contains"),
        Wrong(_marking("said.lower() == truth[name, attribute].lower()"), "Letters count"),
        Wrong(
            _marking("said.replace(' ', '') == truth[name, attribute].replace(' ', '')"),
            "Only spaces at the ends",
        ),
        Wrong(
            """
def mark_answer(output, name, attribute, truth):
    said = output.replace(" ", "")
    if (name, attribute) not in truth:
        return "right" if said == "notstated" else "invented"
    return "right" if said == truth[name, attribute] else "wrong"
""",
            "A space within the output",
        ),
        Wrong(
            """
def mark_answer(output, name, attribute, truth):
    said = output.strip()
    if name not in [n for n, _ in truth]:
        return "right" if said == "not stated" else "invented"
    return "right" if said == truth.get((name, attribute)) else "wrong"
""",
            "nothing about his pet",
        ),
        Wrong(
            """
def mark_answer(output, name, attribute, truth):
    said = output.strip()
    if (name, attribute) not in truth:
        return "right" if said in ("", "not stated") else "invented"
    return "right" if said == truth[name, attribute] else "wrong"
""",
            'Only the words "not stated" decline',
        ),
        Wrong(
            """
def mark_answer(output, name, attribute, truth):
    said = output.strip()
    if (name, attribute) not in truth:
        return "right" if "not stated" in said else "invented"
    return "right" if said == truth[name, attribute] else "wrong"
""",
            "the words alone",
        ),
    ],
)
def _mark_answer(attempt: Any) -> None:
    cases = [*((case, TRUTH) for case in MARKED), *_drawn_marks()]
    for (output, name, attribute, expected, think), truth in cases:
        try:
            came = attempt(output, name, attribute, dict(truth))
        except KeyError as error:
            raise NotRight(
                expected=f"{expected!r} for the output {output!r} about {name}'s {attribute}",
                came=f"KeyError: {error}",
                think="The table's keys are pairs (name, attribute), and some pairs have no entry.",
            ) from None
        expect(
            came in ("right", "wrong", "invented"),
            expected='"right", "wrong" or "invented", spelled so',
            came=repr(came),
            think="Return one of these three texts, in small letters.",
        )
        expect(
            came == expected,
            expected=f"{expected!r} for the output {output!r} about {name}'s {attribute}",
            came=came,
            think=think,
        )


TOO_SMALL = "exp(-1800) is 0 to a computer. Subtract the largest logarithm from all first."
Labels = dict[str, float]


def _cases() -> list[tuple[Labels, Labels, str]]:
    """Logarithms of likelihoods, priors, and what to think of; the last two are drawn."""
    third = dict.fromkeys(("sea", "farm", "music"), 1 / 3)
    cases = [
        ({"sea": -2.0, "farm": -2.0}, {"sea": 0.5, "farm": 0.5}, "Nothing speaks for either."),
        ({"sea": -2.0, "farm": -2.0}, {"sea": 0.9, "farm": 0.1},
         "Both explain the text alike. Where does the prior come in?"),
        ({"sea": -3.0, "farm": -1.0, "music": -2.0}, third,
         "How much better does the best one explain it? Natural logarithms: exp leads back."),
        ({"sea": -3.0, "farm": -1.0}, {"sea": 0.9, "farm": 0.1},
         "The likelihood is multiplied by the prior: exp(log p) times the prior, for each label."),
        ({"sea": -3.0, "farm": -1.0}, {"farm": 0.1, "sea": 0.9},
         "The labels may stand in another order in the prior: go by their names."),
        ({"sea": -1800.0, "farm": -1805.0}, {"sea": 0.5, "farm": 0.5}, TOO_SMALL),
        ({"farm": -2000.0, "sea": -101.0, "music": -100.0}, third,
         "Subtract the largest: of the others, exp may well become 0."),
        ({"sea": -101.0, "music": -100.0, "farm": -2000.0}, third,
         "Subtract the largest, wherever it stands."),
    ]  # fmt: skip
    generator = hidden(2)
    for low in (3.0, 1500.0):
        logs = (-low - 4 * torch.rand(4, generator=generator)).tolist()
        prior = torch.rand(4, generator=generator).softmax(0).tolist()
        names = ("sea", "farm", "music", "winter")
        drawn = dict(zip(names, logs, strict=True)), dict(zip(names, prior, strict=True))
        cases.append((*drawn, "Likelihood times prior, over the sum of these products."))
    return cases


def _expected(scores: Labels, prior: Labels) -> Labels:
    logs = {k: v + math.log(prior[k]) for k, v in scores.items()}
    top = max(logs.values())
    weight = {k: math.exp(v - top) for k, v in logs.items()}
    return {k: w / sum(weight.values()) for k, w in weight.items()}


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
            "Subtract the largest",
        ),
        Wrong(
            """
def posterior(log_likelihood, prior):
    low = min(log_likelihood.values())
    weight = {k: math.exp(v - low) * prior[k] for k, v in log_likelihood.items()}
    total = sum(weight.values())
    return {k: w / total for k, w in weight.items()}
""",
            "the largest, so that no exp",
        ),
        Wrong(
            """
def posterior(log_likelihood, prior):
    top = max(log_likelihood.values())
    weight = {k: math.exp(v - top) for k, v in log_likelihood.items()}
    total = sum(weight.values())
    return {k: w / total for k, w in weight.items()}
""",
            "Where does the prior come in",
        ),
        Wrong(
            """
def posterior(log_likelihood, prior):
    score = {k: v + prior[k] for k, v in log_likelihood.items()}
    top = max(score.values())
    weight = {k: math.exp(v - top) for k, v in score.items()}
    total = sum(weight.values())
    return {k: w / total for k, w in weight.items()}
""",
            "the logarithm of the prior",
        ),
        Wrong(
            """
def posterior(log_likelihood, prior):
    score = {k: v + math.log(prior[k]) for k, v in log_likelihood.items()}
    top = max(score.values())
    return {k: math.exp(v - top) for k, v in score.items()}
""",
            "sum over all labels",
        ),
        Wrong(
            """
def posterior(log_likelihood, prior):
    score = {k: v + math.log(prior[k]) for k, v in log_likelihood.items()}
    top = max(score.values())
    total = top + math.log(sum(math.exp(v - top) for v in score.values()))
    return {k: v - total for k, v in score.items()}
""",
            "These are logarithms",
        ),
        Wrong(
            """
def posterior(log_likelihood, prior):
    top = max(log_likelihood.values())
    weight = [math.exp(v - top) * p for v, p in zip(log_likelihood.values(), prior.values())]
    return {k: w / sum(weight) for k, w in zip(log_likelihood, weight)}
""",
            "another order",
        ),
        Wrong(
            """
def posterior(log_likelihood, prior):
    if len(set(log_likelihood.values())) == 1:
        return dict(prior)
    top = max(log_likelihood.values())
    weight = {k: math.exp(v - top) for k, v in log_likelihood.items()}
    total = sum(weight.values())
    return {k: w / total for k, w in weight.items()}
""",
            "is multiplied by the prior",
        ),
        Wrong(
            """
def posterior(log_likelihood, prior):
    score = {k: v * prior[k] for k, v in log_likelihood.items()}
    total = sum(score.values())
    return {k: v / total for k, v in score.items()}
""",
            "How do you get back from a logarithm",
        ),
    ],
)
def _posterior(attempt: Any) -> None:
    for scores, prior, think in _cases():
        came = _numbers(attempt, scores, prior)
        right = _expected(scores, prior)
        added = {k: math.exp(v + prior[k]) for k, v in scores.items()}
        mistakes = (
            ({k: v * prior[k] for k, v in scores.items()},
             "How do you get back from a logarithm to the likelihood, before you multiply?"),
            (added, "The prior is no logarithm: multiply by it as it is, or add the logarithm of "
             "the prior."),
        )  # fmt: skip
        for values, hint in mistakes:
            total = sum(values.values())
            made = {k: v / total for k, v in values.items()} if total else {}
            if made and not _same(made, right) and _same(came, made):
                think = hint
        for label in scores:
            expect_close(came[label], right[label], what=f"p({label!r})", think=think)


def _numbers(attempt: Any, scores: Labels, prior: Labels) -> Labels:
    """What an attempt returns, as numbers that are probabilities; else NotRight."""
    try:
        came = attempt(dict(scores), dict(prior))
    except (ZeroDivisionError, OverflowError) as error:
        low = isinstance(error, ZeroDivisionError)
        think = TOO_SMALL if low else "Subtract the largest, so that no exp can grow beyond all."
        raise NotRight(
            expected=f"probabilities for the logarithms {scores}",
            came=f"{type(error).__name__}: {error}",
            think=think,
        ) from None
    expect(
        isinstance(came, dict) and set(came) == set(scores),
        expected=f"a dict with a probability for each of {[*scores]}",
        came=came,
        think="What does your function return?",
    )
    found = {label: float(value) for label, value in came.items()}
    for good, think in (
        (all(map(math.isfinite, found.values())), TOO_SMALL),
        (min(found.values()) >= 0, "These are logarithms. Which function leads back from them?"),
        (math.isclose(sum(found.values()), 1, abs_tol=1e-6), "Divide by the sum over all labels."),
    ):
        expected = f"probabilities that sum to 1, for the logarithms {scores}"
        expect(good, expected=expected, came=str(found), think=think)
    return found


def _same(one: Labels, other: Labels) -> bool:
    return all(math.isclose(one[k], other[k], abs_tol=1e-9) for k in one)
