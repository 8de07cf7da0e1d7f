"""Word functions by example: "cat -> t a c ; dog -> g o d ;", the function is never named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..tape import Tape
from .base import Item, check_split, simple_baselines
from .functions import COMPOSITIONS, FUNCTIONS, SPELLED, TESTED, THIRD, TRAINED, shown, words_of
from .functions import is_correct as is_correct

NAME = "by_example"
SPLITS = ("test", "third letter", "compositions", "train")
TRAIN_ITEMS = 1000  # what the baselines learn from
HEADER = "Examples:"
SHOTS = (0, 1, 2, 4, 8, 16)  # numbers of examples before a query
_LINES = (10, 20)  # fewest and most examples in a document
_NAMES = tuple(TRAINED)


def examples(
    tape: Tape, function: str, n: int, spelled: bool = False, without: str = ""
) -> list[tuple[str, str]]:
    """n words as they are shown, with their answers under a function (a key of FUNCTIONS).

    No word comes twice, and none is `without`. Pairs are those that training may show; of
    functions never trained, all. ValueError if there are fewer words than n.
    """
    words = words_of(function, False)
    if without:
        words = tuple(word for word in words if word != without)
    apply = FUNCTIONS[function].apply
    return [(shown(word, spelled), apply(word)) for word in tape.sample(words, n)]


def prompt(examples: Sequence[tuple[str, str]], query: str) -> str:
    """The examples, and the query with nothing behind its arrow.

    >>> prompt([("cat", "t a c")], "dog")
    'Examples: cat -> t a c ; dog ->'
    """
    return f"{_listed(examples)} {query} ->"


def _listed(examples: Sequence[tuple[str, str]]) -> str:
    return " ".join([HEADER, *(f"{word} -> {answer} ;" for word, answer in examples)])


def document(tape: Tape) -> str:
    """Ten to twenty examples of one function."""
    spelled = tape.chance(SPELLED)
    pairs = examples(tape, tape.choice(_NAMES), tape.integer(*_LINES), spelled)
    return _listed(pairs)


def item(tape: Tape, function: str, k: int, new: bool = True) -> Item:
    """A query after k examples; `new`: its answer is held out of training.

    `absent` is the query with what stands around it, as "cat -> c" begins "cat -> c a t".
    """
    word = tape.choice(words_of(function, new))
    spelled = tape.chance(SPELLED)
    query, answer = shown(word, spelled), FUNCTIONS[function].apply(word)
    return Item(
        prompt=prompt(examples(tape, function, k, spelled, without=word), query),
        answer=f" {answer}",
        absent=tuple(f"{mark} {query} -> {answer} ;" for mark in ":;") if new else (),
        stop=" ;",
        meta={"k": k, "function": function, "word": word, "spelled": spelled},
    )


def items(tape: Tape, n: int, split: str = "test") -> list[Item]:
    """Queries after k examples, each k of SHOTS as often as the others; k stands in meta.

    test: the query's (word, answer) pair is held out, its examples' are not. `third letter` and
    `compositions`: functions never trained. train: an example of a document, as it may be.
    """
    check_split(split, SPLITS)
    if split == "train":
        return [
            item(tape, tape.choice(_NAMES), tape.index(tape.integer(*_LINES)), new=False)
            for _ in range(n)
        ]
    names = {"third letter": (THIRD.name,), "compositions": tuple(COMPOSITIONS)}.get(split, TESTED)
    return [item(tape, tape.choice(names), SHOTS[at % len(SHOTS)]) for at in range(n)]


def prior_guess(word: str) -> str:
    """The best answer without examples: the one that most trained functions give."""
    given = Counter(f.apply(word) for f in TRAINED.values() if word in f.words)
    return given.most_common(1)[0][0]


def baselines(items_: Sequence[Item]) -> dict[str, float]:
    """See base.simple_baselines; "prior": the best guess from the query alone."""
    train = items(Tape(NAME, "baselines"), TRAIN_ITEMS, "train")
    right = [is_correct(item, prior_guess(item.meta["word"])) for item in items_]
    return {
        **simple_baselines(items_, train, is_correct),
        "prior": sum(right) / len(items_),
    }
