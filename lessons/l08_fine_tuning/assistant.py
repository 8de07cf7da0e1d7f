"""From a model that continues documents to one that answers: a chat template and a loss mask.

The same questions as in pre-training, put by a user in words that training did not use, answered in
whole sentences. What is learnt is a form: the facts were learnt before.
"""

from __future__ import annotations

from collections.abc import Sequence

from lessons.world.corpus import BOT, USER
from lessons.world.families import FAMILIES
from lessons.world.people_language import question
from lessons.world.plan import Plan, never_asked
from lessons.world.tape import Tape
from lessons.world.tasks import questions
from lessons.world.tasks.base import Item
from lessons.world.truth import ATTRIBUTES, Person, people

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
ANSWERS = {
    "town": "{name} lives in {value}.",
    "job": "{name} is a {value}.",
    "pet": "{name} keeps a {value}.",
    "dish": "{name} likes {value}.",
    "instrument": "{name} plays the {value}.",
    "door": "The door of {name} is {value}.",
}
OTHERS = ("sums", "tavi", "topic")  # further tasks of the assistant, in its own form


def conversation(question: str) -> str:
    """A user's turn, up to where the bot's answer begins."""
    return f"{USER} {question}\n{BOT}"


def question_about(tape: Tape, person: Person, attribute: str) -> Item:
    """One question in the assistant's form about a fact, with its answer in a sentence."""
    asked = tape.choice(QUESTIONS[attribute]).format(name=person.name)
    value = person.value(attribute)
    return Item(
        conversation(tape.choice(ASKED).format(question=asked)),
        " " + ANSWERS[attribute].format(name=person.name, value=value),
        meta={"name": person.name, "attribute": attribute, "value": value},
    )


def facts(
    n: int, seed: int, block: str = "asked", *, exposures: int = 0, part: str = "test"
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
    return [question_about(tape, *fact) for fact in tape.sample(known, n)]


def others(n: int, seed: int, split: str = "train") -> list[Item]:
    """n items of other families as a user's turn, their answers as they are."""
    found = []
    for number in range(n):
        family = OTHERS[number % len(OTHERS)]
        (item,) = FAMILIES[family].items(Tape("lesson 08", "others", seed, number), 1, split)
        found.append(
            Item(conversation(item.prompt), f" {item.answer.strip()}", item.choices, meta=item.meta)
        )
    return found


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


def training_set(n: int, seed: int) -> list[Item]:
    """Half questions about people that pre-training asks about, half other tasks, mixed."""
    both: Sequence[Item] = [*facts(n // 2, seed, part="train"), *others(n - n // 2, seed)]
    return Tape("lesson 08", "order", seed).shuffled(both)
