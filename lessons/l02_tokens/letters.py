"""How many letters? Asked about words as they are, and about words with their letters apart."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lessons.world.words import TEXTS
from minigpt import GPT, BPETokenizer, score_choices

NUMBERS = ("0", "1", "2", "3", "4")
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


def questions(n: int, seed: int) -> list[Question]:
    """`n` questions, a third each of words with the letter once, more than once, and never."""
    generator = torch.Generator().manual_seed(seed)
    words = [word for word in TEXTS if len(word) > 4]

    def pick(some: list[str]) -> str:
        return some[int(torch.randint(len(some), (), generator=generator))]

    found: list[Question] = []
    while len(found) < n:
        word = pick(words)
        wanted = len(found) % 3
        letters = [
            letter
            for letter in "abcdefghijklmnopqrstuvwxyz"
            if min(word.count(letter), 2) == wanted
        ]
        if letters:
            found.append(Question(word, pick(letters)))
    return found


def ask(question: Question, form: str) -> str:
    """The question as text: the word in one piece, or "apart", letter by letter."""
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
