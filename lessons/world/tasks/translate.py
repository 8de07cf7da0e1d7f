"""English to Tavi and back: two word orders, plurals, a past tense, and agreement."""

from __future__ import annotations

from collections.abc import Sequence

from ..plan import held_out
from ..tape import Tape
from ..tavi import (
    ACTOR_NOUNS,
    ADJECTIVE_WORDS,
    NOUNS,
    VERB_WORDS,
    Phrase,
    Sentence,
    read_english,
    read_tavi,
)
from .base import Item, check_split, simple_baselines

NAME = "tavi"
SPLITS = ("test", "pairs", "wording", "train")
ASKED = {  # meta["direction"] → wordings
    "to tavi": (
        "English: {text}\nTavi:",
        "Translate into Tavi: {text}\nTavi:",
        "{text}\nIn Tavi:",
        "How do you say this in Tavi? {text}\nAnswer:",
    ),
    "to english": (
        "Tavi: {text}\nEnglish:",
        "Translate into English: {text}\nEnglish:",
        "{text}\nIn English:",
        "How do you say this in English? {text}\nAnswer:",
    ),
}
ASKED_NEW = {
    "to tavi": ("Say this in Tavi: {text}\nAnswer:", "{text}\nTavi:"),
    "to english": ("Say this in English: {text}\nAnswer:", "{text}\nEnglish:"),
}
DIRECTIONS = tuple(ASKED)


def pair_held_out(phrase: Phrase) -> bool:
    """Whether training never has this adjective beside this noun, one or many, in any text."""
    return bool(phrase.adjective) and held_out("tavi", f"{phrase.adjective} {phrase.noun}")


def _phrase(tape: Tape, nouns: Sequence[str], adjective: bool, new: bool) -> Phrase:
    def make() -> Phrase:
        word = tape.choice(ADJECTIVE_WORDS) if adjective else ""
        return Phrase(tape.choice(nouns), word, tape.chance(0.5))

    return tape.until(make, lambda phrase: pair_held_out(phrase) == new)


def _sentence(tape: Tape, split: str) -> Sentence:
    """Its subject has an adjective, its object in half of all cases.

    `pairs`: the subject's noun and adjective were never seen together, or the object's.
    """
    place = tape.choice(("subject", "object")) if split == "pairs" else ""

    def make() -> Sentence:
        return Sentence(
            _phrase(tape, ACTOR_NOUNS, True, place == "subject"),
            tape.choice(VERB_WORDS),
            _phrase(tape, NOUNS, place == "object" or tape.chance(0.5), place == "object"),
            tape.chance(0.5),
        )

    def accept(sentence: Sentence) -> bool:
        if sentence.subject.noun == sentence.object.noun:
            return False  # "the dogs see the dog"
        return split == "pairs" or held_out("text", sentence.english()) == (split != "train")

    return tape.until(make, accept)


def _absent(sentence: Sentence, split: str) -> tuple[str, ...]:
    if split == "train":
        return ()
    if split != "pairs":
        return (sentence.english(), sentence.tavi())
    phrase = next(p for p in (sentence.subject, sentence.object) if pair_held_out(p))
    return pair_forms(phrase.adjective, phrase.noun)


def pair_forms(adjective: str, noun: str) -> tuple[str, ...]:
    """What an adjective and a noun look like together, one and many, in both languages."""
    phrases = [Phrase(noun, adjective, many) for many in (False, True)]
    english = [phrase.english().removeprefix("the") for phrase in phrases]
    return (*english, *(f" {phrase.tavi()}" for phrase in phrases))


def _item(tape: Tape, split: str) -> Item:
    sentence = _sentence(tape, split)
    direction = tape.choice(DIRECTIONS)
    texts = sentence.english(), sentence.tavi()
    source, answer = texts if direction == "to tavi" else texts[::-1]
    asked = (ASKED_NEW if split == "wording" else ASKED)[direction]
    return Item(
        prompt=tape.choice(asked).format(text=source),
        answer=f" {answer}",
        absent=_absent(sentence, split),
        meta={"direction": direction, "source": source},
    )


def document(tape: Tape) -> str:
    """A sentence and its translation."""
    item = _item(tape, "train")
    return item.prompt + item.answer


def items(tape: Tape, n: int, split: str = "test") -> list[Item]:
    """Sentences held out of training; `pairs`: with a noun and adjective never seen together.

    `wording`: sentences held out, asked for in words held out, too.
    """
    check_split(split, SPLITS)
    return [_item(tape, split) for _ in range(n)]


def is_correct(item: Item, output: str) -> bool:
    """Whether the output says what the source says, every word and ending right."""
    readers = (read_english, read_tavi)
    read_source, read_output = readers if item.meta["direction"] == "to tavi" else readers[::-1]
    try:
        return read_output(output.strip()) == read_source(item.meta["source"])
    except ValueError:
        return False


def baselines(items_: Sequence[Item]) -> dict[str, float]:
    """See base.simple_baselines."""
    train = items(Tape(NAME, "baselines"), 1000, "train")
    return simple_baselines(items_, train, is_correct)
