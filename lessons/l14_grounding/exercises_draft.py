"""Checks of lesson 14: BM25, recall at k, and the sentence that supports an answer."""

from __future__ import annotations

import math
from typing import Any

from lessons.exercises import Wrong, check, exercise, expect, expect_close

__all__ = ["check"]

_TEXTS = [
    "ada has a red door and a cat".split(),
    "bo has a home in foxton".split(),
    "a cat and a cat and a dog".split(),
    "cy plays the harp".split(),
]


def _bm25(query: list[str], texts: list[list[str]], k1: float, b: float) -> list[float]:
    mean = sum(map(len, texts)) / len(texts)
    scores = []
    for text in texts:
        score = 0.0
        for word in query:
            n = sum(word in other for other in texts)
            f = text.count(word)
            damped = f * (k1 + 1) / (f + k1 * (1 - b + b * len(text) / mean))
            score += math.log(1 + (len(texts) - n + 0.5) / (n + 0.5)) * damped
        scores.append(score)
    return scores


def _undamped(query: list[str], number: int) -> float:
    n = [sum(word in text for text in _TEXTS) for word in query]
    weight = [math.log(1 + (len(_TEXTS) - some + 0.5) / (some + 0.5)) for some in n]
    return sum(w * _TEXTS[number].count(word) for w, word in zip(weight, query, strict=True))


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
        weight = math.log(1 + (len(texts) - n + 0.5) / (n + 0.5)) if n <= len(texts) else 0
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
    mean = sum(len(text) for text in texts) / len(texts)
    scores = [0.0] * len(texts)
    for word in query:
        n = sum(word in text for text in texts)
        weight = math.log(1 + (len(texts) - n + 0.5) / (n + 0.5))
        for number, text in enumerate(texts):
            f = text.count(word)
            scores[number] += weight * f * (k1 + 1) / (f + k1)
    return scores
""",
            "long",
        ),
    ],
)
def _check_bm25(attempt: Any) -> None:
    cases = (
        (
            ["harp"],
            1.5,
            0.0,
            "One word that stands in one text: its weight, as it stands there once.",
        ),
        (
            ["cat"],
            1.5,
            0.0,
            "n is the number of texts that hold the word, not how often it stands.",
        ),
        (["and"], 1.2, 0.0, "Twice in a text counts more than once, but damped: see k1."),
        (["has"], 1.5, 1.0, "Of two texts that hold a word once, the long one scores less: see b."),
        (
            ["cat", "red", "nowhere"],
            0.9,
            0.4,
            "Words that stand nowhere add nothing; others add up.",
        ),
    )
    for query, k1, b, think in cases:
        came = attempt(list(query), [list(text) for text in _TEXTS], k1, b)
        expect(
            hasattr(came, "__len__") and len(came) == len(_TEXTS),
            expected=f"{len(_TEXTS)} scores, one for each text",
            came=came,
            think="One score for each text, 0 where no word is shared.",
        )
        for number, (one, right) in enumerate(zip(came, _bm25(query, _TEXTS, k1, b), strict=True)):
            what = f"the score of text {number} for {query}, k1={k1}, b={b}"
            undamped = b == 0 and right != 0 and one == _undamped(query, number)
            hint = (
                "Twice in a text counts more than once, but damped: see k1." if undamped else think
            )
            expect_close(one, right, what=what, think=hint)


@exercise(
    "recall",
    hint="For each question: is the wanted number among found[i][:k]? Then the mean.",
    wrong=[
        Wrong(
            """
def recall(found, wanted, k):
    return sum(want in numbers for numbers, want in zip(found, wanted)) / len(wanted)
""",
            "first k",
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
            "questions, not",
        ),
    ],
)
def _check_recall(attempt: Any) -> None:
    found = [[4, 2, 7], [1, 5, 3], [9, 8, 6], [2, 4, 1], [6, 1, 3]]
    wanted = [4, 5, 7, 2, 3]
    for k, think in (
        (1, "Only the first k count."),
        (2, "It counts whether it stands at place k or before, not only there."),
        (3, "A share of questions, not of places."),
    ):
        right = sum(w in some[:k] for some, w in zip(found, wanted, strict=True)) / len(wanted)
        came = attempt([list(some) for some in found], list(wanted), k)
        if came == right / k != right:
            think = "A share of questions, not of places: divide by their number."
        expect_close(came, right, what=f"recall at {k}", think=think)


_PAPERS = (
    (["Ada Fenn lives in Foxton.", "She keeps a cat as a pet, while Bo Karl plays the harp."],
     "Ada Fenn", "cat", 1, "She is whoever the sentence before was about at its end."),
    (["Ada Fenn lives in Foxton.", "She keeps a cat as a pet, while Bo Karl plays the harp."],
     "Ada Fenn", "harp", None, "The value stands there, but about whom? Of the other person."),
    (["Bo Karl is a baker by trade and lives in Oakham.", "He likes soup best of all.",
      "Ada Fenn likes stew best of all."],
     "Bo Karl", "soup", 1, "Follow the pronoun from sentence to sentence."),
    (["Bo Karl is a baker by trade, while Ada Fenn keeps a cat as a pet.", "She likes soup."],
     "Ada Fenn", "soup", 1, "After a sentence about two people, She is the one at its end."),
    (["Bo Karl likes ham best of all.", "Ada Fenn lives in Hamford."],
     "Ada Fenn", "Ham", None, "The value must be a word of its own: Ham is no part of Hamford."),
    (["Ada Fenn lives in Foxton."], "Ada Fenn", "stew", None, "No sentence says so: None."),
    (["Bo Karl lives in Foxton.", "Ada Fenn lives in Oakham."], "Bo Karl", "Foxton", 0,
     "The first sentence has the number 0, and 0 is not None."),
)  # fmt: skip


@exercise(
    "support",
    returns=False,
    hint="Go through the sentences and remember whom the last one was about. Split at ', while '.",
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
    ],
)
def _check_support(attempt: Any) -> None:
    for sentences, name, value, right, think in _PAPERS:
        came = attempt(list(sentences), name, value)
        expect(
            came == right and (came is None) == (right is None) and came is not False,
            expected=f"{right} for {value!r} about {name} in {sentences}",
            came=came,
            think=think,
        )
