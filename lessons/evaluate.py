"""Scoring a model on every family of the world: python -m lessons evaluate NAME."""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lessons.sweeps import write_json
from lessons.world.corpus import drawn, encode
from lessons.world.families import FAMILIES
from lessons.world.plan import PLANS, Plan
from lessons.world.tape import Tape
from lessons.world.tasks import couplets, markov, passages
from lessons.world.tasks.base import Item
from minigpt import GPT, BPETokenizer, generate, load
from minigpt.evaluate import next_token_loss
from minigpt.hardware import choose_device
from minigpt.intervals import mean_interval, wilson_interval
from minigpt.modes import evaluating
from minigpt.tokenizer import END

N_ITEMS = 500  # for each family and split
SEED = 7  # of the items
SCORES = "scores.json"
# Families whose items differ in one respect that matters: scored apart by it.
GROUPS: dict[str, Callable[[dict[str, Any]], object]] = {
    "questions": lambda meta: meta.get("exposures", ""),
    "by_example": lambda meta: meta["k"],
    "functions": lambda meta: meta["function"],
    "tavi": lambda meta: meta["direction"],
    "stories": lambda meta: meta["kind"],
    "programs": lambda meta: meta["kind"],
    "bugs": lambda meta: meta["kind"],
    "chat": lambda meta: "needs an earlier turn" if meta["needs"] else "needs the last turn only",
    "mappings": lambda meta: meta["n"],
    "books": lambda meta: meta["direction"],
    "sums": lambda meta: meta["sign"],
}
# Splits drawn as in training are left out, but where what is held out has a split of its own.
TRAINED = ("functions", "by_example")


@dataclass(frozen=True)
class Score:
    """How many of n items are right, with Wilson's 95 % interval."""

    family: str
    split: str
    group: str
    n: int
    right: int
    lower: float
    upper: float


def answers(
    model: GPT, tokenizer: BPETokenizer, items: Sequence[Item], batch_size: int = 100
) -> list[str]:
    """What the model writes after each prompt, greedily, up to the item's stop or <|end|>.

    Every prompt starts with <|end|>, as documents do in training.
    """
    end = tokenizer.special_tokens[END]
    prompts = [[end, *encode(tokenizer, item.prompt)] for item in items]
    room = [len(encode(tokenizer, item.answer)) + 8 for item in items]
    order = sorted(range(len(items)), key=lambda i: (room[i], len(prompts[i])))
    outputs = [""] * len(items)
    for at in range(0, len(order), batch_size):
        some = order[at : at + batch_size]
        lengths = [len(prompts[i]) for i in some]
        rows = torch.full((len(some), max(lengths)), end)
        for row, i in zip(rows, some, strict=True):
            row[: len(prompts[i])] = torch.tensor(prompts[i])
        new = max(room[i] for i in some)
        written = generate(
            model, rows.to(model.device), new, temperature=0, eos_id=end, lengths=lengths
        )
        for row, i, length in zip(written.tolist(), some, lengths, strict=True):
            tail = row[length : length + new]
            tail = tail[: tail.index(end)] if end in tail else tail
            outputs[i] = tokenizer.decode(tail).split(items[i].stop)[0]
    return outputs


def ask(model: GPT, tokenizer: BPETokenizer, prompt: str, max_new_tokens: int = 40) -> str:
    """The model's greedy answer to one prompt, up to the line's end or <|end|>."""
    return answers(model, tokenizer, [Item(prompt, " x" * max_new_tokens)])[0]


@cache
def training_couplets() -> frozenset[str]:
    """Every couplet of the shipped model's training text."""
    plan = PLANS["fernhollow"]
    texts = drawn(plan, "couplets", plan.documents["couplets"], "train")
    return frozenset(verse_of(document.text.split("\n", 1)[1]) for document in texts)


def verse_of(output: str) -> str:
    """The words of a couplet and where its lines end, to compare couplets by."""
    return "\n".join(" ".join(line) for line in couplets.lines(output))


def is_right(family: str, item: Item, output: str) -> bool:
    """What the family's scorer says; a couplet must, besides, not be copied from training."""
    right = bool(FAMILIES[family].is_correct(item, output))
    if family == "couplets":
        return right and verse_of(output) not in training_couplets()
    return right


def records(
    model: GPT, tokenizer: BPETokenizer, family: str, split: str, n: int, seed: int = SEED
) -> list[dict[str, Any]]:
    """n items of a split, each with the model's output and whether that is right."""
    module = FAMILIES[family]
    items = module.items(Tape("evaluate", seed, family, split), n, split)
    outputs = answers(model, tokenizer, items)
    return [
        {
            "family": family,
            "split": split,
            "group": str(GROUPS[family](item.meta)) if family in GROUPS else "",
            "item": item,
            "output": output,
            "right": is_right(family, item, output),
        }
        for item, output in zip(items, outputs, strict=True)
    ]


def summarise(found: Sequence[dict[str, Any]]) -> list[Score]:
    """The score of all records of a split, and of each of its groups if it has several."""
    groups: dict[str, list[bool]] = {"": [record["right"] for record in found]}
    for record in found:
        if record["group"]:
            groups.setdefault(record["group"], []).append(record["right"])
    if len(groups) == 2:
        groups = {"": groups[""]}
    family, split = found[0]["family"], found[0]["split"]
    scores = []
    for group, rights in sorted(groups.items(), key=lambda entry: _natural(entry[0])):
        _, low, high = wilson_interval(sum(rights), len(rights))
        scores.append(Score(family, split, group, len(rights), sum(rights), low, high))
    return scores


def _natural(group: str) -> tuple[int, str]:
    return (int(group), "") if group.isdecimal() else (-1 if not group else 0, group)


def symbol_probabilities(
    model: GPT, tokenizer: BPETokenizer, symbols: Sequence[int]
) -> NDArray[np.float64]:
    """What a model expects before each symbol of a chain, among the four: (len(symbols), 4)."""
    tokens = [encode(tokenizer, symbol) for symbol in markov.SYMBOLS]
    ids = [token for row in tokens for token in row]
    if len(ids) != len({*ids}) or len(ids) != len(tokens):
        raise ValueError(f"every symbol must be a token of its own, and they are {tokens}")
    prompt = [tokenizer.special_tokens[END], *encode(tokenizer, markov.document_of(symbols))]
    first = len(prompt) - len(symbols)
    with evaluating(model):
        read = torch.tensor([prompt], device=model.device)
        logits = model(read)[0, first - 1 : -1, ids]  # (len(symbols), 4)
    found: NDArray[np.float64] = logits.double().softmax(-1).cpu().numpy()
    return found


def markov_divergence(
    model: GPT, tokenizer: BPETokenizer, n: int = 100, seed: int = SEED, after: int = 200
) -> list[float]:
    """KL in nats from the Bayes-optimal predictor to the model, at the symbols after the 200th.

    One mean for each of n chains; the model's distribution is taken over the four symbols.
    """
    found = []
    for number in range(n):
        symbols = markov.sequence(Tape("evaluate", seed, "markov", number), 300)
        expected = symbol_probabilities(model, tokenizer, symbols)
        best = markov.optimal(symbols)  # (300, 4)
        kl = (best * (np.log(best) - np.log(expected))).sum(axis=1)
        found.append(float(kl[after:].mean()))
    return found


def family_losses(
    model: GPT, tokenizer: BPETokenizer, plan: Plan, n: int = 60
) -> dict[str, dict[str, float]]:
    """Loss in nats a token on up to n held-out documents of each family that is drawn afresh.

    "bound": the documents' own bits (see tape.py) in nats a token. A mean loss well above it
    leaves something to learn; one below it shows that the bound is loose.
    """
    end = tokenizer.special_tokens[END]
    found = {}
    for family, total in plan.documents.items():
        texts = list(itertools.islice(drawn(plan, family, total, "val"), n))
        rows = [[end, *encode(tokenizer, document.text), end] for document in texts]
        nats = tokens = 0.0
        with evaluating(model):
            for row in rows:
                ids = torch.tensor([row], device=model.device)
                nats += float(next_token_loss(model(ids[:, :-1]), ids[:, 1:], "sum"))
                tokens += len(row) - 1
        bits = sum(document.bits for document in texts)
        found[family] = {"loss": nats / tokens, "bound": bits * math.log(2) / tokens}
    return found


def samples(found: Sequence[dict[str, Any]], n: int = 3, seed: int = SEED) -> list[dict[str, Any]]:
    """n records, not chosen by hand: by the fixed seed, right and wrong as they come."""
    tape = Tape("samples", seed, found[0]["family"], found[0]["split"])
    return [
        {
            "prompt": record["item"].prompt,
            "answer": record["item"].answer,
            "output": record["output"],
            "right": record["right"],
        }
        for record in tape.sample(found, min(n, len(found)))
    ]


def evaluate(
    model: GPT,
    tokenizer: BPETokenizer,
    *,
    families: Sequence[str] = (),
    n: int = N_ITEMS,
    seed: int = SEED,
    baselines: bool = True,
) -> dict[str, Any]:
    """Scores of all families (or those named), by split; printed as they come."""
    if unknown := sorted(set(families) - FAMILIES.keys()):
        raise ValueError(f"no families {unknown}; there are {[*FAMILIES]}")
    rows: list[dict[str, Any]] = []
    shown: dict[str, Any] = {}
    result: dict[str, Any] = {"items": n, "seed": seed, "scores": rows, "samples": shown}
    for family in families or FAMILIES:
        module = FAMILIES[family]
        for split in module.SPLITS:
            if split == "train" and family not in TRAINED:
                continue
            found = records(model, tokenizer, family, split, n, seed)
            simple = module.baselines([record["item"] for record in found]) if baselines else {}
            for score in summarise(found):
                row = asdict(score) | {"baselines": {} if score.group else simple}
                rows.append(row)
                print(_line(row), flush=True)
            shown[f"{family}: {split}"] = samples(found, seed=seed)
            if (family, split) == ("passages", "test"):
                wrong = sum(record["output"].strip() == passages.NOT_STATED for record in found)
                result["false_not_stated"] = {"n": n, "wrong": wrong}
                print(f'{"":14} of these, false "not stated": {100 * wrong / n:.1f}', flush=True)
    if not families:
        result["losses"] = family_losses(model, tokenizer, PLANS["fernhollow"])
        for family, row in result["losses"].items():
            print(f"{family:14} loss {row['loss']:.3f}  bound {row['bound']:.3f} nats a token")
    if not families or "markov" in families:
        kl = mean_interval(markov_divergence(model, tokenizer, seed=seed))
        result["markov_kl"] = {"mean": kl[0], "lower": kl[1], "upper": kl[2]}
        print(f"{'markov':14} KL to the optimum after 200 symbols: {kl[0]:.4f} nats", flush=True)
    return result


def _line(row: dict[str, Any]) -> str:
    best = "  ".join(f"{name} {100 * share:.0f}" for name, share in row["baselines"].items())
    name = f"{row['family']:14} {row['split']:26} {row['group']:14}"
    share = 100 * row["right"] / row["n"]
    return f"{name} {share:5.1f} [{100 * row['lower']:.0f}, {100 * row['upper']:.0f}]  {best}"


def main(arguments: Sequence[str]) -> int:
    """python -m lessons evaluate NAME [FAMILY …]"""
    parser = argparse.ArgumentParser(prog="python -m lessons evaluate", description=__doc__)
    parser.add_argument("name", help="a model of the course, or a folder with one")
    parser.add_argument("families", nargs="*", help="families to score (all)")
    parser.add_argument("--items", type=int, default=N_ITEMS, help="items for each split")
    parser.add_argument("--seed", type=int, default=SEED, help="of the items")
    parser.add_argument("--no-baselines", action="store_true", help="leave the baselines out")
    parser.add_argument("--out", type=Path, help="write all scores to this JSON file")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or auto (CUDA if it is there)")
    args = parser.parse_args(arguments)
    model, tokenizer = load(args.name, device=choose_device(args.device)[0])
    if not isinstance(tokenizer, BPETokenizer) or "<|bot|>" not in tokenizer.special_tokens:
        raise ValueError(f"{args.name} is no model of Fernhollow: it lacks the special tokens")
    result = evaluate(
        model,
        tokenizer,
        families=args.families,
        n=args.items,
        seed=args.seed,
        baselines=not args.no_baselines,
    )
    if args.out:
        write_json(args.out, result)
    return 0
