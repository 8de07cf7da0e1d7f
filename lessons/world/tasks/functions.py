"""Word functions by instruction: "reverse: cat = t a c". Letters are written with blanks between.

A word of one token hides its letters, so what the model must know is how each word is spelled.
Every word is spelled in training. Of the other answers that the letters determine, one in eight
(word, answer) pairs is held out, here and in by_example, in every wording. What no letter tells
(opposites, plurals such as "feet") cannot be known unless it was told, so it is never held out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from ..language import plural
from ..plan import held_out
from ..tape import Tape
from ..words import ADJECTIVES, NOUNS, TEXTS, opposite
from .base import Item, check_split, simple_baselines

NAME = "functions"
SPLITS = ("test", "wording", "compositions", "third letter", "train")
TRAIN_ITEMS = 2000  # what the baselines learn from
SPELLED = 0.2  # share of documents whose words are spelled: "c a t"


@dataclass(frozen=True)
class Function:
    """A word function. `apply` gives the answer as it is written; `kind`: "letters" or "word".

    `label` and `order` are the words that ask for it; `words` are those it is asked about;
    `trained`: whether training documents use it; `told`: whether training tells the answer of
    every word, held out or not.
    """

    name: str
    apply: Callable[[str], str]
    kind: str
    label: str
    order: str
    words: tuple[str, ...] = TEXTS
    trained: bool = True
    told: Callable[[str], bool] = lambda word: False

    def held_out(self, word: str) -> bool:
        """Whether training never shows this function's answer for the word."""
        answer = self.apply(word)
        if not self.trained:
            return True
        return not self.told(word) and answer != spaced(word) and is_held_out(word, answer)


def spaced(letters: str) -> str:
    """'cat' -> 'c a t'."""
    return " ".join(letters)


def is_held_out(word: str, answer: str) -> bool:
    """Whether the plan holds out this answer about this word, whatever was asked."""
    return held_out("word", f"{word}|{answer}")


def _letters(name: str, take: Callable[[str], str], order: str = "", label: str = "") -> Function:
    """A function whose answer is letters with blanks between."""
    order = order or f"give the {name} of {{word}}"
    return Function(name, lambda word: spaced(take(word)), "letters", label or name, order)


def _composed(inner: str, outer: str, words: tuple[str, ...] = TEXTS) -> Function:
    """Outer applied to what inner gives; never trained."""
    first, then = TRAINED[inner], TRAINED[outer]
    return Function(
        name=f"{inner} + {outer}",
        apply=lambda word: then.apply(first.apply(word).replace(" ", "")),
        kind="letters",
        label=f"{first.label}, then {then.label}",
        order=f"{first.order}, then {then.order.format(word='the result')}",
        words=words,
        trained=False,
    )


TRAINED: dict[str, Function] = {
    function.name: function
    for function in (
        Function("spell", spaced, "letters", "spelling", "spell {word}", told=lambda word: True),
        _letters("reverse", lambda word: word[::-1], "reverse {word}"),
        _letters("first letter", lambda word: word[0]),
        _letters("second letter", lambda word: word[1]),
        _letters("last letter", lambda word: word[-1]),
        _letters("first two letters", lambda word: word[:2]),
        _letters("last two letters", lambda word: word[-2:]),
        _letters(
            "without the first letter",
            lambda word: word[1:],
            "write {word} without the first letter",
        ),
        _letters("upper", str.upper, "write {word} in capitals", "capitals"),
        _letters(
            "doubled",
            lambda word: "".join(2 * letter for letter in word),
            "double each letter of {word}",
        ),
        Function(
            "plural", plural, "word", "plural", "give the plural of {word}", NOUNS,
            told=lambda word: plural(word) not in (word + "s", word + "es"),
        ),
        Function(
            "opposite", opposite, "word", "opposite", "give the opposite of {word}", ADJECTIVES,
            told=lambda word: True,
        ),
    )
}  # fmt: skip
# Never trained, in any form.
THIRD = Function(
    "third letter", lambda word: word[2], "letters", "third letter",
    "give the third letter of {word}", trained=False,
)  # fmt: skip
COMPOSITIONS: dict[str, Function] = {
    function.name: function
    for function in (
        _composed("reverse", "upper"),
        _composed("first two letters", "upper"),
        _composed("without the first letter", "reverse"),
        _composed("last two letters", "doubled"),
        _composed("plural", "upper", NOUNS),
    )
}
FUNCTIONS: dict[str, Function] = {**TRAINED, THIRD.name: THIRD, **COMPOSITIONS}
_NAMES = tuple(TRAINED)
# Functions that a test of held-out pairs can ask for.
TESTED = tuple(name for name, f in TRAINED.items() if not all(map(f.told, f.words)))

# Something stands before the word: "pear, reverse: r a e p" holds "ear, reverse: r a e".
ASKED = (
    "{label}: {word} =",
    "For {word}, {label}:",
    "Please {order}.",
    "How do you {order}?",
)
ASKED_NEW = ("From {word} ({label}) =", "Now {order}:")


@cache
def words_of(name: str, new: bool) -> tuple[str, ...]:
    """The words whose answer under a function is held out (`new`), or told in training.

    Of a function never trained: all its words (`new` or not); as queries, only those whose
    answer no trained function gives, so that none of these is right by chance.
    """
    function = FUNCTIONS[name]
    if function.trained:
        return tuple(word for word in function.words if function.held_out(word) == new)
    return tuple(word for word in function.words if not new or _is_own(function, word))


def _is_own(function: Function, word: str) -> bool:
    others = (f.apply(word) for f in TRAINED.values() if word in f.words)
    return function.apply(word) not in others


@cache
def _apply(name: str, word: str) -> str:
    return FUNCTIONS[name].apply(word)


def shown(word: str, spelled: bool) -> str:
    """The word as it stands in a document."""
    return spaced(word) if spelled else word


def _question(asked: str, function: Function, word: str) -> str:
    return asked.format(label=function.label, word=word, order=function.order.format(word=word))


def document(tape: Tape) -> str:
    """Four to six questions with answers, one a line, about different words."""
    spelled = tape.chance(SPELLED)
    used: set[str] = set()
    lines = []
    for _ in range(tape.integer(4, 6)):
        function = TRAINED[tape.choice(_NAMES)]
        word = _unused(tape, words_of(function.name, False), used)
        question = _question(tape.choice(ASKED), function, shown(word, spelled))
        lines.append(f"{question} {_apply(function.name, word)}")
    return "\n".join(lines)


def _unused(tape: Tape, words: Sequence[str], used: set[str]) -> str:
    """One of the words that was not used yet; now it is."""
    word = tape.until(lambda: tape.choice(words), lambda word: word not in used)
    used.add(word)
    return word


def _item(tape: Tape, names: Sequence[str], asked: Sequence[str], new: bool) -> Item:
    function = FUNCTIONS[tape.choice(names)]
    word = tape.choice(words_of(function.name, new))
    spelled = tape.chance(SPELLED)
    prompt = _question(tape.choice(asked), function, shown(word, spelled))
    answer = " " + function.apply(word)
    return Item(
        prompt=prompt,
        answer=answer,
        absent=(prompt + answer,) if new else (),
        meta={"function": function.name, "word": word, "spelled": spelled},
    )


def items(tape: Tape, n: int, split: str = "test") -> list[Item]:
    """Questions whose (word, answer) pair is held out; `wording`: asked in words held out, too.

    `compositions` and `third letter` ask for functions that are never trained.
    """
    check_split(split, SPLITS)
    names = {
        "compositions": tuple(COMPOSITIONS),
        "third letter": (THIRD.name,),
        "train": tuple(TRAINED),
    }.get(split, TESTED)
    asked = ASKED_NEW if split == "wording" else ASKED
    return [_item(tape, names, asked, new=split != "train") for _ in range(n)]


def is_correct(item: Item, output: str) -> bool:
    """Whether the output is what the item's function gives for its word."""
    function = FUNCTIONS[item.meta["function"]]
    return " ".join(output.split()) == function.apply(item.meta["word"])


def baselines(items_: Sequence[Item]) -> dict[str, float]:
    """See base.simple_baselines."""
    train = items(Tape(NAME, "baselines"), TRAIN_ITEMS, "train")
    return simple_baselines(items_, train, is_correct)
