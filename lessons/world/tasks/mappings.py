"""Mappings invented for one document: "zib is red ; mok is blue ; zib is red ;".

Nothing but the prompt tells a value, and only by copying from where the key stood before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..plan import held_out
from ..tape import Tape
from .base import Item, check_split, simple_baselines

NAME = "mappings"
SPLITS = ("test", "seen n", "train")
TRAIN_ITEMS = 1000  # what the baselines learn from
HEADER = "Pairs:"
KEYS = tuple(  # few, so that each becomes one token; none is an English word of the corpus
    "bav bez biv buv daf dez dif dov fej fiv fuv gam gez giz gov hab hef hij huz jav jek jid juf "
    "kab kif kov lef luz mab mez mip mok naj nef niv noz pej pif puv rab rez rif rov sej siv suf "
    "tez tib tov vab vej vif vok zab zef zib zok bej fip hov jiz kud muj nad peb zim zup daj voz "
    "wab wej wif wuz kej lud poz seb tud vug fom gik hez jop kuz meb nij riv soz teb vap wom cav "
    "cev cif coz cud".split()
)
VALUES = tuple(
    "red blue green yellow black white brown pink grey purple gold silver round square cold warm "
    "big small old new soft hard wet dry".split()
)
_PAIRS, _STATEMENTS = (6, 12), (20, 40)  # fewest and most in a document
_SEEN = (2, 3, 4, 5)  # how often the key was seen before, in the split "seen n"


def is_held_out(key: str, value: str) -> bool:
    """Whether no training document gives this key this value."""
    return held_out("text", f"{key} is {value}")


def mapping(tape: Tape, pairs: int) -> dict[str, str]:
    """That many keys with their values: no key and no value twice, no pair held out."""
    made: dict[str, str] = {}
    for _ in range(pairs):
        key, value = _pair(tape, made, new=False)
        made[key] = value
    return made


def _pair(tape: Tape, made: dict[str, str], new: bool) -> tuple[str, str]:
    """A key and a value that `made` lacks; held out if `new`."""
    return tape.until(
        lambda: (tape.choice(KEYS), tape.choice(VALUES)),
        lambda pair: (
            pair[0] not in made and pair[1] not in made.values() and is_held_out(*pair) == new
        ),
    )


def document_of(statements: Sequence[tuple[str, str]]) -> str:
    """The statements as a document."""
    return " ".join([HEADER, *(f"{key} is {value} ;" for key, value in statements)])


def document(tape: Tape) -> str:
    """Twenty to forty statements, each of a pair drawn anew from one mapping."""
    pairs = list(mapping(tape, tape.integer(*_PAIRS)).items())
    return document_of([tape.choice(pairs) for _ in range(tape.integer(*_STATEMENTS))])


def _item(tape: Tape, n: int, new: bool = True) -> Item:
    """A key seen n times before, at random places among the statements before it."""
    pairs = tape.integer(*_PAIRS)
    others = mapping(tape, pairs - 1)
    key, value = _pair(tape, others, new)
    before = [tape.choice(list(others.items())) for _ in range(tape.integer(10, 39))]
    places = tape.sample(range(len(before)), n)
    for at in places:
        before[at] = (key, value)
    return Item(
        prompt=f"{document_of(before)} {key} is",
        answer=f" {value}",
        absent=(f" {key} is {value} ;",) if new else (),
        stop=" ;",
        meta={"n": n, "pairs": pairs, "distance": len(before) - max(places)},
    )


def items(tape: Tape, n: int, split: str = "test") -> list[Item]:
    """Statements to complete, of a (key, value) pair held out of training.

    test: the key was seen once before. "seen n": 2, 3, 4 or 5 times, in equal shares; n stands
    in meta. train: 1 to 5 times, no pair held out. `distance`: statements back to the last one.
    """
    check_split(split, SPLITS)
    if split == "seen n":
        return [_item(tape, _SEEN[at % len(_SEEN)]) for at in range(n)]
    if split == "train":
        return [_item(tape, tape.choice((1, *_SEEN)), new=False) for _ in range(n)]
    return [_item(tape, 1) for _ in range(n)]


def is_correct(item: Item, output: str) -> bool:
    """Whether the output is the value that the prompt gives the key."""
    *_, key, _ = item.prompt.split()
    statements = re.findall(r"(\S+) is (\S+) ;", item.prompt)
    return output.strip() == dict(statements)[key]


def baselines(items_: Sequence[Item]) -> dict[str, float]:
    """See base.simple_baselines; "last value": the one in the statement before."""
    train = items(Tape(NAME, "baselines"), TRAIN_ITEMS, "train")
    right = [is_correct(item, item.prompt.split()[-4]) for item in items_]
    return {
        **simple_baselines(items_, train, is_correct),
        "last value": sum(right) / len(items_),
    }
