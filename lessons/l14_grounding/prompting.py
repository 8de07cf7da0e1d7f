"""The same questions in several prompts: does asking better make fewer false statements?

Every prompt gets the same questions. The best one is chosen by questions that it is not judged by.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from statistics import fmean
from typing import Any

import torch

from lessons import evaluate
from lessons.l13_hallucination import smol
from lessons.l14_grounding.arms import answer_probability
from lessons.world.people_language import question
from lessons.world.plan import PLANS, never_asked
from lessons.world.tape import Tape
from lessons.world.tasks import questions
from lessons.world.tasks.base import Item
from lessons.world.tasks.passages import NOT_STATED
from lessons.world.truth import ATTRIBUTES, Person, invented_name, people
from minigpt import GPT, BPETokenizer, generate
from minigpt.chat import STOP, Turn, chat_ids
from minigpt.evaluate import token_losses

PLAIN = "plain"
# Of all questions: right answers that a choice may cost where it is made. Less than the rule's
# threshold where it is judged, or else the choice would steer towards prompts that fail it.
KEEP = 0.02
SEED = 14  # of the questions
NOBODY = "nobody"  # people who do not exist
GROUPS = (NOBODY, "1", "8", "64")  # of questions to Fernhollow's model, in equal parts
DECLINE = "I don't know"
NEW = 24  # tokens of an answer at most
BATCH = 8  # conversations that are answered together

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


def best(rows: Sequence[Mapping[str, Any]], by: str, plain: str, names: Sequence[str]) -> str:
    """Of the names in column `by`, the one with the best score that keeps plain's right answers.

    To keep them is to lose at most KEEP of all questions: otherwise what silences the model wins
    wherever more than half of its answers are false. Of all names, if none keeps them. Raises
    ValueError if there is no row of `plain`.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row[by], []).append(row)
    right = {name: fmean(int(row["right"]) for row in some) for name, some in found.items()}
    if plain not in right:
        raise ValueError(f"there is no {plain!r} to compare with, only {[*right]}")
    kept = [name for name in names if right[name] >= right[plain] - KEEP]
    return max(kept or names, key=lambda name: score(found[name]))


def best_prompt(rows: Sequence[Mapping[str, Any]]) -> str:
    """The best of the prompts that rows have; see `best`. PLAIN is one of them."""
    return best(rows, "prompt", PLAIN, [*dict.fromkeys(row["prompt"] for row in rows)])


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


def world_questions(group: str, n: int, draw: int, seed: int = SEED) -> list[Item]:
    """n questions of a group. Draws of the same n share none; on NOBODY, whose names are invented
    anew for each draw, they hardly ever do. Raises ValueError for another group."""
    if group not in GROUPS:
        raise ValueError(f"group={group!r}: choose one of {GROUPS}")
    if group == NOBODY:
        return questions.items(Tape("prompted", seed, group, draw), n, "strangers")
    plan = PLANS["fernhollow"]
    facts = [
        (person, attribute)
        for person in _of_block("exposure")
        for attribute in ATTRIBUTES
        if plan.level(person, attribute) == int(group)
    ]
    some = Tape("prompted", seed, group).shuffled(facts)[draw * n : (draw + 1) * n]
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
    model: GPT,
    tokenizer: BPETokenizer,
    n: int,
    draw: int,
    prompts: Sequence[str] = (),
    seed: int = SEED,
) -> list[dict[str, Any]]:
    """A row for each answer: n questions of each group under each prompt (or those named)."""
    rows = []
    for group in GROUPS:
        some = world_questions(group, n, draw, seed)
        for name in prompts or WORLD_PROMPTS:
            items = []
            for number, item in enumerate(some):
                tape = Tape("prompting", seed, draw, group, number)
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
                        "name": item.meta["name"],
                        "attribute": item.meta["attribute"],
                        "text": put.prompt,
                        "truth": item.answer.strip(),
                        "output": said,
                        "confidence": answer_probability(model, tokenizer, put.prompt, said),
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


def first_line(tokenizer: BPETokenizer, written: Sequence[int]) -> tuple[str, int]:
    """The first line of written tokens, and how many of them it takes with what ends it: a line's
    end or the turn's. An answer that was cut off has no end."""
    stop = tokenizer.special_tokens[STOP]
    line = tokenizer.decode([t for t in written if t != stop]).strip().split("\n")[0]
    for n in range(len(written) + 1):
        if tokenizer.decode(written[:n]).lstrip().startswith(line):
            return line, min(n + 1, len(written))
    raise AssertionError(f"{line!r} is not what its tokens say")


def chat_answers(
    model: GPT, tokenizer: BPETokenizer, conversations: Sequence[Sequence[Turn]]
) -> list[tuple[str, float]]:
    """The first line of the greedy answer to each conversation, up to NEW tokens, and the
    probability per token of this line and of what ends it (a geometric mean)."""
    stop = tokenizer.special_tokens[STOP]
    prompts = [chat_ids(tokenizer, turns) for turns in conversations]
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    found = [("", 0.0)] * len(prompts)
    for at in range(0, len(order), BATCH):
        some = order[at : at + BATCH]
        rows = [torch.tensor(prompts[i]) for i in some]
        lengths = [len(row) for row in rows]
        batch = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=stop)
        written = generate(model, batch, NEW, temperature=0, eos_id=stop, lengths=lengths)
        for i, row, length in zip(some, written.tolist(), lengths, strict=True):
            said = row[length : length + NEW]
            said = said[: said.index(stop) + 1] if stop in said else said
            line, kept = first_line(tokenizer, said)
            nats = token_losses(model, torch.tensor(row[: length + kept]))[length - 1 :]
            found[i] = line, math.exp(-float(nats.double().mean()))
    return found


def parrots(output: str, prompt: str, words: int = 6) -> bool:
    """Whether an output repeats so many words of its prompt in a row: no answer, then."""
    said, asked = output.split(), f" {' '.join(prompt.split())} "
    return any(
        f" {' '.join(said[at : at + words])} " in asked for at in range(len(said) - words + 1)
    )


def chat_marks(right: bool, no: bool, output: str, prompt: str) -> dict[str, int]:
    """Marks of a chat answer: what repeats the prompt is neither right nor a way to decline.

    `prompt`: what was said beside the question, which an answer may repeat.
    """
    echo = parrots(output, prompt)
    right, declined = right and not echo, no and not right and not echo
    return {
        "right": int(right),
        "declined": int(declined),
        "false": int(not right and not declined),
        "echo": int(echo),
    }


def marks_of(question: smol.Question, output: str, asked: str) -> dict[str, int]:
    """`chat_marks` of an answer to one of lesson 13's questions, put as `asked`."""
    return chat_marks(
        smol.is_right(question, output),
        smol.declines(output) or not output,
        output,
        asked.replace(question.text, "…"),
    )


def chat_rows(
    model: GPT,
    tokenizer: BPETokenizer,
    some: Sequence[smol.Question],
    prompts: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Each question under each prompt (all, if none is named): a row for each answer."""
    put = [(one, name) for one in some for name in prompts or CHAT_PROMPTS]
    turns = [chat_turns(one, name) for one, name in put]
    rows = []
    for (one, name), mine, (output, probability) in zip(
        put, turns, chat_answers(model, tokenizer, turns), strict=True
    ):
        asked = mine[-1]["content"]
        rows.append(
            {
                "prompt": name,
                "band": one.band,
                "question": one.text,
                "text": asked,  # after EXAMPLES, where these are the prompt
                "truth": one.answer,
                "output": output,
                "confidence": probability,
                **marks_of(one, output, asked),
            }
        )
    return rows
