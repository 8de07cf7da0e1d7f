"""The recorded runs of lesson 08, in parts that can be run one by one.

`python -m lessons sweep 08 PART …` (all in order, with none named; see JOBS) runs two processes of
one thread each and keeps every finished run in results/parts/, so that an interrupted sweep goes
on. Learning rates are chosen on a seed of their own, in the parts whose names say so. `assistant`
trains lessons/models/fernhollow-chat.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from statistics import fmean
from typing import Any

import torch

from lessons import evaluate
from lessons.claims import read_rules
from lessons.l08_fine_tuning import assistant, merging, mixture, real, recorded, tuning
from lessons.l08_fine_tuning.recorded import RESULTS
from lessons.models import MODELS
from lessons.pretrain import stored
from lessons.sweeps import provenance, read_json, write_csv, write_json
from lessons.world.tasks import clinic
from lessons.world.tasks.base import Item
from minigpt import GPT, BPETokenizer, load, save_adapter
from minigpt.checkpoint import save_checkpoint
from minigpt.evaluate import next_token_loss
from minigpt.modes import evaluating

PARTS = RESULTS / "parts"
SEEDS = range(10, 13)
RATE_SEED = 7  # on which learning rates are chosen
SIZES = (8, 16, 32, 64, 128, 256, 512)
TEST = 100  # notes that fields are counted on
GENERAL_N = 40  # items of each family
SPECIALIST = 256  # notes
TARGET = 0.9  # of fields right, where methods are compared
STARTS = ("pre-trained", "random weights")
STEPS = {"pre-trained": 200, "random weights": 600, "methods": 600}
RATES = (1e-3, 3e-3, 1e-2)  # to choose from, for each start
RATE_SIZES = (32, 256)  # of notes, on which they are tried
SMALL, MAIN, CHAT = "fernhollow-small", "fernhollow", "fernhollow-chat"
LEVEL = 0.8  # of fields, where numbers of notes are compared


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing of the parts named, and write results/*.csv and provenance."""
    parser = argparse.ArgumentParser(prog="python -m lessons sweep 08", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(JOBS)}; all if none is named")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args(argv)
    if unknown := sorted({*arguments.parts} - {*JOBS}):
        raise ValueError(f"no parts {unknown}; there are {', '.join(JOBS)}")
    PARTS.mkdir(parents=True, exist_ok=True)
    for part in arguments.parts or JOBS:
        jobs = [(part, job) for job in JOBS[part]()]
        missing = [job for job in jobs if not _file(*job).is_file()]
        with ProcessPoolExecutor(arguments.processes, mp_context=get_context("spawn")) as pool:
            for job, seconds in zip(missing, pool.map(_run, missing), strict=True):
                print(f"{job}: {seconds:.0f} s", flush=True)
        found = [read_json(_file(*job)) for job in jobs]
        TABLES[part](found)
        seconds = sum(one["seconds"] for one in found)
        origin = provenance(
            "08", f"python -m lessons sweep 08 {part}", seconds, 1, models=[MAIN, SMALL]
        )
        origin["seconds_are"] = "summed over processes of one thread"
        write_json(RESULTS / f"provenance_{part}.json", origin)
    _figures()


def _file(part: str, job: str) -> Any:
    """Where a finished run is kept: by its job, the lesson's rules and the models it starts from.

    So that a changed rule or model cannot pass for one that was run.
    """
    return PARTS / f"{part} {job.replace('|', ' ')} {_digest()}.json"


@cache
def _digest() -> str:
    found = hashlib.sha256()
    for claim in read_rules().values():
        if claim.lesson == "08":
            found.update(claim.sha256.encode())
    for name in (SMALL, MAIN):
        found.update((MODELS / name / "model.safetensors").read_bytes())
    return found.hexdigest()[:8]


def _run(job: tuple[str, str]) -> float:
    torch.set_num_threads(1)
    start = time.perf_counter()
    found = RUNS[job[0]](*job[1].split("|"))
    found["seconds"] = time.perf_counter() - start
    write_json(_file(*job), found)
    return float(found["seconds"])


def _open(name: str) -> tuple[GPT, BPETokenizer]:
    model, tokenizer = load(name)
    assert isinstance(tokenizer, BPETokenizer)
    return model, tokenizer


def _tests(seed: int, n: int = TEST) -> list[Item]:
    return tuning.notes(n, seed, "test")


# Transfer: notes needed, from the small model and from random weights of its shape.


def _start_rate_jobs() -> list[str]:
    return [f"{start}|{n}|{RATE_SEED}|{r:g}" for start in STARTS for n in RATE_SIZES for r in RATES]


def _start_rate(start: str, n: str, seed: str, rate: str) -> dict[str, Any]:
    return _from(start, int(n), int(seed), float(rate), "validation")


def _write_start_rates(found: list[dict[str, Any]]) -> None:
    write_csv(RESULTS / "start_rates.csv", _columns(found, "start notes rate steps loss fields"))


def _transfer_jobs() -> list[str]:
    return [f"{start}|{n}|{seed}" for start in STARTS for n in SIZES for seed in SEEDS]


def _transfer(start: str, n: str, seed: str) -> dict[str, Any]:
    tried = [read_json(_file("start_rates", job)) for job in _start_rate_jobs()]
    mean = {
        rate: fmean(t["fields"] for t in tried if (t["start"], t["rate"]) == (start, rate))
        for rate in RATES
    }
    return _from(start, int(n), int(seed), max(mean, key=lambda rate: mean[rate]), "test")


def _from(start: str, n: int, seed: int, rate: float, what: str) -> dict[str, Any]:
    """A row of what n notes teach from a start; `loss`: on the notes learnt from, in the end."""
    model, tokenizer = _open(SMALL)
    if start == "random weights":
        torch.manual_seed(seed)
        model = GPT(model.config)
    some, full = tuning.notes(n, seed), tuning.METHODS["full"]
    tuning.tune(model, tokenizer, some, full, rate, seed=seed, steps=STEPS[start])
    ids, goal = tuning.note_batches(tokenizer, some, seed)(0)
    with evaluating(model):
        loss = float(next_token_loss(model(ids), goal))
    test = _tests(seed) if what == "test" else tuning.notes(TEST, 500 + seed)
    fields, whole = tuning.fields_right(model.eval(), tokenizer, test)
    row = {"start": start, "notes": n, "seed": seed, "rate": rate, "steps": STEPS[start]}
    return row | {"loss": loss, "fields": fields, "whole": whole}


def _write_transfer(found: list[dict[str, Any]]) -> None:
    names = "start notes seed rate steps loss fields whole"
    write_csv(RESULTS / "transfer.csv", _columns(found, names))


# Methods: the same target, and what is lost on the way.


END = "full, to the end"  # all weights, not stopped at the target: the specialist


def _rate_jobs() -> list[str]:
    return [f"{m.name}|{RATE_SEED}|{rate:g}" for m in tuning.METHODS.values() for rate in m.rates]


def _rate(name: str, seed: str, rate: str) -> dict[str, Any]:
    return _tuned(name, int(seed), float(rate))[0]


def _tuned(name: str, seed: int, rate: float) -> tuple[dict[str, Any], GPT, BPETokenizer]:
    """A row of what fine-tuning reached, and the model."""
    model, tokenizer = _open(MAIN)
    method = tuning.METHODS["full" if name == END else name]
    validation = tuning.notes(40, 500 + seed)

    reached = []

    def stop(step: int) -> bool:
        reached.append(tuning.fields_right(model, tokenizer, validation)[0])
        return name != END and reached[-1] >= TARGET

    some = tuning.notes(SPECIALIST, seed)
    steps = tuning.tune(
        model, tokenizer, some, method, rate, seed=seed, steps=STEPS["methods"], every=25,
        stop=stop,
    )  # fmt: skip
    fields, whole = tuning.fields_right(model.eval(), tokenizer, _tests(seed))
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    row = {"method": name, "seed": seed, "rate": rate, "steps": steps, "trained": trained}
    row |= {"reached": int(reached[-1] >= TARGET), "fields": fields, "notes": whole}
    return row, model, tokenizer


def _method_jobs() -> list[str]:
    return [f"{name}|{seed}" for name in ("before", *tuning.METHODS, END) for seed in SEEDS]


def _method(name: str, seed_: str) -> dict[str, Any]:
    seed = int(seed_)
    if name == "before":
        return _before(seed)
    row, model, tokenizer = _tuned(name, seed, _best_rate("full" if name == END else name))
    if name.startswith("LoRA") and seed == SEEDS[0]:
        (RESULTS / "adapters").mkdir(exist_ok=True)
        save_adapter(RESULTS / "adapters" / f"{name.replace(' ', '_')}.safetensors", model)
    return row | {"kept": tuning.general(model, tokenizer, GENERAL_N, seed)}


def _before(seed: int) -> dict[str, Any]:
    """What the model does with notes without fine-tuning, with no example and with one."""
    model, tokenizer = _open(MAIN)
    test = _tests(seed)
    fields, whole = tuning.fields_right(model, tokenizer, test)
    (example,) = tuning.notes(1, seed)
    shown, _ = tuning.fields_right(model, tokenizer, [_with_example(i, example) for i in test])
    return {
        "method": "before",
        "seed": seed,
        "fields": max(fields, shown),
        "notes": whole,
        "constant": clinic.baselines(test)["constant, by field"],
        "kept": tuning.general(model, tokenizer, GENERAL_N, seed),
    }


def _with_example(item: Item, example: Item) -> Item:
    return Item(f"{example.prompt}{example.answer}\n{item.prompt}", item.answer, meta=item.meta)


def _best_rate(name: str) -> float:
    """The rate that reaches the target in fewest steps; the higher score decides between equals."""
    tried = [
        read_json(_file("rates", f"{name}|{RATE_SEED}|{rate:g}"))
        for rate in tuning.METHODS[name].rates
    ]
    best = min(tried, key=lambda row: (row["steps"], -row["fields"]))
    return float(best["rate"])


def _write_rates(found: list[dict[str, Any]]) -> None:
    write_csv(RESULTS / "rates.csv", _columns(found, "method rate steps reached fields notes"))


def _columns(found: Iterable[dict[str, Any]], names: str) -> list[dict[str, Any]]:
    return [{name: row[name] for name in names.split()} for row in found]


def _write_methods(found: list[dict[str, Any]]) -> None:
    before = {row["seed"]: row for row in found if row["method"] == "before"}
    kept = [
        {"method": row["method"], "seed": row["seed"], "family": family, "right": right}
        for row in found
        for family, right in row["kept"].items()
    ]
    rows = [row for row in found if row["method"] != "before"]
    for row in rows:
        row["lost"] = fmean(before[row["seed"]]["kept"].values()) - fmean(row["kept"].values())
    names = "method seed rate steps trained reached fields notes lost"
    write_csv(RESULTS / "methods.csv", _columns(rows, names))
    write_csv(RESULTS / "kept.csv", kept)
    write_csv(RESULTS / "before.csv", _columns(before.values(), "seed fields notes constant"))


# Mixture: one family, all, all but one.


def _mixture_jobs() -> list[str]:
    return [f"{name}|{seed}" for seed in SEEDS for name in mixture.mixtures()]


def _mixture(name: str, seed: str) -> dict[str, Any]:
    _, tokenizer = _open(SMALL)
    families = mixture.mixtures()[name]
    steps = mixture.steps_of(mixture.SIX) if name.startswith(mixture.LONG) else None
    model = mixture.train(families, tokenizer, int(seed), steps=steps)
    scores = {f: mixture.score(model, tokenizer, f, int(seed)) for f in families}
    return {"trained_on": name, "seed": int(seed), "scores": scores}


def _write_mixture(found: list[dict[str, Any]]) -> None:
    write_csv(RESULTS / "mixture.csv", [
        {"trained_on": row["trained_on"], "seed": row["seed"], "family": family, "right": right}
        for row in found for family, right in row["scores"].items()
    ])  # fmt: skip


# The assistant, kept for lesson 13.


def _assistant_jobs() -> list[str]:
    return ["train"]


def _assistant(_: str) -> dict[str, Any]:
    model, tokenizer = _open(MAIN)
    some = assistant.training_set(2_000, 0)
    full = tuning.METHODS["replay"]
    tuning.tune(model, tokenizer, some, full, 1e-3, seed=0, steps=400)
    model.eval()
    base = _open(MAIN)[0]
    shares = {}
    for name, items in (
        ("asked", assistant.facts(200, 1)),
        ("never asked, told 64 times", assistant.facts(200, 1, "exposure", exposures=64)),
        ("people never written of", assistant.facts(200, 1, "unwritten")),
    ):
        outputs = evaluate.answers(model, tokenizer, items)
        shares[name] = fmean(map(assistant.is_correct, items, outputs))
        before = assistant.closed_book(items)
        outputs = evaluate.answers(base, tokenizer, before)
        shares[f"{name}: before, closed book"] = fmean(
            output.strip() == item.answer.strip()
            for item, output in zip(before, outputs, strict=True)
        )
    about = {"model": CHAT, "from": MAIN, "steps": 400, "documents": 2_000, "shares": shares}
    save_checkpoint(MODELS / CHAT, stored(model), tokenizer, extra=about)
    return {"shares": shares}


def _write_assistant(found: list[dict[str, Any]]) -> None:
    (row,) = found
    write_csv(RESULTS / "assistant.csv", [
        {"questions": name, "n": 200, "right": share} for name, share in row["shares"].items()
    ])  # fmt: skip


# Two specialists added up.


def _merging_jobs() -> list[str]:
    return [str(seed) for seed in SEEDS]


def _merging(seed_: str) -> dict[str, Any]:
    model, tokenizer = _open(MAIN)
    return {"rows": merging.measure(model, tokenizer, int(seed_))}


def _write_merging(found: list[dict[str, Any]]) -> None:
    write_csv(RESULTS / "merging.csv", [row for one in found for row in one["rows"]])


# SmolLM2: all weights or LoRA.


def _real_rate_jobs() -> list[str]:
    return [f"{how}|{RATE_SEED}|{rate:g}" for how, rates in real.RATES.items() for rate in rates]


def _real_rate(how: str, seed: str, rate: str) -> dict[str, Any]:
    model, tokenizer = _open(real.NAME)
    real.tune(model, tokenizer, how, int(seed), float(rate))
    share = real.right(model.eval(), tokenizer, real.remarks("validation", 40, int(seed)))
    return {"how": how, "rate": float(rate), "right": share}


def _write_real_rates(found: list[dict[str, Any]]) -> None:
    write_csv(RESULTS / "real_rates.csv", _columns(found, "how rate right"))


def _real_jobs() -> list[str]:
    return ["before|0", *(f"{how}|{seed}" for how in real.RATES for seed in SEEDS)]


def _real(how: str, seed_: str) -> dict[str, Any]:
    model, tokenizer = _open(real.NAME)
    seed, trained = int(seed_), 0
    if how != "before":
        tried = [
            read_json(_file("real_rates", job))
            for job in _real_rate_jobs()
            if job.startswith(f"{how}|")
        ]
        rate = max(tried, key=lambda row: row["right"])["rate"]
        real.tune(model, tokenizer, how, seed, rate)
        trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    if how == "LoRA" and seed == SEEDS[0]:
        real.ADAPTER.parent.mkdir(exist_ok=True)
        save_adapter(real.ADAPTER, model)
    row = {"how": how, "seed": seed, "trained": trained}
    return row | real.measure(model.eval(), tokenizer)


def _write_real(found: list[dict[str, Any]]) -> None:
    write_csv(RESULTS / "real.csv", _columns(found, "how seed trained right bits"))


JOBS: dict[str, Callable[[], list[str]]] = {
    "start_rates": _start_rate_jobs,
    "transfer": _transfer_jobs,
    "rates": _rate_jobs,
    "methods": _method_jobs,
    "mixture": _mixture_jobs,
    "assistant": _assistant_jobs,
    "merging": _merging_jobs,
    "real_rates": _real_rate_jobs,
    "real": _real_jobs,
}
RUNS: dict[str, Callable[..., dict[str, Any]]] = {
    "start_rates": _start_rate,
    "transfer": _transfer,
    "rates": _rate,
    "methods": _method,
    "mixture": _mixture,
    "assistant": _assistant,
    "merging": _merging,
    "real_rates": _real_rate,
    "real": _real,
}
TABLES: dict[str, Callable[[list[dict[str, Any]]], None]] = {
    "start_rates": _write_start_rates,
    "transfer": _write_transfer,
    "rates": _write_rates,
    "methods": _write_methods,
    "mixture": _write_mixture,
    "assistant": _write_assistant,
    "merging": _write_merging,
    "real_rates": _write_real_rates,
    "real": _write_real,
}


def _figures() -> None:
    """results/figures.csv, once the tables of transfer, methods and mixture are there."""
    names = ("transfer", "methods", "before", "mixture")
    if not all((RESULTS / f"{name}.csv").is_file() for name in names):
        return
    tables = {name: recorded.rows(name) for name in names}
    rows = []
    for seed in map(str, SEEDS):
        for claim, values in figures_of(tables, seed).items():
            rows += [
                {"claim": claim, "figure": figure, "seed": int(seed), "value": value}
                for figure, value in values.items()
            ]
    write_csv(RESULTS / "figures.csv", sorted(rows, key=lambda row: row["claim"]))
    write_json(
        RESULTS / "provenance.json",
        provenance("08", "python -m lessons sweep 08", 0, 1, models=[MAIN, SMALL]),
    )


def figures_of(tables: dict[str, list[dict[str, str]]], seed: str) -> dict[str, dict[str, float]]:
    """The figures of one seed, by claim."""
    curves = {
        start: {
            int(row["notes"]): float(row["fields"])
            for row in tables["transfer"]
            if (row["start"], row["seed"]) == (start, seed)
        }
        for start in STARTS
    }
    mine, scratch = curves["pre-trained"], curves["random weights"]
    method = {r["method"]: r for r in tables["methods"] if r["seed"] == seed}
    before = next(row for row in tables["before"] if row["seed"] == seed)
    shares = {
        (row["trained_on"], row["family"]): float(row["right"])
        for row in tables["mixture"]
        if row["seed"] == seed
    }
    gains = {f: shares["all", f] - shares[f"only {f}", f] for f in mixture.SIX}
    longer = [shares["all", f] - shares[f"{mixture.LONG} {f}", f] for f in mixture.SIX]
    fields = float(method[END]["fields"])
    return {
        "transfer": {
            "pretrained_minus_scratch": mine[64] - scratch[64],
            "times_fewer_notes": tuning.needed(scratch, LEVEL) / tuning.needed(mine, LEVEL),
        },
        "specialise": {
            "after_minus_before": fields - float(before["fields"]),
            "after_minus_constant": fields - float(before["constant"]),
            "notes_right": float(method[END]["notes"]),
        },
        "keeps-general": {
            f"lost_{name}": float(method[name]["lost"])
            for name in ("full", "replay")
            if int(method[name]["reached"])
        },
        "multi-task": {
            "mean_gain": fmean(gains.values()),
            "mean_gain_at_equal_steps": fmean(longer),
            **{f"gain_{family}": gain for family, gain in gains.items()},
        },
    }
