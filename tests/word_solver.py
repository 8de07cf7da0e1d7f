"""Word functions computed a second time, for the tests of the families that use them."""

from __future__ import annotations

import re

from lessons.world.words import WORDS

OPPOSITE = {word.text: word.opposite for word in WORDS if word.opposite}
IRREGULAR = dict(
    pair.split("-")
    for pair in "child-children foot-feet goose-geese man-men mouse-mice sheep-sheep fish-fish "
    "tooth-teeth woman-women deer-deer person-people wolf-wolves loaf-loaves knife-knives "
    "scarf-scarves leaf-leaves shelf-shelves".split()
)


def plural(word: str) -> str:
    if word in IRREGULAR:
        return IRREGULAR[word]
    if re.search("[^aeiou]y$", word):
        return word[:-1] + "ies"
    return word + ("es" if re.search("(s|x|ch|sh)$", word) else "s")


SOLVE = {
    "spelling": list,
    "reverse": lambda w: list(reversed(w)),
    "first letter": lambda w: [w[0]],
    "second letter": lambda w: [w[1]],
    "third letter": lambda w: [w[2]],
    "last letter": lambda w: [w[len(w) - 1]],
    "first two letters": lambda w: [w[0], w[1]],
    "last two letters": lambda w: [w[len(w) - 2], w[len(w) - 1]],
    "without the first letter": lambda w: [w[i] for i in range(1, len(w))],
    "capitals": lambda w: [chr(ord(c) - 32) for c in w],
    "doubled": lambda w: [c for c in w for _ in range(2)],
    "plural": lambda w: [plural(w)],
    "opposite": lambda w: [OPPOSITE[w]],
}


def irregular(word: str) -> bool:
    return plural(word) not in (word + "s", word + "es")
