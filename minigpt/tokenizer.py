"""Text to token ids and back: characters, and byte-level byte-pair encoding (BPE).

How merges are learnt and applied stands in `bpe.py`, how vocabularies are kept in files in
`tokenizer_file.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import regex

from .bpe import apply_merges, learn_merges

END = "<|end|>"  # separates documents, and starts a text
END_OF_TEXT = "<|endoftext|>"  # the same in the vocabularies of GPT-2 and SmolLM2
ENDS = (END, END_OF_TEXT)

# How text is cut into pieces before merging; merges never cross a cut (Radford et al. 2019).
PATTERNS = {
    "gpt2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "digits": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    # Digits are cut out first, so that a blank before one looks like a blank at the end.
    "smollm": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+",
}
_CACHE_SIZE = 100_000  # pieces whose ids are remembered; then the memory starts afresh


class _Tokenizer:
    """What both tokenizers share: special tokens, which arise by name and never from text."""

    special_tokens: dict[str, int]
    vocab_size: int

    @property
    def end_id(self) -> int | None:
        """The id of the token that separates documents; None if the vocabulary has none."""
        return next((self.special_tokens[n] for n in ENDS if n in self.special_tokens), None)

    def _encode_text(self, text: str) -> list[int]:
        raise NotImplementedError

    def _id_to_bytes(self, token: int) -> bytes:
        raise NotImplementedError

    def encode(self, text: str, allowed_special: Collection[str] = ()) -> list[int]:
        """Token ids of a text.

        A special token's name in `text` is ordinary text, unless `allowed_special` holds it.
        Raises ValueError for an unknown special token, a lone surrogate, or (characters only) a
        character outside the vocabulary.
        """
        if not allowed_special:
            return self._encode_text(text)
        if isinstance(allowed_special, str):
            allowed_special = (allowed_special,)
        if unknown := [name for name in allowed_special if name not in self.special_tokens]:
            raise ValueError(f"no special token {unknown}; known: {sorted(self.special_tokens)}")
        names = sorted(allowed_special, key=len, reverse=True)  # the longest match wins
        pieces = regex.split("(" + "|".join(map(regex.escape, names)) + ")", text)
        ids: list[int] = []
        for piece in pieces:
            ids += (
                [self.special_tokens[piece]]
                if piece in allowed_special
                else self._encode_text(piece)
            )
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Text of token ids; bytes that form no character become U+FFFD.

        Raises ValueError for an id outside the vocabulary.
        """
        return b"".join(map(self.id_to_bytes, ids)).decode("utf-8", errors="replace")

    def id_to_bytes(self, token: int) -> bytes:
        """The bytes of one token. Raises ValueError for an id outside the vocabulary."""
        if not 0 <= token < self.vocab_size:
            raise ValueError(f"token id {token}: the vocabulary holds 0 to {self.vocab_size - 1}")
        return self._id_to_bytes(int(token))


class CharTokenizer(_Tokenizer):
    """One token a character.

    >>> tokenizer = CharTokenizer.train("abba")
    >>> tokenizer.encode("baa"), tokenizer.decode([1, 0, 0])
    ([1, 0, 0], 'baa')
    """

    def __init__(self, characters: Sequence[str], special_tokens: Sequence[str] = ()) -> None:
        """Raises ValueError for entries of another length than 1, or double ones."""
        if bad := [c for c in characters if len(c) != 1]:
            raise ValueError(f"a character vocabulary holds single characters, not {bad[:3]}")
        if len(set(characters)) != len(characters):
            raise ValueError("a character stands twice in the vocabulary")
        _to_bytes("".join(characters))
        _check_names(special_tokens)
        self.characters = list(characters)
        self._ids = {character: i for i, character in enumerate(self.characters)}
        self.special_tokens = {name: len(characters) + i for i, name in enumerate(special_tokens)}
        self.vocab_size = len(characters) + len(self.special_tokens)
        self._names = [*self.characters, *self.special_tokens]

    @classmethod
    def train(cls, text: str, special_tokens: Sequence[str] = ()) -> CharTokenizer:
        """A vocabulary of all characters in `text`, sorted. Raises ValueError if there is none."""
        if not text:
            raise ValueError("cannot make a vocabulary from an empty text: give at least one line")
        return cls(sorted(set(text)), special_tokens)

    def _encode_text(self, text: str) -> list[int]:
        try:
            return [self._ids[character] for character in text]
        except KeyError as error:
            at = text.index(error.args[0])
            raise ValueError(
                f"character {error.args[0]!r} (position {at}) is not among the {len(self._ids)} of "
                "this vocabulary: leave it out, or train with a byte-level tokenizer (BPETokenizer)"
            ) from None

    def _id_to_bytes(self, token: int) -> bytes:
        return self._names[token].encode()


class BPETokenizer(_Tokenizer):
    """Byte-level BPE (Gage 1994; Sennrich et al. 2016, 1508.07909; Radford et al. 2019).

    Tokens 0 to 255 of a trained vocabulary are the bytes themselves, so any text can be written.

    >>> tokenizer = BPETokenizer.train("low lower lowest", vocab_size=258)
    >>> [tokenizer.decode([token]) for token in tokenizer.encode("lower")]
    ['low', 'e', 'r']
    """

    def __init__(
        self,
        vocab: Sequence[bytes],
        merges: Sequence[tuple[bytes, bytes]],
        *,
        pattern: str = "digits",
        special_tokens: dict[str, int] | None = None,
        drop_unknown: bool = False,
    ) -> None:
        """`vocab[i]`: the bytes of token i; `merges` in order of rank; `pattern`: see PATTERNS.

        Raises ValueError if a merge joins tokens that do not exist, and if a byte has no token,
        unless `drop_unknown`: published vocabularies may lack bytes that UTF-8 never or hardly
        ever uses, and their own library leaves such bytes out of the text.
        """
        if pattern not in PATTERNS:
            raise ValueError(f"pattern={pattern!r}: choose one of {sorted(PATTERNS)}")
        self.vocab = list(vocab)
        self.merges = list(merges)
        self.pattern = pattern
        self.special_tokens = dict(special_tokens or {})
        self.vocab_size = len(self.vocab)
        special = set(self.special_tokens.values())
        ids = {token: i for i, token in enumerate(self.vocab) if i not in special}
        try:
            known = [byte for byte in range(256) if not drop_unknown or bytes([byte]) in ids]
            self._byte_ids = {byte: ids[bytes([byte])] for byte in known}
            self._ranks = {  # (left id, right id) -> (rank, id of the joined token)
                (ids[left], ids[right]): (rank, ids[left + right])
                for rank, (left, right) in enumerate(self.merges)
            }
        except KeyError as error:
            raise ValueError(
                f"the vocabulary has no token for the bytes {error.args[0]!r}"
            ) from None
        self._split = regex.compile(PATTERNS[pattern]).findall
        self._known: dict[str, list[int]] = {}

    @classmethod
    def train(
        cls,
        text: str,
        vocab_size: int,
        *,
        pattern: str = "digits",
        special_tokens: Sequence[str] = (),
    ) -> BPETokenizer:
        """Learn merges from a text: join the most frequent pair of neighbours, and repeat.

        The vocabulary holds 256 bytes, the merges, and the special tokens; it stays smaller than
        `vocab_size` if the text has no pair left. Ties go to the pair of lower ids. Raises
        ValueError if `vocab_size` leaves no room for the bytes and special tokens.
        """
        room = vocab_size - 256 - len(special_tokens)
        if room < 0:
            raise ValueError(
                f"vocab_size={vocab_size} is too small: 256 bytes and {len(special_tokens)} "
                f"special tokens need at least {256 + len(special_tokens)}"
            )
        if pattern not in PATTERNS:
            raise ValueError(f"pattern={pattern!r}: choose one of {sorted(PATTERNS)}")
        _check_names(special_tokens)
        _to_bytes(text)  # refuses half characters
        pieces = Counter(regex.findall(PATTERNS[pattern], text))
        vocab = [bytes([byte]) for byte in range(256)]
        merges = []
        for left, right in learn_merges(pieces, room):
            merges.append((vocab[left], vocab[right]))
            vocab.append(vocab[left] + vocab[right])
        special = {name: len(vocab) + i for i, name in enumerate(special_tokens)}
        vocab += [name.encode() for name in special]
        return cls(vocab, merges, pattern=pattern, special_tokens=special)

    def _encode_text(self, text: str) -> list[int]:
        known = self._known
        ids: list[int] = []
        for piece in self._split(text):
            found = known.get(piece)
            if found is None:
                found = known[piece] = self._encode_piece(piece)
                if len(known) > _CACHE_SIZE:
                    known.clear()
            ids += found
        return ids

    def _encode_piece(self, piece: str) -> list[int]:
        known = self._byte_ids
        return apply_merges([known[b] for b in _to_bytes(piece) if b in known], self._ranks)

    def _id_to_bytes(self, token: int) -> bytes:
        return self.vocab[token]


def _to_bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{text[error.start]!r} is half of a surrogate pair, not a character: repair the "
            "text, for example with text.encode('utf-16', 'surrogatepass').decode('utf-16')"
        ) from None


def _check_names(names: Sequence[str]) -> None:
    """Refuse special tokens that could not be told apart, or would stand everywhere in a text."""
    if isinstance(names, str) or len(set(names)) != len(names) or "" in names:
        raise ValueError(f"special tokens need one name each, not empty and not twice: {names!r}")
