"""Vocabulary files: JSON in the format of Hugging Face's `tokenizer.json`, written and read.

The `tokenizers` library opens our BPE files, and `load_tokenizer` opens byte-level ones of theirs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .files import write_text
from .tokenizer import END_OF_TEXT, PATTERNS, BPETokenizer, CharTokenizer


def _byte_characters() -> list[str]:
    """GPT-2's printable character for each of the 256 bytes, used in vocabulary files."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    other = iter(range(0x100, 0x200))
    return [chr(byte if byte in plain else next(other)) for byte in range(256)]


GPT2_FILES = ("vocab.json", "merges.txt")  # how GPT-2's vocabulary was first published
_TO_CHARACTER = _byte_characters()
_TO_BYTE = {character: byte for byte, character in enumerate(_TO_CHARACTER)}


def _printable(token: bytes) -> str:
    return "".join(_TO_CHARACTER[byte] for byte in token)


def from_printable(token: str) -> bytes:
    """The bytes of a token as a vocabulary file writes it. Raises ValueError if it is none."""
    try:
        return bytes(_TO_BYTE[character] for character in token)
    except KeyError as error:
        raise ValueError(f"{token!r} is no byte-level token: {error.args[0]!r}") from None


def save_tokenizer(path: str | os.PathLike[str], tokenizer: CharTokenizer | BPETokenizer) -> None:
    """Write a vocabulary to a JSON file, atomically."""
    write_text(path, json.dumps(tokenizer_json(tokenizer), ensure_ascii=False, indent=1))


def tokenizer_json(tokenizer: CharTokenizer | BPETokenizer) -> dict[str, Any]:
    """The content of a vocabulary file."""
    if isinstance(tokenizer, CharTokenizer):
        model = {"type": "Characters", "vocab": tokenizer.characters}
        return {
            "version": "1.0",
            "model": model,
            "special_tokens": list(tokenizer.special_tokens),
        }
    special = set(tokenizer.special_tokens.values())
    split = {
        "type": "Split",
        "pattern": {"Regex": PATTERNS[tokenizer.pattern]},
        "behavior": "Isolated",
        "invert": False,
    }
    to_bytes = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    to_bytes["use_regex"] = False
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {
        "version": "1.0",
        "added_tokens": [
            {"id": i, "content": name, **flags, "special": True}
            for name, i in tokenizer.special_tokens.items()
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, to_bytes]},
        "post_processor": None,
        "decoder": to_bytes,
        "model": {
            "type": "BPE",
            "vocab": {_printable(t): i for i, t in enumerate(tokenizer.vocab) if i not in special},
            "merges": [[_printable(left), _printable(right)] for left, right in tokenizer.merges],
        },
    }


def load_tokenizer(path: str | os.PathLike[str]) -> CharTokenizer | BPETokenizer:
    """Open a tokenizer file of ours or of Hugging Face (byte-level BPE).

    Raises FileNotFoundError, or ValueError that says what in the file is not understood.
    """
    try:
        return _read(json.loads(Path(path).read_text(encoding="utf-8")))
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{path} is not a tokenizer file: {error!r}") from None
    except ValueError as error:  # JSON's and Unicode's errors, too
        raise ValueError(f"{path}: {error}") from None


def load_gpt2_files(vocab: str | os.PathLike[str], merges: str | os.PathLike[str]) -> BPETokenizer:
    """Open a vocabulary in GPT-2's two files; <|endoftext|> in it is a special token.

    Raises FileNotFoundError, or ValueError if they are no such files.
    """
    try:
        names = json.loads(Path(vocab).read_text(encoding="utf-8"))
        lines = Path(merges).read_text(encoding="utf-8").split("\n")
        pairs = [line.rstrip("\r") for line in lines if line and not line.startswith("#version")]
        special = [name for name in (END_OF_TEXT,) if name in names]
        return byte_level(names, pairs, "gpt2", {name: names[name] for name in special})
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{vocab}, {merges}: no vocabulary like GPT-2's ({error})") from None


def byte_level(
    names: dict[str, int], pairs: Iterable[str | list[str]], pattern: str, special: dict[str, int]
) -> BPETokenizer:
    """A vocabulary from ids by name, merges ("a b" or ["a", "b"]) and special tokens.

    Raises ValueError if the ids have gaps, or a token or merge is none.
    """
    names = names | special
    if sorted(names.values()) != list(range(len(names))):
        raise ValueError(f"the ids are not 0 to {len(names) - 1}, each once")
    vocab = [b""] * len(names)
    for name, i in names.items():
        vocab[i] = name.encode() if name in special else from_printable(name)
    merges = []
    for pair in pairs:
        left, right = pair.split(" ") if isinstance(pair, str) else pair
        merges.append((from_printable(left), from_printable(right)))
    return BPETokenizer(vocab, merges, pattern=pattern, special_tokens=special, drop_unknown=True)


def _read(content: dict[str, Any]) -> CharTokenizer | BPETokenizer:
    kind = content["model"]["type"]
    if kind == "Characters":
        return CharTokenizer(content["model"]["vocab"], content.get("special_tokens", ()))
    if kind != "BPE":
        raise ValueError(f"a {kind!r} tokenizer; known: 'BPE' (byte-level), 'Characters'")
    for place, name in ((content, "normalizer"), (content["model"], "ignore_merges")):
        if place.get(name):
            raise ValueError(f"{name}={place[name]!r} is not supported")
    special = {token["content"]: token["id"] for token in content.get("added_tokens", ())}
    model = content["model"]
    return byte_level(model["vocab"], model["merges"], _read_pattern(content), special)


def _read_pattern(content: dict[str, Any]) -> str:
    """Which of PATTERNS a Hugging Face file's pre-tokenizer amounts to."""
    top = content.get("pre_tokenizer") or {}
    steps = top.get("pretokenizers", [top])
    kinds = [step.get("type") for step in steps]
    if any(step.get("add_prefix_space") for step in steps):
        raise ValueError("add_prefix_space=True is not supported: it changes the text")
    if kinds == ["Split", "ByteLevel"] and not steps[1].get("use_regex", True):
        cut = {"type": "Split", "behavior": "Isolated", "invert": False}
        for name, pattern in PATTERNS.items():
            if steps[0] == {**cut, "pattern": {"Regex": pattern}}:
                return name
    if kinds[-1:] == ["ByteLevel"] and steps[-1].get("use_regex", True):
        if len(kinds) == 1:
            return "gpt2"
        if kinds == ["Digits", "ByteLevel"] and steps[0].get("individual_digits"):
            return "smollm"
    raise ValueError(f"pre-tokenizer {kinds} is not one of {sorted(PATTERNS)}")
