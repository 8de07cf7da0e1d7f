"""The single runs of lesson 08's sweep: what there is to do, how it is done, where it is kept.

A job is a text such as "LoRA 4|10|0.003": what, on which seed, at which rate. Its result lies in
results/parts/ under that name and a digest of all that it depends on.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from statistics import fmean
from types import ModuleType
from typing import Any

from lessons.claims import read_rules
from lessons.l08_fine_tuning import (
    assistant,
    by_rule,
    lora_controls,
    measures,
    merging,
    methods,
    mixture,
    moved,
    rates,
    real,
    rivals,
    transfer,
    tuning,
    with_head,
)
from lessons.l08_fine_tuning.recorded import (
    ADAPTERS,
    AGAIN_SEED,
    METHODS,
    PARTS,
    adapter_file,
    open_tuned,
    weights_digest,
    weights_folder,
)
from lessons.models import MODELS, digest
from lessons.pretrain import stored
from lessons.sweeps import open_model, read_json
from lessons.world.tasks import clinic
from minigpt import merge_lora, save_adapter
from minigpt.checkpoint import save_checkpoint
from minigpt.train_config import TrainingDiverged

MAIN = "fernhollow"
SEEDS = range(10, 15)
FEWER = SEEDS[:3]  # where nothing is decided
RATE_SEED = 7  # on which learning rates are chosen, and pilots were run
RATE_NOTES = 128  # on which the rates of both starts are tried
RATE_N = 20  # items of each old family, where rates are compared
SLOWER = ("full", "replay", "LoRA 16")  # methods whose next lower rate is given more steps
SLOWER_MOST = 2_400  # steps, three times methods.MOST
MIXED = ("lore", "functions")  # families on which the mixture's rates are tried, alone

# What the result of an experiment depends on: modules, claims and models.
_EXPERIMENTS: dict[str, tuple[tuple[ModuleType, ...], tuple[str, ...]]] = {
    "transfer": ((transfer, tuning, measures, clinic), ("transfer", "specialise")),
    "rivals": ((rivals, transfer, tuning, measures, clinic), ()),
    "methods": ((methods, transfer, tuning, measures, clinic), ("keeps-general",)),
    "with_head": ((with_head, methods, transfer, tuning, measures, clinic), ()),
    "by_rule": ((by_rule, transfer, tuning, measures, clinic), ()),
    "controls": ((lora_controls, methods, transfer, tuning, measures, clinic), ()),
    "moved": ((moved, with_head, methods, transfer, tuning, measures, clinic), ()),
    "mixture": ((mixture, tuning, measures), ("multi-task",)),
    "assistant": ((assistant, methods, tuning, measures), ()),
    "merging": ((merging, assistant, tuning, measures, clinic), ()),
    "real": ((real, tuning), ()),
}
EXPERIMENT = {
    "before": "transfer",
    "start_rates": "transfer",
    "pretrained": "transfer",
    "scratch": "transfer",
    "by_rule": "by_rule",
    "rivals": "rivals",
    "rates": "methods",
    "methods": "methods",
    "control": "methods",
    "slower": "methods",
    "head_rates": "with_head",
    "with_head": "with_head",
    "blocks_rates": "controls",
    "lora_controls": "controls",
    "moved": "moved",
    "mixture_rates": "mixture",
    "mixture": "mixture",
    "left_out": "mixture",
    "all_longer": "mixture",
    "assistant": "assistant",
    "merging": "merging",
    "real_rates": "real",
    "real": "real",
}
FROM_RANDOM = ("mixture",)  # experiments that take nothing of MAIN but its vocabulary


def models_of(part: str) -> list[str]:
    """The course's models on whose weights a part depends."""
    if EXPERIMENT[part] in FROM_RANDOM:
        return []
    return [MAIN, *([assistant.NAME] if part == "assistant" else [])]


def file_of(part: str, job: str) -> Path:
    """Where a finished run is kept: its name holds the job and `_digest`.

    So what was run by other code, under another rule or on another model cannot pass for it.
    """
    return PARTS / f"{part} {job.replace('|', ' ')} {_digest(EXPERIMENT[part])}.json"


@cache
def _digest(experiment: str) -> str:
    modules, claims = _EXPERIMENTS[experiment]
    used = ("tokenizer.json",) if experiment in FROM_RANDOM else ()
    found = hashlib.sha256(digest(MAIN, *used).encode())
    for module in modules:
        found.update(Path(str(module.__file__)).read_bytes())
    for claim in claims:
        found.update(read_rules()[claim].sha256.encode())
    return found.hexdigest()[:8]


def read(part: str, job: str) -> dict[str, Any]:
    """The result of a finished run. Raises ValueError that names the part to run first."""
    file = file_of(part, job)
    if not file.is_file():
        raise ValueError(f"{part}, {job}: not run yet; run python -m lessons sweep 08 {part} first")
    return read_json(file)


def _tried(part: str, job: Callable[[float], str]) -> dict[float, dict[str, Any]]:
    """Rate → the result of a job, for all rates that were tried."""
    return {
        rate: read(part, job(rate)) for rate in rates.RUNGS if file_of(part, job(rate)).is_file()
    }


# --- transfer: notes needed from fernhollow and from random weights of its shape -----------------


def _before_jobs() -> list[str]:
    return [str(seed) for seed in SEEDS]


def _before(seed: str) -> dict[str, Any]:
    return transfer.before(*open_model(MAIN), int(seed))


def _start_job(start: str, optimizer: str) -> Callable[[float], str]:
    return lambda rate: f"{start}|{RATE_NOTES}|{RATE_SEED}|{optimizer}|{rate:g}"


def _start_scores(start: str, optimizer: str) -> dict[float, float]:
    """Rate → fields of validation notes after RATE_NOTES."""
    tried = _tried("start_rates", _start_job(start, optimizer))
    return {rate: row["score"] for rate, row in tried.items()}


def _start_rate_jobs() -> list[str]:
    """Every optimizer with its first rates; then the neighbours of the best rate of each."""
    return [
        _start_job(start, optimizer)(rate)
        for start in transfer.STARTS
        for optimizer, first in transfer.OFFERED.items()
        for rate in rates.wanted(first, _start_scores(start, optimizer))
    ]


def _start_rate(start: str, n: str, seed: str, optimizer: str, rate: str) -> dict[str, Any]:
    model, tokenizer = open_model(MAIN)
    return transfer.learn(model, tokenizer, start, int(n), int(seed), optimizer, float(rate))


def chosen_start(start: str) -> tuple[str, float]:
    """The optimizer and the rate that a start does best with."""
    scores = {optimizer: _start_scores(start, optimizer) for optimizer in transfer.OFFERED}
    if not all(scores.values()):
        raise ValueError(f"{start}: no rates yet; run python -m lessons sweep 08 start_rates first")
    optimizer = max(scores, key=lambda name: max(scores[name].values()))
    return optimizer, rates.best(scores[optimizer])


def curve_jobs(start: str) -> list[str]:
    """All sizes, the large ones first; more seeds from 64 notes on, where something is decided."""
    optimizer, rate = chosen_start(start)
    return [
        f"{start}|{n}|{seed}|{optimizer}|{rate:g}"
        for n in reversed(transfer.SIZES)
        for seed in (SEEDS if n >= 64 else FEWER)
    ]


def _curve(start: str, n: str, seed: str, optimizer: str, rate: str) -> dict[str, Any]:
    model, tokenizer = open_model(MAIN)
    row = transfer.learn(model, tokenizer, start, int(n), int(seed), optimizer, float(rate))
    row |= transfer.tested(model, tokenizer, int(n), int(seed))
    if start == transfer.PRETRAINED and int(n) == transfer.SPECIALIST:
        row |= transfer.specialist(model, tokenizer, int(seed))
    return row


def _rival_jobs() -> list[str]:
    chosen_start(transfer.RANDOM)  # says what to run first
    rate = rates.best(_start_scores(transfer.RANDOM, "muon"))
    recipes = [f"{rivals.RECIPE}|{n}|{seed}|{rate:g}" for n in rivals.SIZES for seed in FEWER]
    return recipes + [f"{rivals.WORDS}|{n}|{seed}|0" for n in transfer.SIZES for seed in SEEDS]


def _rival(kind: str, n: str, seed: str, rate: str) -> dict[str, Any]:
    if kind == rivals.WORDS:
        return rivals.words(int(n), int(seed))
    return rivals.recipe(*open_model(MAIN), int(n), int(seed), float(rate))


def _by_rule_jobs() -> list[str]:
    return [str(seed) for seed in SEEDS]


def _by_rule(seed: str) -> dict[str, Any]:
    return by_rule.wording(int(seed))


# --- methods: the same target, and what is lost on the way ---------------------------------------


def _rate_job(name: str) -> Callable[[float], str]:
    return lambda rate: f"{name}|{RATE_SEED}|{rate:g}"


def _method_scores(name: str) -> dict[float, tuple[float, float]]:
    """Rate → whether it reached the target, then what counts: least loss on old documents."""
    return {
        rate: (1.0, -fmean(row["losses"].values())) if row["reached"] else (0.0, row["fields"])
        for rate, row in _tried(rates_part(name), _rate_job(name)).items()
    }


def rates_part(name: str) -> str:
    """The part in which a method's rates are tried."""
    if name == lora_controls.BLOCKS:
        return "blocks_rates"
    return "head_rates" if name in with_head.RANKS else "rates"


def _rate_jobs() -> list[str]:
    return [
        _rate_job(method.name)(rate)
        for method in tuning.METHODS.values()
        for rate in _rates_of(method.name, method.rates)
    ]


def _head_rate_jobs() -> list[str]:
    return [
        _rate_job(name)(rate)
        for name in with_head.RANKS
        for rate in _rates_of(name, with_head.RATES)
    ]


def _blocks_rate_jobs() -> list[str]:
    name = lora_controls.BLOCKS
    return [_rate_job(name)(rate) for rate in _rates_of(name, lora_controls.RATES)]


def _rates_of(name: str, first: tuple[float, ...]) -> list[float]:
    """The rates to try; of a method that never arrives a rung more at either end, no further."""
    scores = _method_scores(name)
    tried = all(rate in scores for rate in first)
    if tried and not any(reached for reached, _ in scores.values()):
        return rates.widened(first)
    return rates.wanted(first, scores)


def _rate(name: str, seed: str, rate: str) -> dict[str, Any]:
    model, tokenizer = open_model(MAIN)
    try:
        row = _tuned(name)(model, tokenizer, name, int(seed), float(rate))
    except tuning.Diverged:
        return {
            "method": name, "seed": int(seed), "rate": float(rate), "steps": 0, "trained": 0,
            "reached": 0, "fields": 0.0, "notes": 0.0, "path": [], "kept": {}, "losses": {},
        }  # fmt: skip
    return row | methods.kept(model, tokenizer, RATE_N, int(seed))


def _tuned(name: str) -> Callable[..., dict[str, Any]]:
    if name in (lora_controls.BLOCKS, lora_controls.SLOW):
        return lora_controls.tuned
    return with_head.tuned if name in with_head.RANKS else methods.tuned


def chosen_rate(name: str) -> float:
    """The rate at which a method loses least of those that reach the target.

    Of a method that never does, the one with most fields right.
    """
    scores = _method_scores(name)
    if not scores:
        part = rates_part(name)
        raise ValueError(f"{name}: no rates yet; run python -m lessons sweep 08 {part} first")
    if not any(reached for reached, _ in scores.values()):
        return max(scores, key=lambda rate: scores[rate])
    return rates.best(scores)


def _method_jobs() -> list[str]:
    decided = ("replay", "full")
    names = [*decided, *(name for name in tuning.METHODS if name not in decided)]
    return [
        f"{name}|{seed}|{chosen_rate(name):g}"
        for name in names
        for seed in (SEEDS if name in decided else FEWER)
    ]


def _head_jobs() -> list[str]:
    return [f"{name}|{seed}|{chosen_rate(name):g}" for name in with_head.RANKS for seed in FEWER]


def _method(name: str, seed: str, rate: str) -> dict[str, Any]:
    model, tokenizer = open_model(MAIN)
    row = _tuned(name)(model, tokenizer, name, int(seed), float(rate))
    row |= methods.kept(model, tokenizer, transfer.GENERAL_N, int(seed))
    if int(seed) == AGAIN_SEED:
        if "LoRA" in name:
            ADAPTERS.mkdir(parents=True, exist_ok=True)
            save_adapter(adapter_file(name), model)
        else:
            save_checkpoint(weights_folder(name), stored(model), tokenizer)
        if name in with_head.RANKS:
            row["rare"] = with_head.rare(tokenizer, int(seed))
    return row


def _lora_control_jobs() -> list[str]:
    rate = {
        lora_controls.BLOCKS: chosen_rate(lora_controls.BLOCKS),
        lora_controls.SLOW: chosen_rate("LoRA 16"),
    }
    return [f"{name}|{seed}|{rate[name]:g}" for seed in FEWER for name in rate]


def _lora_control(name: str, seed: str, rate: str) -> dict[str, Any]:
    model, tokenizer = open_model(MAIN)
    row = lora_controls.tuned(model, tokenizer, name, int(seed), float(rate))
    return row | methods.kept(model, tokenizer, transfer.GENERAL_N, int(seed))


def _control_jobs() -> list[str]:
    found = []
    for seed in FEWER:
        rate = chosen_rate("replay")
        row = read("methods", f"replay|{seed}|{rate:g}")
        found.append(f"{seed}|{rate:g}|{row['steps']}")
    return found


def _control(seed: str, rate: str, steps: str) -> dict[str, Any]:
    model, tokenizer = open_model(MAIN)
    methods.old_alone(model, tokenizer, int(seed), float(rate), int(steps))
    row = {"method": tuning.OLD_ALONE.name, "seed": int(seed)}
    return row | methods.kept(model, tokenizer, transfer.GENERAL_N, int(seed))


def _slower_jobs() -> list[str]:
    """What the limit of methods.MOST steps decides: the rung below a method's rate, with more."""
    found = []
    for name in SLOWER:
        rate = chosen_rate(name)
        below = [rung for rung in rates.RUNGS if rung < rate]
        found.append(_rate_job(name)(below[-1]))
    return found


def _slower(name: str, seed: str, rate: str) -> dict[str, Any]:
    model, tokenizer = open_model(MAIN)
    row = methods.tuned(model, tokenizer, name, int(seed), float(rate), most=SLOWER_MOST, hope_at=0)
    return row | methods.kept(model, tokenizer, RATE_N, int(seed))


def _moved_jobs() -> list[str]:
    in_blocks = [name for name in METHODS if name != "head only"]
    return [f"{name}|{AGAIN_SEED}|{chosen_rate(name):g}|{weights_digest(name)}"
            for name in in_blocks]  # fmt: skip


def _moved(name: str, seed: str, rate: str, _weights: str) -> dict[str, Any]:
    base, tokenizer = open_model(MAIN)
    tuned, _ = open_tuned(name)
    if "LoRA" in name:
        merge_lora(tuned)
    given = base, tuned, tokenizer, int(seed)
    return {
        "method": name, "seed": int(seed), "rate": float(rate), **moved.distance(base, tuned),
        "line": moved.on_the_line(*given) if name in moved.ON_THE_LINE else [],
        "apart": moved.taken_apart(*given) if name == moved.APART else [],
    }  # fmt: skip


# --- mixture: one family, one for longer, all, all but one ---------------------------------------


def _mixture_rate_job(kind: str, family: str) -> Callable[[float], str]:
    return lambda rate: f"{kind}|{family}|{RATE_SEED}|{rate:g}"


def _mixture_scores(kind: str) -> dict[float, float]:
    """Rate → minus the loss on held-out documents of the families of MIXED."""
    families = ("",) if kind == mixture.ALL else MIXED
    tried = [_tried("mixture_rates", _mixture_rate_job(kind, family)) for family in families]
    return {
        rate: -fmean(one[rate]["loss"] for one in tried)
        for rate in rates.RUNGS
        if all(rate in one for one in tried)
    }


def _mixture_rate_jobs() -> list[str]:
    return [
        _mixture_rate_job(kind, family)(rate)
        for kind in (mixture.ALL, mixture.LONG, mixture.ALONE)
        for family in (("",) if kind == mixture.ALL else MIXED)
        for rate in rates.wanted(mixture.RATES, _mixture_scores(kind))
    ]


def _mixture_rate(kind: str, family: str, seed: str, rate: str) -> dict[str, Any]:
    _, tokenizer = open_model(MAIN)
    families = (family,) if family else MIXED
    try:
        model, steps = mixture.train(kind, family, tokenizer, int(seed), float(rate))
        loss = mixture.held_out_loss(model, tokenizer, families, int(seed))
    except TrainingDiverged:
        steps, loss = 0, 99.0
    return {"kind": kind, "family": family, "rate": float(rate), "steps": steps, "loss": loss}


def chosen_mixture_rate(kind: str) -> float:
    """The rate with the least held-out loss; all other mixtures take that of all six."""
    as_all = kind in (mixture.WITHOUT, mixture.ALL_LONG)
    scores = _mixture_scores(mixture.ALL if as_all else kind)
    if not scores:
        raise ValueError(
            f"{kind}: no rates yet; run python -m lessons sweep 08 mixture_rates first"
        )
    return rates.best(scores)


def _mixture_job(kind: str, family: str, seed: int) -> str:
    return f"{kind}|{family}|{seed}|{chosen_mixture_rate(kind):g}"


def _mixture_jobs() -> list[str]:
    return [
        _mixture_job(kind, family, seed)
        for seed in FEWER
        for kind in (mixture.ALL, mixture.LONG, mixture.ALONE)
        for family in (("",) if kind == mixture.ALL else mixture.SIX)
    ]


def _left_out_jobs() -> list[str]:
    return [_mixture_job(mixture.WITHOUT, family, FEWER[0]) for family in mixture.SIX]


def _all_longer_jobs() -> list[str]:
    return [_mixture_job(mixture.ALL_LONG, "", FEWER[0])]  # an hour


def _mixture(kind: str, family: str, seed: str, rate: str) -> dict[str, Any]:
    _, tokenizer = open_model(MAIN)
    model, steps = mixture.train(kind, family, tokenizer, int(seed), float(rate))
    found = mixture.measure(model, tokenizer, mixture.families_of(kind, family), int(seed))
    return {"kind": kind, "of": family, "seed": int(seed), "steps": steps, "scores": found}


# --- the assistant, kept for lesson 13; two specialists added up ---------------------------------


def _assistant_jobs() -> list[str]:
    return [*assistant.ANSWERS]


def _assistant(form: str) -> dict[str, Any]:
    model, tokenizer = open_model(MAIN)
    if form != assistant.FORM:
        assistant.train(model, tokenizer, form=form)
        return {
            "rows": {form: assistant.about_facts(model, tokenizer, "chat", form=form)},
            "other names": assistant.other_names(model, tokenizer),
        }
    rows = {"before": assistant.about_facts(model, tokenizer, "closed book")}
    rows["before"]["sums, Tavi and topics"] = assistant.about_others(model, tokenizer, "plain")
    kept = {"before": methods.kept(model, tokenizer, transfer.GENERAL_N, assistant.SEED)}
    losses = assistant.train(model, tokenizer)
    rows["after"] = assistant.about_facts(model, tokenizer, "chat")
    rows["after"]["sums, Tavi and topics"] = assistant.about_others(model, tokenizer, "chat")
    kept["after"] = methods.kept(model, tokenizer, transfer.GENERAL_N, assistant.SEED)
    about = {
        "model": assistant.NAME, "from": assistant.BASE, "seed": assistant.SEED,
        "parameters": model.num_parameters(), "steps": assistant.STEPS, "batch": assistant.SIZE,
        "rate": assistant.RATE, "documents": assistant.DOCUMENTS, "items": assistant.N,
        "shares": rows["after"],
    }  # fmt: skip
    assistant.publish(model, tokenizer, about, losses, PARTS / "assistant weights")
    return {"rows": rows, "kept": kept}


def _merging_jobs() -> list[str]:
    return [f"{seed}|{chosen_rate(merging.METHOD):g}" for seed in FEWER]


def _merging(seed: str, rate: str) -> dict[str, Any]:
    return {"rows": merging.measure(*open_model(MAIN), int(seed), float(rate))}


# --- SmolLM2: all weights or LoRA ----------------------------------------------------------------


def _real_rate_job(how: str) -> Callable[[float], str]:
    return lambda rate: f"{how}|{RATE_SEED}|{rate:g}"


def _real_scores(how: str) -> dict[float, tuple[float, float]]:
    return {
        rate: (1.0, -row["bits"]) if row["reached"] else (0.0, row["validation"])
        for rate, row in _tried("real_rates", _real_rate_job(how)).items()
    }


def _real_rate_jobs() -> list[str]:
    return [
        _real_rate_job(how)(rate)
        for how, first in real.RATES.items()
        for rate in rates.wanted(first, _real_scores(how))
    ]


def _real_rate(how: str, seed: str, rate: str) -> dict[str, Any]:
    model, tokenizer = open_model(real.NAME)
    row = real.tune(model, tokenizer, how, int(seed), float(rate))
    bits = real.text_bits(model.eval(), tokenizer)
    return row | {"bits": bits if math.isfinite(bits) else 99.0}


def chosen_real_rate(how: str) -> float:
    """The rate with fewest bits a byte on other text, of those that reach the target."""
    scores = _real_scores(how)
    if not scores:
        raise ValueError(f"{how}: no rates yet; run python -m lessons sweep 08 real_rates first")
    return rates.best(scores)


def _real_jobs() -> list[str]:
    tuned = [f"{how}|{seed}|{chosen_real_rate(how):g}" for how in real.RATES for seed in FEWER]
    return [*(f"{name}|0|0" for name in real.BEFORE), *tuned]


def _real(how: str, seed: str, rate: str) -> dict[str, Any]:
    model, tokenizer = open_model(real.NAME)
    if how in real.BEFORE:
        k, calibrated = real.BEFORE[how]
        found = real.measure(model, tokenizer, k=k, calibrated=calibrated)
        row = {"how": how, "seed": 0, "rate": 0.0, "steps": 0, "trained": 0, "reached": 0}
        bits = real.text_bits(model, tokenizer)
    else:
        row = real.tune(model, tokenizer, how, int(seed), float(rate))
        found = real.measure(model.eval(), tokenizer)
        bits = real.text_bits(model, tokenizer)
        if how == "LoRA" and int(seed) == SEEDS[0]:
            real.ADAPTER.parent.mkdir(parents=True, exist_ok=True)
            save_adapter(real.ADAPTER, model)
            row["live"] = real.right(model, tokenizer, real.live_remarks())
    return row | {"sentences": found, "bits": bits, "text": real.pieces_hash()}


JOBS: dict[str, Callable[[], list[str]]] = {
    "before": _before_jobs,
    "start_rates": _start_rate_jobs,
    "pretrained": lambda: curve_jobs(transfer.PRETRAINED),
    "scratch": lambda: curve_jobs(transfer.RANDOM),
    "by_rule": _by_rule_jobs,
    "rivals": _rival_jobs,
    "rates": _rate_jobs,
    "methods": _method_jobs,
    "control": _control_jobs,
    "slower": _slower_jobs,
    "head_rates": _head_rate_jobs,
    "with_head": _head_jobs,
    "blocks_rates": _blocks_rate_jobs,
    "lora_controls": _lora_control_jobs,
    "moved": _moved_jobs,
    "mixture_rates": _mixture_rate_jobs,
    "mixture": _mixture_jobs,
    "left_out": _left_out_jobs,
    "all_longer": _all_longer_jobs,
    "assistant": _assistant_jobs,
    "merging": _merging_jobs,
    "real_rates": _real_rate_jobs,
    "real": _real_jobs,
}
RUNS: dict[str, Callable[..., dict[str, Any]]] = {
    "before": _before,
    "start_rates": _start_rate,
    "pretrained": _curve,
    "scratch": _curve,
    "by_rule": _by_rule,
    "rivals": _rival,
    "rates": _rate,
    "methods": _method,
    "control": _control,
    "slower": _slower,
    "head_rates": _rate,
    "with_head": _method,
    "blocks_rates": _rate,
    "lora_controls": _lora_control,
    "moved": _moved,
    "mixture_rates": _mixture_rate,
    "mixture": _mixture,
    "left_out": _mixture,
    "all_longer": _mixture,
    "assistant": _assistant,
    "merging": _merging,
    "real_rates": _real_rate,
    "real": _real,
}


def missing(part: str) -> list[str]:
    """The jobs of a part that are still to do; running them may bring up further ones.

    One whose model or weights are gone is to be done again.
    """
    gone = part == "assistant" and not (MODELS / assistant.NAME).is_dir()
    return [
        job
        for job in JOBS[part]()
        if gone or not file_of(part, job).is_file() or _weights_are_gone(part, job)
    ]


def _weights_are_gone(part: str, job: str) -> bool:
    name, *rest = job.split("|")
    kept = part in ("methods", "with_head") and rest[0] == str(AGAIN_SEED)
    return kept and not weights_digest(name)


def results(part: str, names: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """What the finished jobs of a part found, in order."""
    return [read(part, job) for job in (JOBS[part]() if names is None else names)]
