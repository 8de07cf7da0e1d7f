"""Prompts with k examples whose labels are right, shuffled, or permuted into another rule.

"gold": every example has its right answer. "shuffled": the answers of one prompt's examples are
dealt to them anew, so that the form of an answer is left, and no pairing. Where there are but two
labels, exactly half of the examples get the wrong one: dealt anew, most would come out exchanged.
"permuted": another rule, kept throughout the prompt. (Min et al. 2022, 2202.12837, replaced labels
by labels drawn at random from the label set, and found that known tasks hardly suffer; tasks that
stand nowhere but in the prompt were not among theirs.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from statistics import fmean

from lessons import evaluate
from lessons.world.families import FAMILIES
from lessons.world.tape import Tape
from lessons.world.tasks import by_example, functions, mappings, sentiment, topic
from lessons.world.tasks.base import Item
from minigpt import GPT, BPETokenizer
from minigpt.evaluate import few_shot_prompt

MODES = ("gold", "shuffled", "permuted")
SHOTS = by_example.SHOTS
MOST = max(SHOTS)
FOREIGN = "reviews, foreign form"
KINDS = (
    "trained function", "untrained function", "reviews", "topics", FOREIGN, "invented values",
)  # fmt: skip
UNTRAINED = (functions.THIRD.name, *functions.COMPOSITIONS)
LETTERS = tuple(name for name, f in functions.TRAINED.items() if f.kind == "letters")
KEYS_TOLD = 8  # keys of an invented mapping, whatever k is
LONGEST = {"reviews": 12, "topics": 14}  # words of a text, so that 16 fit the context
Pair = tuple[str, str]
Form = Callable[[Sequence[Pair], str], str]


def _arrow(pairs: Sequence[Pair], query: str, mark: str = "->") -> str:
    """The examples and the query as by_example writes them; an empty query leaves no blank."""
    told = (f"{given} {mark} {answer} ;" for given, answer in pairs)
    return " ".join(part for part in (by_example.HEADER, *told, query, mark) if part)


def _pairs(pairs: Sequence[Pair], query: str) -> str:
    """The statements and the query as mappings writes them."""
    return f"{mappings.document_of(pairs)} {query} is"


def _lines(given: str, answer: str) -> Form:
    """A form of two lines for each example, and an empty line after it."""
    template = f"{given}: {{input}}\n{answer}: {{output}}"
    return partial(few_shot_prompt, template=template, separator="\n\n")


FORMS: dict[str, Form] = {
    "->": _arrow,
    "=": partial(_arrow, mark="="),
    "Input, Output": _lines("Input", "Output"),
    "is": _pairs,
    "Review, Sentiment": _lines("Review", "Sentiment"),
    "Text, Topic": _lines("Text", "Topic"),
}


def _stop(form: str) -> str:
    return "\n" if "," in form else " ;"


def items(kind: str, k: int, mode: str, n: int, seed: int) -> list[Item]:
    """n prompts with k examples each.

    `answer` is what the right rule says, whatever is shown. meta: "shown", what the examples' own
    rule says ("": none, or not told); "kept", the share of examples whose label is the right one;
    "pairs" and "query", of which the prompt is made in the "form". Queries are the same for every
    k and mode, and the examples of k are among those of more. Raises ValueError for another kind
    or mode.
    """
    for what, given, allowed in (("kind", kind, KINDS), ("mode", mode, MODES)):
        if given not in allowed:
            raise ValueError(f"{what}={given!r}: choose one of {allowed}")
    return [_MAKERS[kind](seed, number, k, mode) for number in range(n)]


def _item(
    form: str, gold: Sequence[Pair], shown_pairs: Sequence[Pair], query: Pair, mode: str, shown: str
) -> Item:
    """A prompt of `shown_pairs`; `gold` are the same examples with their right answers."""
    k = len(gold)
    kept = fmean(a == b for (_, a), (_, b) in zip(gold, shown_pairs, strict=True)) if k else 1.0
    meta = {
        "k": k, "mode": mode, "form": form, "pairs": [*shown_pairs], "query": query[0],
        "shown": f" {shown}" if k and shown else "", "kept": kept,
    }  # fmt: skip
    prompt = FORMS[form](shown_pairs, query[0])
    return Item(prompt, f" {query[1]}", stop=_stop(form), meta=meta)


def rebuilt(
    item: Item,
    *,
    pairs: Sequence[Pair] | None = None,
    query: str | None = None,
    form: str | None = None,
) -> Item:
    """The same item with other examples, another query, or written in another form."""
    meta = dict(item.meta)
    for name, given in (("pairs", pairs), ("query", query), ("form", form)):
        if given is not None:
            meta[name] = given
    prompt = FORMS[meta["form"]](meta["pairs"], meta["query"])
    return replace(item, prompt=prompt, stop=_stop(meta["form"]), meta=meta)


def reordered(item: Item, seed: int) -> Item:
    """The same examples in another order, the query last as it was."""
    return rebuilt(item, pairs=Tape("order", seed).shuffled(item.meta["pairs"]))


def dealt(deal: Tape, answers: Sequence[str]) -> list[str]:
    """The answers in another order, the one of twenty that leaves fewest of them in their place."""

    def kept(order: list[str]) -> int:
        return sum(a == b for a, b in zip(order, answers, strict=True))

    return min((deal.shuffled(answers) for _ in range(20)), key=kept)


def relabelled(pairs: Sequence[Pair], labels: Sequence[str]) -> list[Pair]:
    """The same inputs, each with its new label."""
    return [(given, label) for (given, _), label in zip(pairs, labels, strict=True)]


def _function(kind: str, names: Sequence[str]) -> Callable[[int, int, int, str], Item]:
    def make(seed: int, number: int, k: int, mode: str) -> Item:
        tape, change = Tape("lesson 09", kind, seed, number), Tape(kind, mode, seed, number)
        name = tape.choice(names)
        word = tape.choice(functions.words_of(name, True))
        gold = by_example.examples(tape, name, MOST, without=word)[:k]
        answer = shown = functions.FUNCTIONS[name].apply(word)
        pairs = gold
        if mode == "shuffled":
            pairs, shown = relabelled(gold, dealt(change, [a for _, a in gold])), ""
        elif mode == "permuted":
            other = functions.FUNCTIONS[change.choice([n for n in LETTERS if n != name])]
            pairs, shown = [(w, other.apply(w)) for w, _ in gold], other.apply(word)
        made = _item("->", gold, pairs, (word, answer), mode, shown)
        return replace(made, meta={**made.meta, "function": name})

    return make


def balanced(tape: Tape, groups: Sequence[Sequence[Pair]], k: int) -> list[Pair]:
    """k of the pairs, the same number of each group as far as k allows, in random order.

    They are the first k of rounds with one of each group, so that those of a smaller k are among
    those of a larger one.
    """
    rounds = [tape.shuffled(one) for one in zip(*groups, strict=True)]
    return tape.shuffled([pair for one in rounds for pair in one][:k])


def half_wrong(deal: Tape, labels: Sequence[str], both: Sequence[str]) -> list[str]:
    """The labels, of each of `both` one half wrong (of two examples one), so that none tells."""
    wrong: list[int] = []
    for label in both:
        places = [at for at, one in enumerate(labels) if one == label]
        wrong += deal.sample(places, len(places) // 2)
    if len(labels) == len(both):
        wrong = [deal.index(len(labels))]
    other = dict(zip(both, reversed(both), strict=True))
    return [other[one] if at in wrong else one for at, one in enumerate(labels)]


@lru_cache(maxsize=2000)
def _texts(kind: str, seed: int, number: int) -> tuple[Pair, tuple[tuple[Pair, ...], ...]]:
    """A text with its label, and for each label MOST / labels others with it: short, no one twice.

    The same for reviews in both forms.
    """
    family, labels = (
        (sentiment, sentiment.LABELS) if kind == "reviews" else (topic, tuple(topic.TOPICS))
    )
    tape = Tape("lesson 09", kind, seed, number)

    def text() -> Pair:
        def one() -> Item:
            return family.items(tape, 1, "test")[0]

        def accept(item: Item) -> bool:
            # one claim on one subject; a topic and at most one other that is named
            named = item.meta["claims"] - 1 if kind == "reviews" else len(item.meta["others"]) - 1
            return named <= 0 and len(item.meta["text"].split()) <= LONGEST[kind]

        item = tape.until(one, accept)
        return item.meta["text"], item.answer.strip()

    query = text()
    groups: dict[str, list[Pair]] = {label: [] for label in labels}
    seen = {query[0]}
    while any(len(group) < MOST // len(labels) for group in groups.values()):
        given, label = text()
        if len(groups[label]) < MOST // len(labels) and given not in seen:
            groups[label].append((given, label))
            seen.add(given)
    return query, tuple(map(tuple, groups.values()))


def _review(form: str) -> Callable[[int, int, int, str], Item]:
    """Reviews of one claim, half of the examples good: trained by name, in these words or not."""

    def make(seed: int, number: int, k: int, mode: str) -> Item:
        query, groups = _texts("reviews", seed, number)
        change = Tape("reviews", mode, seed, number)
        gold = balanced(Tape("reviews", seed, number), groups, k)
        labels, shown = [label for _, label in gold], query[1]
        opposite = dict(zip(sentiment.LABELS, reversed(sentiment.LABELS), strict=True))
        if mode == "shuffled":
            labels, shown = half_wrong(change, labels, sentiment.LABELS), ""
        elif mode == "permuted":
            labels, shown = [opposite[label] for label in labels], opposite[shown]
        return _item(form, gold, relabelled(gold, labels), query, mode, shown)

    return make


def _topic(seed: int, number: int, k: int, mode: str) -> Item:
    """Texts and their topics, up to eight examples of as many topics: trained by name."""
    query, groups = _texts("topics", seed, number)
    change = Tape("topics", mode, seed, number)
    gold = balanced(Tape("topics", seed, number), groups, k)
    labels, shown = [label for _, label in gold], query[1]
    if mode == "shuffled":
        labels, shown = dealt(change, labels), ""
    elif mode == "permuted":
        names = [*topic.TOPICS]
        other = dict(zip(names, dealt(change, names), strict=True))
        told = query[1] in labels  # or the examples say nothing of this topic
        labels, shown = [other[label] for label in labels], other[shown] if told else ""
    return _item("Text, Topic", gold, relabelled(gold, labels), query, mode, shown)


def _invented(seed: int, number: int, k: int, mode: str) -> Item:
    """k statements on eight keys, whose values are drawn for this prompt; then one of the keys.

    Up to eight statements tell k keys once each, the one that is asked about among them; sixteen
    tell all keys twice. Shuffled, one key then has two values.
    """
    tape, change = (Tape("invented values", what, seed, number) for what in ("lesson 09", mode))
    mapping = mappings.mapping(tape, KEYS_TOLD)
    query = next(iter(mapping.items()))
    gold = tape.shuffled([[*mapping.items()][at % KEYS_TOLD] for at in range(k)])
    pairs, shown = gold, query[1]
    if mode == "shuffled":
        pairs, shown = relabelled(gold, dealt(change, [value for _, value in gold])), ""
    elif mode == "permuted":
        new = dict(zip(mapping, dealt(change, [*mapping.values()]), strict=True))
        pairs, shown = [(key, new[key]) for key, _ in gold], new[query[0]]
    return _item("is", gold, pairs, query, mode, shown)


_MAKERS: dict[str, Callable[[int, int, int, str], Item]] = {
    "trained function": _function("trained function", functions.TESTED),
    "untrained function": _function("untrained function", UNTRAINED),
    "reviews": _review("Review, Sentiment"),
    "topics": _topic,
    FOREIGN: _review("->"),
    "invented values": _invented,
}
BY_NAME = ("functions", "topic", "intent")  # trained tasks, asked for by name, nothing told twice


def by_name(family: str, n: int, seed: int) -> list[Item]:
    """n held-out items of a family, asked for by name and without an example."""
    return FAMILIES[family].items(Tape("lesson 09", "by name", family, seed), n, "test")


def said(output: str) -> str:
    """The answer in an output: up to a line's end or the mark between examples.

    After a label the model may go on as its training documents do ("bad", then a line on the
    dinner): that is no part of the answer.
    """
    return re.split(r" ;|\n", output)[0].strip()


def score(model: GPT, tokenizer: BPETokenizer, some: Sequence[Item]) -> dict[str, float]:
    """Shares: "right" by the right rule; "follows", of prompts whose examples tell an answer, what
    their own rule says; "kept", of examples that have their right label."""
    outputs = [said(output) for output in evaluate.answers(model, tokenizer, some)]
    right = [o == i.answer.strip() for o, i in zip(outputs, some, strict=True)]
    shown = [i.meta.get("shown", "").strip() for i in some]
    follows = [o == s for o, s in zip(outputs, shown, strict=True) if s]
    kept = fmean(i.meta.get("kept", 1.0) for i in some)
    return {"right": fmean(right), "follows": fmean(follows) if follows else 0.0, "kept": kept}
