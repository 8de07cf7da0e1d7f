"""Checks of lesson 06: labels from text, bits per byte, and a split without leaks."""

from __future__ import annotations

import math
import random
from typing import Any

import torch

from lessons.exercises import NotRight, Wrong, check, exercise, expect, expect_close, graded, hidden

__all__ = ["check"]


@exercise(
    "next_token_batch",
    hint="Row i of x is ids[start : start + block_size]. Which slice holds the tokens after them?",
    wrong=[
        Wrong(
            """
def next_token_batch(ids, starts, block_size):
    x = torch.stack([ids[s : s + block_size] for s in starts])
    return x, x
""",
            "its own input",
        ),
        Wrong(
            """
def next_token_batch(ids, starts, block_size):
    x = torch.stack([ids[s : s + block_size] for s in starts])
    return x, torch.roll(x, -1, dims=1)
""",
            "last column",
        ),
        Wrong(
            """
def next_token_batch(ids, starts, block_size):
    x = torch.stack([ids[s + 1 : s + block_size + 1] for s in starts])
    y = torch.stack([ids[s : s + block_size] for s in starts])
    return x, y
""",
            "before it",
        ),
        Wrong(
            """
def next_token_batch(ids, starts, block_size):
    x = torch.stack([ids[s : s + block_size] for s in starts])
    y = torch.stack([ids[s + block_size] for s in starts])
    return x, y
""",
            "every position",
        ),
    ],
)
def _next_token_batch(attempt: Any) -> None:
    generator = hidden(6)
    for n_tokens, block_size, starts in ((20, 4, [0, 7, 15]), (9, 8, [0]), (50, 1, [3, 48])):
        ids = torch.randperm(n_tokens, generator=generator)
        answer = attempt(ids, starts, block_size)
        expect(
            isinstance(answer, tuple) and len(answer) == 2,
            expected="two tensors, x and y",
            came=answer,
            think="Does your function return a pair?",
        )
        x, y = answer
        expect(
            isinstance(x, torch.Tensor) and isinstance(y, torch.Tensor),
            expected="x and y to be tensors",
            came=x if not isinstance(x, torch.Tensor) else y,
            think="Did you stack the rows into one tensor?",
        )
        rows = torch.tensor(starts)[:, None] + torch.arange(block_size + 1)  # (B, T + 1)
        inputs, labels = ids[rows[:, :-1]], ids[rows[:, 1:]]
        if isinstance(y, torch.Tensor) and y.shape == labels.shape:
            _known_mistakes(x, y, inputs, labels)
        think = "A label is needed at every position: B rows of T labels."
        expect_close(y, labels, what="y", think=think, tolerance=0)
        expect_close(x, inputs, what="x", think="Where does row i begin, and how long is it?")


def _known_mistakes(
    x: torch.Tensor, y: torch.Tensor, inputs: torch.Tensor, labels: torch.Tensor
) -> None:
    expected = "y[i, t] to be the token that follows x[i, t] in ids"
    if torch.equal(y, inputs) and torch.equal(x, inputs):
        raise NotRight(
            expected=expected,
            came="y equal to x: each token is asked to predict its own input",
            think="How could a model get a loss of zero on this without learning anything?",
        )
    if torch.equal(y, inputs) and torch.equal(x, labels):
        raise NotRight(
            expected=expected,
            came="y one step behind x: each token is asked for the one before it",
            think="Which of the two slices has to begin one token later?",
        )
    if x.shape == y.shape and torch.equal(y, torch.roll(inputs, -1, dims=1)):
        raise NotRight(
            expected=expected,
            came="the right labels except in the last column, where the row's first token stands",
            think="Where does the token after the window come from, if not from the window?",
        )


@exercise(
    "bits_per_byte",
    hint="Sum the losses first. How many bits is one nat, and how many bytes does the text have?",
    wrong=[
        Wrong(
            """
def bits_per_byte(losses, text):
    return float(losses.sum()) / len(text.encode())
""",
            "nats",
        ),
        Wrong(
            """
def bits_per_byte(losses, text):
    return float(losses.mean()) / math.log(2)
""",
            "per token",
        ),
        Wrong(
            """
def bits_per_byte(losses, text):
    return float(losses.sum()) / math.log(2) / len(text)
""",
            "characters",
        ),
        Wrong(
            """
def bits_per_byte(losses, text):
    return float(losses.sum()) * math.log(2) / len(text.encode())
""",
            "smaller",
        ),
    ],
)
def _bits_per_byte(attempt: Any) -> None:
    known = torch.tensor([1.0, 2.5, 0.25, 3.25], dtype=torch.float64)
    for losses, text in ((known, "seven b"), (known, "naïve café, 東京"), *_drawn_losses()):
        total, n_bytes = float(losses.sum()), len(text.encode())
        expected = total / math.log(2) / n_bytes
        came = attempt(losses, text)
        for value, think in (
            (total / n_bytes, "The losses are in nats. How many bits is one nat?"),
            (expected * n_bytes / len(losses), "This is bits per token. What must it be per?"),
            (expected * n_bytes / len(text), "len(text) counts characters. How many bytes?"),
            (total * math.log(2) / n_bytes, "One bit is smaller than one nat: more bits or fewer?"),
        ):
            if _close(came, value) and not _close(value, expected):
                _refuse(expected, came, think)
        think = "Sum, change the unit, divide by the number of bytes: which step differs?"
        expect_close(came, expected, what=f"bits_per_byte(losses, {text!r})", think=think)


def _drawn_losses() -> list[tuple[torch.Tensor, str]]:
    """Losses, fewer than the text has characters, and texts of more bytes than characters."""
    draw = random.Random(graded(6))
    cases = []
    for _ in range(3):
        letters = [*draw.choices("abcdefghij .,", k=draw.randint(8, 16))]
        letters += draw.choices("éñßø東京語🙂", k=draw.randint(2, 5))
        draw.shuffle(letters)
        losses = [draw.uniform(0.1, 5.0) for _ in range(draw.randint(3, 8))]
        cases.append((torch.tensor(losses, dtype=torch.float64), "".join(letters)))
    return cases


def _close(came: Any, value: float) -> bool:
    try:
        return math.isclose(float(came), value, rel_tol=1e-6)
    except (TypeError, ValueError):
        return False


def _refuse(expected: float, came: Any, think: str) -> None:
    raise NotRight(expected=f"{expected:.4f}", came=f"{float(came):.4f}", think=think)


@exercise(
    "hold_out",
    hint="First draw which documents are held out; then clean the training part of what they say.",
    wrong=[
        Wrong(
            """
def hold_out(documents, fraction, seed):
    import random
    order = list(documents)
    random.Random(seed).shuffle(order)
    n = math.ceil(fraction * len(order))
    return order[n:], order[:n]
""",
            "in both parts",
        ),
        Wrong(
            """
def hold_out(documents, fraction, seed):
    n = math.ceil(fraction * len(documents))
    held = documents[-n:]
    known = {p for d in held for p in d.split("\\n\\n")}
    train = ["\\n\\n".join(p for p in d.split("\\n\\n") if p not in known) for d in documents[:-n]]
    return [d for d in train if d], held
""",
            "seed",
        ),
        Wrong(
            """
def hold_out(documents, fraction, seed):
    import random
    paragraphs = list(dict.fromkeys(p for d in documents for p in d.split("\\n\\n")))
    random.Random(seed).shuffle(paragraphs)
    n = math.ceil(fraction * len(paragraphs))
    return paragraphs[n:], paragraphs[:n]
""",
            "whole documents",
        ),
    ],
)
def _hold_out(attempt: Any) -> None:
    draw = random.Random(graded(6))
    common = [f"This note stands in many documents ({n})." for n in range(3)]
    documents = []
    for number in range(40):
        paragraphs = [f"Document {number}, paragraph {n}." for n in range(3)]
        paragraphs.insert(draw.randrange(4), draw.choice(common))
        documents.append("\n\n".join(paragraphs))
    splits = [_one_split(attempt, documents, 0.25, seed) for seed in (0, 1, 2)]
    again = _one_split(attempt, documents, 0.25, 0)
    expect(
        sorted(again[1]) == sorted(splits[0][1]),
        expected="the same documents held out for the same seed",
        came="two different draws",
        think="Does the draw use a generator of its own that starts from the seed?",
    )
    expect(
        len({tuple(sorted(held)) for _, held in splits}) == 3,
        expected="another draw for another seed",
        came="the same documents held out for seeds 0, 1 and 2",
        think="What does your function do with its argument seed?",
    )


def _one_split(
    attempt: Any, documents: list[str], fraction: float, seed: int
) -> tuple[list[str], list[str]]:
    answer = attempt(list(documents), fraction, seed)
    expect(
        isinstance(answer, tuple) and len(answer) == 2,
        expected="two lists, train and held_out",
        came=answer,
        think="Does your function return a pair?",
    )
    train, held = (list(part) for part in answer)
    expect(
        set(held) <= set(documents),
        expected="whole documents in held_out, as they came",
        came=f"{len(set(held) - set(documents))} entries that are no document",
        think="What is drawn: documents, or parts of them?",
    )
    expect(
        fraction * len(documents) <= len(held) <= 1.5 * fraction * len(documents),
        expected=f"about {fraction:.0%} of the {len(documents)} documents held out, and not fewer",
        came=f"{len(held)}",
        think="How many documents is that fraction, rounded up?",
    )
    known = {paragraph for text in held for paragraph in text.split("\n\n")}
    shared = [p for text in train for p in text.split("\n\n") if p in known]
    expect(
        not shared,
        expected="no paragraph of a held-out document in the training part",
        came=f"{len(shared)} in both parts, for example {shared[:1]}",
        think="A paragraph may stand in many documents. Where else does it have to go?",
    )
    kept = {paragraph for text in train for paragraph in text.split("\n\n")}
    own = {p for d in documents if d not in held for p in d.split("\n\n")} - known
    expect(
        own <= kept,
        expected="every other paragraph kept for training",
        came=f"{len(own - kept)} of {len(own)} lost",
        think="Is one shared paragraph a reason to drop a whole document?",
    )
    return train, held


@exercise(
    "kind_of_answer",
    hint="Take the blanks off both ends first. Is it the answer? Is it one of the choices?",
    wrong=[
        Wrong(
            """
def kind_of_answer(output, answer, choices):
    if output == answer:
        return "right"
    return "wrong, of the right kind" if output in choices else "another form"
""",
            "Blanks",
        ),
        Wrong(
            """
def kind_of_answer(output, answer, choices):
    if answer.strip() in output:
        return "right"
    found = any(choice.strip() in output for choice in choices)
    return "wrong, of the right kind" if found else "another form"
""",
            "only contains",
        ),
        Wrong(
            """
def kind_of_answer(output, answer, choices):
    if output.strip() in [choice.strip() for choice in choices]:
        return "wrong, of the right kind"
    return "right" if output.strip() == answer.strip() else "another form"
""",
            "Which question comes first",
        ),
        Wrong(
            """
def kind_of_answer(output, answer, choices):
    return "right" if output.strip() == answer.strip() else "wrong, of the right kind"
""",
            "no value at all",
        ),
    ],
)
def _kind_of_answer(attempt: Any) -> None:
    right, wrong, other = "right", "wrong, of the right kind", "another form"
    draw = random.Random(graded(6))
    for true, second, third in (("Ashford", "Larkhill", "Thornby"), _towns(draw), _towns(draw)):
        towns = [f" {true}", f" {second}", f" {third}"]
        draw.shuffle(towns)
        cases = [
            (f" {true}", right, "The answer is a choice as well. Which question comes first?"),
            (f" {second}", wrong, "It is a town. Is it the right one?"),
            (" green and the", other, "What if the output is no value at all?"),
            ("", other, "What if the output is no value at all?"),
            (f"{true} ", right, "Blanks at the ends do not count: in the output, in the answer."),
            (f"\t{third}", wrong, "Blanks at the ends do not count: in the choices as well."),
            (f" {true} or {second}", other, "Is a text that only contains the right word an "
             "answer?"),
            (f" {true.lower()}", other, "Only blanks at the ends may differ, not capitals."),
        ]  # fmt: skip
        for output, expected, think in cases:
            answer = attempt(output, f" {true}", tuple(towns))
            expect(
                answer == expected,
                expected=f"{expected!r} for the output {output!r} (the answer is ' {true}')",
                came=answer,
                think=think,
            )


def _towns(draw: random.Random) -> list[str]:
    """Three made-up towns, drawn for whoever grades; no name is part of another."""
    stems = [a + b + c for a in "BDFGKMPRSW" for b in "aeiou" for c in "lmnrst"]
    ends = ("by", "dale", "field", "ham", "ton", "wick")
    return [stem + draw.choice(ends) for stem in draw.sample(stems, 3)]
