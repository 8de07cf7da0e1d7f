"""Told in one wording or in several: can a fact be asked for that was only ever told?

After Allen-Zhu and Li (2309.14316). People each have six facts, told equally often: in "one" always
in the same words and order, in "several" each time in other words and another order. Of half of the
people questions are asked, too; the test asks about the other half. What was told is tested in the
words of training besides: to have by heart and to be able to say are two things.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

import torch

from lessons import evaluate
from lessons.world.corpus import encode
from lessons.world.people_language import STATEMENTS, question
from lessons.world.tape import Tape
from lessons.world.tasks import questions
from lessons.world.tasks.base import Item
from lessons.world.truth import ATTRIBUTES, Person, people
from minigpt import GPT, BPETokenizer, GPTConfig, TrainConfig, fit
from minigpt.tokenizer import END
from minigpt.train import Batch

ARMS = ("one", "several")
PEOPLE = 300  # half of them asked about
TOLD, ASKED = 48, 12  # documents that tell all facts of a person; questions for each fact
LENGTH, BATCH = 256, 16
Fact = tuple[Person, str]


@dataclass(frozen=True)
class Setting:
    """Who is told of, and of whom is asked."""

    asked: tuple[Person, ...]
    never_asked: tuple[Person, ...]


def setting(seed: int, n: int = PEOPLE) -> Setting:
    """n people, half of them asked about."""
    some = Tape("wording", seed).sample(people(), n)
    return Setting(tuple(some[: n // 2]), tuple(some[n // 2 :]))


def told(tape: Tape, person: Person, arm: str) -> str:
    """A document with all facts of a person, each in a sentence with the full name."""
    if arm not in ARMS:
        raise ValueError(f"arm={arm!r}: choose one of {ARMS}")
    order = [*ATTRIBUTES] if arm == "one" else tape.shuffled([*ATTRIBUTES])
    return " ".join(
        (STATEMENTS[a][0] if arm == "one" else tape.choice(STATEMENTS[a])).format(
            name=person.name, value=person.value(a)
        )
        for a in order
    )


def documents(who: Setting, arm: str, seed: int) -> list[str]:
    """All documents in random order: the same numbers of biographies and questions in both arms."""
    tape = Tape("wording", seed, arm)
    found = [
        told(tape, person, arm) for person in (*who.asked, *who.never_asked) for _ in range(TOLD)
    ]
    for person in who.asked:
        for attribute in ATTRIBUTES:
            for _ in range(ASKED):
                asked = questions.prompt(question(tape, attribute, person.name))
                found.append(f"{asked} {person.value(attribute)}")
    return tape.shuffled(found)


def train(tokenizer: BPETokenizer, who: Setting, arm: str, seed: int, part: float = 1.0) -> GPT:
    """A GPT of four layers that reads the documents once; `part`: of the steps, for tests."""
    end = tokenizer.special_tokens[END]
    ids: list[int] = []
    for text in documents(who, arm, seed):
        ids += [end, *encode(tokenizer, text)]
    rows = torch.tensor(ids[: len(ids) // (LENGTH + 1) * (LENGTH + 1)]).view(-1, LENGTH + 1)
    steps = len(rows) // BATCH

    def batch(step: int) -> Batch:
        some = rows[step * BATCH : (step + 1) * BATCH]
        return some[:, :-1], some[:, 1:]

    torch.manual_seed(seed)
    model = GPT(
        GPTConfig.fast(
            vocab_size=tokenizer.vocab_size, block_size=LENGTH, n_layer=4, n_head=4, n_embd=128,
            n_gram=1, qk_gain=2.5,
        )
    )  # fmt: skip
    config = TrainConfig(
        steps=max(1, round(part * steps)), batch_size=BATCH, seed=seed, learning_rate=7e-3,
        embedding_learning_rate=4e-2, muon_learning_rate=0.02, warmup_steps=20,
    )  # fmt: skip
    fit(model, batch, None, config)
    return model.eval()


def _asked(tape: Tape, who: tuple[Person, ...], n: int) -> list[Item]:
    found = []
    for _ in range(n):
        person, attribute = tape.choice(who), tape.choice([*ATTRIBUTES])
        asked = questions.prompt(question(tape, attribute, person.name))
        found.append(Item(asked, f" {person.value(attribute)}"))
    return found


def _recited(tape: Tape, who: tuple[Person, ...], arm: str, n: int) -> list[Item]:
    """Sentences to finish, after all that stands before them in a document of the arm."""
    found = []
    for _ in range(n):
        person, attribute = tape.choice(who), tape.choice([*ATTRIBUTES])
        text, value = told(tape, person, arm), f" {person.value(attribute)}"
        at = text.index(value)  # the first place where it stands as a word
        found.append(Item(text[:at], value))
    return found


def shares(
    model: GPT, tokenizer: BPETokenizer, who: Setting, arm: str, seed: int, n: int = 200
) -> dict[str, float]:
    """Shares right: questions about people asked about, about the others, and reciting these."""
    tape = Tape("wording asked", seed)
    tests = {
        "asked": _asked(tape, who.asked, n),
        "never asked": _asked(tape, who.never_asked, n),
        "recited": _recited(tape, who.never_asked, arm, n),
    }
    found = {}
    for name, some in tests.items():
        outputs = evaluate.answers(model, tokenizer, some)
        found[name] = fmean(
            output.startswith(item.answer) for item, output in zip(some, outputs, strict=True)
        )
    return found
