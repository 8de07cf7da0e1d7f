"""Checks of lesson 02: a merge, a decoder that survives broken bytes, a text that breaks."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable
from typing import Any

from lessons.exercises import NotRight, Wrong, check, exercise, expect, graded

__all__ = ["check"]


def _merged(ids: list[int], pair: tuple[int, int], new: int) -> list[int]:
    out: list[int] = []
    at = 0
    while at < len(ids):
        if tuple(ids[at : at + 2]) == tuple(pair):
            out.append(new)
            at += 2
        else:
            out.append(ids[at])
            at += 1
    return out


def _drawn_merges() -> list[tuple[list[int], tuple[int, int], int]]:
    """Ids, a pair and its new id, drawn for whoever grades.

    In one half of them the pair stands in both orders, its second id follows one that merely ends
    in the digits of the first, and the last id is in no pair; in the other half the pair is one id
    twice, in runs of two to five.
    """
    draw = random.Random(graded(2))
    cases: list[tuple[list[int], tuple[int, int], int]] = []
    for _ in range(2):
        a, b, c, new = draw.sample(range(10, 100), 4)
        pieces = [[a, b], [b, a], [100 + a, b], [a, b], [c]]
        draw.shuffle(pieces)
        cases.append(([*(token for piece in pieces for token in piece), a, c], (a, b), new))
        run = [a] * draw.choice((3, 5))
        cases.append(([*run, c, *[a] * draw.choice((2, 3)), c, b], (a, a), new))
    return cases


@exercise(
    "merge",
    hint="Walk through ids with an index: at a pair, put the new id and go on by two; else by one.",
    wrong=[
        Wrong(
            """
def merge(ids, pair, new):
    out = []
    for i, token in enumerate(ids):
        if i + 1 < len(ids) and (token, ids[i + 1]) == pair:
            out.append(new)
        else:
            out.append(token)
    return out
""",
            "second half",
        ),
        Wrong(
            """
def merge(ids, pair, new):
    out, i = [], 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out
""",
            "last token",
        ),
        Wrong(
            """
def merge(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        if i + 1 < len(ids) and {ids[i], ids[i + 1]} == set(pair):
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out
""",
            "order",
        ),
        Wrong(
            """
def merge(ids, pair, new):
    for i in range(len(ids) - 1):
        if tuple(ids[i:i + 2]) == pair:
            ids[i:i + 2] = [new]
    return ids
""",
            "was given",
        ),
        Wrong(
            """
def merge(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        if ids[i:i + 2] == pair:
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out
""",
            "nothing was merged",
        ),
        Wrong(
            """
def merge(ids, pair, new):
    text = " ".join(map(str, ids)).replace(" ".join(map(str, pair)), str(new))
    return [int(piece) for piece in text.split()]
""",
            "merge([31, 2, 1, 25], (1, 2), 9)",
        ),
    ],
)
def _merge(attempt: Any) -> None:
    for ids, pair, new in (
        ([1, 2, 3, 1, 2], (1, 2), 9),
        ([2, 1, 1, 2], (1, 2), 9),
        ([5, 5, 5], (5, 5), 9),
        ([5, 5, 5, 5], (5, 5), 9),
        ([1], (1, 1), 9),
        ([], (1, 2), 9),
        ([3, 1, 2], (1, 2), 9),
        ([1, 2, 2, 1, 3], (2, 2), 9),
        ([31, 2, 1, 25], (1, 2), 9),
        ([256, 257, 6, 25], (6, 25), 9),
        *_drawn_merges(),
    ):
        right = _merged(ids, pair, new)
        given = list(ids)
        came = attempt(given, pair, new)
        expected = f"merge({ids}, {pair}, {new}) to be {right}"
        expect(
            given == ids,
            expected="the list that was given to stay as it is",
            came=f"{given} in place of {ids}",
            think="Build a new list: the caller may need the old one.",
        )
        came = came.tolist() if hasattr(came, "tolist") else came  # arrays and tensors
        came = list(came) if isinstance(came, list | tuple) else came
        halves = [new if tuple(ids[i : i + 2]) == pair else t for i, t in enumerate(ids)]
        if came == halves != right:
            think = "After a merge, how many tokens of ids are used up?"
            raise NotRight(
                expected=expected, came=f"{came}: the second half of the pair stays", think=think
            )
        if ids and came == right[:-1]:
            think = "What happens to the last token when it is in no pair?"
            raise NotRight(expected=expected, came=f"{came}: the last token is lost", think=think)
        if came == _either(ids, pair, new) != right:
            raise NotRight(
                expected=expected,
                came=f"{came}: a pair in the other order was merged, too",
                think='"th" is not "ht".',
            )
        if came == ids != right:
            raise NotRight(
                expected=expected,
                came=f"{came}: nothing was merged",
                think="Is [1, 2] == (1, 2) in Python?",
            )
        expect(came == right, expected=expected, came=came, think="From left to right, no overlap.")


def _either(ids: list[int], pair: tuple[int, int], new: int) -> list[int]:
    out: list[int] = []
    at = 0
    while at < len(ids):
        if len(ids[at : at + 2]) == 2 and {*ids[at : at + 2]} == {*pair}:
            out.append(new)
            at += 2
        else:
            out.append(ids[at])
            at += 1
    return out


def _drawn_texts() -> list[tuple[list[int], list[bytes]]]:
    """Ids and a vocabulary, drawn for whoever grades.

    The vocabulary has an order of its own, broken bytes stand in the middle, and the tokens of up
    to three bytes cut at least the first character, which has four.
    """
    draw = random.Random(graded(2))
    cases = []
    for _ in range(2):
        letters = [*draw.sample("abcdefghijklmnop", 3), *draw.sample("éñßøçüå", 2)]
        letters.append(draw.choice("日本語東京時間水"))
        draw.shuffle(letters)
        broken = draw.choice((b"\xff", b"\xf0\x9f", b"\xe6\x97", b"\x80"))
        raw = draw.choice("🙂🚀🎈🐢🍀🌍").encode() + "".join(letters[:3]).encode()
        raw += broken + "".join(letters[3:]).encode()
        tokens = []
        while raw:
            cut = draw.randint(1, 3)
            tokens.append(raw[:cut])
            raw = raw[cut:]
        vocab = list({bytes([byte]): None for byte in range(256)} | dict.fromkeys(tokens))
        draw.shuffle(vocab)
        cases.append(([vocab.index(token) for token in tokens], vocab))
    return cases


@exercise(
    "decode",
    hint="Join the bytes of all tokens first; then bytes.decode has an argument for broken ones.",
    wrong=[
        Wrong(
            """
def decode(ids, vocab):
    return "".join(vocab[i].decode("utf-8", errors="replace") for i in ids)
""",
            "each byte decoded by itself",
        ),
        Wrong(
            """
def decode(ids, vocab):
    return b"".join(vocab[i] for i in ids).decode("utf-8")
""",
            "UnicodeDecodeError",
        ),
        Wrong(
            """
def decode(ids, vocab):
    return b"".join(vocab[i] for i in ids).decode("utf-8", errors="ignore")
""",
            "dropped",
        ),
        Wrong(
            """
def decode(ids, vocab):
    return b"".join(vocab[i] for i in ids).decode("latin-1")
""",
            "a character for each byte",
        ),
        Wrong(
            """
def decode(ids, vocab):
    return b"".join(vocab[i] for i in ids).decode("ascii", errors="replace")
""",
            "or as ASCII",
        ),
    ],
)
def _decode(attempt: Any) -> None:
    plain = [bytes([byte]) for byte in range(256)] + [b"the", " café".encode(), "🙂".encode()[:2]]
    texts = (
        b"abc",
        "naïve".encode(),
        "🙂!".encode(),
        "日本".encode(),
        b"\xff\xfeab",
        b"\xf0\x9f",
    )
    for ids, vocab in (*(([*raw, 256], plain) for raw in texts), *_drawn_texts()):
        joined = b"".join(vocab[i] for i in ids)
        right = joined.decode("utf-8", errors="replace")
        came = attempt(ids, vocab)
        expected = f"{right!r} from the bytes {joined!r}"
        each = "".join(vocab[i].decode("utf-8", errors="replace") for i in ids)
        ignored = joined.decode("utf-8", errors="ignore")
        latin = joined.decode("latin-1")
        for value, what, think in (
            (ignored, "the broken bytes dropped", "Should not a reader see that some are missing?"),
            (latin, "a character for each byte", "UTF-8 uses up to four for a character."),
            (
                each,
                "each byte decoded by itself: token by token, or as ASCII",
                "A character may lie in several bytes, and in several tokens.",
            ),
        ):
            if came == value != right:
                raise NotRight(expected=expected, came=f"{came!r}: {what}", think=think)
        expect(came == right, expected=expected, came=repr(came), think="Join, then decode.")
    ids = [257, 258, 0x99, 0x82]
    expect(
        attempt(ids, plain) == " café🙂",
        expected="' café🙂' from tokens that cut a character in two",
        came=attempt(ids, plain),
        think="Join all bytes before you decode.",
    )


def _word_level(text: str) -> str:
    known = {"the", "cat", "sat", "on", "mat", "a", "dog"}
    return " ".join(word if word in known else "<unk>" for word in text.split(" "))


TOKENIZERS: dict[str, Callable[[str], str]] = {
    "word level": _word_level,
    "lower case": str.lower,
    "no double blanks": lambda text: " ".join(text.split()),
    "normalised": lambda text: unicodedata.normalize("NFC", text),
}
"""What comes back from four tokenizers that lose something on the way."""


@exercise(
    "breaking_texts",
    hint="What does each of them throw away? Write a text that needs it.",
    wrong=[
        Wrong(
            """
def breaking_texts():
    return {"word level": "the cat", "lower case": "The", "no double blanks": "a  b",
            "normalised": "e\\u0301"}
""",
            "word level",
        ),
        Wrong(
            """
def breaking_texts():
    return {"word level": "the bird", "lower case": "The", "no double blanks": "a b",
            "normalised": "e\\u0301"}
""",
            "no double blanks",
        ),
        Wrong(
            """
def breaking_texts():
    return {"word level": "the bird", "lower case": "The", "no double blanks": "a  b",
            "normalised": "\\u00e9"}
""",
            "normalised",
        ),
        Wrong(
            """
def breaking_texts():
    return ["the bird", "The", "a  b", "e\\u0301"]
""",
            "a dictionary",
        ),
    ],
)
def _breaking_texts(attempt: Any) -> None:
    came = attempt()
    expect(
        isinstance(came, dict) and set(came) == set(TOKENIZERS),
        expected=f"a dictionary with the keys {[*TOKENIZERS]}",
        came=came,
        think="One text for each of the four tokenizers.",
    )
    for name, round_trip in TOKENIZERS.items():
        expect(
            isinstance(came[name], str) and round_trip(came[name]) != came[name],
            expected=f"a text that {name!r} does not give back as it was",
            came=f"{came[name]!r}, which comes back unchanged",
            think={
                "word level": "What happens to a word that was not in its training text?",
                "lower case": "What can no longer be told apart?",
                "no double blanks": "Where do two blanks, or blanks at an end, matter?",
                "normalised": "é can be one character or two (e and an accent). Which one stays?",
            }[name],
        )
    byte_level = {name: text.encode("utf-8").decode("utf-8") == text for name, text in came.items()}
    expect(
        all(byte_level.values()),
        expected="texts that bytes can hold: they must survive UTF-8",
        came=f"{byte_level}",
        think="A lone half of a surrogate pair is no text.",
    )
