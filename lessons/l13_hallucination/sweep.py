"""The recorded runs of lesson 13, in parts: python -m lessons sweep 13 answers | frequency | …

`answers`: questions to fernhollow and the small model (a row each, kept as CSV); `twin`: to the
model that never read "not stated".
`frequency`: five exponents, five seeds, two processes. `arms`: learning to abstain. `decoding`:
temperature and agreement of samples. `wording`: facts told in one wording or several, three seeds,
two processes. `tuned`: confidence before and after instruction tuning (after lesson 08's sweep).
`smol`: 400 questions to SmolLM2. All, with none named.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import fmean
from typing import Any

import torch

from lessons import evaluate
from lessons.l08_fine_tuning import assistant
from lessons.l13_hallucination import abstain, frequency, records, smol, wording
from lessons.l13_hallucination.recorded import RESULTS
from lessons.sweeps import parts_named, provenance, read_json, write_csv, write_json
from lessons.world.corpus import encode
from minigpt import GPT, BPETokenizer, generate, load
from minigpt.tokenizer import END

MAIN, MODELS = "fernhollow", ("fernhollow", "fernhollow-small")
TWIN, ASSISTANT = "fernhollow-twin", "fernhollow-chat"
ASKED = {"answers": MODELS, "twin": (TWIN,), "arms": (MAIN,), "decoding": (MAIN,), "tuned": (MAIN,)}
SEEDS = range(50, 55)
N = 200  # questions of a group and draw
PARTS_FOLDER = RESULTS / "parts"
TEMPERATURES = (0.0, 0.5, 1.0, 1.5)
SAMPLES = 10  # of one question, whose agreement is measured
ARM_GROUPS = (records.ASKED, "64", "8", "1", "0", records.UNWRITTEN, records.NOBODY)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the parts named and write results/*.csv and provenance."""
    torch.set_num_threads(1)
    for part in parts_named("13", PARTS, __doc__, argv):
        start = time.perf_counter()
        PARTS[part]()
        command, seconds = f"python -m lessons sweep 13 {part}", time.perf_counter() - start
        origin = provenance("13", command, seconds, 1, models=ASKED.get(part, ()))
        write_json(RESULTS / f"provenance_{part}.json", origin)


def _open(name: str) -> tuple[GPT, BPETokenizer]:
    model, tokenizer = load(name)
    assert isinstance(tokenizer, BPETokenizer)
    return model, tokenizer


def answers(models: Sequence[str] = MODELS) -> None:
    """A row for each question put to each model, and the figures of the claim from the main one."""
    start = time.perf_counter()
    for name in models:
        model, tokenizer = _open(name)
        rows: list[dict[str, Any]] = []
        for seed in SEEDS:
            for group in records.GROUPS:
                found = records.record(model, tokenizer, group, records.items(group, N, seed))
                rows += [{"seed": seed, **row} for row in found]
            print(f"{name}, draw {seed}", flush=True)
        write_csv(RESULTS / f"answers_{name}.csv", rows)
        if name == MAIN:
            write_csv(RESULTS / "figures.csv", figures_of(rows))
            seconds = time.perf_counter() - start
            origin = provenance(
                "13", "python -m lessons sweep 13 answers", seconds, 1, models=[MAIN]
            )
            write_json(RESULTS / "provenance.json", origin)


def twin() -> None:
    """The same questions to the model that never read "not stated"."""
    answers([TWIN])


def figures_of(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The claim's figures of each draw, from its rows."""
    found = []
    for seed in sorted({row["seed"] for row in rows}):
        group = {
            name: [row for row in rows if (row["seed"], row["group"]) == (seed, name)]
            for name in (records.NOBODY, "1", "64")
        }
        error = {name: 1 - fmean(int(row["right"]) for row in some) for name, some in group.items()}
        false = [
            float(row["confidence"])
            for name in (records.NOBODY, "1")
            for row in group[name]
            if int(row["stated"]) and not int(row["right"])
        ]
        values = {
            "stated_about_nobody": fmean(int(row["stated"]) for row in group[records.NOBODY]),
            "error_once_minus_often": error["1"] - error["64"],
            "confidence_when_false": fmean(false),
        }
        found += [
            {"claim": "hallucination", "figure": figure, "seed": seed, "value": value}
            for figure, value in values.items()
        ]
    return found


def _frequency(job: tuple[float, int]) -> dict[str, Any]:
    file = PARTS_FOLDER / f"frequency {job[0]} {job[1]}.json"
    if not file.is_file():
        torch.set_num_threads(1)
        exponent, seed = job
        world = frequency.World(exponent, seed)
        model = frequency.train(world, seed)
        mine = frequency.errors(world, frequency.answers(model, world))
        table = frequency.errors(world, frequency.lookup(world))
        row = {"exponent": exponent, "seed": seed, "missing_mass": world.missing_mass,
               "singleton_rate": world.singleton_rate}  # fmt: skip
        row |= {f"gpt_{name}": value for name, value in mine.items() if value == value}
        row["gpt_sampled"] = frequency.sampled_error(model, world)
        row |= {f"table_{name}": value for name, value in table.items() if value == value}
        write_json(file, row)
    return read_json(file)


def frequencies() -> None:
    """Error of a GPT and of a table of what was read, beside missing mass and singleton rate."""
    PARTS_FOLDER.mkdir(parents=True, exist_ok=True)
    jobs = [(exponent, seed) for exponent in frequency.EXPONENTS for seed in range(5)]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        rows = list(pool.map(_frequency, jobs))
    names = sorted({name for row in rows for name in row}, key=lambda n: (n not in rows[0], n))
    write_csv(RESULTS / "frequency.csv", [{n: row.get(n, "nan") for n in names} for row in rows])


def arms() -> None:
    """What each arm says about known people, others, and nobody; "before": the model as it is."""
    model, tokenizer = _open(MAIN)
    rows = []
    for seed in range(3):
        for arm in ("before", *abstain.ARMS):
            tuned = model if arm == "before" else abstain.taught(model, tokenizer, arm, seed)
            found = abstain.shares(tuned, tokenizer, ARM_GROUPS, N, 60 + seed)
            rows += [{"arm": arm, "seed": seed, "group": g, **s} for g, s in found.items()]
            print(f"{arm}, seed {seed}", flush=True)
    write_csv(RESULTS / "arms.csv", rows)


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


def decoding() -> None:
    """Error by temperature; and whether ten samples agree more where the answer is right."""
    model, tokenizer = _open(MAIN)
    rows, agreement = [], []
    for group in (records.NOBODY, "1", "8", "64"):
        some = records.items(group, 100, SEEDS[0])
        for temperature in TEMPERATURES:
            right = [
                sampled(model, tokenizer, item.prompt, 1, temperature, number)[0]
                == item.answer.strip()
                != ""
                for number, item in enumerate(some)
            ]
            rows.append({"group": group, "temperature": temperature, "right": fmean(right)})
        for number, item in enumerate(some):
            said = sampled(model, tokenizer, item.prompt, SAMPLES, 1.0, number)
            ((common, times),) = Counter(said).most_common(1)
            agreement.append(
                {"group": group, "item": number, "agree": times / SAMPLES,
                 "right": int(common == item.answer.strip() != "")}
            )  # fmt: skip
    write_csv(RESULTS / "temperature.csv", rows)
    write_csv(RESULTS / "agreement.csv", agreement)


def _wording(job: tuple[str, int]) -> dict[str, Any]:
    file = PARTS_FOLDER / f"wording {job[0]} {job[1]}.json"
    if not file.is_file():
        torch.set_num_threads(1)
        arm, seed = job
        _, tokenizer = _open(MAIN)
        who = wording.setting(seed)
        model = wording.train(tokenizer, who, arm, seed)
        found = wording.shares(model, tokenizer, who, arm, seed)
        write_json(file, {"arm": arm, "seed": seed, **found})
        print(f"told in {arm}, seed {seed}: {found}", flush=True)
    return read_json(file)


def wordings() -> None:
    """Questions about people whose facts were told in one wording, or in several."""
    PARTS_FOLDER.mkdir(parents=True, exist_ok=True)
    jobs = [(arm, seed) for seed in range(3) for arm in wording.ARMS]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        write_csv(RESULTS / "wording.csv", list(pool.map(_wording, jobs)))


def tuned() -> None:
    """The same facts asked of the model as it was, and of the assistant made of it in lesson 08."""
    rows = []
    for name in (MAIN, ASSISTANT):
        model, tokenizer = _open(name)
        for times in (1, 8, 64):
            some = assistant.facts(200, SEEDS[0], "exposure", exposures=times)
            said = some if name == ASSISTANT else assistant.closed_book(some)
            outputs = evaluate.answers(model, tokenizer, said)
            for fact, item, output in zip(some, said, outputs, strict=True):
                rows.append(
                    {
                        "model": name,
                        "group": times,
                        "prompt": item.prompt,
                        "truth": fact.meta["value"],
                        "output": output.strip(),
                        "confidence": records.confidence(model, tokenizer, item.prompt, output),
                        "right": int(assistant.is_correct(fact, output)),
                    }
                )
    write_csv(RESULTS / "tuned.csv", rows)


def real() -> None:
    """All 400 questions to SmolLM2."""
    model, tokenizer = _open(smol.NAME)
    rows: list[dict[str, Any]] = []
    questions = smol.all_questions()
    for at in range(0, len(questions), 50):
        rows += smol.record(model, tokenizer, questions[at : at + 50])
        print(f"{len(rows)} of {len(questions)}", flush=True)
    write_csv(RESULTS / "smol.csv", rows)


PARTS: dict[str, Callable[[], None]] = {
    "answers": answers,
    "twin": twin,
    "frequency": frequencies,
    "arms": arms,
    "decoding": decoding,
    "wording": wordings,
    "tuned": tuned,
    "smol": real,
}
