"""What all task families share: items, the interface, and the baselines a score must beat."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..tape import Tape


@dataclass(frozen=True)
class Item:
    """A prompt to continue, and what would be right.

    `prompt` has no space or line end at its end, and `answer` begins with what comes next (mostly
    a space), so that prompt + answer is text as in training. `choices`: all answers to choose
    from, where there are few. `absent`: strings that no training document contains, which make
    the item new. `stop`: where the answer ends. `meta`: what a lesson may want to group by.
    """

    prompt: str
    answer: str
    choices: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    stop: str = "\n"
    meta: dict[str, Any] = field(default_factory=dict)


class Family(Protocol):
    """A module of lessons.world.tasks."""

    NAME: str
    SPLITS: tuple[str, ...]  # kinds of items; "test" first, "train" (as in training) last

    def document(self, tape: Tape) -> str:
        """One training document: no line end at its end, nothing held out in it."""

    def items(self, tape: Tape, n: int, split: str = "test") -> list[Item]:
        """n items of a split. Raises ValueError for an unknown split."""

    def is_correct(self, item: Item, output: str) -> bool:
        """Whether an output (up to the item's stop) is right: parsed and computed."""

    def baselines(self, items: Sequence[Item]) -> dict[str, float]:
        """Share right of: "constant", "bag of words", "nearest document"; empty if senseless."""


def check_split(split: str, splits: Sequence[str]) -> None:
    """Raises ValueError for a split that the family does not have."""
    if split not in splits:
        raise ValueError(f"split={split!r}: choose one of {tuple(splits)}")


def same(item: Item, output: str) -> bool:
    """Whether an output is the answer, blanks at both ends left out."""
    return output.strip() == item.answer.strip()


def simple_baselines(
    items: Sequence[Item],
    train: Sequence[Item],
    is_correct: Callable[[Item, str], bool],
) -> dict[str, float]:
    """The three baselines, learnt from `train` (drawn as in training) and scored on `items`.

    constant: the answer most often right in training. bag of words: logistic regression on word
    counts, which sees which words stand in the prompt, not their order. nearest document: the
    answer of the training prompt whose word counts (tf-idf, pairs of words too) are most similar.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    def share(answers: Sequence[str]) -> float:
        return sum(map(is_correct, items, answers)) / len(items)

    words = r"(?u)\S+"
    prompts, answers = [item.prompt for item in train], [item.answer for item in train]
    common = [answer for answer, _ in Counter(answers).most_common(200)]
    scores = {"constant": share([common[0]] * len(items))}
    if len(common) > 1:
        known = [i for i, answer in enumerate(answers) if answer in common]
        count = CountVectorizer(token_pattern=words)
        counts = count.fit_transform([prompts[i] for i in known])
        model = LogisticRegression(max_iter=200)
        with warnings.catch_warnings():
            # Where nearly every answer is another one, it says so, or does not come to rest. That
            # it does badly then is what a baseline is to show.
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.filterwarnings("ignore", "The number of unique classes")
            model.fit(counts, [answers[i] for i in known])
        guesses = model.predict(count.transform([item.prompt for item in items]))
        scores["bag of words"] = share([str(guess) for guess in guesses])
    weigh = TfidfVectorizer(token_pattern=words, ngram_range=(1, 2), sublinear_tf=True)
    table = weigh.fit_transform(prompts)
    nearest = (weigh.transform([item.prompt for item in items]) @ table.T).argmax(axis=1)
    scores["nearest document"] = share([answers[int(at)] for at in nearest.A1])
    return scores
