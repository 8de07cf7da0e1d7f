"""Prompts with k examples whose labels are right, shuffled, or permuted into another rule.

"gold": every example has its right answer. "shuffled": the answers of one prompt's examples are
dealt to its words anew, so that the form of an answer is left and no rule. "permuted": another
rule, kept throughout the prompt. (Min et al. 2022, 2202.12837, dealt labels and found that known
tasks hardly suffer; tasks that stand nowhere but in the prompt were not among theirs.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from lessons import evaluate
from lessons.world.tape import Tape
from lessons.world.tasks import by_example, functions, mappings, sentiment
from lessons.world.tasks.base import Item
from minigpt import GPT, BPETokenizer

MODES = ("gold", "shuffled", "permuted")
SHOTS = by_example.SHOTS
KINDS = ("trained function", "untrained function", "reviews", "invented values")
UNTRAINED = (functions.THIRD.name, *functions.COMPOSITIONS)
LETTERS = tuple(name for name, f in functions.TRAINED.items() if f.kind == "letters")


def items(kind: str, k: int, mode: str, n: int, seed: int) -> list[Item]:
    """n prompts with k examples. `meta["shown"]`: what the examples' own rule says ("": none).

    `answer` is what the right rule says, whatever is shown. The words and queries of a kind and
    seed are the same in every mode. Raises ValueError for another kind or mode.
    """
    for what, given, allowed in (("kind", kind, KINDS), ("mode", mode, MODES)):
        if given not in allowed:
            raise ValueError(f"{what}={given!r}: choose one of {allowed}")
    make = _MAKERS[kind]
    return [
        make(Tape("lesson 09", kind, k, seed, number), Tape(mode, seed, number), k, mode)
        for number in range(n)
    ]


def _dealt(deal: Tape, answers: Sequence[str]) -> list[str]:
    """The answers in another order, the one of twenty that leaves fewest of them in their place."""

    def kept(order: list[str]) -> int:
        return sum(a == b for a, b in zip(order, answers, strict=True))

    return min((deal.shuffled(answers) for _ in range(20)), key=kept)


def _function(names: Sequence[str]) -> Callable[[Tape, Tape, int, str], Item]:
    def make(tape: Tape, change: Tape, k: int, mode: str) -> Item:
        name = tape.choice(names)
        word = tape.choice(functions.words_of(name, True))
        pairs = by_example.examples(tape, name, k, without=word)
        answer = shown = f" {functions.FUNCTIONS[name].apply(word)}"
        if mode == "shuffled":
            answers = _dealt(change, [a for _, a in pairs])
            pairs = [(w, a) for (w, _), a in zip(pairs, answers, strict=True)]
            shown = ""
        elif mode == "permuted":
            other = functions.FUNCTIONS[change.choice([n for n in LETTERS if n != name])]
            pairs = [(w, other.apply(w)) for w, _ in pairs]
            shown = f" {other.apply(word)}"
        meta = {"k": k, "mode": mode, "function": name, "shown": shown if k else ""}
        return Item(by_example.prompt(pairs, word), answer, stop=" ;", meta=meta)

    return make


def _review(tape: Tape, change: Tape, k: int, mode: str) -> Item:
    """Reviews of one claim and their labels: a task trained by name, here only shown."""
    found: list[Item] = []
    while len(found) < k + 1:
        (item,) = sentiment.items(tape, 1, "test")
        if item.meta["claims"] == 1 and len(item.meta["text"].split()) <= 12:
            found.append(item)
    *before, query = found
    labels = [item.answer.strip() for item in before]
    answer = shown = query.answer
    opposite = {"good": "bad", "bad": "good"}
    if mode == "shuffled":
        labels, shown = change.shuffled(labels), ""
    elif mode == "permuted":
        labels = [opposite[label] for label in labels]
        shown = f" {opposite[answer.strip()]}"
    pairs = [(item.meta["text"], label) for item, label in zip(before, labels, strict=True)]
    meta = {"k": k, "mode": mode, "shown": shown if k else ""}
    return Item(by_example.prompt(pairs, query.meta["text"]), answer, stop=" ;", meta=meta)


def _invented(tape: Tape, change: Tape, k: int, mode: str) -> Item:
    """k statements on half as many keys, whose values are drawn for this prompt; then one of them.

    "shuffled": the values are dealt to the statements anew, so that one key has several.
    """
    pairs = list(mappings.mapping(tape, max(1, (k + 1) // 2)).items())
    told = tape.shuffled([pairs[at % len(pairs)] for at in range(k)])
    key, value = pairs[0]
    shown = value
    if mode == "shuffled":
        values = change.shuffled([v for _, v in told])
        told = [(one, v) for (one, _), v in zip(told, values, strict=True)]
        shown = ""
    elif mode == "permuted":
        new = dict(zip(dict(pairs), _dealt(change, [v for _, v in pairs]), strict=True))
        told = [(one, new[one]) for one, _ in told]
        shown = new[key]
    prompt = f"{mappings.document_of(told)} {key} is"
    meta = {"k": k, "mode": mode, "shown": f" {shown}" if k and shown else ""}
    return Item(prompt, f" {value}", stop=" ;", meta=meta)


_MAKERS: dict[str, Callable[[Tape, Tape, int, str], Item]] = {
    "trained function": _function(functions.TESTED),
    "untrained function": _function(UNTRAINED),
    "reviews": _review,
    "invented values": _invented,
}


def named(n: int, seed: int) -> list[Item]:
    """n word functions asked for by name, on new words: nothing to look up in the prompt."""
    found = functions.items(Tape("lesson 09", "by name", seed), n, "test")
    return [replace(item, meta={**item.meta, "shown": ""}) for item in found]


def score(model: GPT, tokenizer: BPETokenizer, some: Sequence[Item]) -> dict[str, float]:
    """Shares: "right" by the right rule, and "follows": what the examples' own rule says."""
    outputs = [output.strip() for output in evaluate.answers(model, tokenizer, some)]
    right = sum(o == i.answer.strip() for o, i in zip(outputs, some, strict=True))
    follows = sum(o == i.meta["shown"].strip() != "" for o, i in zip(outputs, some, strict=True))
    return {"right": right / len(some), "follows": follows / len(some)}


def reordered(item: Item, seed: int) -> Item:
    """The same examples in another order, the query last as it was."""
    header, rest = item.prompt.split(":", 1)
    *pairs, query = re.split(r"(?<= ;)", rest)
    order = Tape("order", seed).shuffled(pairs)
    return replace(item, prompt=f"{header}:{''.join(order)}{query}")
