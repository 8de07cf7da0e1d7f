"""Checks of lesson 14: BM25, recall at k, and the sentence that supports an answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import torch

from lessons.exercises import (
    NotRight,
    Wrong,
    check,
    exercise,
    expect,
    expect_close,
    graded,
    hidden,
    refuse_known,
)
from lessons.l14_grounding import papers, retrieval
from lessons.world.reading import facts_of, passage_text
from lessons.world.tape import Tape

__all__ = ["check"]

Texts = list[list[str]]
_POOL = "red door home dog harp soup green town plays likes has lives in the a and".split()


def _weight(n: int, total: int) -> float:
    return math.log(1 + (total - n + 0.5) / (n + 0.5))


def _damped(f: int, length: float, k1: float, b: float) -> float:
    return f * (k1 + 1) / (f + k1 * (1 - b + b * length))


def _holding(texts: Texts, word: str) -> int:
    return sum(word in text for text in texts)


def _bm25(
    query: list[str],
    texts: Texts,
    k1: float,
    b: float,
    *,
    weight: Callable[[int, int], float] = _weight,
    damped: Callable[[int, float, float, float], float] = _damped,
    count: Callable[[list[str], str], int] = lambda text, word: text.count(word),
    holding: Callable[[Texts, str], int] = _holding,
    size: Callable[[list[str]], float] = len,
) -> torch.Tensor:
    """The scores: (N,), with any of the formula's parts exchanged."""
    mean = sum(map(len, texts)) / len(texts)
    return torch.tensor(
        [
            sum(
                weight(holding(texts, word), len(texts))
                * damped(count(text, word), size(text) / mean, k1, b)
                for word in query
            )
            for text in texts
        ],
        dtype=torch.float64,
    )


def _slips(
    query: list[str], texts: Texts, k1: float, b: float
) -> list[tuple[torch.Tensor, str, str]]:
    """What comes of one slip in the formula: (scores, what it is, what to think of)."""

    def put(**parts: Any) -> torch.Tensor:
        return _bm25(query, texts, k1, b, **parts)

    def parts_of_words(text: list[str], word: str) -> int:
        return " ".join(text).count(word)

    mean = sum(map(len, texts)) / len(texts)
    return [
        (put() / (k1 + 1), "scores without the factor k1 + 1",
         "With one occurrence and b = 0 the damped count is 1: compare the numerator."),
        (_bm25(query, texts, k1, 0.75), "scores with b = 0.75, whatever b is",
         "Use the argument b."),
        (_bm25(query, texts, 1.5, b), "scores with k1 = 1.5, whatever k1 is",
         "Use the argument k1."),
        (put(weight=lambda n, total: math.log((total - n + 0.5) / (n + 0.5))),
         "scores with a weight that lacks the 1 inside the logarithm",
         "log(1 + …): without the 1 a word of most texts has a negative weight."),
        (put() / math.log(2), "scores with a logarithm to base 2",
         "The weight uses the natural logarithm, math.log."),
        (put() / math.log(10), "scores with a logarithm to base 10",
         "The weight uses the natural logarithm, math.log."),
        (put(weight=lambda n, total: math.log(total / n) if n else 0.0),
         "scores with the weight log(N / n)",
         "Near to it, but compare the fraction inside the logarithm with the text's."),
        (put(count=lambda text, word: int(word in text)),
         "scores that ask only whether a word stands in a text",
         "f is how often the word stands in this text."),
        (put(damped=lambda f, *_: float(f)), "weights times plain counts",
         "Twice in a text counts more than once, but damped: see k1."),
        (_bm25(query, texts, k1, 0.0), "scores that leave the texts' lengths out",
         "Of two texts that hold a word once, the long one scores less: see b."),
        (put(holding=lambda texts, word: sum(text.count(word) for text in texts)),
         "scores with an n that counts all occurrences",
         "n is the number of texts that hold the word, not how often it stands."),
        (_bm25(sorted(set(query)), texts, k1, b), "scores that count every word of the query once",
         "A word that the query repeats is added up as often: go through query, not its set."),
        (put(count=parts_of_words), "scores that count parts of words too",
         "cat does not stand in a text because cats does: compare whole words."),
        (put(count=parts_of_words,
             holding=lambda texts, word: sum(word in " ".join(text) for text in texts)),
         "scores that count parts of words too",
         "cat does not stand in a text because cats does: compare whole words."),
        (put(size=lambda text: len(set(text))), "scores with a length of different words only",
         "L is the number of all words of a text."),
        (put(size=lambda text: len(text) * mean), "scores with a length that is not divided",
         "L is compared with the mean length."),
        (put(damped=lambda f, length, k, b_: _damped(f, 1 / length, k, b_)),
         "scores in which long texts win",
         "L over the mean, not the mean over L."),
        (put().sort(descending=True).values, "the scores in order of size",
         "One score for each text, in the order of the texts."),
    ]  # fmt: skip


def _hidden_texts() -> Texts:
    """Six texts of words drawn anew for whoever grades; "cat" twice in one, "cats" in another."""
    generator = hidden(14)

    def some(n: int) -> list[str]:
        return [_POOL[i] for i in torch.randint(len(_POOL), (n,), generator=generator).tolist()]

    texts = [some(4 + 2 * i) for i in range(6)]
    texts[0] += ["cat", "red"]
    texts[2] += ["cats", "cats"]
    texts[3] += ["cat", "cat"]
    texts[5] += ["harp", "harp", "red"]
    return texts


_TEXTS = [
    "ada has a red door and a cat".split(),
    "bo has a home in foxton".split(),
    "a cat and a cat and a dog".split(),
    "cy plays the harp".split(),
]


@exercise(
    "bm25",
    hint="For each word of the query: in how many texts does it stand, and how often in this one?",
    wrong=[
        Wrong(
            """
import math
def bm25(query, texts, k1=1.5, b=0.75):
    mean = sum(len(text) for text in texts) / len(texts)
    scores = [0.0] * len(texts)
    for word in query:
        n = sum(text.count(word) for text in texts)
        weight = math.log(1 + (len(texts) - n + 0.5) / (n + 0.5))
        for number, text in enumerate(texts):
            f = text.count(word)
            scores[number] += weight * f * (k1 + 1) / (f + k1 * (1 - b + b * len(text) / mean))
    return scores
""",
            "texts that hold",
        ),
        Wrong(
            """
import math
def bm25(query, texts, k1=1.5, b=0.75):
    scores = [0.0] * len(texts)
    for word in query:
        n = sum(word in text for text in texts)
        weight = math.log(1 + (len(texts) - n + 0.5) / (n + 0.5))
        for number, text in enumerate(texts):
            scores[number] += weight * text.count(word)
    return scores
""",
            "damped",
        ),
        Wrong(
            """
import math
def bm25(query, texts, k1=1.5, b=0.75):
    scores = [0.0] * len(texts)
    for word in query:
        n = sum(word in text for text in texts)
        weight = math.log(1 + (len(texts) - n + 0.5) / (n + 0.5))
        for number, text in enumerate(texts):
            f = text.count(word)
            scores[number] += weight * f * (k1 + 1) / (f + k1)
    return scores
""",
            "long one scores less",
        ),
        Wrong(
            """
import math
def bm25(query, texts, k1=1.5, b=0.75):
    mean = sum(len(text) for text in texts) / len(texts)
    scores = [0.0] * len(texts)
    for word in set(query):
        n = sum(word in text for text in texts)
        weight = math.log(1 + (len(texts) - n + 0.5) / (n + 0.5))
        for number, text in enumerate(texts):
            f = text.count(word)
            scores[number] += weight * f * (k1 + 1) / (f + k1 * (1 - b + b * len(text) / mean))
    return scores
""",
            "go through query, not its set",
        ),
        Wrong(
            """
import math
def bm25(query, texts, k1=1.5, b=0.75):
    mean = sum(len(text) for text in texts) / len(texts)
    scores = [0.0] * len(texts)
    for word in query:
        n = sum(word in text for text in texts)
        weight = math.log(1 + (len(texts) - n + 0.5) / (n + 0.5))
        for number, text in enumerate(texts):
            f = " ".join(text).count(word)
            scores[number] += weight * f * (k1 + 1) / (f + k1 * (1 - b + b * len(text) / mean))
    return scores
""",
            "whole words",
        ),
        Wrong(
            """
import math
def bm25(query, texts, k1=1.5, b=0.75):
    mean = sum(len(text) for text in texts) / len(texts)
    scores = [0.0] * len(texts)
    for word in query:
        n = sum(word in text for text in texts)
        weight = math.log(1 + (len(texts) - n + 0.5) / (n + 0.5))
        for number, text in enumerate(texts):
            f = text.count(word)
            scores[number] += weight * f / (f + k1 * (1 - b + b * len(text) / mean))
    return scores
""",
            "compare the numerator",
        ),
        Wrong(
            """
import math
def bm25(query, texts, k1=1.5, b=0.75):
    mean = sum(len(text) for text in texts) / len(texts)
    scores = [0.0] * len(texts)
    for word in query:
        n = sum(word in text for text in texts)
        weight = math.log(1 + (len(texts) - n + 0.5) / (n + 0.5))
        for number, text in enumerate(texts):
            f = text.count(word)
            scores[number] += weight * f * (k1 + 1) / (f + k1 * (0.25 + 0.75 * len(text) / mean))
    return scores
""",
            "the argument b",
        ),
        Wrong(
            """
import math
def bm25(query, texts, k1=1.5, b=0.75):
    mean = sum(len(text) for text in texts) / len(texts)
    scores = [0.0] * len(texts)
    for word in query:
        n = sum(word in text for text in texts)
        weight = math.log((len(texts) - n + 0.5) / (n + 0.5))
        for number, text in enumerate(texts):
            f = text.count(word)
            scores[number] += weight * f * (k1 + 1) / (f + k1 * (1 - b + b * len(text) / mean))
    return scores
""",
            "without the 1",
        ),
        Wrong(
            """
import math
def bm25(query, texts, k1=1.5, b=0.75):
    mean = sum(len(text) for text in texts) / len(texts)
    scores = [0.0] * len(texts)
    for word in query:
        n = sum(word in text for text in texts)
        weight = math.log(1 + (len(texts) - n + 0.5) / (n + 0.5))
        for number, text in enumerate(texts):
            f = int(word in text)
            scores[number] += weight * f * (k1 + 1) / (f + k1 * (1 - b + b * len(text) / mean))
    return scores
""",
            "how often the word stands",
        ),
        Wrong(
            """
import math
def bm25(query, texts, k1=1.5, b=0.75):
    mean = sum(len(text) for text in texts) / len(texts)
    total = 0.0
    for word in query:
        n = sum(word in text for text in texts)
        weight = math.log(1 + (len(texts) - n + 0.5) / (n + 0.5))
        for text in texts:
            f = text.count(word)
            total += weight * f * (k1 + 1) / (f + k1 * (1 - b + b * len(text) / mean))
    return total
""",
            "One score for each text",
        ),
        Wrong(
            """
import math
def bm25(query, texts, k1=1.5, b=0.75):
    mean = sum(len(text) for text in texts) / len(texts)
    scores = [0.0] * len(texts)
    for word in query:
        n = sum(word in text for text in texts)
        weight = math.log(1 + (len(texts) - n + 0.5) / (n + 0.5))
        for number, text in enumerate(texts):
            f = text.count(word)
            if f:
                scores[number] += weight * f * (k1 + 1) / f + k1 * (1 - b + b * len(text) / mean)
    return scores
""",
            "parentheses",
        ),
    ],
)
def _check_bm25(attempt: Any) -> None:
    texts = _hidden_texts()
    query = ["cat", "red", "cat", "harp", "nowhere"]

    def put(query: list[str], texts: Texts, k1: float, b: float) -> Any:
        came = attempt(list(query), [list(text) for text in texts], k1, b)
        expect(
            hasattr(came, "__len__") and len(came) == len(texts),
            expected=f"{len(texts)} scores, one for each text",
            came=came,
            think="One score for each text, 0 where no word is shared.",
        )
        return came

    came = put(query, texts, 1.2, 0.4)
    right = _bm25(query, texts, 1.2, 0.4)
    refuse_known(
        _numbers(came),
        _slips(query, texts, 1.2, 0.4),
        f"the scores of {len(texts)} texts for {query}, k1=1.2, b=0.4",
        right,
    )
    for asked, k1, b, think in (
        (["nowhere"], 1.5, 0.75, "A word that stands nowhere adds nothing."),
        (["harp"], 1.5, 0.0,
         "One word, once in one text, b = 0: its weight is all. Compare fraction and parentheses."),
        (["and"], 1.2, 0.0, "Twice in a text counts more than once, but damped: see k1."),
        (["has"], 1.5, 1.0, "Of two texts that hold a word once, the long one scores less: see b."),
        (["cat", "red"], 0.9, 0.4, "The scores of the query's words add up."),
    ):  # fmt: skip
        wanted = _bm25(asked, _TEXTS, k1, b)
        for number, (one, score) in enumerate(zip(put(asked, _TEXTS, k1, b), wanted, strict=True)):
            what = f"the score of text {number} for {asked}, k1={k1}, b={b},"
            expect_close(one, score, what=what, think=think)
    think = "Which word, which text goes astray?"
    expect_close(came, right, what=f"the scores for {query}", think=think)
    fifty = papers.library().papers[:50]
    some, (name, _, _) = [paper.text for paper in fifty], fifty[0].facts[0]
    put_so = f"What is the colour of the door of {name}?"
    came = put(retrieval.words(put_so), [retrieval.words(text) for text in some], 1.5, 0.75)
    library = 2.5 * torch.tensor(retrieval.BM25(some).scores(put_so))  # it leaves out k1 + 1
    expect_close(came, library, what="the scores that bm25s gives 50 papers", think=think)


def _numbers(came: Any) -> object:
    """What came as a tensor, where it is one number or a list of them; else as it is."""
    if isinstance(came, Fraction):
        return float(came)
    try:
        return torch.as_tensor(came, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        return came


def _misread(found: list[list[int]], wanted: list[int], k: int) -> list[tuple[float, str, str]]:
    """What comes of one slip in recall at k: (value, what it is, what to think of)."""
    n = len(wanted)

    def hits(cut: slice) -> int:
        return sum(want in some[cut] for some, want in zip(found, wanted, strict=True))

    first = {number for some in found for number in some[:k]}
    places = [some.index(w) if w in some else k for some, w in zip(found, wanted, strict=True)]
    right = hits(slice(k)) / n
    return [
        (right * n, "how many questions, not which share", "Divide by the number of questions."),
        (100 * right, "a share in percent", "A share lies between 0 and 1."),
        (right * n / len(found[0]), "a number divided by how many were found",
         "A share of questions: divide by their number."),
        (right / k, "a share of all places",
         "A share of questions, not of places: divide by their number."),
        (right * n / k, "a number divided by k",
         "A share of questions, not of places: divide by their number."),
        (hits(slice(None)) / n, "the share found anywhere", "Only the first k count."),
        (hits(slice(k - 1)) / n, "recall at k - 1", "Where does a slice of the first k end?"),
        (hits(slice(k + 1)) / n, "recall at k + 1", "Where does a slice of the first k end?"),
        (hits(slice(k - 1, k)) / n, "the share found at place k",
         "It counts whether it stands at place k or before, not only there."),
        (sum(w in some for some, w in zip(found[:k], wanted, strict=False)) / n,
         "an answer from the first k questions",
         "Cut what was found for each question, not the questions."),
        (1.0, "1, as from the first question alone",
         "Does your loop return before it has seen all questions?"),
        (0.0, "0", "Is a // there? And does `in` look for one number in a list?"),
        (sum(w in first for w in wanted) / n, "numbers found for whichever question",
         "Compare each wanted number with what was found for its own question."),
        (sum(1 / (place + 1) for place in places if place < k) / n, "the mean of 1 / place",
         "That is another measure. At place 1 or k: found is found."),
    ]  # fmt: skip


def _found_and_wanted(k: int) -> tuple[list[list[int]], list[int]]:
    """17 questions with six numbers found each, drawn until no two slips give the same number."""
    generator = hidden(14)
    for _ in range(10_000):
        found = [torch.randperm(20, generator=generator)[:6].tolist() for _ in range(17)]
        places = torch.randint(8, (17,), generator=generator).tolist()
        wanted = [(*some, 20, 21)[at] for some, at in zip(found, places, strict=True)]
        right = sum(w in some[:k] for some, w in zip(found, wanted, strict=True)) / len(wanted)
        values = sorted([right, *(value for value, _, _ in _misread(found, wanted, k))])
        first = wanted[0] in found[0][:k]  # then a loop that returns too soon gives 1
        if first and min(b - a for a, b in pairwise(values)) > 1e-6:
            return found, wanted
    raise AssertionError("no draw tells all slips apart")


@exercise(
    "recall",
    hint="For each question: is the wanted number among found[i][:k]? Then the mean.",
    wrong=[
        Wrong(
            """
def recall(found, wanted, k):
    return sum(want in numbers for numbers, want in zip(found, wanted)) / len(wanted)
""",
            "first k count",
        ),
        Wrong(
            """
def recall(found, wanted, k):
    return sum(want == numbers[k - 1] for numbers, want in zip(found, wanted)) / len(wanted)
""",
            "at place k or before",
        ),
        Wrong(
            """
def recall(found, wanted, k):
    return sum(want in numbers[:k] for numbers, want in zip(found, wanted)) / (k * len(wanted))
""",
            "questions, not of places",
        ),
        Wrong(
            """
def recall(found, wanted, k):
    return sum(want in numbers[:k] for numbers, want in zip(found, wanted))
""",
            "Divide by the number",
        ),
        Wrong(
            """
def recall(found, wanted, k):
    return 100 * sum(want in numbers[:k] for numbers, want in zip(found, wanted)) / len(wanted)
""",
            "between 0 and 1",
        ),
        Wrong(
            """
def recall(found, wanted, k):
    return sum(want in numbers[:k] for numbers, want in zip(found, wanted)) / len(found[0])
""",
            "divided by how many were found",
        ),
        Wrong(
            """
def recall(found, wanted, k):
    return sum(want in numbers for numbers, want in zip(found[:k], wanted)) / len(wanted)
""",
            "not the questions",
        ),
        Wrong(
            """
def recall(found, wanted, k):
    for numbers, want in zip(found, wanted):
        return float(want in numbers[:k])
""",
            "before it has seen all",
        ),
        Wrong(
            """
def recall(found, wanted, k):
    return [want in numbers[:k] for numbers, want in zip(found, wanted)]
""",
            "One number",
        ),
        Wrong(
            """
def recall(found, wanted, k):
    return sum(want in numbers[:k - 1] for numbers, want in zip(found, wanted)) / len(wanted)
""",
            "end?",
        ),
        Wrong(
            """
def recall(found, wanted, k):
    first = {number for numbers in found for number in numbers[:k]}
    return sum(want in first for want in wanted) / len(wanted)
""",
            "its own question",
        ),
        Wrong(
            """
def recall(found, wanted, k):
    places = [f.index(w) + 1 if w in f[:k] else 0 for f, w in zip(found, wanted)]
    return sum(1 / place for place in places if place) / len(wanted)
""",
            "another measure",
        ),
    ],
)
def _check_recall(attempt: Any) -> None:
    found, wanted = _found_and_wanted(3)
    for k in (3, 1, 2, 5):
        right = sum(w in some[:k] for some, w in zip(found, wanted, strict=True)) / len(wanted)
        came = _numbers(attempt([list(some) for some in found], list(wanted), k))
        expect(
            not isinstance(came, torch.Tensor) or came.ndim == 0,
            expected="one number for all questions",
            came=came,
            think="One number: the share of questions. The mean of your list?",
        )
        if k == 3:
            slips = [
                (torch.tensor(value, dtype=torch.float64), what, think)
                for value, what, think in _misread(found, wanted, k)
            ]
            refuse_known(came, slips, f"recall at {k} to be a share of {len(wanted)} questions")
        think = "For which of the questions does the wanted number stand among the first k?"
        expect_close(came, right, what=f"recall at {k}", think=think)


_PAPERS = (
    (["Ada Fenn lives in Foxton.", "Bo Karl lives in Oakham."], "Bo Karl", "Oakham", 1,
     "The sentence names the person and the value."),
    (["Ada Fenn lives in Foxton."], "Ada Fenn", "stew", None, "No sentence says so: None."),
    (["Ada Fenn lives in Foxton.", "She keeps a cat as a pet, while Bo Karl plays the harp."],
     "Ada Fenn", "harp", None, "The value stands there, but about whom? Of the other person."),
    (["Ada Fenn lives in Foxton.", "She keeps a cat as a pet, while Bo Karl plays the harp."],
     "Ada Fenn", "cat", 1,
     "She is whoever the sentence before was about at its end: go clause by clause."),
    (["Ada Fenn lives in Foxton.", "Bo Karl is a baker by trade.", "He likes soup best of all."],
     "Ada Fenn", "soup", None, "He is Bo Karl here, not whoever is asked for."),
    (["Ada Fenn lives in Foxton.", "She keeps a cat as a pet.", "She likes soup."],
     "Ada Fenn", "soup", 2, "Two sentences back the name stands: carry it along."),
    (["Bo Karl is a baker by trade, while Ada Fenn keeps a cat as a pet.", "She likes soup."],
     "Ada Fenn", "soup", 1, "Whom was the last clause about? She is the one at the end."),
    (["Ada Fenn lives in Foxton.", "Ada Karl lives in Oakham."], "Ada Fenn", "Oakham", None,
     "Two people may share a first name."),
    (["Bo Karl likes ham best of all.", "Ada Fenn lives in Hamford."],
     "Ada Fenn", "Ham", None, "The value must be a word of its own: Ham is no part of Hamford."),
)  # fmt: skip


def _hidden_papers() -> list[tuple[list[str], str, str, int | None, str]]:
    """Papers about invented people, drawn anew for whoever grades, as cases like _PAPERS."""
    think = "Follow the pronouns from sentence to sentence, and clause by clause."
    found = []
    for number in range(8):
        tape = Tape("exercise 14", graded(14), number)
        facts = facts_of(tape, "invented")
        text = passage_text(tape, facts)
        for name in dict.fromkeys(name for name, _, _ in facts):
            for _, _, value in facts:
                at = papers.support(text, name, value)
                found.append((papers.sentences(text), name, value, at if at >= 0 else None, think))
    return found


@exercise(
    "support",
    returns=False,
    hint="Go through the sentences, clause by clause, and remember whom the last one was about.",
    wrong=[
        Wrong(
            """
def support(sentences, name, value):
    for number, sentence in enumerate(sentences):
        if value in sentence:
            return number
    return None
""",
            "about whom?",
        ),
        Wrong(
            """
def support(sentences, name, value):
    for number, sentence in enumerate(sentences):
        if name in sentence and value in sentence:
            return number
    return None
""",
            "She is whoever",
        ),
        Wrong(
            """
def support(sentences, name, value):
    import re
    for number, sentence in enumerate(sentences):
        for clause in sentence.split(", while "):
            theirs = name in clause or clause.startswith(("She", "He"))
            if theirs and re.search(rf"\\b{value}\\b", clause):
                return number
    return None
""",
            "not whoever is asked for",
        ),
        Wrong(
            """
def support(sentences, name, value):
    import re
    for number, sentence in enumerate(sentences):
        before = re.findall(r"[A-Z]\\w+ [A-Z]\\w+", sentences[number - 1])[-1:] if number else []
        for clause in sentence.split(", while "):
            names = re.findall(r"[A-Z]\\w+ [A-Z]\\w+", clause) or before
            if names[:1] == [name] and re.search(rf"\\b{value}\\b", clause):
                return number
    return None
""",
            "carry it along",
        ),
        Wrong(
            """
def support(sentences, name, value):
    import re
    about = None
    for number, sentence in enumerate(sentences):
        for clause in sentence.split(", while "):
            names = re.findall(r"[A-Z]\\w+ [A-Z]\\w+", clause)
            about = names[0].split()[0] if names else about
            if about == name.split()[0] and re.search(rf"\\b{value}\\b", clause):
                return number
    return None
""",
            "share a first name",
        ),
        Wrong(
            """
def support(sentences, name, value):
    import re
    first = None
    for number, sentence in enumerate(sentences):
        names = re.findall(r"[A-Z]\\w+ [A-Z]\\w+", sentence)
        for clause in sentence.split(", while "):
            about = (re.findall(r"[A-Z]\\w+ [A-Z]\\w+", clause) or [first])[0]
            if about == name and re.search(rf"\\b{value}\\b", clause):
                return number
        first = names[0] if names else first
    return None
""",
            "at the end",
        ),
        Wrong(
            """
def support(sentences, name, value):
    import re
    about = None
    for number, sentence in enumerate(sentences):
        for clause in sentence.split(", while "):
            names = re.findall("[A-Z][a-z]+ [A-Z][a-z]+", clause)
            about = names[0] if names else about
            if about == name and value in clause:
                return number
    return None
""",
            "word of its own",
        ),
        Wrong(
            """
def support(sentences, name, value):
    import re
    about = None
    for number, sentence in enumerate(sentences):
        for clause in sentence.split(", while "):
            names = re.findall("[A-Z][a-z]+ [A-Z][a-z]+", clause)
            about = names[0] if names else about
            if about == name and re.search(rf"\\b{value}\\b", clause):
                return number or None
    return None
""",
            "0 is not None",
        ),
        Wrong(
            """
def support(sentences, name, value):
    about = None
    for number, sentence in enumerate(sentences):
        for clause in sentence.split(", while "):
            words = clause.split()
            if name in clause:
                about = name
            if about == name and value in words:
                return number
    return None
""",
            "before a full stop",
        ),
        Wrong(
            """
def support(sentences, name, value):
    import re
    about = None
    for number, sentence in enumerate(sentences, 1):
        for clause in sentence.split(", while "):
            names = re.findall("[A-Z][a-z]+ [A-Z][a-z]+", clause)
            about = names[0] if names else about
            if about == name and re.search(rf"\\b{value}\\b", clause):
                return number
    return None
""",
            "counts from 0",
        ),
        Wrong(
            """
def support(sentences, name, value):
    import re
    about = None
    for number, sentence in enumerate(sentences):
        for clause in sentence.split(", while "):
            names = re.findall("[A-Z][a-z]+ [A-Z][a-z]+", clause)
            about = names[0] if names else about
            if about == name and re.search(rf"\\b{value}\\b", clause):
                return number
    return -1
""",
            "None, not -1",
        ),
        Wrong(
            """
def support(sentences, name, value):
    import re
    about = None
    for sentence in sentences:
        for clause in sentence.split(", while "):
            names = re.findall("[A-Z][a-z]+ [A-Z][a-z]+", clause)
            about = names[0] if names else about
            if about == name and re.search(rf"\\b{value}\\b", clause):
                return sentence
    return None
""",
            "its number",
        ),
    ],
)
def _check_support(attempt: Any) -> None:
    sentences = ["Bo Karl lives in Foxton.", "Ada Fenn lives in Oakham."]
    came = attempt(list(sentences), "Bo Karl", "Foxton")
    none = "The first sentence has the number 0, and 0 is not None."
    if came is None and attempt(sentences[::-1], "Bo Karl", "Foxton") != 1:
        none = "Does it find a value before a full stop (Foxton.), and does every way return?"
    for wrong, what, think in (
        (isinstance(came, str), came, "Return its number, not the sentence."),
        (isinstance(came, bool), came, "Which sentence? Return its number."),
        (came is None, came, none),
        (came == 1, came, "Python counts from 0: the first sentence has the number 0."),
    ):
        if wrong:
            raise NotRight(
                expected=f"0 for 'Foxton' about Bo Karl in {sentences}", came=what, think=think
            )
    for given, name, value, right, think in (*_PAPERS, *_hidden_papers()):
        came = attempt(list(given), name, value)
        if right is None and not isinstance(came, str) and came == -1:
            think = "Where no sentence says so, return None, not -1."
        expect(
            (came is None) if right is None else (not isinstance(came, bool) and came == right),
            expected=f"{right} for {value!r} about {name} in {given}",
            came=came,
            think=think,
        )
