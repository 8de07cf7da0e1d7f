"""Generative and discriminative on one data set: couplets, and the subject each is about."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

import torch

from lessons.world.corpus import encode
from lessons.world.rhymes import SUBJECT_WORDS as SUBJECT_WORDS
from lessons.world.tape import Tape
from lessons.world.tasks import couplets
from lessons.world.tasks.base import Item
from minigpt import GPT, BPETokenizer, generate
from minigpt.evaluate import next_token_loss
from minigpt.modes import evaluating
from minigpt.tokenizer import END

ASKED = "Write a couplet about {subject}."
SUBJECTS = couplets.SUBJECT_NAMES
SIZES = (10, 30, 100, 300, 1000, 3000)  # couplets that a classifier is trained on


def verses(n: int, seed: int, part: str = "test") -> list[Item]:
    """n couplets on random subjects; `part` "train" and "test" are drawn apart."""
    return couplets.items(Tape("lesson 00", "couplets", part, seed), n, "free")


def sampled(
    model: GPT, tokenizer: BPETokenizer, items: Sequence[Item], seed: int, temperature: float = 1.0
) -> list[str]:
    """A couplet sampled for each item's subject (see ASKED)."""
    end = tokenizer.special_tokens[END]
    prompts = [
        [end, *encode(tokenizer, ASKED.format(subject=item.meta["subject"]))] for item in items
    ]
    lengths = [len(prompt) for prompt in prompts]
    rows = torch.full((len(items), max(lengths)), end)
    for row, prompt in zip(rows, prompts, strict=True):
        row[: len(prompt)] = torch.tensor(prompt)
    generator = torch.Generator().manual_seed(seed)
    written = generate(
        model, rows, 48, temperature=temperature, eos_id=end, lengths=lengths, generator=generator
    )
    outputs = []
    for row, length in zip(written.tolist(), lengths, strict=True):
        tail = row[length : length + 48]
        outputs.append(tokenizer.decode(tail[: tail.index(end)] if end in tail else tail))
    return outputs


class Trigrams:
    """What follows each two words in the couplets of each subject: a table that writes."""

    def __init__(self, train: Sequence[Item]) -> None:
        self.follow: dict[str, dict[tuple[str, str], Counter[str]]] = defaultdict(
            lambda: defaultdict(Counter)
        )
        for item in train:
            words = ["", "", *re.findall(r"\n|\S+", item.answer), "<end>"]
            for one, two, three in zip(words, words[1:], words[2:], strict=False):
                self.follow[item.meta["subject"]][one, two][three] += 1

    def write(self, subject: str, tape: Tape, most: int = 40) -> str:
        """A text drawn word by word from the couplets of a subject."""
        words = ["", ""]
        while len(words) < most:
            known = self.follow[subject][words[-2], words[-1]]
            word = tape.weighted([*known], [*known.values()])
            if word == "<end>":
                break
            words.append(word)
        return " ".join(words[2:]).replace(" \n ", "\n").replace("\n ", "\n")


def log_likelihoods(model: GPT, tokenizer: BPETokenizer, verse: str) -> dict[str, float]:
    """log p(verse | subject) in nats for every subject: how well each of them explains it."""
    end = tokenizer.special_tokens[END]
    tail = encode(tokenizer, verse)
    heads = [[end, *encode(tokenizer, ASKED.format(subject=subject))] for subject in SUBJECTS]
    rows = torch.full((len(heads), max(map(len, heads)) + len(tail)), end)
    for row, head in zip(rows, heads, strict=True):  # filler at the end, where nothing sees it
        row[: len(head) + len(tail)] = torch.tensor(head + tail)
    with evaluating(model):
        rows = rows.to(model.device)
        losses = next_token_loss(model(rows[:, :-1]), rows[:, 1:], "none").view(len(heads), -1)
    return {
        subject: -float(loss[len(head) - 1 : len(head) - 1 + len(tail)].double().sum())
        for subject, head, loss in zip(SUBJECTS, heads, losses, strict=True)
    }


def named(scores: dict[str, float]) -> str:
    """The subject that explains a verse best, all subjects being equally likely beforehand."""
    return max(scores, key=lambda subject: scores[subject])


def classifier(train: Sequence[Item], test: Sequence[Item]) -> float:
    """The share of test couplets whose subject a logistic regression on word counts names."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    labels = [item.meta["subject"] for item in train]
    counts = CountVectorizer()
    table = counts.fit_transform([item.answer for item in train])
    if len({*labels}) == 1:
        guesses = labels[:1] * len(test)
    else:
        fitted = LogisticRegression(max_iter=500).fit(table, labels)
        guesses = fitted.predict(counts.transform([item.answer for item in test])).tolist()
    right = sum(guess == item.meta["subject"] for guess, item in zip(guesses, test, strict=True))
    return right / len(test)
