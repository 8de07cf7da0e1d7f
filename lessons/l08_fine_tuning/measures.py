"""What lesson 08 counts: fields of notes, old tasks by score and by loss, and simple controls."""

from __future__ import annotations

import itertools
import math
import re
import warnings
from collections.abc import Iterable, Sequence
from functools import cache
from statistics import fmean

from lessons import evaluate
from lessons.l08_fine_tuning.tuning import Row, batch_of, row, whole_row
from lessons.world.corpus import PAD, drawn
from lessons.world.families import FAMILIES
from lessons.world.plan import PLANS
from lessons.world.tape import Tape
from lessons.world.tasks import clinic, questions
from lessons.world.tasks.base import Item
from minigpt import GPT, BPETokenizer
from minigpt.data import IGNORE
from minigpt.evaluate import next_token_loss
from minigpt.modes import evaluating

# Families of pre-training on which general ability is counted, with the held-out split: all that
# the shipped model does better than the best simple answer (a test compares with its scores).
GENERAL: dict[str, str] = {
    "biographies": "told",
    "questions": "asked",
    "books": "both",
    "passages": "test",
    "lore": "test",
    "stories": "test",
    "sentiment": "test",
    "topic": "test",
    "intent": "test",
    "chat": "test",
    "tavi": "test",
    "couplets": "test",
    "functions": "test",
    "by_example": "test",
    "mappings": "test",
    "markov": "test",
    "sums": "test",
    "programs": "steps",
    "bugs": "test",
    "toy_code": "test",
}
TOLD = "facts told 64 times"  # of people of whom training never asks
DOCUMENTS = 15  # held out, of each family that is drawn afresh: what the loss is taken on


def fields_right(model: GPT, tokenizer: BPETokenizer, some: Sequence[Item]) -> tuple[float, float]:
    """Shares of fields right and of notes with every field right."""
    outputs = evaluate.answers(model, tokenizer, some)
    return _shares(
        [
            [clinic.fields(output).get(field) == value for field, value in truth(item).items()]
            for item, output in zip(some, outputs, strict=True)
        ]
    )


def truth(item: Item) -> dict[str, str]:
    """What a note says: field → value."""
    found: dict[str, str] = item.meta["fields"]
    return found


def _shares(found: Sequence[Sequence[bool]]) -> tuple[float, float]:
    """Of rows of fields: the share of fields, and of rows that are right throughout."""
    return fmean(itertools.chain.from_iterable(found)), fmean(map(all, found))


def constant(some: Sequence[Item]) -> float:
    """The share of fields right by the commonest value of each."""
    return clinic.baselines(some)["constant, by field"]


def with_examples(some: Sequence[Item], k: int, seed: int) -> list[Item]:
    """The notes, each after k others with their fields, drawn for it alone."""
    found = []
    for number, item in enumerate(some):
        tape = Tape("lesson 08", "shown", seed, number)
        shown = [clinic.items(tape, 1, "train")[0] for _ in range(k)]
        before = "".join(f"{one.prompt}{one.answer}\n" for one in shown)
        found.append(Item(before + item.prompt, item.answer, meta=item.meta))
    return found


def bag_of_words(
    train: Sequence[Item], test: Sequence[Item], *, age_by_rule: bool = False
) -> tuple[float, float]:
    """Shares of fields and of notes right by a classifier of words for each field.

    Logistic regression on words and pairs of words, learnt from `train`. `age_by_rule`: the age is
    the first number of the note, which somebody wrote by hand.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    count = CountVectorizer(token_pattern=r"[A-Za-z0-9]+", ngram_range=(1, 2))
    known = count.fit_transform([item.meta["note"] for item in train])
    asked = count.transform([item.meta["note"] for item in test])
    columns = []
    for field in clinic.FIELDS:
        values = [truth(item)[field] for item in train]
        if field == "age" and age_by_rule:
            numbers = (re.search(r"\d+", item.meta["note"]) for item in test)
            said = [found[0] if found else "" for found in numbers]
        elif len({*values}) == 1:
            said = [values[0]] * len(test)
        else:
            with warnings.catch_warnings():  # an age of its own for nearly every note
                warnings.filterwarnings("ignore", "The number of unique classes")
                said = [*LogisticRegression(C=10, max_iter=500).fit(known, values).predict(asked)]
        columns.append([word == truth(item)[field] for word, item in zip(said, test, strict=True)])
    return _shares([*zip(*columns, strict=True)])


def general(
    model: GPT,
    tokenizer: BPETokenizer,
    n: int,
    seed: int,
    families: Iterable[str] = (TOLD, *GENERAL),
) -> dict[str, float]:
    """The share right of n items of each family of GENERAL, and of n facts told 64 times."""
    scores = {}
    for family in families:
        some = _told(n, seed) if family == TOLD else _items(family, n, seed)
        name = questions.NAME if family == TOLD else family
        outputs = evaluate.answers(model, tokenizer, some)
        right = [
            evaluate.is_right(name, item, out) for item, out in zip(some, outputs, strict=True)
        ]
        scores[family] = sum(right) / n
    return scores


def _items(family: str, n: int, seed: int) -> list[Item]:
    tape = Tape("lesson 08", "general", family, seed)
    found: list[Item] = FAMILIES[family].items(tape, n, GENERAL[family])
    return found


def _told(n: int, seed: int) -> list[Item]:
    """n questions about facts told 64 times: every seventh of those never asked."""
    some = questions.items(Tape("lesson 08", "general", "told", seed), 7 * n, "never asked")
    return [item for item in some if item.meta["exposures"] == 64]


@cache
def held_out(family: str, n: int) -> tuple[str, ...]:
    """n documents of a family that pre-training did not read, the same for everybody."""
    plan = PLANS["fernhollow"]
    texts = itertools.islice(drawn(plan, family, plan.documents[family], "val"), n)
    return tuple(document.text for document in texts)


def old_losses(model: GPT, tokenizer: BPETokenizer, n: int = DOCUMENTS) -> dict[str, float]:
    """Nats a token on n held-out documents of each family that is drawn afresh."""
    return {
        family: mean_loss(
            model, tokenizer, [whole_row(tokenizer, text) for text in held_out(family, n)]
        )
        for family in PLANS["fernhollow"].documents
    }


def answer_loss(model: GPT, tokenizer: BPETokenizer, some: Sequence[Item]) -> float:
    """Nats a token on the answers of items."""
    return mean_loss(model, tokenizer, [row(tokenizer, i.prompt, i.answer) for i in some])


def mean_loss(
    model: GPT, tokenizer: BPETokenizer, rows: Sequence[Row], batch_size: int = 15
) -> float:
    """Nats a token over all targets of rows."""
    pad, nats, count = tokenizer.special_tokens[PAD], 0.0, 0
    ordered = sorted(rows, key=lambda one: len(one[0]))
    with evaluating(model):
        for at in range(0, len(rows), batch_size):
            ids, goal = batch_of(ordered[at : at + batch_size], pad)
            counted = goal != IGNORE  # (B, T)
            logits = model.head(model.features(ids)[counted])  # (n, V)
            nats += float(next_token_loss(logits[None], goal[counted][None], "sum"))
            count += int(counted.sum())
    return nats / count


def needed(curve: dict[int, float], level: float) -> float:
    """How many notes a curve (notes → share) needs for a share, between points in the logarithm.

    The largest number where it never gets there (too few, then), the smallest where all are above.
    """
    sizes = sorted(curve)
    for small, large in itertools.pairwise(sizes):
        if curve[small] < level <= curve[large]:
            part = (level - curve[small]) / (curve[large] - curve[small])
            return math.exp(math.log(small) + part * (math.log(large) - math.log(small)))
    return float(sizes[0] if curve[sizes[0]] >= level else sizes[-1])


def log2_ratio(theirs: dict[int, float], ours: dict[int, float], level: float) -> float:
    """How many times their number of notes can be halved to get ours; see `needed`.

    Where a curve never gets to the level, its largest number is taken: for them that is too few,
    and for us it leaves nothing saved.
    """
    return math.log2(needed(theirs, level) / needed(ours, level))


def told_needed(curve: dict[int, float], level: float) -> str:
    """`needed` in words: "at most 8", "about 120" or "more than 512" notes."""
    sizes = sorted(curve)
    if curve[sizes[0]] >= level:
        return f"at most {sizes[0]}"
    if max(curve.values()) < level:
        return f"more than {sizes[-1]}"
    return f"about {needed(curve, level):.0f}"
