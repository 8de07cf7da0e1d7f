"""The recorded runs of lesson 13, in parts: python -m lessons sweep 13 answers | frequency | …

A part runs as one-thread processes (`--processes`, 2) and keeps every finished run in
results/parts/, so that an interrupted part goes on. Times: one process, one thread, a processor of
2024. All parts in this order, with none named:

`answers` (20 minutes): 750 questions of each group to fernhollow, the whole training text read for
the people asked about, and what it expects of strangers. `twin` (5 minutes): the small model and
the one that never read "not stated". `samples` (15 minutes): several answers to each question at
four temperatures. `frequency` (2 hours): five exponents, five seeds, and five uneven worlds.
`arms` (2.5 hours): learning to decline, three seeds. `wording_trial` (1 hour): one seed that is
not used, to see whether the next part can say anything. `wording` (3 hours): one wording or
several, three seeds. `smol` (40 minutes): 400 questions to SmolLM2 in two ways, and a sentence.
`tuned` (5 minutes): confidence before and after instruction tuning; it needs the assistant that
`python -m lessons sweep 08 assistant` trains.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import torch

from lessons import evaluate
from lessons.l08_fine_tuning import assistant
from lessons.l13_hallucination import abstain, frequency, records, smol, wording
from lessons.l13_hallucination.recorded import RESULTS
from lessons.models import MODELS, digest
from lessons.sweeps import (
    open_model,
    part_file,
    provenance,
    read_csv,
    read_json,
    write_csv,
    write_json,
)
from lessons.world.corpus import encode
from lessons.world.people_language import question
from lessons.world.tape import Tape
from lessons.world.tasks import passages
from lessons.world.tasks.base import Item
from lessons.world.truth import ATTRIBUTES, people
from minigpt import GPT, BPETokenizer, generate
from minigpt.evaluate import sequence_logprob
from minigpt.tokenizer import END

PARTS = RESULTS / "parts"
MAIN, SMALL, TWIN, ASSISTANT = (
    "fernhollow",
    "fernhollow-small",
    "fernhollow-twin",
    "fernhollow-chat",
)
ASKED: dict[str, tuple[str, ...]] = {  # the course's models that a part asks
    "answers": (MAIN,),
    "twin": (MAIN, SMALL, TWIN),
    "samples": (MAIN,),
    "frequency": (),
    "arms": (MAIN,),
    "wording_trial": (),
    "wording": (),
    "smol": (),
    "tuned": (MAIN, ASSISTANT),
}
FROM_RANDOM = ("wording", "wording_trial")  # parts that take MAIN's vocabulary, not its weights
SEEDS, FREQUENCY_SEEDS = range(3), range(5)
TRIAL_SEED = 7  # of the trial of `wording`: not one of SEEDS
PASSAGES, TWIN_GROUPS = 150, (records.NOBODY, records.UNWRITTEN, "1", "64")
# Phrases that say nothing of declining: two models may differ in how likely they find any words.
CONTROLS = ("not red", "well known", "positive")
GUESSED = 200  # people of each group, each asked for all attributes
SAMPLE_GROUPS = (records.NOBODY, "1", "8", "64")
TEMPERATURES = {0.0: 1, 0.5: 5, 1.0: 10, 1.5: 5}  # and how often each question is answered
SAMPLED = 200  # questions of a group
TUNED_GROUPS = ("1", "8", "64")
SETTINGS: dict[str, object] = {  # what a finished run depends on beside rules and models
    "answers": (records.PARTS, records.N, GUESSED),
    "twin": (records.PARTS, records.N, PASSAGES, TWIN_GROUPS, CONTROLS),
    "samples": (SAMPLE_GROUPS, TEMPERATURES, SAMPLED),
    "frequency": (
        frequency.FACTS, frequency.TEXTS, frequency.QUESTIONS, frequency.STRANGERS,
        frequency.VALUES, frequency.PASSES, frequency.BATCH,
    ),
    "arms": (
        abstain.GROUPS, abstain.TEACH, abstain.QUESTIONS, abstain.EARLY, abstain.STEPS,
        abstain.RATE, abstain.TEST,
    ),
    "wording": (wording.PEOPLE, wording.TOLD, wording.ASKED, wording.PASSES, wording.LENGTH),
    "smol": (smol.ASKED, smol.PERMISSION, smol.BEGINNING, smol.SENTENCE),
    "tuned": TUNED_GROUPS,
}  # fmt: skip
SETTINGS["wording_trial"] = SETTINGS["wording"]
Found = list[dict[str, Any]]  # what the runs of a part returned


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing of the parts named, and write results/*.csv and provenance."""
    parser = argparse.ArgumentParser(prog="python -m lessons sweep 13", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(JOBS)}; all if none is named")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args(argv)
    if unknown := sorted({*arguments.parts} - {*JOBS}):
        raise ValueError(f"no parts {unknown}; there are {', '.join(JOBS)}")
    PARTS.mkdir(parents=True, exist_ok=True)
    for part in arguments.parts or JOBS:
        _need_models(part)
        jobs = [(part, job) for job in JOBS[part]()]
        missing = [job for job in jobs if not _file(*job).is_file()]
        with ProcessPoolExecutor(arguments.processes, mp_context=get_context("spawn")) as pool:
            for job, seconds in zip(missing, pool.map(_run, missing), strict=True):
                print(f"{job}: {seconds:.0f} s", flush=True)
        found = [read_json(_file(*job)) for job in jobs]
        TABLES[part](found)
        seconds = sum(one["seconds"] for one in found)
        command = f"python -m lessons sweep 13 {part}"
        origin = provenance("13", command, seconds, 1, models=ASKED[part])
        origin["seconds_are"] = "summed over processes of one thread"
        write_json(RESULTS / f"provenance_{part}.json", origin)
        _figures()


def _need_models(part: str) -> None:
    """Raises FileNotFoundError, with the remedy, before a part that asks a model not there yet."""
    if ASSISTANT in ASKED[part] and not (MODELS / ASSISTANT).is_dir():
        raise FileNotFoundError(
            f"the part {part!r} asks the assistant {ASSISTANT}, which is not there yet: first run "
            f"python -m lessons sweep 08 assistant"
        )


def _file(part: str, job: str) -> Path:
    """Where a finished run is kept: by its job, the rules, the models and the settings.

    So that what was changed cannot pass for what was run.
    """
    settings = repr(SETTINGS[part])
    if part in FROM_RANDOM:
        settings += digest(MAIN, "tokenizer.json")
    name = f"{part} {job.replace('|', ' ')}"
    return part_file(PARTS, "13", name, ASKED[part], settings=settings)


def _run(job: tuple[str, str]) -> float:
    torch.set_num_threads(1)
    start = time.perf_counter()
    found = RUNS[job[0]](*job[1].split("|"))
    found["seconds"] = time.perf_counter() - start
    write_json(_file(*job), found)
    return float(found["seconds"])


# Answers, and the text behind them.


def _answer_jobs() -> list[str]:
    return [*map(str, range(records.PARTS)), "text", "guesses"]


def _answer(job: str) -> dict[str, Any]:
    if job == "text":
        return {"people": _text()}
    model, tokenizer = open_model(MAIN)
    if job == "guesses":
        return {"guesses": _guesses(model, tokenizer)}
    return {"rows": answered(model, tokenizer, int(job), records.GROUPS)}


def answered(
    model: GPT, tokenizer: BPETokenizer, number: int, groups: Sequence[str], n: int = records.N
) -> list[dict[str, Any]]:
    """A row for each question of one part of some groups, with how many documents say so.

    `exposures`: say the truth; `said_in`: say what the model said. Both by the plan.
    """
    rows = []
    for group in groups:
        for row in records.record(model, tokenizer, group, records.part(group, number, n)):
            who = row["name"], row["attribute"]
            told = {"exposures": records.exposures(*who, row["truth"])}
            told["said_in"] = records.exposures(*who, row["output"]) if row["stated"] else 0
            rows.append({"part": number, **row, **told})
    return rows


def _text() -> list[dict[str, Any]]:
    """For everybody asked about, what the whole training text holds, all families: a row each."""
    asked = {
        item.meta["name"]: group
        for group in records.GROUPS
        for number in range(records.PARTS)
        for item in records.part(group, number)
    }
    texts, surnames = records.read_text(asked)
    truth = {person.name: person for person in people()}
    rows = []
    for name, group in asked.items():
        row: dict[str, Any] = {"name": name, "block": getattr(truth.get(name), "block", group)}
        row["documents"] = len(texts[name])
        row["surname"] = sum(surnames[name].values())
        row["surname_in"] = " ".join(sorted(surnames[name]))
        for attribute in ATTRIBUTES:
            values = ATTRIBUTES[attribute]
            told = {value: len(records.saying(texts[name], value)) for value in values}
            row[attribute] = " ".join(f"{value}:{n}" for value, n in told.items() if n)
        rows.append(row)
    return rows


def _guesses(model: GPT, tokenizer: BPETokenizer) -> list[dict[str, Any]]:
    """What the model expects of GUESSED strangers and people never written, by attribute."""
    rows = []
    for group in (records.NOBODY, records.UNWRITTEN):
        names = [owner[0] for owner in records.owners(group)[:GUESSED]]
        some = [records.ask(name, attribute) for name in names for attribute in ATTRIBUTES]
        for item, found in zip(some, records.guesses(model, tokenizer, some), strict=True):
            p = " ".join(f"{value:.3g}" for value in found)
            rows.append({"group": group, **item.meta, "truth": item.answer.strip(), "p": p})
    return rows


def _write_answers(found: Found) -> None:
    write_csv(RESULTS / "answers.csv", [row for one in found for row in one.get("rows", [])])
    write_csv(RESULTS / "text.csv", next(one["people"] for one in found if "people" in one))
    write_csv(RESULTS / "guesses.csv", next(one["guesses"] for one in found if "guesses" in one))


# The twin.


def _twin_jobs() -> list[str]:
    return [MAIN, SMALL, TWIN]


def _twin(name: str) -> dict[str, Any]:
    model, tokenizer = open_model(name)
    rows = answered(model, tokenizer, 0, TWIN_GROUPS)
    for split in ("unanswerable", "test"):
        tape = Tape("lesson 13", "passages", split)
        rows += passage_rows(model, tokenizer, passages.items(tape, PASSAGES, split), split)
    strangers = [row["prompt"] for row in rows if row["group"] == records.NOBODY]
    controls = [
        {"model": name, "phrase": phrase, "prompt": prompt, "log10": nats / math.log(10)}
        for phrase in CONTROLS
        for prompt, nats in zip(
            strangers,
            records.logprobs(model, tokenizer, [(p, f" {phrase}") for p in strangers], end=False),
            strict=True,
        )
    ]
    return {"rows": [{"model": name, **row} for row in rows], "controls": controls}


def passage_rows(
    model: GPT, tokenizer: BPETokenizer, some: Sequence[Item], split: str
) -> list[dict[str, Any]]:
    """Rows as of `answered` for questions on a passage, whose prompt is left out: it is long."""
    asked = [Item(i.prompt, i.answer, (i.answer,), meta=i.meta) for i in some]
    return [
        {"part": 0, **row, "prompt": row["prompt"].splitlines()[-2], "exposures": 0, "said_in": 0}
        for row in records.record(model, tokenizer, f"passage, {split}", asked)
    ]


def _write_twin(found: Found) -> None:
    write_csv(RESULTS / "twin.csv", [row for one in found for row in one["rows"]])
    write_csv(RESULTS / "twin_controls.csv", [row for one in found for row in one["controls"]])


# Samples.


def _sample_jobs() -> list[str]:
    return [*SAMPLE_GROUPS]


def sampled(
    model: GPT, tokenizer: BPETokenizer, prompt: str, n: int, temperature: float, seed: int
) -> list[str]:
    """n answers to one question, sampled."""
    end = tokenizer.special_tokens[END]
    ids = torch.tensor([[end, *encode(tokenizer, prompt)]] * n)
    generator = torch.Generator().manual_seed(seed)
    written = generate(model, ids, 8, temperature=temperature, eos_id=end, generator=generator)[
        :, ids.size(1) :
    ]
    return [
        tokenizer.decode(row[: row.index(end)] if end in row else row).split("\n")[0].strip()
        for row in written.tolist()
    ]


def _sample(group: str) -> dict[str, Any]:
    model, tokenizer = open_model(MAIN)
    some = [item for number in range(2) for item in records.part(group, number)][:SAMPLED]
    rows = []
    for at, row in enumerate(records.record(model, tokenizer, group, some)):
        kept = {name: row[name] for name in ("group", "prompt", "truth", "output", "confidence")}
        for turn, (temperature, n) in enumerate(TEMPERATURES.items()):
            seed = 10_000 * (10 * SAMPLE_GROUPS.index(group) + turn) + at
            said = sampled(model, tokenizer, row["prompt"], n, temperature, seed)
            samples = "|".join(one.replace("|", "/") for one in said)
            rows.append({**kept, "temperature": temperature, "samples": samples})
    return {"rows": rows}


def _write_samples(found: Found) -> None:
    write_csv(RESULTS / "samples.csv", [row for one in found for row in one["rows"]])


# Frequencies.


def _frequency_jobs() -> list[str]:
    even = [f"{exponent}|{seed}|" for exponent in frequency.EXPONENTS for seed in FREQUENCY_SEEDS]
    return [*even, *(f"0.0|{seed}|uneven" for seed in FREQUENCY_SEEDS)]


def _frequency(exponent: str, seed: str, uneven: str) -> dict[str, Any]:
    world = frequency.World(float(exponent), int(seed), uneven=bool(uneven))
    model = frequency.train(world, int(seed))
    found: dict[str, Any] = {"exponent": exponent, "seed": int(seed), "uneven": int(bool(uneven))}
    if float(exponent) == 0:
        expected = frequency.expected(model, world, world.strangers()).mean(0)
        found["guesses"] = [
            {
                "uneven": found["uneven"],
                "seed": int(seed),
                "value": value,
                "told": told,
                "guessed": p,
            }
            for value, (told, p) in enumerate(
                zip(world.told.tolist(), expected.tolist(), strict=True)
            )
        ]
    if not uneven:
        found["items"] = frequency_items(world, frequency.expected(model, world, world.asked))
        found["missing_mass"] = world.missing_mass
        found["singleton_rate"] = world.singleton_rate
    return found


def frequency_items(world: frequency.World, gpt: Any) -> list[dict[str, Any]]:
    """A row for each question: how often it was read, and what each model says and expects."""
    truth, times = world.values[world.asked], world.counts[world.asked]
    table, ngram = frequency.lookup(world), frequency.counted(world, world.asked)
    rows = []
    for at, fact in enumerate(world.asked.tolist()):
        row = {"fact": fact, "exposures": int(times[at]), "truth": int(truth[at])}
        row["table"] = int(table[at])
        for name, p in (("ngram", ngram[at]), ("gpt", gpt[at])):
            threshold = 1 / (frequency.VALUES - 1)
            row |= {
                name: int(p.argmax()),
                f"{name}_p": _short(p.max()),
                f"{name}_p_truth": _short(p[truth[at]]),
                f"{name}_p_above": _short(p[p > threshold].sum()),
            }
        rows.append(row)
    return rows


def _short(p: float) -> float:
    return float(f"{p:.4g}")


def _write_frequency(found: Found) -> None:
    even = [one for one in found if not one["uneven"]]
    write_csv(
        RESULTS / "frequency.csv",
        [
            {"exponent": one["exponent"], "seed": one["seed"], **row}
            for one in even
            for row in one["items"]
        ],
    )
    names = ("exponent", "seed", "missing_mass", "singleton_rate", "seconds")
    write_csv(RESULTS / "frequency_worlds.csv", [{n: one[n] for n in names} for one in even])
    write_csv(
        RESULTS / "frequency_guesses.csv", [row for one in found for row in one.get("guesses", [])]
    )


# Arms.


def _arm_jobs() -> list[str]:
    return [f"{arm}|{seed}" for seed in SEEDS for arm in ("before", *abstain.ARMS)]


def _arm(arm: str, seed_: str) -> dict[str, Any]:
    model, tokenizer = open_model(MAIN)
    seed = int(seed_)
    if arm == "before":
        return {"rows": [*abstain.rows(model, tokenizer, arm, 0, seed)]}
    return {"rows": abstain.learn(model, tokenizer, arm, seed)}


def _write_arms(found: Found) -> None:
    write_csv(RESULTS / "arms.csv", [row for one in found for row in one["rows"]])


# One wording or several.


def _trial_jobs() -> list[str]:
    return [f"{arm}|{TRIAL_SEED}" for arm in wording.ARMS]


def _wording_jobs() -> list[str]:
    return [f"{arm}|{seed}" for seed in SEEDS for arm in wording.ARMS]


def _wording(arm: str, seed_: str) -> dict[str, Any]:
    _, tokenizer = open_model(MAIN)
    seed = int(seed_)
    who = wording.setting(seed)
    model = wording.train(tokenizer, who, arm, seed)
    return {"rows": wording.rows(model, tokenizer, who, arm, seed)}


def _write_trial(found: Found) -> None:
    rows = [row for one in found for row in one["rows"]]
    write_csv(RESULTS / "wording_trial.csv", rows)
    shares = {
        arm: {
            test: fmean(row["right"] for row in rows if (row["arm"], row["test"]) == (arm, test))
            for test in wording.TESTS
        }
        for arm in wording.ARMS
    }
    print(shares, "enough learnt" if wording.conclusive(shares) else "set wording.PASSES higher")


def _write_wording(found: Found) -> None:
    write_csv(RESULTS / "wording.csv", [row for one in found for row in one["rows"]])


# SmolLM2.


def _smol_jobs() -> list[str]:
    return [*(f"{way}|{band}" for way in smol.WAYS for band in smol.BANDS), "sentence|"]


def _smol(way: str, band: str) -> dict[str, Any]:
    model, tokenizer = open_model(smol.NAME)
    if way == "sentence":
        ids = torch.tensor([tokenizer.encode(smol.BEGINNING)])
        text = generate(model, ids, 30, temperature=0)[0, ids.size(1) :].tolist()
        return {"tokens": smol.sentence(model, tokenizer), "greedy": tokenizer.decode(text)}
    some = [each for each in smol.all_questions() if each.band == band]
    return {"rows": smol.record(model, tokenizer, some, way)}


def _write_smol(found: Found) -> None:
    asked = {question.about: question for question in smol.all_questions()}
    rows = [row for one in found for row in one.get("rows", [])]  # marked by the rule of today
    write_csv(RESULTS / "smol.csv", [
        row | smol.marks(asked[row["about"]], row["output"]) for row in rows
    ])  # fmt: skip
    last = found[-1]
    write_csv(RESULTS / "sentence.csv", last["tokens"])
    said = {"beginning": smol.BEGINNING, "sentence": smol.SENTENCE, "greedy": last["greedy"]}
    write_json(RESULTS / "sentence.json", said)


# Before and after instruction tuning.


def _tuned_jobs() -> list[str]:
    return [MAIN, ASSISTANT]


def _tuned(name: str) -> dict[str, Any]:
    model, tokenizer = open_model(name)
    return {"rows": [{"model": name, **row} for row in tuned_rows(model, tokenizer, name)]}


def tuned_rows(
    model: GPT, tokenizer: BPETokenizer, name: str, n: int = records.N
) -> list[dict[str, Any]]:
    """Facts asked in the words of pre-training; what is scored is the value alone, in its place.

    For both models the confidence is p(value | all that stands before it), whether that is a bare
    "A:" or the beginning of the assistant's sentence, which is its own.
    """
    rows = []
    for group in TUNED_GROUPS:
        some = [item for part in range(2) for item in records.part(group, part, n)]
        asked = [_put(item) for item in some] if name == ASSISTANT else some
        outputs = evaluate.answers(model, tokenizer, asked)
        for item, put, output in zip(some, asked, outputs, strict=True):
            value = _value(output, item.meta["attribute"])
            row: dict[str, Any] = {"group": group, "prompt": put.prompt}
            row |= {"truth": item.answer.strip(), "output": output.strip(), "value": value}
            before = put.prompt + (output[: output.index(f" {value}")] if value else "")
            ids = [tokenizer.special_tokens[END], *encode(tokenizer, before)]
            nats = sequence_logprob(model, tokenizer, ids, f" {value}")[0] if value else -np.inf
            row["confidence"] = float(np.exp(nats))
            rows.append(row | {"right": int(value == row["truth"])})
    return rows


def _put(item: Item) -> Item:
    """The same question as a user's turn, with room for a sentence."""
    name, attribute = item.meta["name"], item.meta["attribute"]
    asked = question(Tape("lesson 13", name, attribute), attribute, name)
    room = assistant.answer(name, attribute, item.answer.strip())
    return Item(assistant.conversation(asked), f" {room}", item.choices, meta=item.meta)


def _value(output: str, attribute: str) -> str:
    """The one value of an attribute that an output names; "" if it names none or several."""
    said = output.strip().removesuffix(".").split()
    found = [value for value in ATTRIBUTES[attribute] if value in said]
    return found[0] if len(found) == 1 else ""


def _write_tuned(found: Found) -> None:
    write_csv(RESULTS / "tuned.csv", [row for one in found for row in one["rows"]])


JOBS: dict[str, Callable[[], list[str]]] = {
    "answers": _answer_jobs,
    "twin": _twin_jobs,
    "samples": _sample_jobs,
    "frequency": _frequency_jobs,
    "arms": _arm_jobs,
    "wording_trial": _trial_jobs,
    "wording": _wording_jobs,
    "smol": _smol_jobs,
    "tuned": _tuned_jobs,
}
RUNS: dict[str, Callable[..., dict[str, Any]]] = {
    "answers": _answer,
    "twin": _twin,
    "samples": _sample,
    "frequency": _frequency,
    "arms": _arm,
    "wording_trial": _wording,
    "wording": _wording,
    "smol": _smol,
    "tuned": _tuned,
}
TABLES: dict[str, Callable[[Found], None]] = {
    "answers": _write_answers,
    "twin": _write_twin,
    "samples": _write_samples,
    "frequency": _write_frequency,
    "arms": _write_arms,
    "wording_trial": _write_trial,
    "wording": _write_wording,
    "smol": _write_smol,
    "tuned": _write_tuned,
}


# The claim's figures.


def _figures() -> None:
    """results/figures.csv, once the tables of answers and of guesses are there."""
    names = ("answers", "frequency_guesses")
    if not all((RESULTS / f"{name}.csv").is_file() for name in names):
        return
    answers, guesses = (read_csv(RESULTS / f"{name}.csv") for name in names)
    found = [
        {"claim": "hallucination", "figure": figure, "seed": seed, "value": value}
        for source in (figures_of(answers), guess_figures(guesses))
        for seed, figures in source.items()
        for figure, value in figures.items()
    ]
    write_csv(RESULTS / "figures.csv", sorted(found, key=lambda row: row["figure"]))
    parts = [read_json(RESULTS / f"provenance_{part}.json") for part in ("answers", "frequency")]
    command = "python -m lessons sweep 13 answers frequency"
    seconds = sum(float(part["seconds"]) for part in parts)
    write_json(
        RESULTS / "provenance.json", provenance("13", command, seconds, 1, models=ASKED["answers"])
    )


def figures_of(rows: Sequence[dict[str, Any]]) -> dict[int, dict[str, float]]:
    """The claim's figures of each part of the questions, from its rows."""
    found = {}
    for part in sorted({int(row["part"]) for row in rows}):
        group: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            if int(row["part"]) == part:
                group.setdefault(row["group"], []).append(row)

        def share(name: str, mark: str, group: Any = group) -> float:
            return fmean(int(row[mark]) for row in group[name])

        def false(*names: str, group: Any = group) -> list[float]:
            return [
                float(row["confidence"])
                for name in names
                for row in group[name]
                if int(row["stated"]) and not int(row["right"])
            ]

        surely = median(float(row["confidence"]) for row in group["64"] if int(row["right"]))
        unfounded = false(records.NOBODY, records.UNWRITTEN, "1")
        found[part] = {
            "stated_about_nobody": share(records.NOBODY, "stated"),
            "stated_about_unwritten": share(records.UNWRITTEN, "stated"),
            "error_once_minus_often": share("64", "right") - share("1", "right"),
            "confidence_when_false": fmean(unfounded),
            "confidence_when_false_unwritten": fmean(false(records.UNWRITTEN)),
            "false_above_right": fmean(confidence > surely for confidence in unfounded),
        }
    return found


def guess_figures(rows: Sequence[dict[str, Any]]) -> dict[int, dict[str, float]]:
    """How far guesses about names never read follow the text of an uneven world, by seed.

    1: they are distributed as the text tells; 0: they are no nearer to it than an even guess.
    """
    found = {}
    for seed in sorted({int(row["seed"]) for row in rows}):
        some = [row for row in rows if int(row["uneven"]) and int(row["seed"]) == seed]
        told, guessed = ([float(row[name]) for row in some] for name in ("told", "guessed"))
        even = [1 / len(told)] * len(told)
        apart = records.distance(guessed, told) / records.distance(even, told)
        found[seed] = {"guess_follows_text": 1 - apart}
    return found
