"""The recorded runs of lesson 14, in parts: python -m lessons sweep 14 prompts | arms | …

`prompts`: five prompts and the plain question, fernhollow. `arms`: closed book and six ways to
give papers. `retrieval`: recall of three ways to find them. `citations`: the sentence an answer
rests on. `attacks`: papers that lie on purpose. `positions`: the paper among others.
`real_prompts`, `real_arms`, `real_lies`, `real_attacks`: the same on SmolLM2. All, with none named.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

import torch

from lessons.l13_hallucination import smol
from lessons.l14_grounding import arms, injection, papers, prompting, real, retrieval
from lessons.l14_grounding.recorded import RESULTS, rows
from lessons.sweeps import parts_named, provenance, read_json, write_csv, write_json
from lessons.world.people_language import question
from lessons.world.tape import Tape
from minigpt import GPT, BPETokenizer, load

MAIN = "fernhollow"
DRAWS = range(5)
N, N_MISSING = 100, 24  # questions of a group and draw
N_PROMPTS = 50  # of a group and draw, for the prompts
N_FOUND = N_CITED = 50  # of a group
N_ATTACKED = 25  # of a group
PARTS_OF_REAL = 5
DEPTH = 10  # papers found, for recall
LEAST_LOSS = 1.0  # bits that an answer must lose without a sentence that it rests on


def main(argv: Sequence[str] | None = None) -> None:
    """Run the parts named and write results/*.csv, the figures of the claims, and provenance."""
    torch.set_num_threads(1)
    for part in parts_named("14", PARTS, __doc__, argv):
        start = time.perf_counter()
        write_csv(RESULTS / f"{part}.csv", PARTS[part]())
        seconds = time.perf_counter() - start
        origin = provenance(
            "14", f"python -m lessons sweep 14 {part}", seconds, 1,
            models=[] if part.startswith("real") else [MAIN],
        )  # fmt: skip
        write_json(RESULTS / f"provenance_{part}.json", origin)
        print(f"{part}: {seconds / 60:.1f} minutes", flush=True)
        if part in DECIDING:
            _decide(origin["rules"])


def _decide(rules: dict[str, str]) -> None:
    """Write the figures of the claims once all parts that decide them ran under these rules."""
    origins = []
    for part in DECIDING:
        file = RESULTS / f"provenance_{part}.json"
        if not file.is_file() or (origin := read_json(file))["rules"] != rules:
            return
        origins.append(origin)
    seconds = sum(origin["seconds"] for origin in origins)
    command = f"python -m lessons sweep 14 {' '.join(DECIDING)}"
    write_csv(RESULTS / "figures.csv", figures_of(*map(rows, DECIDING)))
    write_json(RESULTS / "provenance.json", provenance("14", command, seconds, 1, models=[MAIN]))


def _open(name: str) -> tuple[GPT, BPETokenizer]:
    model, tokenizer = load(name)
    assert isinstance(tokenizer, BPETokenizer)
    return model, tokenizer


def _bm25() -> retrieval.BM25:
    return retrieval.BM25([paper.text for paper in papers.library().papers])


def prompts() -> list[dict[str, Any]]:
    """Five draws; one more, to choose the first draw's prompt by."""
    model, tokenizer = _open(MAIN)
    found = []
    for draw in (*DRAWS, len(DRAWS)):
        found += prompting.world_rows(model, tokenizer, N_PROMPTS, draw)
    return found


def all_arms() -> list[dict[str, Any]]:
    """Every arm on questions that a paper answers, and those that can be on others."""
    model, tokenizer = _open(MAIN)
    held, retriever = papers.library(), _bm25()
    found = []
    for draw in DRAWS:
        for group in papers.GROUPS:
            for kind, n, some in (
                ("stated", N, arms.ARMS),
                ("missing", N_MISSING, arms.MISSING_ARMS),
            ):
                asked = papers.questions(group, kind, n, draw)
                for arm in some:
                    answered = arms.record(model, tokenizer, arm, asked, held, retriever, draw)
                    found += [{"draw": draw, **row} for row in answered]
        print(f"draw {draw}", flush=True)
    return found


def recall() -> list[dict[str, Any]]:
    """The numbers of the ten best papers by each way of finding, in trained and in new words."""
    model, tokenizer = _open(MAIN)
    texts = [paper.text for paper in papers.library().papers]
    ways: dict[str, retrieval.Retriever] = {
        "BM25": retrieval.BM25(texts),
        "latent topics": retrieval.Topics(texts),
        "the GPT's vectors": retrieval.Vectors(model, tokenizer, texts),
    }
    found = []
    for group in papers.GROUPS:
        for asked in papers.questions(group, "stated", N_FOUND, 0):
            new = question(Tape("14"), asked.attribute, asked.name, new=True)
            for wording, text in (("trained", asked.question), ("new", new)):
                for way, retriever in ways.items():
                    best = retriever.search(text, DEPTH)
                    found.append(
                        {
                            "way": way,
                            "wording": wording,
                            "group": group,
                            "question": text,
                            "wanted": asked.paper,
                            "found": " ".join(map(str, best)),
                        }
                    )
    return found


def _paper(
    asked: papers.Asked, before: Sequence[str] = (), after: Sequence[str] = ()
) -> arms.Shown:
    """The paper that answers, between others."""
    assert asked.paper is not None
    text = papers.library().papers[asked.paper].text
    return arms.Shown((" ".join([*before, text, *after]),), (asked.paper,))


def citations() -> list[dict[str, Any]]:
    """For answers from the right paper: the sentence that states it, and ways to point to it."""
    model, tokenizer = _open(MAIN)
    found = []
    for group in papers.GROUPS:
        some = papers.questions(group, "stated", N_CITED, 0)
        given = [(asked, _paper(asked)) for asked in some]
        for asked, (said, text, _) in zip(some, arms.read(model, tokenizer, given), strict=True):
            pointed, losses = arms.pointed_sentence(model, tokenizer, text, asked.question, said)
            parts = papers.sentences(text)
            stated = (asked.name, asked.attribute, said) in papers.library().papers[
                asked.paper or 0
            ].facts
            found.append(
                {
                    "group": group,
                    "paper": asked.paper,
                    "question": asked.question,
                    "truth": asked.truth,
                    "output": said,
                    "confidence": arms.answer_probability(
                        model, tokenizer, arms.reading_prompt(text, asked.question), said
                    ),
                    "sentences": len(parts),
                    "should_be": papers.stating_sentence(text, said) if stated else -1,
                    "by_name": papers.support(text, asked.name, said),
                    "by_word": papers.stating_sentence(text, said),
                    "by_loss": pointed if losses[pointed] >= LEAST_LOSS else -1,
                    "by_chance": Tape("pointer", asked.name, asked.attribute).index(len(parts)),
                    "losses": " ".join(f"{loss:.3f}" for loss in losses),
                }
            )
    return found


def attacks() -> list[dict[str, Any]]:
    """Attacks and defences on papers about people of whom nothing, and much, was read."""
    model, tokenizer = _open(MAIN)
    found = []
    for group in papers.GROUPS:
        some = papers.questions(group, "stated", N_ATTACKED, 0)
        found += injection.record(model, tokenizer, some, papers.library(), 0)
        print(f"attacks: {group}", flush=True)
    return found


def positions() -> list[dict[str, Any]]:
    """The paper that answers among 0 to 3 others, at each place: one passage, read at once."""
    model, tokenizer = _open(MAIN)
    held = papers.library()
    found = []
    for number, asked in enumerate(papers.questions(papers.UNREAD, "stated", N, 0)):
        tape = Tape("positions", number)
        others = [p for p in held.papers if asked.name not in p.text]
        around = tape.sample(others, 3)  # the same at every place: only the place differs
        for n in range(4):
            texts = [paper.text for paper in around[:n]]
            for place in range(n + 1):
                given = _paper(asked, texts[:place], texts[place:])
                ((said, text, prompt),) = arms.read(model, tokenizer, [(asked, given)])
                found.append(
                    {
                        "others": n,
                        "place": place,
                        "group": papers.UNREAD,
                        "papers": " ".join(str(paper.number) for paper in around[:n]),
                        "question": asked.question,
                        "truth": asked.truth,
                        "output": said,
                        "confidence": arms.answer_probability(model, tokenizer, prompt, said),
                        "right": int(said == asked.truth),
                    }
                )
    return found


# SmolLM2.


def smol_questions() -> list[smol.Question]:
    """Lesson 13's questions in random order, so that the parts are alike."""
    return Tape("lesson 14", "questions").shuffled(smol.all_questions())


def real_prompts() -> list[dict[str, Any]]:
    """400 questions under every prompt."""
    model, tokenizer = _open(real.NAME)
    found = []
    for number, one in enumerate(smol_questions()):
        answered = prompting.chat_rows(model, tokenizer, [one])
        found += [{"part": number % PARTS_OF_REAL, **row} for row in answered]
        if number % 20 == 19:
            print(f"{number + 1} questions", flush=True)
    return found


def real_arms() -> list[dict[str, Any]]:
    """120 questions on invented things under every arm."""
    model, tokenizer = _open(real.NAME)
    texts, some = real.passages()
    retriever = retrieval.BM25(texts)
    order = Tape("lesson 14", "real arms").shuffled(some)
    found = []
    for number, one in enumerate(order):
        for arm in real.ARMS:
            (row,) = real.record(model, tokenizer, arm, [one], retriever)
            found.append({"part": number % PARTS_OF_REAL, **row})
        if number % 20 == 19:
            print(f"{number + 1} questions", flush=True)
    return found


def real_lies() -> list[dict[str, Any]]:
    """60 capitals, with nothing to read and with a passage that lies."""
    return real.lie_rows(*_open(real.NAME), real.lies())


def real_attacks() -> list[dict[str, Any]]:
    """An order in the passage, on the first answerable question of each passage."""
    _, some = real.passages()
    return injection.chat_record(*_open(real.NAME), some[::3])


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
DECIDING = ("prompts", "arms", "real_prompts", "real_arms")
Rows = list[dict[str, str]]


def _share(some: Rows, what: str) -> float:
    return fmean(int(row[what]) for row in some)


def figures_of(world: Rows, read: Rows, real_world: Rows, real_read: Rows) -> list[dict[str, Any]]:
    """The figures of both claims from their rows; see rules.toml for what each replicate is."""
    found: list[dict[str, Any]] = []

    def add(claim: str, figure: str, seed: int, value: float) -> None:
        found.append({"claim": claim, "figure": figure, "seed": seed, "value": value})

    def of(some: Rows, **wanted: object) -> Rows:
        return [r for r in some if all(r[key] == str(value) for key, value in wanted.items())]

    for part in range(PARTS_OF_REAL):
        others = [row for row in real_world if row["part"] != str(part)]
        gain = prompting.compared(others, of(real_world, part=part))
        add("prompting-helps", "real_false_drop", part, -gain["false"])
        add("prompting-helps", "real_right_gain", part, gain["right"])
        mine = of(real_read, part=part)
        false = [_share(of(mine, arm=arm), "false") for arm in (real.MAY_DECLINE, "retrieved")]
        add("rag-helps", "real_false_drop", part, false[0] - false[1])
    for draw in DRAWS:
        before = len(DRAWS) if draw == 0 else draw - 1  # the draw that chooses
        gain = prompting.compared(of(world, draw=before), of(world, draw=draw))
        add("prompting-helps", "world_false_drop", draw, -gain["false"])
        add("prompting-helps", "world_right_gain", draw, gain["right"])
        mine = of(read, draw=draw)

        def gained(kind: str, what: str, groups: Sequence[str], mine: Rows = mine) -> float:
            """The share with papers minus that closed book, mean over groups."""
            some = [row for row in mine if kind in ("", row["kind"])]
            return fmean(
                _share(of(some, arm=arms.EACH, group=group), what)
                - _share(of(some, arm=arms.CLOSED, group=group), what)
                for group in groups
            )

        seldom = (papers.UNREAD, "1", "8")
        add("rag-helps", "false_drop", draw, -gained("stated", "false", seldom))
        add("rag-helps", "right_gain", draw, gained("stated", "right", seldom))
        add("rag-helps", "missing_false_drop", draw, -gained("missing", "false", papers.GROUPS))
        add("rag-helps", "often_right_gain", draw, gained("", "right", ("64",)))
    return found
