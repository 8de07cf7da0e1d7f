"""What training never shows: decided by a hash of the content, so that every family, in whatever
wording, draws the same line. A family asks `held_out(kind, key)` before it writes.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

# One in so many keys of each kind is held out of training and kept for items.
HELD_OUT = {
    "text": 8,  # reviews, stories, passages, chats …: key = the text itself
    "word": 8,  # a word function on a word: key = f"{word}|{answer}"
    "tavi": 8,  # noun and adjective together: key = f"{adjective} {noun}"
    "sum": 8,  # x + y = z, z - x = y, z - y = x, anywhere: key = f"{min(x, y)} {max(x, y)}"
    "program": 8,  # key = the program's text
}


@lru_cache(maxsize=200_000)
def held_out(kind: str, key: str) -> bool:
    """Whether training never shows this. Raises KeyError for an unknown kind."""
    digest = hashlib.sha256(f"{kind}\x1f{key}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % HELD_OUT[kind] == 0


def sum_held_out(x: int, y: int) -> bool:
    """Whether the pair of operands is held out; pairs with a one-digit number never are."""
    low, high = sorted((x, y))
    return low >= 10 and held_out("sum", f"{low} {high}")
