"""From a plan to text and to windows of tokens: a stream, byte-identical for equal plans."""

from __future__ import annotations

import hashlib
import heapq
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from minigpt import BPETokenizer
from minigpt.data import IGNORE
from minigpt.files import new_folder, write_text
from minigpt.tokenizer import END
from minigpt.train import Batch

from .families import FAMILIES
from .language import FIRST_NAMES, STARTS, SURNAMES
from .plan import Plan
from .tape import Tape
from .tasks.mappings import KEYS
from .truth import ANIMALS, ATTRIBUTES, CRAFTS, pairs, people, table
from .words import NOUNS, TEXTS

PAD, USER, BOT = "<|pad|>", "<|user|>", "<|bot|>"
SPECIAL = (END, PAD, USER, BOT, *(f"<|spare{number}|>" for number in range(16)))
VOCAB_SIZE = 3712
LOOK_AHEAD = 64  # documents that wait for a window in which they fit
ABOUT = "corpus.json"
LONG_EVERY = 6  # one document in so many stands in a whole window, others in halves


@dataclass(frozen=True)
class Document:
    """One training document, when in training it comes (0 to 1), and its bits (see tape.py)."""

    time: float
    family: str
    text: str
    bits: float


def documents(plan: Plan, part: str = "train") -> Iterator[Document]:
    """All documents of a plan, in order of time.

    `part="val"`: other documents of the families that are drawn afresh, one for 200, held out as
    in training. Raises ValueError for a family that does not exist.
    """
    if unknown := sorted(plan.documents.keys() - FAMILIES.keys()):
        raise ValueError(f"no families {unknown}; there are {[*FAMILIES]}")
    if part not in ("train", "val"):
        raise ValueError(f"part={part!r}: choose 'train' or 'val'")
    streams = [drawn(plan, family, n, part) for family, n in plan.documents.items()]
    if part == "train":
        streams += [_planned(plan, family) for family, module in FAMILIES.items()]
    return heapq.merge(*streams, key=lambda document: document.time)


def drawn(plan: Plan, family: str, n: int, part: str) -> Iterator[Document]:
    """The documents of one family that are drawn afresh, in order of time; see `documents`."""
    module, n = FAMILIES[family], n if part == "train" else n // 200
    for number in range(n):
        tape = Tape(plan.seed, part, family, number)
        time = (number + tape.index(8) / 8) / n
        text = draw(module, tape, plan)
        yield Document(time, family, text, tape.bits)


def draw(module: ModuleType, tape: Tape, plan: Plan) -> str:
    """A document of a family, in the form that a plan asks for."""
    if module.NAME == "passages":
        return str(module.document(tape, plan.abstention, plan.scaffold))
    if module.NAME == "programs":
        return str(module.document(tape, plan.scaffold))
    return str(module.document(tape))


def _planned(plan: Plan, family: str) -> Iterator[Document]:
    """Documents whose number the plan fixes one by one, of the families that have such."""
    write = getattr(FAMILIES[family], "documents", None)
    for time, text, bits in write(plan) if write else ():
        yield Document(time, family, text, bits)


# --- vocabulary ---------------------------------------------------------------------------------


def tokenizer_sample(plan: Plan, characters: int = 60_000) -> str:
    """Text to train the vocabulary on: as much of each family, and no name more than another.

    Every surname is replaced by a random one, cut after its first syllable so that no merge
    crosses the syllables: what is often told of somebody leaves no trace in the vocabulary.
    """
    tape = Tape(plan.seed, "tokenizer")
    surname = re.compile(r"\b(?:" + "|".join(sorted(SURNAMES)) + r")\b")
    parts = []
    for family, module in FAMILIES.items():
        size = 0
        for number in itertools.count():
            if size > characters:
                break
            text = draw(module, Tape(plan.seed, "sample", family, number), plan)
            for special in (USER, BOT):
                text = text.replace(special, "")
            parts.append(surname.sub(lambda _: _cut(tape.choice(SURNAMES)), text))
            size += len(text)
    names = [f"{name}\n {name}" for name in FIRST_NAMES for _ in range(150)]
    cut = [f"{_cut(name)}\n {_cut(name)}" for name in SURNAMES]
    # What is told of people, crafts and animals, the keys of mappings, the words of word functions
    # and the first syllables of surnames: one token each, so that to recall or to copy one is a
    # matter of one step, and each has an embedding of its own.
    words = [*itertools.chain(*ATTRIBUTES.values()), *KEYS, *TEXTS, *STARTS]
    words += [word for row in table((*CRAFTS, *ANIMALS)) for word in row.values()]
    # Nouns come oftener, for the plural to be merged from noun and "s", not from some other cut.
    whole = [
        f" {word}" for word in dict.fromkeys(words) for _ in range(1500 if word in NOUNS else 150)
    ]
    # A plural is its noun and "s", in training and where it is held out.
    text = re.sub(r"\b(" + "|".join(NOUNS) + r")s\b", r"\1\ns", "\n".join(parts))
    return "\n".join([text, *names, *cut, *whole])


def _cut(surname: str) -> str:
    """The two syllables on two lines; the second one always has three letters."""
    return f"{surname[:-3]}\n{surname[-3:]}"


def train_tokenizer(plan: Plan) -> BPETokenizer:
    """The vocabulary of a plan: VOCAB_SIZE byte-level tokens with SPECIAL among them."""
    return BPETokenizer.train(tokenizer_sample(plan), VOCAB_SIZE, special_tokens=SPECIAL)


def encode(tokenizer: BPETokenizer, text: str) -> list[int]:
    """Token ids of a document or prompt, with its <|user|> and <|bot|> as special tokens."""
    if USER in text or BOT in text:
        return tokenizer.encode(text, allowed_special=(USER, BOT))
    return tokenizer.encode(text)


# --- windows ------------------------------------------------------------------------------------


def known_names(text: str) -> set[str]:
    """The people and pairs of the truth table whose names stand in a text."""
    return _known() & {f"{a} {b}" for a, b in _NAME.findall(text)} if _NAME.search(text) else set()


_NAME = re.compile(r"\b([A-Z][a-z]+) (?=([A-Z][a-z]+))")
_KNOWN: set[str] = set()


def _known() -> set[str]:
    if not _KNOWN:
        _KNOWN.update(person.name for person in people())
        _KNOWN.update(pair.author for pair in pairs())
        _KNOWN.update(pair.title.removeprefix("The ") for pair in pairs())
    return _KNOWN


class Packer:
    """Puts documents into windows of one length: whole, each after <|end|>, filled with <|pad|>.

    Nobody of the truth table stands in two documents of a window, so that copying cannot pass
    for memory: a document waits until there is a window in which it fits.
    """

    def __init__(self, tokenizer: BPETokenizer, length: int) -> None:
        self.end, self.pad = tokenizer.special_tokens[END], tokenizer.special_tokens[PAD]
        self.length = length
        self.waiting: list[tuple[list[int], set[str]]] = []

    def add(self, ids: list[int], names: set[str]) -> Iterator[list[int]]:
        """Take a document that begins with <|end|>; gives a window if enough are waiting."""
        self.waiting.append((ids, names))
        if len(self.waiting) >= LOOK_AHEAD:
            yield self._window()

    def rest(self) -> Iterator[list[int]]:
        """The windows of all documents that still wait."""
        while self.waiting:
            yield self._window()

    def _window(self) -> list[int]:
        row: list[int] = []
        names: set[str] = set()
        left = []
        for ids, there in self.waiting:
            if len(row) + len(ids) < self.length and not names & there:
                row += ids
                names |= there
            else:
                left.append((ids, there))
        self.waiting = left
        row.append(self.end)
        return row + [self.pad] * (self.length - len(row))


def windows(
    stream: Iterable[Document], tokenizer: BPETokenizer, block_size: int, counts: Counter[str]
) -> Iterator[list[int]]:
    """Windows of block_size + 1 tokens and of half that block: see Packer.

    One document in LONG_EVERY, and all that are too long for a half, go into whole windows: the
    cost of attention grows with the window, and most of what there is to learn is short.
    `counts` gathers tokens by family. Raises ValueError for a document that fits no window.
    """
    end = tokenizer.special_tokens[END]
    half = block_size // 2
    packers = {width: Packer(tokenizer, width + 1) for width in (half, block_size)}
    for number, document in enumerate(stream):
        ids = [end, *encode(tokenizer, document.text)]
        if len(ids) > block_size:
            raise ValueError(
                f"a document of the family {document.family!r} has {len(ids)} tokens, and a "
                f"window {block_size + 1}: make it shorter\n{document.text}"
            )
        counts[document.family] += len(ids)
        long = number % LONG_EVERY == 0 or len(ids) > half
        yield from packers[block_size if long else half].add(ids, known_names(document.text))
    for packer in packers.values():
        yield from packer.rest()


def write_corpus(plan: Plan, tokenizer: BPETokenizer, folder: Path, block_size: int) -> None:
    """Write a plan's windows (uint16; those of each length in a file) and what is in them.

    corpus.json holds, besides, the SHA-256 of the text (documents joined by <|end|>) and, by
    family, documents, tokens, bytes and bits. Memory stays small: everything streams.
    """
    digest = hashlib.sha256()
    totals: dict[str, Counter[str]] = {name: Counter() for name in FAMILIES}
    bits: Counter[str] = Counter()

    def counted() -> Iterator[Document]:
        for document in documents(plan):
            data = document.text.encode()
            digest.update(data + END.encode())
            family = totals[document.family]
            family["documents"] += 1
            family["bytes"] += len(data)
            bits[document.family] += document.bits  # type: ignore[assignment]
            yield document

    tokens: Counter[str] = Counter()
    numbers: Counter[int] = Counter()
    with new_folder(folder) as place:
        with ExitStack() as stack:
            files = {
                width: stack.enter_context((place / f"{width}.bin").open("wb"))
                for width in (block_size // 2, block_size)
            }
            for row in windows(counted(), tokenizer, block_size, tokens):
                files[len(row) - 1].write(np.asarray(row, dtype="<u2").tobytes())
                numbers[len(row) - 1] += 1
        about = {
            "plan": asdict(plan),
            "sha256": digest.hexdigest(),
            "block_size": block_size,
            "windows": {str(width): numbers[width] for width in files},
            "families": {
                name: {**count, "bits": round(bits[name]), "tokens": tokens[name]}
                for name, count in totals.items()
                if count
            },
        }
        write_text(place / ABOUT, json.dumps(about, indent=1))


class WindowBatches:
    """Batches of a written corpus, in its order: batch(step) -> inputs, targets (B, T) each.

    A batch holds whole windows or twice as many halves, mixed evenly, so that both kinds end
    together.
    """

    def __init__(self, folder: Path, batch_size: int, pad_id: int) -> None:
        """`batch_size`: whole windows in a batch."""
        self.about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        self.pad_id = pad_id
        block = self.about["block_size"]
        self.kinds = []  # rows (N, T + 1), rows a batch
        for width, size in ((block // 2, 2 * batch_size), (block, batch_size)):
            rows = np.memmap(folder / f"{width}.bin", dtype="<u2", mode="r").reshape(-1, width + 1)
            self.kinds.append((rows, size))
        self.halves, self.wholes = (len(rows) // size for rows, size in self.kinds)

    @property
    def steps(self) -> int:
        """Batches in one pass over the corpus; a last incomplete one of each kind is left out."""
        return self.halves + self.wholes

    def __call__(self, step: int) -> Batch:
        """Inputs and targets of a step; padding is no target; after the last it begins anew."""
        step %= self.steps
        before = step * self.wholes // self.steps  # batches of whole windows so far
        whole = (step + 1) * self.wholes // self.steps > before
        rows, size = self.kinds[whole]
        at = (before if whole else step - before) * size
        ids = torch.from_numpy(rows[at : at + size].astype(np.int64))
        return ids[:, :-1], targets(ids[:, 1:], self.pad_id)


def targets(ids: Tensor, pad_id: int) -> Tensor:
    """The ids as targets: padding is none."""
    return ids.masked_fill(ids == pad_id, IGNORE)
