"""How many letters? Asked about words as they are, and about words with their letters apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

import torch

from lessons.world.words import TEXTS
from minigpt import GPT, BPETokenizer, score_choices

NUMBERS = ("0", "1", "2", "3", "4")
ALPHABET = "abcdefghijklmnopqrstuvwxyz"
N, SEED = 300, 10  # of the recorded questions
FORMS = ("word", "apart")


@dataclass(frozen=True)
class Question:
    """How often a letter occurs in a word."""

    word: str
    letter: str

    @property
    def count(self) -> int:
        return self.word.count(self.letter)


EXAMPLES = (Question("banana", "a"), Question("tree", "e"), Question("sky", "o"))


def words() -> list[str]:
    """The words that are asked about: long enough, and in no example."""
    shown = {example.word for example in EXAMPLES}
    return [word for word in TEXTS if len(word) > 4 and word not in shown]


def questions(n: int, seed: int) -> list[Question]:
    """`n` different questions, a third each with the letter never, once, and more than once.

    Raises ValueError if there are not so many.
    """
    generator = torch.Generator().manual_seed(seed)
    if n > 3 * _by_kind()[2]:
        raise ValueError(f"n={n}: there are {_by_kind()[2]} questions with a letter twice or more")

    def pick(some: list[str]) -> str:
        return some[int(torch.randint(len(some), (), generator=generator))]

    found: list[Question] = []
    while len(found) < n:
        word = pick(words())
        wanted = len(found) % 3
        letters = [letter for letter in ALPHABET if min(word.count(letter), 2) == wanted]
        if letters and (question := Question(word, pick(letters))) not in found:
            found.append(question)
    return found


def _by_kind() -> Counter[int]:
    """How many questions there are with the letter never, once, and twice or more."""
    return Counter(min(word.count(letter), 2) for word in words() for letter in ALPHABET)


def letter_only() -> float:
    """Share right of the best answer from the letter alone, each third weighing equally.

    Twice and more count as one answer here, which makes it a little too good.
    """
    kinds = _by_kind()
    by_letter: dict[str, Counter[int]] = defaultdict(Counter)
    for word in words():
        for letter in ALPHABET:
            kind = min(word.count(letter), 2)
            by_letter[letter][kind] += 1 / kinds[kind]  # type: ignore[assignment]
    return sum(max(weights.values()) for weights in by_letter.values()) / 3


def ask(question: Question, form: str) -> str:
    """The question as text: the word as it is written, or "apart", letter by letter."""
    word = " ".join(question.word) if form == "apart" else question.word
    return f'How many times does the letter "{question.letter}" occur in "{word}"?\nAnswer:'


def prompt(question: Question, form: str) -> str:
    """The question after three that are answered, in the same form."""
    shown = [f"{ask(example, form)} {example.count}" for example in EXAMPLES]
    return "\n\n".join([*shown, ask(question, form)])


def is_right(model: GPT, tokenizer: BPETokenizer, question: Question, form: str) -> bool:
    """Whether the right number is the most probable of five answers."""
    choices = [f" {number}" for number in NUMBERS]
    scores = score_choices(model, tokenizer, prompt(question, form), choices)
    return scores.index(max(scores)) == question.count
