"""The tables and figures of lesson 08's sweep, from the results of its single runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from statistics import fmean
from typing import Any

from lessons.l08_fine_tuning import (
    assistant,
    jobs,
    measures,
    mixture,
    transfer,
    tuning,
    with_head,
)
from lessons.l08_fine_tuning.recorded import END, RESULTS, rows
from lessons.sweeps import write_csv, write_json

Found = list[dict[str, Any]]


def _columns(found: Iterable[Mapping[str, Any]], names: str) -> Found:
    return [{name: row[name] for name in names.split()} for row in found]


def _write(name: str, found: Iterable[Mapping[str, Any]], names: str) -> None:
    write_csv(RESULTS / f"{name}.csv", _columns(found, names))


def _kept(method: str, found: Found) -> Found:
    """Rows of what became of each old family: the share right, and the loss where it is taken."""
    return [
        {
            "method": method or row["method"],
            "seed": row["seed"],
            "family": family,
            "right": right,
            "nats": row["losses"].get(family, ""),
        }
        for row in found
        for family, right in {**dict.fromkeys(row["losses"], ""), **row["kept"]}.items()
    ]


# --- by part ------------------------------------------------------------------------------------


def _before(found: Found) -> None:
    write_csv(RESULTS / "before.csv", [
        {"seed": row["seed"], "examples": k, "fields": fields, "notes": notes,
         "constant": row["constant"]}
        for row in found for k, (fields, notes) in row["shown"].items()
    ])  # fmt: skip
    write_csv(RESULTS / "kept_before.csv", _kept("before", found))


def _start_rates(found: Found) -> None:
    _write("start_rates", found, "start optimizer rate notes steps loss why score")


def _curves(_: Found) -> None:
    """Both arms, once both are there; the specialist is the last point of one."""
    names = [(p, job) for p, start in zip(("pretrained", "scratch"), transfer.STARTS, strict=True)
             for job in jobs.curve_jobs(start)]  # fmt: skip
    found = [jobs.read(*name) for name in names if jobs.file_of(*name).is_file()]
    mine = [row for row in found if "wording" in row]
    if mine:
        write_csv(RESULTS / "specialist.csv", [
            {"seed": row["seed"], "what": what, "fields": fields, "notes": notes}
            for row in mine for what, fields, notes in _specialist(row)
        ])  # fmt: skip
        write_csv(RESULTS / "kept_specialist.csv", _kept(END, mine))
    if len(found) == len(names):
        columns = "start notes seed optimizer rate steps loss why fields whole words words_whole"
        _write("transfer", found, columns)


def _by_rule(found: Found) -> None:
    _write("by_rule", found, "seed fields notes")


def _rivals(found: Found) -> None:
    _write("rivals", found, "kind notes seed steps why fields whole")


def _specialist(row: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    new, rule = row["wording"], row["age_by_rule"]
    return [
        ("specialist", row["fields"], row["whole"]),
        ("bag of words", row["words"], row["words_whole"]),
        ("bag of words, age by rule", rule["words"], rule["words_whole"]),
        ("specialist, new wordings", new["fields"], new["whole"]),
        ("bag of words, new wordings", new["words"], new["words_whole"]),
    ]


def _rates_table(name: str) -> Callable[[Found], None]:
    def write(found: Found) -> None:
        for row in found:
            for column, of in (("nats", "losses"), ("kept", "kept")):  # none if it diverged
                row[column] = fmean(row[of].values()) if row[of] else ""
        _write(name, found, "method rate steps reached fields notes nats kept")
        _write_paths(f"path_{name}", found)

    return write


def _methods_table(end: str) -> Callable[[Found], None]:
    """methods.csv, kept.csv and path.csv, with an end to their names."""

    def write(found: Found) -> None:
        _lost(found)
        columns = "method seed rate steps trained reached fields notes lost gained"
        _write(f"methods{end}", found, columns)
        write_csv(RESULTS / f"kept{end}.csv", _kept("", found))
        _write_paths(f"path{end}", found)

    return write


def _write_paths(name: str, found: Found) -> None:
    write_csv(RESULTS / f"{name}.csv", [
        {"method": row["method"], "seed": row["seed"], "rate": row["rate"], **look}
        for row in found for look in row["path"]
    ])  # fmt: skip


def _with_head(found: Found) -> None:
    _methods_table("_with_head")(found)
    write_json(RESULTS / "rare.json", next(row["rare"] for row in found if "rare" in row))


def _moved(found: Found) -> None:
    _write("moved", found, "method seed rate size strongest in_few head")
    for name in ("line", "apart"):
        write_csv(RESULTS / f"{name}.csv", [
            {"method": row["method"], "seed": row["seed"], **one}
            for row in found for one in row[name]
        ])  # fmt: skip


def _lost(found: Found) -> None:
    """Add to rows what was lost (share right, mean over families) and gained (nats a token)."""
    before = {row["seed"]: row for row in jobs.results("before")}
    for row in found:
        old = before[row["seed"]]
        row["lost"] = fmean(old["kept"].values()) - fmean(row["kept"].values())
        row["gained"] = fmean(row["losses"].values()) - fmean(old["losses"].values())


def _control(found: Found) -> None:
    _lost(found)
    _write("control", found, "method seed lost gained")


def _mixture_rates(found: Found) -> None:
    _write("mixture_rates", found, "kind family rate steps loss")


def _mixture_table(name: str) -> Callable[[Found], None]:
    def write(found: Found) -> None:
        write_csv(RESULTS / f"{name}.csv", [
            {"kind": row["kind"], "of": row["of"], "seed": row["seed"], "steps": row["steps"],
             **score}
            for row in found for score in row["scores"]
        ])  # fmt: skip

    return write


def _assistant(found: Found) -> None:
    row, named = found
    write_csv(RESULTS / "assistant.csv", [
        {"when": when, "questions": kind, "n": assistant.N, "right": share,
         "other_name": one.get("other names", {}).get(kind, "")}
        for one in (row, named)
        for when, kinds in one["rows"].items() for kind, share in kinds.items()
    ])  # fmt: skip
    write_csv(RESULTS / "kept_assistant.csv", [
        one for when, kept in row["kept"].items()
        for one in _kept("", [{"method": when, "seed": 0, **kept}])
    ])  # fmt: skip


def _merging(found: Found) -> None:
    write_csv(RESULTS / "merging.csv", [row for one in found for row in one["rows"]])


def _real_rates(found: Found) -> None:
    _write("real_rates", found, "how rate steps reached validation bits")


def _real(found: Found) -> None:
    _write("real", found, "how seed rate steps trained reached bits")
    write_csv(RESULTS / "real_sentences.csv", [
        {"how": row["how"], "seed": row["seed"], "sentence": number, "right": share}
        for row in found for number, share in enumerate(row["sentences"])
    ])  # fmt: skip
    live = next(row["live"] for row in found if "live" in row)
    write_json(RESULTS / "live.json", {"right": live, "text_sha256": found[0]["text"]})


WRITE: dict[str, Callable[[Found], None]] = {
    "before": _before,
    "start_rates": _start_rates,
    "pretrained": _curves,
    "scratch": _curves,
    "by_rule": _by_rule,
    "rivals": _rivals,
    "rates": _rates_table("rates"),
    "methods": _methods_table(""),
    "control": _control,
    "slower": _rates_table("slower"),
    "head_rates": _rates_table("head_rates"),
    "with_head": _with_head,
    "blocks_rates": _rates_table("blocks_rates"),
    "lora_controls": _methods_table("_lora_controls"),
    "moved": _moved,
    "mixture_rates": _mixture_rates,
    "mixture": _mixture_table("mixture"),
    "left_out": _mixture_table("left_out"),
    "all_longer": _mixture_table("all_longer"),
    "assistant": _assistant,
    "merging": _merging,
    "real_rates": _real_rates,
    "real": _real,
}

# --- figures of the claims ----------------------------------------------------------------------

NEEDED = ("transfer", "methods", "methods_with_head", "mixture")


def write_figures() -> None:
    """results/figures.csv, once the tables that its claims need are there.

    A claim that cannot be decided yet has no figures; why is printed.
    """
    if not all((RESULTS / f"{name}.csv").is_file() for name in NEEDED):
        return
    found = [
        {"claim": claim, "figure": figure, "seed": seed, "value": value}
        for claim, figures in figures_of({name: rows(name) for name in NEEDED}).items()
        for figure, values in figures.items()
        for seed, value in values.items()
    ]
    write_csv(RESULTS / "figures.csv", found)


def figures_of(
    tables: Mapping[str, list[dict[str, str]]],
) -> dict[str, dict[str, dict[int, float]]]:
    """Claim → figure → seed → value."""
    both = [*tables["methods"], *tables["methods_with_head"]]
    found = {}
    for claim, figures, table in (
        ("transfer", transfer_figures, tables["transfer"]),
        ("specialise", specialise_figures, tables["transfer"]),
        ("keeps-general", methods_figures, both),
        ("multi-task", mixture_figures, tables["mixture"]),
    ):
        try:
            found[claim] = figures(table)
        except ValueError as error:
            print(f"{claim}: {error}")
    return found


def transfer_figures(found: list[dict[str, str]]) -> dict[str, dict[int, float]]:
    """What the same notes teach more from fernhollow, and the ratio of the numbers needed."""
    curves: dict[tuple[str, int], dict[int, float]] = {}
    for row in found:
        curve = curves.setdefault((row["start"], int(row["seed"])), {})
        curve[int(row["notes"])] = float(row["fields"])
    mine = {seed: curve for (start, seed), curve in curves.items() if start == transfer.PRETRAINED}
    if fmean(max(curve.values()) for curve in mine.values()) < transfer.LEVEL:
        raise ValueError(
            f"pre-trained weights do not reach {transfer.LEVEL:.0%} of the fields with any number "
            "of notes, so no numbers can be compared: lower the level in the rule, and run again"
        )
    scratch = {seed: curves[transfer.RANDOM, seed] for seed in mine}
    return {
        "pretrained_minus_scratch": {s: mine[s][64] - scratch[s][64] for s in mine},
        "log2_times_fewer": {
            seed: measures.log2_ratio(scratch[seed], mine[seed], transfer.LEVEL) for seed in mine
        },
    }


def specialise_figures(found: list[dict[str, str]]) -> dict[str, dict[int, float]]:
    """The specialist, alone and against a bag of words that learnt from the same notes."""
    names = ("fields", "whole", "words", "words_whole")
    mine = {
        int(row["seed"]): {name: float(row[name]) for name in names}
        for row in found
        if (row["start"], int(row["notes"])) == (transfer.PRETRAINED, transfer.SPECIALIST)
    }  # fmt: skip
    return {
        "fields_minus_bag_of_words": {s: row["fields"] - row["words"] for s, row in mine.items()},
        "notes_minus_bag_of_words": {
            s: row["whole"] - row["words_whole"] for s, row in mine.items()
        },
        "notes_right": {seed: row["whole"] for seed, row in mine.items()},
    }


def methods_figures(found: list[dict[str, str]]) -> dict[str, dict[int, float]]:
    """What was lost at the target; of the methods that no condition names, if all runs reached it.

    Raises ValueError if a run of one that is named did not reach it.
    """
    figures: dict[str, dict[int, float]] = {}
    for name in (*tuning.METHODS, *with_head.RANKS):
        some = [row for row in found if row["method"] == name]
        late = [row["seed"] for row in some if not int(row["reached"])]
        if late and name in ("full", "replay"):
            raise ValueError(
                f"{name} did not reach the target on seed {', '.join(late)}: it has no figure "
                "there. Raise methods.MOST, or change the rule, and run again"
            )
        if some and not late:
            key = name.replace(" %", "").replace(" +", "").replace(" ", "_").lower()
            for what in ("lost", "gained"):
                figures[f"{what}_{key}"] = {int(r["seed"]): float(r[what]) for r in some}
    return figures


def mixture_figures(found: list[dict[str, str]]) -> dict[str, dict[int, float]]:
    """Each family's gain: with all, minus the better of alone and alone for longer."""
    right = {(row["kind"], row["family"], int(row["seed"])): float(row["right"]) for row in found}
    seeds = sorted({seed for _, _, seed in right})
    gains = {
        family: {
            seed: right[mixture.ALL, family, seed]
            - max(right[kind, family, seed] for kind in (mixture.ALONE, mixture.LONG))
            for seed in seeds
        }
        for family in mixture.SIX
    }
    mean = {seed: fmean(gains[family][seed] for family in gains) for seed in seeds}
    return {"mean_gain": mean, **{f"gain_{family}": gain for family, gain in gains.items()}}
