"""Grounding on SmolLM2: forty passages about things that do not exist, and lies about others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lessons.l13_hallucination import smol
from lessons.l14_grounding.prompting import DECLINE, chat_answer, chat_marks
from lessons.l14_grounding.retrieval import Retriever
from lessons.world.tape import Tape
from minigpt import GPT, BPETokenizer

NAME, ABOUT = smol.NAME, smol.ABOUT
FILE = Path(__file__).parent / "passages.txt"
CLOSED, MAY_DECLINE = "closed", "closed, may decline"
ARMS = (CLOSED, MAY_DECLINE, "oracle", "retrieved", "another passage")
PERMISSION = f'If you do not know, answer: "{DECLINE}".'
REQUEST = (
    "Passage: {text}\n\nQuestion: {question}\n"
    f"Answer with a few words, by the passage. {PERMISSION}"
)
CLOSED_REQUEST = "{question} Answer with a few words."
NOT_SAID = re.compile(
    r"\b(passage|text) (does not|doesn't)\b"
    r"|\bnot (said|stated|mentioned|given|specified|provided|known)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Question:
    """A question, the spellings of its answer (none: the passage does not say), its passage."""

    text: str
    answers: tuple[str, ...]
    passage: int


@cache
def passages() -> tuple[tuple[str, ...], tuple[Question, ...]]:
    """The texts, and the questions on them."""
    texts: list[str] = []
    asked: list[Question] = []
    lines = FILE.read_text(encoding="utf-8").splitlines()
    blocks = "\n".join(line for line in lines if not line.startswith("#")).strip().split("\n\n")
    for number, block in enumerate(blocks):
        text, *questions = block.strip().splitlines()
        texts.append(text)
        for line in questions:
            question, _, spelled = line.partition(" / ")
            spellings = tuple(s.strip() for s in spelled.split(", ") if s.strip())
            asked.append(Question(question, spellings, number))
    return tuple(texts), tuple(asked)


def is_right(answers: Sequence[str], output: str) -> bool:
    """Whether an output's first line holds one of the spellings in whole words."""
    line = smol.plain(output)
    return any(re.search(rf"(?<!\w){re.escape(smol.plain(a))}(?!\w)", line) for a in answers)


def declines(output: str) -> bool:
    """Whether an output says that it does not know, or that the passage does not say it."""
    return smol.declines(output) or NOT_SAID.search(output) is not None


def turns(text: str, question: str, may_decline: bool = False) -> list[dict[str, str]]:
    """The conversation that puts a question: on a passage, where there is one, with the permission
    to decline; or on nothing, with that permission or without."""
    request = CLOSED_REQUEST.format(question=question)
    if text:
        request = REQUEST.format(text=text, question=question)
    elif may_decline:
        request = f"{request} {PERMISSION}"
    return [{"role": "user", "content": request}]


def shown(arm: str, question: Question, retriever: Retriever) -> int:
    """The number of the passage that an arm gives to read; -1: none."""
    if arm not in ARMS:
        raise ValueError(f"arm={arm!r}: choose one of {ARMS}")
    if arm in (CLOSED, MAY_DECLINE):
        return -1
    if arm == "oracle":
        return question.passage
    found = retriever.search(question.text, 2)
    if arm == "retrieved":
        return found[0]
    return next(number for number in found if number != question.passage)


def record(
    model: GPT,
    tokenizer: BPETokenizer,
    arm: str,
    some: Sequence[Question],
    retriever: Retriever,
) -> list[dict[str, Any]]:
    """A row for each question under an arm: `false` is whatever is neither right nor declined."""
    texts, _ = passages()
    rows = []
    for question in some:
        number = shown(arm, question, retriever)
        text = texts[number] if number >= 0 else ""
        put = turns(text, question.text, arm == MAY_DECLINE)
        output, probability = chat_answer(model, tokenizer, put)
        asked = put[0]["content"]
        right, no = is_right(question.answers, output), declines(output) or not output
        rows.append(
            {
                "arm": arm,
                "kind": "stated" if question.answers else "missing",
                "question": question.text,
                "answer": ", ".join(question.answers),
                "wanted": question.passage,
                "passage": number,
                "output": output,
                "confidence": probability,
                **chat_marks(right, no, output, asked if number < 0 else REQUEST),
            }
        )
    return rows


PLAIN_FACT = "{city} is the capital of {about}. Its parliament stands on the main square."


def lies(n: int = 60) -> list[tuple[smol.Question, str]]:
    """Well-known capitals, each with another city, for a passage that says that it is so."""
    known = [q for q in smol.all_questions() if q.kind == "capital" and q.band != "invented"][:n]
    cities = [q.answer.split(",")[0] for q in known]
    tape = Tape("lesson 14", "lies")
    return [(q, tape.choice([c for c in cities if c not in q.answer.split(",")])) for q in known]


def lie_rows(
    model: GPT, tokenizer: BPETokenizer, some: Sequence[tuple[smol.Question, str]]
) -> list[dict[str, Any]]:
    """Does it read or remember? The capital with nothing to read, with a passage that says what is
    so (the control), and with one that lies."""
    rows = []
    for question, lie in some:
        city = question.answer.split(",")[0]
        asked = f"What is the capital of {question.about}?"
        for arm, said in ((CLOSED, ""), ("a true passage", city), ("a lying passage", lie)):
            text = PLAIN_FACT.format(city=said, about=question.about) if said else ""
            output, probability = chat_answer(model, tokenizer, turns(text, asked))
            rows.append(
                {
                    "arm": arm,
                    "about": question.about,
                    "truth": question.answer,
                    "lie": lie,
                    "output": output,
                    "confidence": probability,
                    "right": int(is_right(question.answer.split(","), output)),
                    "follows": int(is_right([lie], output)),
                }
            )
    return rows
