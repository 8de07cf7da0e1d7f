"""Told in one wording or in several: can a fact be asked for that was only ever told?

After Allen-Zhu and Li (2309.14316). People each have six facts, told equally often: in "one" always
in the same words and order, in "several" each time in other words and another order. Of half of the
people questions are asked, too; the test asks about the other half. What was told is tested in the
words of training besides: to have by heart and to be able to say are two things.

The arms can be compared only where both have learnt what they were told: at least LEARNT of the
questions of training must be answered in both, and of the other people's documents recited. If not,
there is no conclusion (see `conclusive`). How often the documents are read was set before any run,
by what another model of this width needed: fernhollow-small answers 63 % of the questions on facts
told 64 times, after 2,643 steps of 4,096 tokens, a quarter of them about people. Here all tokens
are, each fact is told TOLD * PASSES = 384 times, and there are about 1,300 steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lessons import evaluate
from lessons.world.corpus import PAD, Packer, encode
from lessons.world.people_language import STATEMENTS, question
from lessons.world.tape import Tape
from lessons.world.tasks import questions
from lessons.world.tasks.base import Item
from lessons.world.truth import ATTRIBUTES, Person, people
from minigpt import GPT, BPETokenizer, GPTConfig, TrainConfig, fit
from minigpt.data import IGNORE
from minigpt.tokenizer import END
from minigpt.train import Batch

ARMS = ("one", "several")
PEOPLE = 200  # half of them asked about
TOLD, ASKED = 48, 12  # documents that tell all facts of a person; questions for each fact
PASSES = 8  # over the same documents, each time in another order
LENGTH, BATCH = 256, 16
LEARNT = 0.9  # share right of "asked" and of "recited" that both arms must reach
TESTS = ("asked", "never asked", "recited")
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


def documents(who: Setting, arm: str, seed: int) -> list[tuple[str, str]]:
    """All documents in random order, each with whom it is about.

    Both arms have the same numbers of biographies and questions.
    """
    tape = Tape("wording", seed, arm)
    found = [
        (person.name, told(tape, person, arm))
        for person in (*who.asked, *who.never_asked)
        for _ in range(TOLD)
    ]
    for person in who.asked:
        for attribute in ATTRIBUTES:
            for _ in range(ASKED):
                asked = questions.prompt(question(tape, attribute, person.name))
                found.append((person.name, f"{asked} {person.value(attribute)}"))
    return tape.shuffled(found)


def windows(tokenizer: BPETokenizer, some: list[tuple[str, str]], passes: int) -> Iterator[Tensor]:
    """Windows (LENGTH + 1,) of all documents, read `passes` times, each time in another order.

    Nobody stands in two documents of a window, or copying would pass for memory.
    """
    end, packer = tokenizer.special_tokens[END], Packer(tokenizer, LENGTH + 1)
    ids = [(name, [end, *encode(tokenizer, text)]) for name, text in some]
    for turn in range(passes):
        for name, row in Tape("wording order", turn).shuffled(ids):
            yield from map(torch.tensor, packer.add(row, {name}))
    yield from map(torch.tensor, packer.rest())


def train(tokenizer: BPETokenizer, who: Setting, arm: str, seed: int, passes: int = PASSES) -> GPT:
    """A GPT of four layers that reads the documents so many times."""
    rows = torch.stack([*windows(tokenizer, documents(who, arm, seed), passes)])
    pad = tokenizer.special_tokens[PAD]

    def batch(step: int) -> Batch:
        some = rows[step * BATCH : (step + 1) * BATCH]  # (B, T + 1)
        return some[:, :-1], some[:, 1:].masked_fill(some[:, 1:] == pad, IGNORE)

    torch.manual_seed(seed)
    model = GPT(
        GPTConfig.fast(
            vocab_size=tokenizer.vocab_size, block_size=LENGTH, n_layer=4, n_head=4, n_embd=128,
            n_gram=1, qk_gain=2.5,
        )
    )  # fmt: skip
    config = TrainConfig(
        steps=max(1, len(rows) // BATCH), batch_size=BATCH, seed=seed, learning_rate=7e-3,
        embedding_learning_rate=4e-2, muon_learning_rate=0.02, warmup_steps=20,
    )  # fmt: skip
    fit(model, batch, None, config)
    return model.eval()


def _asked(tape: Tape, who: tuple[Person, ...], n: int) -> list[Item]:
    found = []
    for _ in range(n):
        person, attribute = tape.choice(who), tape.choice([*ATTRIBUTES])
        asked = questions.prompt(question(tape, attribute, person.name))
        meta = {"name": person.name, "attribute": attribute}
        found.append(Item(asked, f" {person.value(attribute)}", meta=meta))
    return found


def _recited(tape: Tape, who: tuple[Person, ...], arm: str, n: int) -> list[Item]:
    """Sentences to finish, after all that stands before them in a document of the arm."""
    found = []
    for _ in range(n):
        person, attribute = tape.choice(who), tape.choice([*ATTRIBUTES])
        text, value = told(tape, person, arm), f" {person.value(attribute)}"
        at = text.index(value)  # the first place where it stands as a word
        found.append(Item(text[:at], value, meta={"name": person.name, "attribute": attribute}))
    return found


def rows(
    model: GPT, tokenizer: BPETokenizer, who: Setting, arm: str, seed: int, n: int = 200
) -> list[dict[str, Any]]:
    """Answers about people asked about, about the others, and reciting these: a row for each."""
    tape = Tape("wording asked", seed)
    tests = {
        "asked": _asked(tape, who.asked, n),
        "never asked": _asked(tape, who.never_asked, n),
        "recited": _recited(tape, who.never_asked, arm, n),
    }
    return [
        {"arm": arm, "seed": seed, "test": test, **item.meta, "prompt": item.prompt,
         "truth": item.answer.strip(), "output": output.strip(),
         "right": int(output.startswith(item.answer))}
        for test, some in tests.items()
        for item, output in zip(some, evaluate.answers(model, tokenizer, some), strict=True)
    ]  # fmt: skip


def conclusive(shares: Mapping[str, Mapping[str, float]]) -> bool:
    """Whether both arms have learnt what they were told; `shares`: arm -> test -> share right."""
    return all(shares[arm][test] >= LEARNT for arm in ARMS for test in ("asked", "recited"))
