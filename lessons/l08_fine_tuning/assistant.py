"""From a model that continues documents to one that answers: a chat template and a loss mask.

The same facts as in pre-training, asked for by a user in words that it did not use, answered in
whole sentences. What the conversations offer is a form: they are about few of the people.

The assistant that is kept answers without the name. The other form, in which a sentence begins
with it, is trained for comparison: tuned on few names, the model writes another one
(`python -m lessons sweep 08 assistant` counts how often).
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from lessons import evaluate
from lessons.l08_fine_tuning import tuning
from lessons.models import MODELS
from lessons.pretrain import stored
from lessons.world.corpus import BOT, USER
from lessons.world.families import FAMILIES
from lessons.world.people_language import question
from lessons.world.plan import Plan, never_asked
from lessons.world.tape import Tape
from lessons.world.tasks import questions
from lessons.world.tasks.base import Item
from lessons.world.truth import ATTRIBUTES, Person, people
from minigpt import GPT, BPETokenizer
from minigpt.checkpoint import save_checkpoint
from minigpt.files import new_folder, write_text

NAME, BASE = "fernhollow-chat", "fernhollow"
DOCUMENTS, STEPS, SIZE, RATE, SEED = 2_000, 500, 8, 1e-3, 0  # of the assistant's training
N = 200  # questions of each kind
ASKED = (
    "Hello! {question}",
    "Could you tell me something? {question}",
    "{question} I cannot remember.",
    "I have a question. {question}",
)
QUESTIONS = {
    "town": ("In which town can I find {name}?", "Where is {name} at home?"),
    "job": ("How does {name} earn a living?", "What is {name} by trade?"),
    "pet": ("What animal does {name} keep?", "Has {name} a pet, and which?"),
    "dish": ("What should I cook for {name}?", "What does {name} like to eat?"),
    "instrument": ("What would {name} play at our feast?", "Which instrument has {name} learnt?"),
    "door": ("What colour is the door of {name}?", "How do I know the door of {name}?"),
}
ANSWERS = {  # form → attribute → the answer
    "without the name": {
        "town": "They live in {value}.",
        "job": "They work as a {value}.",
        "pet": "They keep a {value}.",
        "dish": "They like {value}.",
        "instrument": "They play the {value}.",
        "door": "The door is {value}.",
    },
    "with the name": {
        "town": "{name} lives in {value}.",
        "job": "{name} is a {value}.",
        "pet": "{name} keeps a {value}.",
        "dish": "{name} likes {value}.",
        "instrument": "{name} plays the {value}.",
        "door": "The door of {name} is {value}.",
    },
}
FORM = "without the name"  # of the assistant that is kept
OTHERS = ("sums", "tavi", "topic")  # further tasks of the assistant, in its own form


def conversation(question: str) -> str:
    """A user's turn, up to where the bot's answer begins."""
    return f"{USER} {question}\n{BOT}"


def answer(name: str, attribute: str, value: str, form: str = FORM) -> str:
    """The sentence that answers a question about a fact."""
    return ANSWERS[form][attribute].format(name=name, value=value)


def question_about(tape: Tape, person: Person, attribute: str, form: str = FORM) -> Item:
    """One question in the assistant's form about a fact, with its answer in a sentence."""
    asked = tape.choice(QUESTIONS[attribute]).format(name=person.name)
    value = person.value(attribute)
    return Item(
        conversation(tape.choice(ASKED).format(question=asked)),
        f" {answer(person.name, attribute, value, form)}",
        meta={"name": person.name, "attribute": attribute, "value": value},
    )


def facts(
    n: int,
    seed: int,
    block: str = "asked",
    *,
    exposures: int = 0,
    part: str = "test",
    form: str = FORM,
) -> list[Item]:
    """n questions about facts of a block's people, by seed.

    `exposures`: of "exposure" people, only facts told so often. Of "asked" people those that
    pre-training asks for; `part` "train" and "test" have other people.
    """
    plan, tape = Plan("levels"), Tape("lesson 08", "assistant", block, seed, exposures)
    known = [
        (person, attribute)
        for person in people()
        for attribute in ATTRIBUTES
        if person.block == block
        and (block != "asked" or (person.number % 2 == 0) == (part == "train"))
        and (block != "asked" or not never_asked(person, attribute))
        and (not exposures or plan.level(person, attribute) == exposures)
    ]
    if n > len(known):
        raise ValueError(f"n={n}: there are {len(known)} such facts")
    return [question_about(tape, *fact, form) for fact in tape.sample(known, n)]


def other_items(n: int, seed: int, split: str = "train") -> list[Item]:
    """n items of OTHERS in turn, in the form of their pre-training."""
    found = []
    for number in range(n):
        family = OTHERS[number % len(OTHERS)]
        found += FAMILIES[family].items(Tape("lesson 08", "others", seed, number), 1, split)
    return found


def turn(item: Item) -> Item:
    """An item as a user's turn, its answer as it is."""
    prompt, answer = conversation(item.prompt), f" {item.answer.strip()}"
    return Item(prompt, answer, item.choices, meta=item.meta)


def others(n: int, seed: int, split: str = "train") -> list[Item]:
    """n items of other families as a user's turn, their answers as they are."""
    return [turn(item) for item in other_items(n, seed, split)]


def is_correct(item: Item, output: str) -> bool:
    """Whether a sentence about a fact says the value, and no other one of its kind."""
    said = output.strip().removesuffix(".").split()
    values = {v for v in ATTRIBUTES[item.meta["attribute"]] if set(v.split()) <= set(said)}
    return values == {item.meta["value"]}


def closed_book(some: Sequence[Item]) -> list[Item]:
    """The same facts in the form of pre-training, for the model before it was tuned."""
    return [
        Item(
            questions.prompt(question(Tape("closed book", i.prompt), i.meta["attribute"],
                                      i.meta["name"])),
            f" {i.meta['value']}", meta=i.meta,
        )
        for i in some
    ]  # fmt: skip


def training_set(n: int, seed: int, form: str = FORM) -> list[Item]:
    """Half questions about people that pre-training asks about, half other tasks, mixed."""
    asked = facts(n // 2, seed, part="train", form=form)
    both: Sequence[Item] = [*asked, *others(n - n // 2, seed)]
    return Tape("lesson 08", "order", seed).shuffled(both)


# --- the assistant that the course keeps --------------------------------------------------------

KINDS = {  # of questions about people: block, times told
    "asked": ("asked", 0),
    "never asked, told 64 times": ("exposure", 64),
    "people never written of": ("unwritten", 0),
}


def train(model: GPT, tokenizer: BPETokenizer, steps: int = STEPS, form: str = FORM) -> list[float]:
    """Make an assistant of the model, in place, with as many old documents as conversations.

    Returns the loss on the answers, step by step.
    """
    some = training_set(DOCUMENTS, SEED, form)
    replay = tuning.METHODS["replay"]
    losses = tuning.tune(model, tokenizer, some, replay, RATE, seed=SEED, steps=steps, size=SIZE)
    model.eval()
    return losses


def about_facts(
    model: GPT, tokenizer: BPETokenizer, asked: str, n: int = N, form: str = FORM
) -> dict[str, float]:
    """Kind of question → share right, asked as a "chat", or in the form of the pre-training."""
    found = {}
    for kind, (block, times) in KINDS.items():
        some = facts(n, 1, block, exposures=times, form=form)
        said = some if asked == "chat" else closed_book(some)
        outputs = evaluate.answers(model, tokenizer, said)
        found[kind] = fmean(map(is_correct, some, outputs))
    return found


def other_names(model: GPT, tokenizer: BPETokenizer, n: int = N) -> dict[str, float]:
    """Kind of question → share of answers "with the name" that say another one."""
    found = {}
    for kind, (block, times) in KINDS.items():
        some = facts(n, 1, block, exposures=times, form="with the name")
        outputs = evaluate.answers(model, tokenizer, some)
        found[kind] = fmean(
            item.meta["name"] not in out for item, out in zip(some, outputs, strict=True)
        )
    return found


def about_others(model: GPT, tokenizer: BPETokenizer, asked: str, n: int = N) -> float:
    """The share of other tasks right, as turns of a "chat", or in the form of the pre-training."""
    plain = other_items(n, 2, "test")
    some = [turn(item) for item in plain] if asked == "chat" else plain
    outputs = evaluate.answers(model, tokenizer, some)
    return fmean(
        bool(FAMILIES[OTHERS[i % len(OTHERS)]].is_correct(item, out))
        for i, (item, out) in enumerate(zip(plain, outputs, strict=True))
    )


def card(about: Mapping[str, Any]) -> str:
    """The card of the tuned model, from what stands in its extra.json."""
    rows = [f"| {name} | {100 * share:.0f} |" for name, share in about["shares"].items()]
    parts = [
        f"# {about['model']}",
        f"`{about['from']}` (see its card) after {about['steps']:,} steps of fine-tuning on "
        f"{about['documents']:,} conversations: half of them questions about people of whom its "
        "pre-training asks, half sums, Tavi and topics, each as a user's turn with the bot's "
        "answer. The loss counts on the answers; beside each batch of "
        f"{about['batch']} conversations stand as many documents of its pre-training. AdamW "
        f"{about['rate']:g}, falling in a straight line; seed {about['seed']}. It is one training: "
        "no interval says how another one would end.",
        "Made by `python -m lessons sweep 08 assistant`, which writes this card from the records "
        f'beside it. `minigpt.load("{about["model"]}")` opens it. A prompt is `<|user|> …`, a line '
        "end, and `<|bot|>`: see `lessons/l08_fine_tuning/assistant.py`.",
        f"| questions, {about['items']} a row | right, % |\n|---|---|\n" + "\n".join(rows),
        "Of people whom no text speaks of nothing can be known: what it says about them is the "
        "subject of lesson 13. CC0 1.0, text and weights.",
    ]
    return "\n\n".join(parts) + "\n"


def publish(
    model: GPT,
    tokenizer: BPETokenizer,
    about: Mapping[str, Any],
    losses: Sequence[float],
    work: Path,
    folder: Path = MODELS / NAME,
) -> None:
    """Put model, card and log into `folder` at once; `work` is a folder to make them in."""
    save_checkpoint(work, stored(model), tokenizer, extra=about)
    with new_folder(folder) as place:
        for file in work.iterdir():
            shutil.copyfile(file, place / file.name)
        with (place / "log.csv").open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(["step", "loss"])
            writer.writerows([step, f"{loss:.5f}"] for step, loss in enumerate(losses, start=1))
        write_text(place / "CARD.md", card(about))
