"""Which topic a short text is about; words of other topics occur too, so structure decides."""

from __future__ import annotations

from collections.abc import Sequence

from ..language import FIRST_NAMES, capital, pronoun
from ..sentences import may_write
from ..tape import Tape
from .base import Item, check_split, same, simple_baselines

NAME = "topic"
SPLITS = ("test", "wording", "train")
TOPICS: dict[str, tuple[str, ...]] = {
    topic: tuple(nouns.split())
    for topic, nouns in {
        "food": "soup bread cheese cake stew pie butter salad porridge sausages pudding pancakes",
        "music": "fiddle flute concert song choir drums melody organ waltz trumpet piano harp",
        "weather": "rain snow storm fog wind frost thunder hail sunshine clouds heat drizzle",
        "travel": "train ferry luggage ticket coach journey voyage suitcase station road ship map",
        "garden": "roses hedge lawn tulips weeds seedlings compost orchard spade lilies rake trees",
        "money": "rent wages tax loan debt coins savings bill purse budget fee interest",
        "animals": "dog cat goat pony hen owl rabbit sheep fox geese hedgehog kitten",
        "health": "cough fever doctor nurse medicine headache ointment toothache bandage cold "
        "hospital pills",
    }.items()
}
# {a} is what the text is about, {b} what it only names.
FRAMES = (
    "it was not {b} {name} came for but {a}.",
    "it was {a} {name} came for, not {b}.",
    "{name} wrote a page on {a} and a line on {b}.",
    "{name} wrote a line on {b} and a page on {a}.",
    "forget {b}: this note concerns {a}.",
    "this note concerns {a}, so forget {b}.",
    "{name} began with {b} but soon spoke only of {a}.",
    "{name} spoke only of {a}, although we had asked about {b}.",
    "although we had asked about {b}, {name} spoke only of {a}.",
    "{name} hardly looked at {b}, for {pronoun} had {a} in mind.",
    "{name} had {a} in mind and hardly looked at {b}.",
    "we hoped to hear about {b}, but the letter dealt with {a}.",
    "the letter dealt with {a}, though we hoped to hear about {b}.",
    "of {b} we heard nothing, of {a} everything.",
    "of {a} we heard everything, of {b} nothing.",
    "never mind {b}, let us talk about {a}.",
    "let us talk about {a} and never mind {b}.",
    "instead of {b}, {name} described {a}.",
    "{name} described {a} instead of {b}.",
)
ALONE = ("{name} told us all about {a}.", "the whole talk was about {a}.")
# A further sentence, which names a third topic.
SIDES = (
    "nobody asked about {c}.",
    "we did not get to {c}.",
    "only once did {name} mention {c}.",
    "{c} had to wait.",
)
DETERMINERS = ("the", "the", "this", "that")
DETERMINERS_PLURAL = ("the", "the", "these", "those")
ASKED = (
    "Text: {text}\nTopic:",
    "{text}\nWhat is this about?",
    "Which topic is this? {text}\nTopic:",
    "Note: {text}\nFile it under:",
)
ASKED_NEW = ("Paragraph: {text}\nTopic:", "{text}\nIts subject is")
NEW_WORDS = ("Paragraph:", "Its subject is")


def _phrase(tape: Tape, topic: str) -> str:
    """A noun of the topic, with the word before it: "the soup", "these roses"."""
    noun = tape.choice(TOPICS[topic])
    plural = noun.endswith("s") or noun == "geese"
    return f"{tape.choice(DETERMINERS_PLURAL if plural else DETERMINERS)} {noun}"


def _core(tape: Tape, topic: str) -> tuple[str, list[str]]:
    """A sentence on the topic, and the other topics that it names."""
    name, a = tape.choice(FIRST_NAMES), _phrase(tape, topic)
    if tape.chance(0.1):
        return capital(tape.choice(ALONE).format(name=name, a=a)), []
    other = tape.choice([t for t in TOPICS if t != topic])
    frame = tape.choice(FRAMES)
    b = _phrase(tape, other)
    return capital(frame.format(name=name, pronoun=pronoun(name), a=a, b=b)), [other]


def _around(tape: Tape, core: str, topic: str) -> str:
    """The core with a sentence before or after it that names this topic and does not count."""
    side = tape.choice(SIDES).format(name=tape.choice(FIRST_NAMES), c=_phrase(tape, topic))
    return f"{core} {capital(side)}" if tape.chance(0.5) else f"{capital(side)} {core}"


def _item(tape: Tape, asked: Sequence[str], new: bool) -> Item:
    topic = tape.choice(tuple(TOPICS))
    core, named = tape.until(lambda: _core(tape, topic), lambda made: may_write(made[0], new))
    text = core
    if tape.chance(0.5):
        named.append(tape.choice([t for t in TOPICS if t not in (topic, *named)]))
        text = _around(tape, core, named[-1])
    wording = tape.index(len(asked))
    words = (NEW_WORDS[wording],) if asked is ASKED_NEW else ()
    return Item(
        prompt=asked[wording].format(text=text),
        answer=f" {topic}",
        choices=tuple(f" {t}" for t in TOPICS),
        absent=(core, *words) if new else (),
        meta={"text": text, "others": named},
    )


def document(tape: Tape) -> str:
    """A text with its topic."""
    item = _item(tape, ASKED, new=False)
    return item.prompt + item.answer


def items(tape: Tape, n: int, split: str = "test") -> list[Item]:
    """Texts held out of training; `wording`: asked for in words held out, too."""
    check_split(split, SPLITS)
    asked = ASKED_NEW if split == "wording" else ASKED
    return [_item(tape, asked, new=split != "train") for _ in range(n)]


is_correct = same


def baselines(items_: Sequence[Item]) -> dict[str, float]:
    """See base.simple_baselines."""
    train = items(Tape(NAME, "baselines"), 4000, "train")
    return simple_baselines(items_, train, is_correct)
