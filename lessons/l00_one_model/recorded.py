"""The recorded run of lesson 00, read back for its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lessons.l00_one_model import tasks
from lessons.l00_one_model.two_ways import SHOTS, SUBJECTS
from lessons.sweeps import read_csv, read_json
from minigpt.intervals import Interval, mean_interval, wilson_interval

RESULTS = Path(__file__).parent / "results"


def _pooled(
    rows: Sequence[Mapping[str, Any]], key: str, value: str, share: bool = False
) -> dict[str, Interval]:
    """Shares of all draws together, with Wilson's interval over their items."""
    right: dict[str, float] = {}
    n: dict[str, int] = {}
    for row in rows:
        size = int(row["n"])
        right[row[key]] = right.get(row[key], 0) + float(row[value]) * (size if share else 1)
        n[row[key]] = n.get(row[key], 0) + size
    return {name: wilson_interval(round(right[name]), n[name]) for name in right}


def scores(column: str = "right") -> dict[str, Interval]:
    """Task → the share that the model does right, over the items of all draws.

    `column`: "best" for the best simple answer; "invented"; "copied" for verse from training.
    """
    return _pooled(read_csv(RESULTS / "scores.csv"), "task", column)


def best_is() -> dict[str, str]:
    """Task → which simple answer is the best."""
    return {row["task"]: row["best_is"] for row in read_csv(RESULTS / "scores.csv")}


def above(rows: Sequence[Mapping[str, Any]] | None = None) -> dict[str, Interval]:
    """Task → the model's share minus that of the best simple answer, paired by draw."""
    found: dict[str, list[float]] = {}
    for row in read_csv(RESULTS / "scores.csv") if rows is None else rows:
        found.setdefault(row["task"], []).append(float(row["minus_best"]))
    return {name: mean_interval(values) for name, values in found.items()}


def tasks_done(rows: Sequence[Mapping[str, Any]]) -> float:
    """How many of the claimed tasks lie above the best simple answer by the margin, for certain."""
    found = above(rows)
    return float(sum(found[name][1] > tasks.MARGIN for name in tasks.CLAIMED))


def two_ways() -> dict[str, Interval]:
    """Shares of couplets: written ("samples 0.3", "trigrams"), named ("gpt", "naive Bayes 10")."""
    return _pooled(read_csv(RESULTS / "two_ways.csv"), "what", "share", share=True)


def both_models(column: str = "right") -> dict[str, dict[str, Interval]]:
    """Kind of item → model → the share right; `column` "good": how often it called a review so."""
    rows = read_csv(RESULTS / "real.csv")
    kinds = dict.fromkeys(row["task"] for row in rows)
    return {k: _pooled([r for r in rows if r["task"] == k], "model", column) for k in kinds}


def said(model: str, kind: str) -> list[str]:
    """The first answers of a model to a kind of item, as they came."""
    words: list[str] = read_json(RESULTS / "said.json")[f"{model}: {kind}"]
    return words


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]])) or "none"


def finding() -> str:
    """What the figure of the tasks shows."""
    shares = {name: share for name, share in scores().items() if name not in tasks.ASIDE}
    over = above()
    done = [name for name in shares if over[name][1] > tasks.MARGIN]
    ends = []
    for word, end in (("highest", max), ("lowest", min)):
        value = end(share[0] for share in shares.values())
        tied = [name for name in shares if shares[name][0] == value]
        ends.append(f"{word}: {_listed(tied)} ({value:.0%})")
    return (
        f"The model does {len(done)} of {len(shares)} tasks more than ten points better than the "
        f"best simple answer, by the lower end of the interval; of the four that the claim names: "
        f"{_listed([name for name in tasks.CLAIMED if name in done])}. In all, {', '.join(ends)}."
    )


def copied() -> str:
    """What copying a couplet of training would get, if it counted."""
    share = scores("copied")["verse"][0]
    return (
        f"Verse: for {share:.0%} of the prompts, training has a couplet on the subject with the "
        f"word at a line's end. Copied, it would be right, but it is not new and does not count."
    )


def by_hand() -> str:
    """The conversation beside a program that was written for it alone."""
    model, simple = scores()["conversation"][0], scores("best")["conversation"][0]
    better = "does it better than" if simple > model else "does it no better than"
    return (
        f"Conversation: a {best_is()['conversation']} is right {simple:.0%} of the time, the model "
        f"{model:.0%}: what was made for this one task {better} the model."
    )


def debugged() -> str:
    """Debugging when half of the programs are right: the model beside a constant answer."""
    bugs, none = (scores()[name][0] for name in ("debugging", "no bug"))
    return (
        f"Debugging: {bugs:.0%} of the programs with a bug are mended, and {none:.0%} of the right "
        f'ones called so. Of both in equal parts: {(bugs + none) / 2:.0%}; always "no bug": 50%.'
    )


def two_ways_finding() -> str:
    """What the figure of both directions shows."""
    shares = {name: share[0] for name, share in two_ways().items()}
    few, many = (end(SHOTS) for end in (min, max))
    return (
        f"From three words, logistic regression names the subject of "
        f"{shares[f'logistic regression {few}']:.0%} of the couplets after {few * len(SUBJECTS)} "
        f"with their subjects, and of {shares[f'logistic regression {many}']:.0%} after "
        f"{many * len(SUBJECTS):,}; the GPT, which read as many, of {shares['gpt']:.0%}; the "
        f"world's own word lists get {shares['best possible']:.0%} on average."
    )


def provenance() -> dict[str, Any]:
    """Command, date, versions and times of the recorded run."""
    return read_json(RESULTS / "provenance.json")
