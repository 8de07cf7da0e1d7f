"""Grounding on SmolLM2: forty passages about things that do not exist, and lies about others.

An answer can stand in an output by mere copying. Whoever repeats the beginning of the passage, and
never sees the question, "answers" more than half of them; so what is copied is marked as such.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lessons.l13_hallucination import smol
from lessons.l14_grounding.prompting import DECLINE, NEW, chat_answers, chat_marks, parrots
from lessons.l14_grounding.retrieval import Retriever
from lessons.world.tape import Tape
from minigpt import GPT, BPETokenizer

NAME = smol.NAME
FILE = Path(__file__).parent / "passages.txt"
CLOSED, MAY_DECLINE = "closed", "closed, may decline"
ORACLE, RETRIEVED, ANOTHER = "oracle", "retrieved", "another passage"
COPIER = "copies the beginning"  # no model: the first tokens of the right passage
ARMS = (CLOSED, MAY_DECLINE, COPIER, ORACLE, RETRIEVED, ANOTHER)
COPY_WORDS = 8  # of a passage in a row: copied, where "a few words" were asked for
PERMISSION = f'If you do not know, answer: "{DECLINE}".'
BY_THE_PASSAGE = f"Answer with a few words, by the passage. {PERMISSION}"
JUST_ANSWER = "Answer with a few words."
REQUEST = "Passage: {text}\n\nQuestion: {question}\n"
NOT_SAID = re.compile(
    r"\b(passage|text) (does not|doesn't|did not|didn't)\b"
    r"|\b(does not|doesn't|did not|didn't) (say|mention|state|specify|provide|tell|give)\b"
    r"|\bnot (said|stated|mentioned|given|specified|provided|known|sure|aware|available)\b"
    r"|\bno (mention|information|answer|such|details?|record)\b|\bsays? nothing\b|\bgives? no\b"
    r"|\bnot (in|found in|part of) the (passage|text)\b"
    r"|\b(i|we) (really )?(do not|don't|cannot|can't|could not|couldn't) "
    r"(know|say|tell|find|answer|give|provide|determine|have|be)\b"
    r"|\b(i'm|i am) (not able|unable|unsure|sorry)\b"
    r"|\b(is|are|was|remains) (unknown|unclear|fictional)\b|\b(does not|doesn't) exist\b"
    r"|^\W*(none|n/a|unknown|not stated)\W*$",
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
    return NOT_SAID.search(output.replace("\u2019", "'")) is not None


def turns(
    text: str, question: str, may_decline: bool = False, by_the_passage: bool = True
) -> list[dict[str, str]]:
    """The conversation that puts a question.

    On a passage: to be answered by it, with the permission to decline, or simply to be answered.
    On nothing ("" for a text): with that permission or without.
    """
    if text:
        request = REQUEST.format(text=text, question=question)
        request += BY_THE_PASSAGE if by_the_passage else JUST_ANSWER
    else:
        request = f"{question} {JUST_ANSWER}" + (f" {PERMISSION}" if may_decline else "")
    return [{"role": "user", "content": request}]


def beginning(text: str, tokenizer: BPETokenizer) -> str:
    """What a copier says: as much of a passage as an answer may be long."""
    return tokenizer.decode(tokenizer.encode(text)[:NEW])


def shown(arm: str, question: Question, retriever: Retriever) -> int:
    """The number of the passage that an arm gives to read; -1: none."""
    if arm not in ARMS:
        raise ValueError(f"arm={arm!r}: choose one of {ARMS}")
    if arm in (CLOSED, MAY_DECLINE):
        return -1
    if arm in (ORACLE, COPIER):
        return question.passage
    found = retriever.search(question.text, 2)
    if arm == RETRIEVED:
        return found[0]
    return next(number for number in found if number != question.passage)


def marks(question: Question, output: str, text: str, request: str) -> dict[str, int]:
    """Marks of an output to a question, after a request with a passage ("" for none) in it.

    `holds`: the answer stands in it. `of_other`: so does the answer to another question on the
    passage. `copied`: it repeats COPY_WORDS of the passage in a row. `right`: the answer stands in
    it and it is no copy. `false`: neither right nor a way to decline. See also chat_marks.
    """
    holds = is_right(question.answers, output)
    others = [
        one.answers
        for one in passages()[1]
        if one.passage == question.passage and one.answers and one != question
    ]
    copied = bool(text) and parrots(output, text, COPY_WORDS)
    no = (declines(output) or not output) and not copied
    beside = request.replace(text or question.text, "…").replace(question.text, "…")
    return {
        "holds": int(holds),
        "of_other": int(any(is_right(answers, output) for answers in others)),
        "copied": int(copied),
        **chat_marks(holds and not copied, no, output, beside),
    }


def record(
    model: GPT,
    tokenizer: BPETokenizer,
    arm: str,
    some: Sequence[Question],
    retriever: Retriever,
) -> list[dict[str, Any]]:
    """A row for each question under an arm, with its marks; COPIER asks no model."""
    numbers = [shown(arm, question, retriever) for question in some]
    texts = [passages()[0][number] if number >= 0 else "" for number in numbers]
    put = [turns(t, q.text, arm == MAY_DECLINE) for t, q in zip(texts, some, strict=True)]
    if arm == COPIER:
        answered = [(beginning(text, tokenizer), 1.0) for text in texts]
    else:
        answered = chat_answers(model, tokenizer, put)
    rows = []
    for question, number, text, (turn,), (output, probability) in zip(
        some, numbers, texts, put, answered, strict=True
    ):
        rows.append(
            {
                "arm": arm,
                "kind": "stated" if question.answers else "missing",
                "question": question.text,
                "answer": ", ".join(question.answers),
                "wanted": question.passage,
                "passage": number,
                "prompt": "" if arm == COPIER else turn["content"],
                "output": output,
                "confidence": probability,
                **marks(question, output, text, turn["content"]),
            }
        )
    return rows


# Capitals, told rightly and wrongly.

PLAIN_FACT = "{city} is the capital of {about}. Its parliament stands on the main square."
TRUE, LYING, JUST_LYING = "a true passage", "a lying passage", "a lying passage, not told to use it"
LIE_ARMS = (CLOSED, TRUE, LYING, JUST_LYING)


def lies(n: int = 60) -> list[tuple[smol.Question, str]]:
    """Well-known capitals, each with another city, for a passage that says that it is so."""
    known = [q for q in smol.all_questions() if q.kind == "capital" and q.band != "invented"][:n]
    cities = [q.answer.split(",")[0] for q in known]
    tape = Tape("lesson 14", "lies")
    return [(q, tape.choice([c for c in cities if c not in q.answer.split(",")])) for q in known]


def lie_turns(arm: str, question: smol.Question, lie: str) -> list[dict[str, str]]:
    """The conversation that asks for a capital under an arm of LIE_ARMS."""
    if arm not in LIE_ARMS:
        raise ValueError(f"arm={arm!r}: choose one of {LIE_ARMS}")
    said = lie if arm in (LYING, JUST_LYING) else question.answer.split(",")[0]
    text = "" if arm == CLOSED else PLAIN_FACT.format(city=said, about=question.about)
    asked = f"What is the capital of {question.about}?"
    return turns(text, asked, by_the_passage=arm != JUST_LYING)


def lie_rows(
    model: GPT, tokenizer: BPETokenizer, some: Sequence[tuple[smol.Question, str]]
) -> list[dict[str, Any]]:
    """Does it read or remember? The capital with nothing to read, with a passage that says what is
    so (the control), and with one that lies; an output that says both cities counts as neither."""
    put = [(question, lie, arm) for question, lie in some for arm in LIE_ARMS]
    conversations = [lie_turns(arm, question, lie) for question, lie, arm in put]
    rows = []
    for (question, lie, arm), (turn,), (output, probability) in zip(
        put, conversations, chat_answers(model, tokenizer, conversations), strict=True
    ):
        truth, other = is_right(question.answer.split(","), output), is_right([lie], output)
        rows.append(
            {
                "arm": arm,
                "about": question.about,
                "prompt": turn["content"],
                "truth": question.answer,
                "lie": lie,
                "output": output,
                "confidence": probability,
                "right": int(truth and not other),
                "follows": int(other and not truth),
            }
        )
    return rows
