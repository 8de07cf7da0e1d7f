"""Generative and discriminative on one data set: couplets, and the subject each is about."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cache

import torch

from lessons import evaluate
from lessons.world.corpus import encode
from lessons.world.plan import PLANS
from lessons.world.rhymes import SUBJECT_WORDS as SUBJECT_WORDS
from lessons.world.tape import Tape
from lessons.world.tasks import couplets
from lessons.world.tasks.base import Item
from minigpt import GPT, BPETokenizer, generate_text, sequence_logprob
from minigpt.tokenizer import END

ASKED = "Write a couplet about {subject}."
SUBJECTS = couplets.SUBJECT_NAMES
READ = PLANS["fernhollow"].documents["couplets"]  # couplets in the model's training text
TEMPERATURE = 0.3  # most couplets are right and different there: lesson 07, seeds 10 to 14
TEMPERATURES = (TEMPERATURE, 1.0)
SHARPER = (1.0, 0.3, 0.1)  # temperatures that the table may choose from
# Couplets on each subject that a counter of words learns from; the last is what the GPT read.
SHOTS = (1, 3, 10, 30, 100, 300, READ // len(SUBJECTS))
SEEN = 3  # words of a couplet that both readers see; of a whole one every reader names the subject
PLAIN = {"the", "a", "is", "and", "there", "i", "saw", "we", "heard"}  # in the frames of lines
# Counters of words, with the strengths of their one setting that are tried on another draw: how
# little the weights are held down, and how much is added to every count.
COUNTERS = {"logistic regression": (0.1, 1.0, 10.0, 100.0), "naive Bayes": (0.01, 0.1, 1.0)}


def verses(n: int, seed: int, part: str = "test") -> list[Item]:
    """n couplets on random subjects; `part` "train" and "test" are drawn apart."""
    return couplets.items(Tape("lesson 00", "couplets", part, seed), n, "free")


def on(subject: str, seed: int) -> Item:
    """The first couplet of a draw on a subject."""
    return next(item for item in verses(400, seed) if item.meta["subject"] == subject)


def prompt_ids(tokenizer: BPETokenizer, subject: str) -> list[int]:
    """The ids of the request for a couplet on a subject, as a new text."""
    return [tokenizer.special_tokens[END], *encode(tokenizer, ASKED.format(subject=subject))]


def sampled(
    model: GPT,
    tokenizer: BPETokenizer,
    subjects: Sequence[str],
    seed: int,
    temperature: float = TEMPERATURE,
) -> list[str]:
    """A couplet drawn token by token for each subject."""
    generator = torch.Generator().manual_seed(seed)
    written = []
    for subject in subjects:
        ids = prompt_ids(tokenizer, subject)
        written.append(
            generate_text(
                model, tokenizer, ids, 60, stop="\n\n", temperature=temperature, generator=generator
            )
        )
    return written


def right_new_different(items: Sequence[Item], written: Sequence[str]) -> float:
    """The share of couplets that are right and new; of equal ones on a subject one counts."""
    right = {
        (item.meta["subject"], evaluate.verse_of(text))
        for item, text in zip(items, written, strict=True)
        if evaluate.is_right(couplets.NAME, item, text)
    }
    return len(right) / len(items)


def commonest_frame(written: Sequence[str]) -> float:
    """The share of first lines that are built alike: the same common words in the same places."""
    frames = Counter(
        tuple(word if word in PLAIN else "" for word in lines[0])
        for lines in map(couplets.lines, written)
        if lines
    )
    return max(frames.values(), default=0) / len(written)


class Trigrams:
    """What stands before each two words in the couplets on each subject: a table that writes.

    It goes from right to left, so that it can begin a line with the word that shall rhyme. That
    word's partner is one that closed the other line of a couplet in training. Where the couplets
    on the subject have never shown two words together, those on all subjects are asked.
    """

    def __init__(self, train: Sequence[Item], temperature: float = 1.0) -> None:
        """`temperature` as of a model: 0.1 nearly always takes the most frequent word."""
        self.power = 1 / temperature
        self.before: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
        self.partners: dict[str, Counter[str]] = defaultdict(Counter)
        self.ends: dict[str, Counter[str]] = defaultdict(Counter)  # of a subject's first lines
        for item in train:
            lines = couplets.lines(item.answer)
            first, second = (line[-1] for line in lines)
            self.partners[first][second] += 1
            self.partners[second][first] += 1
            self.ends[item.meta["subject"]][first] += 1
            for line in lines:
                words = ["", *reversed(line), "<start>"]
                for one, two, three in zip(words, words[1:], words[2:], strict=False):
                    self.before[item.meta["subject"], one, two][three] += 1
                    self.before["", one, two][three] += 1

    def write(self, subject: str, tape: Tape, word: str = "") -> str:
        """A couplet on a subject; its first line ends in the word, if one is given."""
        word = word or self._draw(tape, self.ends[subject])
        ends = (word, self._draw(tape, self.partners.get(word) or {word: 1}))
        return "\n" + ",\n".join(self._line(subject, end, tape) for end in ends) + "."

    def _line(self, subject: str, end: str, tape: Tape, most: int = 20) -> str:
        words = ["", end]
        while len(words) < most:
            after = words[-2], words[-1]
            known = self.before.get((subject, *after)) or self.before.get(("", *after))
            word = self._draw(tape, known) if known else "<start>"
            if word == "<start>":
                break
            words.append(word)
        return " ".join(reversed(words[1:]))

    def _draw(self, tape: Tape, counts: Mapping[str, int]) -> str:
        return tape.weighted([*counts], [count**self.power for count in counts.values()])


def first_words(verse: str, n: int = SEEN) -> str:
    """The beginning of a couplet: a line's end, as it stands in training, and n words."""
    return "\n" + " ".join(verse.split()[:n])


def log_likelihoods(model: GPT, tokenizer: BPETokenizer, text: str) -> dict[str, float]:
    """log p(text | subject) in nats for every subject: how well each of them explains it."""
    return {
        subject: sequence_logprob(model, tokenizer, prompt_ids(tokenizer, subject), text)[0]
        for subject in SUBJECTS
    }


def named(scores: Mapping[str, float]) -> str:
    """The subject that explains a verse best, all subjects being equally likely beforehand."""
    return max(scores, key=lambda subject: scores[subject])


def by_bayes(
    log_likelihood: Mapping[str, float], prior: Mapping[str, float] | None = None
) -> dict[str, float]:
    """p(label | text) for each label; without a prior all labels are equally likely beforehand."""
    logs = {k: v + math.log(prior[k] if prior else 1) for k, v in log_likelihood.items()}
    top = max(logs.values())
    weights = {label: math.exp(value - top) for label, value in logs.items()}
    total = sum(weights.values())
    return {label: weight / total for label, weight in weights.items()}


def best_possible(items: Sequence[Item], n: int = SEEN) -> float:
    """What a reader gets who has the world's word lists, from the first n words of each couplet.

    Each word belongs to one subject; where none of them stands, all subjects are equally likely.
    """
    telling = frozenset[str]().union(*SUBJECT_WORDS.values())
    found = sum(not telling.isdisjoint(first_words(i.answer, n).lower().split()) for i in items)
    return (found + (len(items) - found) / len(SUBJECTS)) / len(items)


def balanced(train: Sequence[Item], shots: int) -> list[Item]:
    """The first `shots` couplets on each subject. Raises ValueError if there are fewer."""
    found: dict[str, list[Item]] = {subject: [] for subject in SUBJECTS}
    for item in train:
        if len(found[item.meta["subject"]]) < shots:
            found[item.meta["subject"]].append(item)
    if short := [subject for subject, some in found.items() if len(some) < shots]:
        raise ValueError(f"fewer than {shots} couplets on {short}: draw more")
    return [item for some in found.values() for item in some]


def counted(kind: str, train: Sequence[Item], test: Sequence[Item], strength: float) -> float:
    """The share of couplets of which a counter of words (see COUNTERS) names the subject."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    reader = (
        MultinomialNB(alpha=strength)
        if kind == "naive Bayes"
        else LogisticRegression(C=strength, max_iter=2000)
    )
    pipeline = make_pipeline(CountVectorizer(binary=True), reader)
    pipeline.fit([first_words(i.answer) for i in train], [i.meta["subject"] for i in train])
    guesses = pipeline.predict([first_words(item.answer) for item in test])
    return sum(g == i.meta["subject"] for g, i in zip(guesses, test, strict=True)) / len(test)


@cache
def tuned(kind: str, shots: int, seed: int) -> float:
    """The strength with the most subjects right on a draw that decides nothing else."""
    train, test = balanced(verses(20_000, seed, "train"), shots), verses(300, seed)
    return max(COUNTERS[kind], key=lambda strength: counted(kind, train, test, strength))
