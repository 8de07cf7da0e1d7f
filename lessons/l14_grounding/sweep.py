"""The recorded runs of lesson 14, in parts: python -m lessons sweep 14 prompts | arms | …

`prompts`: five prompts and the plain question, fernhollow. `arms`: closed book and eight ways to
give papers (prompts: see arms.prompt_of). `retrieval`: recall of seven ways to find them.
`citations`: the sentence an answer rests on. `attacks`: papers that lie on purpose. `positions`:
the paper among others. `real_prompts`, `real_arms`, `real_lies`, `real_attacks`: the same on
SmolLM2. All, with none named: about two and a half hours with one thread of a core to itself
(`real_prompts` one, `real_attacks` half an hour, `real_arms` and `arms` 20 minutes each).
`real_marks` marks the answers to `real_prompts` again, after a change of the rule (seconds).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

import torch

from lessons.l13_hallucination import smol
from lessons.l14_grounding import arms, injection, papers, prompting, real, retrieval
from lessons.l14_grounding.recorded import RESULTS, best_way, draw_before
from lessons.sweeps import (
    open_model,
    parts_named,
    provenance,
    read_csv,
    read_json,
    write_csv,
    write_json,
)
from lessons.world.people_language import question
from lessons.world.tape import Tape
from lessons.world.tasks.passages import NOT_STATED
from minigpt import GPT, BPETokenizer

MAIN = "fernhollow"
REAL = "SmolLM2-135M-Instruct, weights of 4 to 5 bits"
DRAWS = range(5)
N, N_MISSING = 100, 20  # questions of a group and draw
N_PROMPTS = 50  # of a group and draw, for the prompts
N_FOUND = N_CITED = 50  # of a group
N_ATTACKED = 25  # of a group
N_PLACED = 200  # questions whose paper is put among others
PARTS_OF_REAL = 5
DEPTH = 10  # papers found, for recall
LEAST_LOSS = 1.0  # bits that an answer must lose without a sentence that it rests on


def main(argv: Sequence[str] | None = None) -> None:
    """Run the parts named and write results/*.csv, the figures of the claims, and provenance."""
    torch.set_num_threads(1)
    for part in parts_named("14", [*PARTS, MARKS], __doc__, argv):
        if part == MARKS:
            mark_again()
            continue
        start = time.perf_counter()
        write_csv(RESULTS / f"{part}.csv", PARTS[part]())
        seconds = time.perf_counter() - start
        origin = provenance(
            "14", f"python -m lessons sweep 14 {part}", seconds, 1,
            models=[] if part.startswith("real") else [MAIN],  # of the course: SmolLM2 is none
        )  # fmt: skip
        if part.startswith("real"):
            origin["model"] = REAL
        write_json(RESULTS / f"provenance_{part}.json", origin)
        print(f"{part}: {seconds / 60:.1f} minutes", flush=True)
        if part in DECIDING:
            _decide(origin["rules"])


def _decide(rules: dict[str, str]) -> None:
    """Write the figures of the claims once all parts that decide them ran under these rules, and
    those on the course's model on the weights that it has now."""
    origins = {}
    for part in DECIDING:
        file = RESULTS / f"provenance_{part}.json"
        if not file.is_file() or read_json(file)["rules"] != rules:
            return
        origins[part] = read_json(file)
    seconds = sum(origin["seconds"] for origin in origins.values())
    command = f"python -m lessons sweep 14 {' '.join(DECIDING)}"
    whole = provenance("14", command, seconds, 1, models=[MAIN])
    whole["model"] = f"besides: {REAL}"
    if any(origin["models"] not in ({}, whole["models"]) for origin in origins.values()):
        return
    write_csv(
        RESULTS / "figures.csv",
        figures_of(*(read_csv(RESULTS / f"{part}.csv") for part in DECIDING)),
    )
    write_json(RESULTS / "provenance.json", whole)


def _bm25(seed: int) -> retrieval.BM25:
    return retrieval.BM25([paper.text for paper in papers.library(seed).papers])


def prompts(seed: int = prompting.SEED) -> list[dict[str, Any]]:
    """Five draws; one more, to choose the first draw's prompt by."""
    model, tokenizer = open_model(MAIN)
    found = []
    for draw in (*DRAWS, len(DRAWS)):
        found += prompting.world_rows(model, tokenizer, N_PROMPTS, draw, seed=seed)
    return found


def all_arms(seed: int = papers.SEED) -> list[dict[str, Any]]:
    """Every arm on questions that a paper answers, and those that can be on others.

    `seed`: of the library and the questions; another one gives papers that nobody has seen.
    """
    model, tokenizer = open_model(MAIN)
    held, retriever = papers.library(seed), _bm25(seed)
    found = []
    for draw in DRAWS:
        for group in papers.GROUPS:
            for kind, n, some in (
                ("stated", N, arms.ARMS),
                ("missing", N_MISSING, arms.MISSING_ARMS),
            ):
                asked = papers.questions(group, kind, n, draw, seed)
                for arm in some:
                    answered = arms.record(model, tokenizer, arm, asked, held, retriever, draw)
                    found += [{"draw": draw, **row} for row in answered]
        print(f"draw {draw}", flush=True)
    return found


NAME_ALONE = "BM25, the name alone"


def recall(seed: int = papers.SEED) -> list[dict[str, Any]]:
    """The numbers of the ten best papers by each way of finding, in trained and in new words."""
    model, tokenizer = open_model(MAIN)
    texts = [paper.text for paper in papers.library(seed).papers]
    bm25 = retrieval.BM25(texts)
    ways: dict[str, retrieval.Retriever] = {
        "shared words": retrieval.SharedWords(texts),
        "BM25": bm25,
        NAME_ALONE: bm25,
        **{f"latent topics, {d}": retrieval.Topics(texts, d) for d in retrieval.TOPICS},
        "the GPT's vectors": retrieval.Vectors(model, tokenizer, texts),
    }
    found = []
    for group in papers.GROUPS:
        for asked in papers.questions(group, "stated", N_FOUND, 0, seed):
            new = question(Tape("14"), asked.attribute, asked.name, new=True)
            for wording, text in (("trained", asked.question), ("new", new)):
                for way, retriever in ways.items():
                    query = asked.name if way == NAME_ALONE else text
                    found.append(
                        {
                            "way": way,
                            "wording": wording,
                            "group": group,
                            "name": asked.name,
                            "query": query,
                            "wanted": asked.paper,
                            "found": " ".join(map(str, retriever.search(query, DEPTH))),
                        }
                    )
    return found


def citations(seed: int = papers.SEED) -> list[dict[str, Any]]:
    """Answers from the right paper, and from the person's other paper, that does not state it: the
    sentence that states the answer, and ways to point to it.

    `should_be` comes from the facts that the paper was written from, not from its words; -1: no
    sentence states this answer of this person. `by_chance` says so as often as it is so.
    """
    model, tokenizer = open_model(MAIN)
    found = []
    for group in papers.GROUPS:
        for asked in papers.questions(group, "stated", N_CITED, 0, seed):
            own = [p for p in papers.library(seed).papers if asked.name in p.text]
            for paper in sorted(own, key=lambda p: p.number != asked.paper):
                row = _cited(model, tokenizer, asked, paper)
                found.append({"group": group, **row})
    none = fmean(row["should_be"] < 0 for row in found if row["output"] not in ("", NOT_STATED))
    for row in found:
        tape = Tape("pointer", row["name"], row["attribute"], row["paper"])
        row["by_chance"] = -1 if tape.chance(none) else tape.index(row["sentences"])
    return found


def _cited(
    model: GPT, tokenizer: BPETokenizer, asked: papers.Asked, paper: papers.Paper
) -> dict[str, Any]:
    """The row of citations() for a question on a paper, but for the group and chance."""
    given = arms.Shown((paper.text,), (paper.number,))
    ((said, text, prompt),) = arms.read(model, tokenizer, [(asked, given)])
    at, losses = arms.pointed_sentence(model, tokenizer, text, asked.question, said or NOT_STATED)
    return {
        "name": asked.name,
        "attribute": asked.attribute,
        "paper": paper.number,
        "answers": int(paper.number == asked.paper),
        "prompt": prompt,
        "truth": asked.truth,
        "output": said,
        "confidence": arms.answer_probability(model, tokenizer, prompt, said),
        "sentences": len(papers.sentences(text)),
        "should_be": paper.states((asked.name, asked.attribute, said)),
        "by_name": papers.support(text, asked.name, said),
        "by_word": papers.stating_sentence(text, said),
        "by_loss": at if losses[at] >= LEAST_LOSS else -1,
        "losses": " ".join(f"{loss:.3f}" for loss in losses),
    }


def attacks(seed: int = papers.SEED) -> list[dict[str, Any]]:
    """Attacks and defences on papers about people of whom nothing, and much, was read."""
    model, tokenizer = open_model(MAIN)
    found = []
    for group in papers.GROUPS:
        some = papers.questions(group, "stated", N_ATTACKED, 0, seed)
        found += injection.record(model, tokenizer, some, papers.library(seed), 0)
        print(f"attacks: {group}", flush=True)
    return found


def positions(seed: int = papers.SEED) -> list[dict[str, Any]]:
    """The paper that answers among 0 to 3 others, at each place: one passage, read at once."""
    model, tokenizer = open_model(MAIN)
    held = papers.library(seed)
    found = []
    for number, asked in enumerate(papers.questions(papers.UNREAD, "stated", N_PLACED, 0, seed)):
        assert asked.paper is not None
        others = [p for p in held.papers if asked.name not in p.text]
        around = Tape("positions", number).sample(others, 3)  # the same at every place
        for n in range(4):
            texts = [paper.text for paper in around[:n]]
            for place in range(n + 1):
                text = " ".join([*texts[:place], held.papers[asked.paper].text, *texts[place:]])
                given = arms.Shown((text,), (asked.paper,))
                ((said, _, prompt),) = arms.read(model, tokenizer, [(asked, given)])
                found.append(
                    {
                        "others": n,
                        "place": place,
                        "name": asked.name,
                        "attribute": asked.attribute,
                        "prompt": prompt,
                        "truth": asked.truth,
                        "output": said,
                        "confidence": arms.answer_probability(model, tokenizer, prompt, said),
                        "right": int(said == asked.truth),
                    }
                )
    return found


# SmolLM2.


def smol_questions() -> list[tuple[int, smol.Question]]:
    """Lesson 13's questions, each with its part: as many of each band in every part."""
    found = []
    for band in smol.BANDS:
        some = [one for one in smol.all_questions() if one.band == band]
        order = Tape("lesson 14", "questions", band).shuffled(some)
        found += [(at % PARTS_OF_REAL, one) for at, one in enumerate(order)]
    return found


def real_prompts() -> list[dict[str, Any]]:
    """400 questions under every prompt."""
    model, tokenizer = open_model(real.NAME)
    found = []
    some = smol_questions()
    for at in range(0, len(some), 20):
        answered = prompting.chat_rows(model, tokenizer, [one for _, one in some[at : at + 20]])
        parts = [part for part, _ in some[at : at + 20] for _ in prompting.CHAT_PROMPTS]
        found += [{"part": part, **row} for part, row in zip(parts, answered, strict=True)]
        print(f"{at + 20} questions", flush=True)
    return found


def mark_again() -> None:
    """Mark the recorded answers to `real_prompts` by the rule of today, and write the figures."""
    asked = {question.text: question for question in smol.all_questions()}
    table, origin = RESULTS / "real_prompts.csv", RESULTS / "provenance_real_prompts.json"
    write_csv(table, [
        row | prompting.marks_of(asked[row["question"]], row["output"], row["text"])
        for row in read_csv(table)
    ])  # fmt: skip
    about = read_json(origin)
    about["marked"] = {
        "command": f"python -m lessons sweep 14 {MARKS}",
        "date": provenance("14", "", 0, 1)["date"],
    }
    write_json(origin, about)
    _decide(about["rules"])


def passage_parts() -> list[list[real.Question]]:
    """The questions of each part: the three on each of eight passages."""
    texts, some = real.passages()
    order = Tape("lesson 14", "real arms").shuffled([*range(len(texts))])
    return [
        [one for number in order[part::PARTS_OF_REAL] for one in some if one.passage == number]
        for part in range(PARTS_OF_REAL)
    ]


def real_arms() -> list[dict[str, Any]]:
    """120 questions on invented things under every arm."""
    model, tokenizer = open_model(real.NAME)
    retriever = retrieval.BM25(real.passages()[0])
    found = []
    for part, some in enumerate(passage_parts()):
        for arm in real.ARMS:
            answered = real.record(model, tokenizer, arm, some, retriever)
            found += [{"part": part, **row} for row in answered]
        print(f"part {part}", flush=True)
    return found


def real_lies() -> list[dict[str, Any]]:
    """60 capitals, with nothing to read and with passages that lie."""
    return real.lie_rows(*open_model(real.NAME), real.lies())


def real_attacks() -> list[dict[str, Any]]:
    """An order in the passage, on both questions that each passage answers."""
    _, some = real.passages()
    return injection.chat_record(*open_model(real.NAME), [one for one in some if one.answers])


PARTS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "prompts": prompts,
    "arms": all_arms,
    "retrieval": recall,
    "citations": citations,
    "attacks": attacks,
    "positions": positions,
    "real_prompts": real_prompts,
    "real_arms": real_arms,
    "real_lies": real_lies,
    "real_attacks": real_attacks,
}
MARKS = "real_marks"
DECIDING = ("prompts", "arms", "real_prompts", "real_arms")
Rows = list[dict[str, str]]


def _share(some: Rows, what: str) -> float:
    return fmean(int(row[what]) for row in some)


def _of(some: Rows, **wanted: object) -> Rows:
    return [r for r in some if all(r[key] == str(value) for key, value in wanted.items())]


SELDOM = (papers.UNREAD, "1", "8")  # facts that the model hardly has by heart


def _gain(some: Rows, arm: str, what: str, kinds: Sequence[str], groups: Sequence[str]) -> float:
    """The share under an arm minus that closed book, mean over groups."""
    mine = [row for row in some if row["kind"] in kinds]
    return fmean(
        _share(_of(mine, arm=arm, group=group), what)
        - _share(_of(mine, arm=arms.CLOSED, group=group), what)
        for group in groups
    )


def figures_of(world: Rows, read: Rows, real_world: Rows, real_read: Rows) -> list[dict[str, Any]]:
    """The figures of both claims from their rows; see rules.toml for what each replicate is."""
    found: list[dict[str, Any]] = []

    def add(claim: str, seed: int, **figures: float) -> None:
        for figure, value in figures.items():
            found.append({"claim": claim, "figure": figure, "seed": seed, "value": value})

    for part in range(PARTS_OF_REAL):
        others = [row for row in real_world if row["part"] != str(part)]
        gain = prompting.compared(others, _of(real_world, part=part))
        add(
            "prompting-helps", part,
            real_false_drop=-gain["false"], real_right_gain=gain["right"],
        )  # fmt: skip
        add("rag-helps", part, **_real_gains(_of(real_read, part=part)))
    for draw in DRAWS:
        before = len(DRAWS) if draw == 0 else draw - 1  # the draw that chooses
        gain = prompting.compared(_of(world, draw=before), _of(world, draw=draw))
        add(
            "prompting-helps", draw,
            world_false_drop=-gain["false"], world_right_gain=gain["right"],
        )  # fmt: skip
        mine = _of(read, draw=draw)
        chosen = best_way(_of(read, draw=draw_before(draw, len(DRAWS))))
        for prefix, arm in (("", chosen), ("first_", arms.FIRST)):
            figures = {
                "false_drop": -_gain(mine, arm, "false", ["stated"], SELDOM),
                "right_gain": _gain(mine, arm, "right", ["stated"], SELDOM),
                "missing_false_drop": -_gain(mine, arm, "false", ["missing"], papers.GROUPS),
            }
            add("rag-helps", draw, **{prefix + name: value for name, value in figures.items()})
        often = _gain(mine, chosen, "right", papers.KINDS, ["64"])
        add("rag-helps", draw, often_right_gain=often)
    return found


def _real_gains(some: Rows) -> dict[str, float]:
    """What the retrieved passage brings, against closed book with the permission to decline."""

    def gain(kind: str, what: str) -> float:
        mine = _of(some, kind=kind)
        with_it, without = (_of(mine, arm=arm) for arm in (real.RETRIEVED, real.MAY_DECLINE))
        return _share(with_it, what) - _share(without, what)

    return {
        "real_false_drop": -gain("stated", "false"),
        "real_right_gain": gain("stated", "right"),
        "real_missing_false_drop": -gain("missing", "false"),
    }
