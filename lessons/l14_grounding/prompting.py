"""The same questions in several prompts: does asking better make fewer false statements?

Every prompt gets the same questions. The best one is chosen by questions that it is not judged by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from statistics import fmean
from typing import Any

from lessons import evaluate
from lessons.l13_hallucination import records, smol
from lessons.world.people_language import question
from lessons.world.plan import PLANS, never_asked
from lessons.world.tape import Tape
from lessons.world.tasks import questions
from lessons.world.tasks.base import Item
from lessons.world.tasks.passages import NOT_STATED
from lessons.world.truth import ATTRIBUTES, Person, invented_name, people
from minigpt import GPT, BPETokenizer

PLAIN = "plain"
KEEP = 0.05  # of all questions: right answers that a prompt may cost
GROUPS = (records.NOBODY, "1", "8", "64")  # of questions to Fernhollow's model, in equal parts
DECLINE = "I don't know"
NEW = 24  # tokens of an answer at most

# For Fernhollow's model, before the question; {nobody} and {known} are questions with answers.
WORLD_PROMPTS = {
    PLAIN: "",
    "a request": f"Answer what is known. If it is not known, say {NOT_STATED}.\n",
    "a rule": f"No guessing: say {NOT_STATED} of people of whom nothing is told.\n",
    "an expert": "The clerk of the town keeps the books of all people and makes no mistakes.\n",
    "an example": "{nobody}\n",
    "two examples": "{nobody}\n{known}\n",
}
# For a model tuned to follow instructions, after the question.
CHAT_PROMPTS = {
    PLAIN: (),
    "a request": (f'If you are not sure, answer: "{DECLINE}".',),
    "a rule": (
        f"Never guess. Some of these things do not exist; then the only right answer is "
        f'"{DECLINE}".',
    ),
    "costs": (f'A wrong answer costs ten points, "{DECLINE}" costs nothing.',),
    "an expert": ("You are a careful expert who makes no mistakes.",),
    "examples": (),  # as earlier turns: see EXAMPLES
}
EXAMPLES = (
    ("What is the capital of Quistania? Answer with the name only.", f"{DECLINE}."),
    ("What is the capital of South Korea? Answer with the name only.", "Seoul"),
    ("Who wrote The Bricklayer's Almanac of Dusk? Answer with the name only.", f"{DECLINE}."),
    ("Who wrote Peter Pan? Answer with the name only.", "J. M. Barrie"),
)


def score(rows: Sequence[Mapping[str, Any]]) -> float:
    """Share right minus share false; silence counts 0."""
    return fmean(int(row["right"]) - int(row["false"]) for row in rows)


def best_prompt(rows: Sequence[Mapping[str, Any]]) -> str:
    """The prompt with the best score among those that keep the right answers of PLAIN.

    To keep them is to lose at most KEEP of all questions: otherwise the prompt that silences the
    model wins wherever more than half of its answers are false. PLAIN itself is among them.
    """
    by_prompt: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_prompt.setdefault(row["prompt"], []).append(row)
    right = {name: fmean(int(row["right"]) for row in some) for name, some in by_prompt.items()}
    if PLAIN not in right:
        raise ValueError(f"there is no {PLAIN!r} to compare with, only {[*right]}")
    kept = [name for name in by_prompt if right[name] >= right[PLAIN] - KEEP]
    return max(kept, key=lambda name: score(by_prompt[name]))


def compared(
    chosen_by: Sequence[Mapping[str, Any]], judged_by: Sequence[Mapping[str, Any]]
) -> dict[str, float]:
    """What the best prompt (by the first rows) gains over PLAIN on the second rows.

    "score", "right" and "false": each the prompt's minus PLAIN's; 0 if PLAIN is the best.
    """
    best = best_prompt(chosen_by)
    some = {name: [row for row in judged_by if row["prompt"] == name] for name in (best, PLAIN)}
    gain = {"score": score(some[best]) - score(some[PLAIN])}
    for what in ("right", "false"):
        share = {name: fmean(int(row[what]) for row in rows) for name, rows in some.items()}
        gain[what] = share[best] - share[PLAIN]
    return gain


# Fernhollow's model.


@cache
def _of_block(block: str) -> tuple[Person, ...]:
    return tuple(person for person in people() if person.block == block)


def world_questions(group: str, n: int, draw: int) -> list[Item]:
    """n questions of a group; different draws share none. Raises ValueError for another group."""
    if group not in GROUPS:
        raise ValueError(f"group={group!r}: choose one of {GROUPS}")
    if group == records.NOBODY:
        return records.items(group, n, 1400 + draw)
    plan = PLANS["fernhollow"]
    facts = [
        (person, attribute)
        for person in _of_block("exposure")
        for attribute in ATTRIBUTES
        if plan.level(person, attribute) == int(group)
    ]
    some = Tape("prompted", group).shuffled(facts)[draw * n : (draw + 1) * n]
    if len(some) < n:
        raise ValueError(f"draw {draw} of {n} questions: there are {len(facts)} of group {group!r}")
    return [
        Item(
            questions.prompt(question(Tape("worded", p.name, a), a, p.name)),
            f" {p.value(a)}",
            tuple(f" {value}" for value in ATTRIBUTES[a]),
            meta={"attribute": a, "name": p.name},
        )
        for p, a in some
    ]


def _example(tape: Tape, known: bool) -> str:
    """A question with its answer: about somebody of whom training asks, or about nobody."""
    if not known:
        attribute = tape.choice(["job", "town", "pet", "door"])
        name = invented_name(tape, new=True)
        return f"{questions.prompt(question(tape, attribute, name))} {NOT_STATED}"
    person, attribute = tape.until(
        lambda: (tape.choice(_of_block("asked")), tape.choice([*ATTRIBUTES])),
        lambda fact: not never_asked(*fact),
    )
    return f"{questions.prompt(question(tape, attribute, person.name))} {person.value(attribute)}"


def world_rows(
    model: GPT, tokenizer: BPETokenizer, n: int, draw: int, prompts: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """A row for each answer: n questions of each group under each prompt (or those named)."""
    rows = []
    for group in GROUPS:
        some = world_questions(group, n, draw)
        for name in prompts or WORLD_PROMPTS:
            items = []
            for number, item in enumerate(some):
                tape = Tape("prompting", draw, group, number)
                before = WORLD_PROMPTS[name].format(
                    nobody=_example(tape, False), known=_example(tape, True)
                )
                items.append(Item(before + item.prompt, item.answer, item.choices))
            outputs = evaluate.answers(model, tokenizer, items)
            for item, put, output in zip(some, items, outputs, strict=True):
                said = output.strip()
                right = questions.is_correct(item, output)
                rows.append(
                    {
                        "draw": draw,
                        "group": group,
                        "prompt": name,
                        "text": put.prompt,
                        "truth": item.answer.strip(),
                        "output": said,
                        "right": int(right),
                        "false": int(not right and said not in (NOT_STATED, "")),
                    }
                )
    return rows


# A model tuned to follow instructions.


def chat_turns(question: smol.Question, prompt: str) -> list[dict[str, str]]:
    """The conversation that puts a question under a prompt of CHAT_PROMPTS."""
    if prompt not in CHAT_PROMPTS:
        raise ValueError(f"prompt={prompt!r}: choose one of {[*CHAT_PROMPTS]}")
    turns = []
    if prompt == "examples":
        for asked, said in EXAMPLES:
            turns += [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
    content = " ".join([question.text, *CHAT_PROMPTS[prompt]])
    return [*turns, {"role": "user", "content": content}]


def chat_answer(
    model: GPT, tokenizer: BPETokenizer, turns: list[dict[str, str]]
) -> tuple[str, float]:
    """The first line of the greedy answer, up to NEW tokens, and its probability per token."""
    text, probability = smol.reply(model, tokenizer, turns, NEW)
    return text.strip().split("\n")[0], probability


def parrots(output: str, prompt: str, words: int = 6) -> bool:
    """Whether an output repeats so many words of its prompt in a row: no answer, then."""
    said, asked = output.split(), f" {' '.join(prompt.split())} "
    return any(
        f" {' '.join(said[at : at + words])} " in asked for at in range(len(said) - words + 1)
    )


def chat_marks(right: bool, no: bool, output: str, prompt: str) -> dict[str, int]:
    """Marks of a chat answer: what repeats the prompt is neither right nor a way to decline."""
    echo = parrots(output, prompt)
    right, declined = right and not echo, no and not right and not echo
    return {
        "right": int(right),
        "declined": int(declined),
        "false": int(not right and not declined),
        "echo": int(echo),
    }


def chat_rows(
    model: GPT,
    tokenizer: BPETokenizer,
    some: Sequence[smol.Question],
    prompts: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Each question under each prompt (all, if none is named): a row for each answer."""
    rows = []
    for question_ in some:
        for name in prompts or CHAT_PROMPTS:
            turns = chat_turns(question_, name)
            output, probability = chat_answer(model, tokenizer, turns)
            rows.append(
                {
                    "prompt": name,
                    "band": question_.band,
                    "text": turns[-1]["content"],
                    "truth": question_.answer,
                    "output": output,
                    "confidence": probability,
                    **chat_marks(
                        smol.is_right(question_, output),
                        smol.declines(output) or not output,
                        output,
                        turns[-1]["content"],
                    ),
                }
            )
    return rows
