"""The recorded runs of lesson 08, read back for its figures."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from lessons.l08_fine_tuning import measures, tuning, with_head
from lessons.l08_fine_tuning.lora_controls import BLOCKS, SLOW
from lessons.l08_fine_tuning.rivals import RECIPE, WORDS
from lessons.l08_fine_tuning.transfer import GENERAL_N, RANDOM
from lessons.l09_few_shot.smol import LABELS
from lessons.sweeps import open_model, read_csv, read_json
from minigpt import GPT, BPETokenizer, load_adapter
from minigpt.intervals import Interval, bootstrap_interval, mean_interval

RESULTS = Path(__file__).parent / "results"
PARTS = RESULTS / "parts"  # finished runs, not kept with the lesson
ADAPTERS = RESULTS / "adapters"
END = "full, to the end"  # all weights, not stopped at the target: the specialist
AGAIN, AGAIN_METHOD = ("sums",), "LoRA 16"  # asked again in the notebook
AGAIN_SEED = 10
METHODS = (*tuning.METHODS, *with_head.RANKS)


def adapter_file(method: str) -> Path:
    """Where the adapter of one seed of a method is kept."""
    return ADAPTERS / f"{method.replace(' ', '_')}.safetensors"


def weights_folder(method: str) -> Path:
    """Where the sweep leaves the weights of one seed of a method that moves all of them."""
    return PARTS / f"{method.replace(' ', '_')} weights"


def weights_digest(method: str) -> str:
    """The beginning of the SHA-256 of a method's adapter or weights; "" where there are none."""
    for file in (adapter_file(method), weights_folder(method) / "model.safetensors"):
        if file.is_file():
            return hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    return ""


def tuned_methods() -> list[str]:
    """The methods of which one seed can be opened: adapters, and what this machine's sweep left."""
    return [name for name in METHODS if weights_digest(name)]


def open_tuned(method: str) -> tuple[GPT, BPETokenizer]:
    """The model that a method made of seed AGAIN_SEED; raises ValueError if it is not here."""
    if method not in tuned_methods():
        part = "with_head" if method in with_head.RANKS else "methods"
        raise ValueError(
            f"method={method!r}: not here. Choose one of {', '.join(tuned_methods())}, or make it "
            f"with: python -m lessons sweep 08 {part}"
        )
    if not adapter_file(method).is_file():
        return open_model(str(weights_folder(method)))
    model, tokenizer = open_model("fernhollow")
    load_adapter(adapter_file(method), model)
    return model, tokenizer


def rows(name: str) -> list[dict[str, str]]:
    """The rows of results/<name>.csv."""
    return read_csv(RESULTS / f"{name}.csv")


def _by(found: list[dict[str, str]], key: str, value: str) -> dict[str, Interval]:
    groups: dict[str, list[float]] = {}
    for row in found:
        groups.setdefault(row[key], []).append(float(row[value]))
    return {name: mean_interval(values) for name, values in groups.items()}


# --- transfer -----------------------------------------------------------------------------------


def transfer(start: str, what: str = "fields") -> dict[int, Interval]:
    """Fields right by number of notes, from "pre-trained" or "random weights".

    `what`: "fields", "whole" (notes), or "words": fields by a bag of words on the same notes.
    """
    some = [row for row in rows("transfer") if row["start"] == start]
    found = {int(n): interval for n, interval in _by(some, "notes", what).items()}
    return dict(sorted(found.items()))


def curves() -> dict[str, dict[int, Interval]]:
    """The lines of the picture: both starts, and two bags of words.

    The second one learns from the notes that decide when the networks stop, too.
    """
    found = {start: transfer(start) for start in ("pre-trained", "random weights")}
    more = [row for row in rows("rivals") if row["kind"] == WORDS]
    return found | {
        "bag of words": transfer("pre-trained", "words"),
        "bag of words, 60 more": _by_notes(more),
    }


def rivals() -> dict[str, dict[int, Interval]]:
    """Random weights by the course's recipe, and as in the picture on the same seeds."""
    recipe = [row for row in rows("rivals") if row["kind"] == RECIPE]
    seeds, sizes = ({row[what] for row in recipe} for what in ("seed", "notes"))
    plain = [
        row for row in rows("transfer")
        if row["start"] == RANDOM and row["seed"] in seeds and row["notes"] in sizes
    ]  # fmt: skip
    return {
        "random weights, recipe": _by_notes(recipe),
        "random weights, same seeds": _by_notes(plain),
    }


def _by_notes(some: list[dict[str, str]]) -> dict[int, Interval]:
    found = {int(n): interval for n, interval in _by(some, "notes", "fields").items()}
    return dict(sorted(found.items()))


def trained_out() -> dict[str, str]:
    """Start → how its trainings were chosen and ended, in words."""
    found = {}
    for start in ("pre-trained", "random weights"):
        some = [row for row in rows("transfer") if row["start"] == start]
        capped = sum(row["why"] == "cap" for row in some)
        steps = [int(row["steps"]) for row in some]
        found[start] = (
            f"{some[0]['optimizer']} {some[0]['rate']}, {min(steps)} to {max(steps)} steps, "
            f"{capped} of {len(some)} trainings ended by the limit, loss in the end at most "
            f"{max(float(row['loss']) for row in some):.3f}"
        )
    return found


def specialist() -> dict[str, tuple[Interval, Interval]]:
    """Who → fields and whole notes right: before, constant, bag of words, specialist."""
    asked, found = rows("before"), {}
    for k in ("0", "1", "2"):
        some = [row for row in asked if row["examples"] == k]
        fields, notes = ([float(row[what]) for row in some] for what in ("fields", "notes"))
        name = f"fernhollow before, {k} example{'' if k == '1' else 's'}"
        found[name] = mean_interval(fields), mean_interval(notes)
    constant = [float(row["constant"]) for row in asked if row["examples"] == "0"]
    found["commonest value of each field"] = mean_interval(constant), (0.0, 0.0, 0.0)
    fields_, notes_ = (_by(rows("specialist"), "what", what) for what in ("fields", "notes"))
    found |= {name: (fields_[name], notes_[name]) for name in fields_}
    both = ([float(row[what]) for row in rows("by_rule")] for what in ("fields", "notes"))
    rule_fields, rule_notes = (mean_interval(values) for values in both)
    return found | {"the same, age by rule": (rule_fields, rule_notes)}


# --- methods ------------------------------------------------------------------------------------


def _both(name: str) -> list[dict[str, str]]:
    """A table of the methods, and that of LoRA in the output layer, too."""
    return [*rows(name), *rows(f"{name}_with_head")]


def methods() -> dict[str, dict[str, Interval]]:
    """Method → "fields", "notes", "lost" (share right), "gained" (nats a token), "steps", … .

    Also "trained" (numbers), "rate", and "reached": the share of runs that reached the target.
    """
    return _methods(_both("methods"), METHODS)


def lora_controls() -> dict[str, dict[str, Interval]]:
    """The same of the two controls of LoRA, all weights and LoRA 16, on the controls' seeds."""
    found = rows("methods_lora_controls")
    seeds = {row["seed"] for row in found}
    beside = [row for row in rows("methods") if row["seed"] in seeds]
    return _methods([*beside, *found], ("full", BLOCKS, "LoRA 16", SLOW))


def lost_more(control: str, method: str) -> list[float]:
    """How much more a control of LoRA lost than a method, in share right, seed by seed."""
    lost = {row["seed"]: float(row["lost"]) for row in rows("methods") if row["method"] == method}
    return [
        float(row["lost"]) - lost[row["seed"]]
        for row in rows("methods_lora_controls")
        if row["method"] == control
    ]


def jump(table: str, method: str) -> float:
    """The highest loss on old documents before a field is right, of the first seed's looks."""
    seed = str(AGAIN_SEED)
    looks = [row for row in rows(table) if (row["method"], row["seed"]) == (method, seed)]
    early = itertools.takewhile(lambda look: float(look["fields"]) == 0, looks)
    return max(float(look["nats"]) for look in early)


def _methods(found: list[dict[str, str]], names: Sequence[str]) -> dict[str, dict[str, Interval]]:
    columns = "fields notes lost gained steps trained rate reached".split()
    tables = {column: _by(found, "method", column) for column in columns}
    return {
        name: {column: tables[column][name] for column in columns}
        for name in names
        if name in tables["lost"]
    }


def rates() -> dict[str, list[dict[str, str]]]:
    """Method → a row for each rate that was tried, from the lowest."""
    both = [*rows("rates"), *rows("head_rates")]
    tried = sorted(both, key=lambda row: float(row["rate"]))
    return {name: [row for row in tried if row["method"] == name] for name in METHODS}


def slower() -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    """Method → the row of the rate it got, and of the next lower one with three times the steps."""
    tried = {(row["method"], float(row["rate"])): row for row in rows("rates")}
    taken = {row["method"]: float(row["rate"]) for row in rows("methods")}
    return {name: (tried[name, taken[name]], row)
            for row in rows("slower") for name in [row["method"]]}  # fmt: skip


def paths() -> dict[str, list[tuple[float, float]]]:
    """Method → fields right and nats a token on old documents, look by look, of the first seed."""
    found: dict[str, list[tuple[float, float]]] = {}
    for row in _both("path"):
        if int(row["seed"]) == AGAIN_SEED:
            point = float(row["fields"]), float(row["nats"])
            found.setdefault(row["method"], []).append(point)
    return {name: found[name] for name in METHODS if name in found}


LEVELS = (0.4, 0.6, 0.8, 0.9)  # of fields right, at which methods can be compared


def on_the_way() -> dict[str, dict[float, tuple[float, float, bool]]]:
    """Method → level → the least loss on old documents, the rate that had it, and if none is lower.

    Of all rates that were tried: nats a token at the first look with so many fields right,
    interpolated between it and the look before. A level that no rate reached is left out.
    """
    runs: dict[str, dict[float, list[tuple[float, float]]]] = {}
    for row in [*rows("path_rates"), *rows("path_head_rates")]:
        looks = runs.setdefault(row["method"], {}).setdefault(float(row["rate"]), [])
        looks.append((float(row["fields"]), float(row["nats"])))
    found: dict[str, dict[float, tuple[float, float, bool]]] = {name: {} for name in METHODS}
    for name, levels in found.items():
        for level in LEVELS:
            nats, rate = min((_nats_at(looks, level), rate) for rate, looks in runs[name].items())
            if nats < math.inf:
                levels[level] = nats, rate, rate == min(runs[name])
    return found


def _nats_at(looks: Sequence[tuple[float, float]], level: float) -> float:
    for (fields, nats), (then, nats_then) in itertools.pairwise(looks):
        if then >= level:
            part = (level - fields) / (then - fields)
            return nats + part * (nats_then - nats)
    return math.inf


def rare() -> dict[str, float]:
    """What `with_head.rare` found: how often old documents hold the tokens of the answers."""
    found: dict[str, float] = read_json(RESULTS / "rare.json")
    return found


def _kept(what: str) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, list[float]]] = {}
    for table in ("kept_before", "kept", "kept_with_head", "kept_specialist"):
        for row in rows(table):
            if row[what]:
                families = found.setdefault(row["method"], {})
                families.setdefault(row["family"], []).append(float(row[what]))
    return {
        method: {family: fmean(values) for family, values in found[method].items()}
        for method in ("before", *METHODS, END)
        if method in found
    }


def kept() -> dict[str, dict[str, float]]:
    """Method → family → mean share right after fine-tuning; "before": of the model as it was."""
    return _kept("right")


def kept_of(method: str, seed: int) -> dict[str, float]:
    """Family → share right after fine-tuning with one seed."""
    return {
        row["family"]: float(row["right"])
        for row in _both("kept")
        if (row["method"], int(row["seed"])) == (method, seed) and row["right"]
    }


def before_nats() -> float:
    """The loss on held-out old documents before any training, mean over families."""
    return fmean(losses()["before"].values())


def lost_in_the_end() -> tuple[float, float]:
    """What the specialist, END, lost: points of old tasks, and nats a token gained."""
    right, nats = kept(), losses()
    lost = fmean(right["before"].values()) - fmean(right[END].values())
    return 100 * lost, fmean(nats[END].values()) - fmean(nats["before"].values())


def losses() -> dict[str, dict[str, float]]:
    """Method → family → mean nats a token on held-out documents; "before" as in `kept`."""
    return _kept("nats")


def control() -> dict[str, tuple[Interval, Interval]]:
    """What is lost by old documents alone; and how much more of it by replay.

    In points of the share right and thousandths of a nat a token. Both take as many steps; the
    second is of the same seeds, pair by pair.
    """
    replay = {row["seed"]: row for row in rows("methods") if row["method"] == "replay"}
    found = {}
    for what, told, unit in (
        ("lost", "points lost", 100),
        ("gained", "thousandths of a nat gained", 1000),
    ):
        alone = {row["seed"]: unit * float(row[what]) for row in rows("control")}
        more = [unit * float(replay[seed][what]) - value for seed, value in alone.items()]
        found[told] = mean_interval([*alone.values()]), mean_interval(more)
    return found


def changes() -> dict[str, dict[str, float]]:
    """Method → family → mean change of the share right, over the method's own seeds."""
    before = {
        (row["seed"], row["family"]): float(row["right"])
        for row in rows("kept_before")
        if row["right"]
    }
    found: dict[str, dict[str, list[float]]] = {}
    for row in [*_both("kept"), *rows("kept_specialist")]:
        if row["right"]:
            change = float(row["right"]) - before[row["seed"], row["family"]]
            found.setdefault(row["method"], {}).setdefault(row["family"], []).append(change)
    return {
        method: {family: fmean(values) for family, values in found[method].items()}
        for method in (*METHODS, END)
        if method in found
    }


def marked(kept: Mapping[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """The same with a * behind each method that did not reach the target in all runs."""
    reached = {name: row["reached"][0] for name, row in methods().items()}
    return {name + " *" * (reached.get(name, 1) < 1): shares for name, shares in kept.items()}


def beyond_the_rule() -> dict[str, Interval]:
    """The specialist minus a bag of words that is handed the age, seed by seed."""
    found = rows("specialist")
    by_rule = {row["seed"]: row for row in found if row["what"] == "bag of words, age by rule"}
    mine = [row for row in found if row["what"] == "specialist"]
    return {
        what: mean_interval([float(row[what]) - float(by_rule[row["seed"]][what]) for row in mine])
        for what in ("fields", "notes")
    }


def again() -> dict[str, tuple[float, float]]:
    """Family → the share right that was recorded, and the one measured now on the same items.

    Of AGAIN_METHOD, whose adapter the lesson keeps.
    """
    now = measures.general(*open_tuned(AGAIN_METHOD), GENERAL_N, AGAIN_SEED, AGAIN)
    then = kept_of(AGAIN_METHOD, AGAIN_SEED)
    return {family: (then[family], now[family]) for family in AGAIN}


# --- mixtures -----------------------------------------------------------------------------------

KINDS = {
    "only": "alone",
    "long": "alone, longer",
    "all": "all",
    "all long": "all, six times as long",  # of one seed, in a table of its own
}


def mixture() -> dict[str, dict[str, Interval]]:
    """Family → share right trained "alone", "alone, longer", and with "all"."""
    return {
        family: {kind: mean_interval(values) for kind, values in kinds.items()}
        for family, kinds in mixture_seeds("right").items()
    }


def answer_nats() -> dict[str, dict[str, float]]:
    """Family → kind of training → mean nats a token on held-out answers."""
    return {
        family: {kind: fmean(values) for kind, values in kinds.items()}
        for family, kinds in mixture_seeds("nats").items()
    }


def mixture_seeds(what: str = "right") -> dict[str, dict[str, list[float]]]:
    """Family → kind of training, in the order of KINDS → a column of its rows, seed by seed."""
    table = rows("mixture")
    found: dict[str, dict[str, list[float]]] = {row["family"]: {} for row in table}
    for kind, name in KINDS.items():
        for row in table:
            if row["kind"] == kind:
                found[row["family"]].setdefault(name, []).append(float(row[what]))
    return found


def all_longer() -> dict[str, dict[str, float]]:
    """Family → share right "alone, longer", with "all", and with all as often: of one seed."""
    longer = rows("all_longer")
    (seed,) = {row["seed"] for row in longer}
    right = {
        (row["kind"], row["family"]): float(row["right"])
        for row in [*rows("mixture"), *longer]
        if row["seed"] == seed
    }
    kinds = ("long", "all", "all long")
    return {
        row["family"]: {KINDS[kind]: right[kind, row["family"]] for kind in kinds} for row in longer
    }


def mixture_steps() -> dict[str, tuple[int, int]]:
    """Kind of training → the fewest and the most steps that one took."""
    found: dict[str, list[int]] = {}
    for row in [*rows("mixture"), *rows("all_longer")]:
        found.setdefault(KINDS[row["kind"]], []).append(int(row["steps"]))
    return {kind: (min(steps), max(steps)) for kind, steps in found.items()}


def left_out() -> dict[str, dict[str, float]]:
    """Family → left-out family → how the share right changes without it, mean over seeds."""
    whole = {
        (row["family"], row["seed"]): float(row["right"])
        for row in rows("mixture")
        if row["kind"] == "all"
    }
    found: dict[str, dict[str, list[float]]] = {}
    for row in rows("left_out"):
        change = float(row["right"]) - whole[row["family"], row["seed"]]
        found.setdefault(row["family"], {}).setdefault(row["of"], []).append(change)
    return {f: {out: fmean(v) for out, v in others.items()} for f, others in found.items()}


def assistant_kept(when: str) -> dict[str, float]:
    """Old task → share right of the assistant's model "before" or "after" its tuning."""
    return {
        row["family"]: float(row["right"])
        for row in rows("kept_assistant")
        if row["method"] == when and row["right"]
    }


# --- SmolLM2 ------------------------------------------------------------------------------------


def real() -> dict[str, dict[str, Any]]:
    """How SmolLM2 was used → "right" (interval over pairs of sentences), "bits", "trained", …

    Each sentence's share is the mean over its remarks and over the trainings. For the interval,
    pairs of a pleased sentence and its cross mirror are drawn again: neither the remarks of one
    sentence nor the two of a pair are independent. "pleased", "cross": the share right of each.
    """
    table, sentences = rows("real"), rows("real_sentences")
    found: dict[str, dict[str, Any]] = {}
    for how in dict.fromkeys(row["how"] for row in table):
        some = [row for row in table if row["how"] == how]
        shares = _by_sentence(sentences, how)
        found[how] = {
            "right": bootstrap_interval(_pairs(shares)),
            **dict(zip(LABELS, map(fmean, _halves(shares)), strict=True)),
            "runs": len(some),
            "reached": sum(int(row["reached"]) for row in some),
            "bits": fmean(float(row["bits"]) for row in some),
            "trained": int(some[0]["trained"]),
        }
    return found


def real_gain(how: str, than: str) -> Interval:
    """How much more of the remarks one use of SmolLM2 has right than another, pair by pair."""
    sentences = rows("real_sentences")
    mine, other = (_by_sentence(sentences, name) for name in (how, than))
    return bootstrap_interval(_pairs([a - b for a, b in zip(mine, other, strict=True)]))


def _pairs(shares: list[float]) -> list[float]:
    """The mean of each pleased sentence and its cross mirror."""
    return [fmean(pair) for pair in zip(*_halves(shares), strict=True)]


def _halves(shares: list[float]) -> tuple[list[float], list[float]]:
    """Those of the pleased sentences, and those of the cross ones, which follow in their order."""
    half = len(shares) // 2
    return shares[:half], shares[half:]


def _by_sentence(found: list[dict[str, str]], how: str) -> list[float]:
    """The share right of each sentence, mean over trainings, in the order of the sentences."""
    shares: dict[int, list[float]] = {}
    for row in found:
        if row["how"] == how:
            shares.setdefault(int(row["sentence"]), []).append(float(row["right"]))
    return [fmean(shares[number]) for number in sorted(shares)]


def live() -> list[bool]:
    """Which of the remarks that the notebook asks again the kept adapter had right."""
    found: list[bool] = read_json(RESULTS / "live.json")["right"]
    return found


def provenance(part: str = "") -> dict[str, Any]:
    """Command, date, versions and times of the recorded runs."""
    return read_json(RESULTS / f"provenance{part}.json")
