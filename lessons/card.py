"""The card of one of the course's models, written from its records: python -m lessons card NAME."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lessons.course import ROOT
from lessons.evaluate import SCORES
from lessons.models import MODELS
from lessons.sweeps import read_csv, write_json
from lessons.world.corpus import encode
from lessons.world.families import FAMILIES
from lessons.world.plan import PLANS
from lessons.world.tape import Tape
from lessons.world.tasks.passages import ALIKE_SHARE
from minigpt import BPETokenizer
from minigpt.checkpoint import EXTRA
from minigpt.files import write_text
from minigpt.tokenizer import END
from minigpt.tokenizer_file import load_tokenizer

TRAININGS = "trainings.csv"
CARD, OVERLAP = "CARD.md", "overlap.json"
N_GRAM = 8


# --- how much of the items stands in the corpus -------------------------------------------------


def _grams(rows: np.ndarray, end: int) -> np.ndarray:
    """Hashes of all runs of 8 tokens in rows (windows, T) in which no document ends."""
    wide = rows.astype(np.uint64) + np.uint64(1)
    count = rows.shape[1] - N_GRAM + 1
    found = np.zeros((len(rows), count), dtype=np.uint64)
    whole = np.ones((len(rows), count), dtype=bool)
    for at in range(N_GRAM):
        found = found * np.uint64(0x9E3779B97F4A7C15) + wide[:, at : at + count]
        if at:
            whole &= rows[:, at : at + count] != end
    return found[whole]


def overlap(corpus: Path, tokenizer: BPETokenizer, n: int = 500, seed: int = 7) -> dict[str, float]:
    """Share of the items' 8-grams (tokens of prompt and answer) that occur in the corpus.

    By "family: split". Reads the corpus's windows once, a part at a time. Much of an item is
    template, so high shares are no leak: what must not occur is searched for as text.
    """
    end = tokenizer.special_tokens[END]
    items: dict[str, np.ndarray] = {}
    for family, module in FAMILIES.items():
        for split in module.SPLITS:
            if split != "train":
                found = []
                for item in module.items(Tape("evaluate", seed, family, split), n, split):
                    ids = [end, *encode(tokenizer, item.prompt + item.answer)]
                    if len(ids) >= N_GRAM:
                        found.append(_grams(np.asarray([ids]), end))
                items[f"{family}: {split}"] = np.concatenate(found) if found else np.zeros(0)
    wanted = np.unique(np.concatenate(list(items.values())))
    seen = np.zeros(len(wanted), dtype=bool)
    for file in corpus.glob("*.bin"):
        rows = np.memmap(file, dtype="<u2", mode="r").reshape(-1, int(file.stem) + 1)
        for at in range(0, len(rows), 2000):
            grams = _grams(np.asarray(rows[at : at + 2000]), end)
            places = np.searchsorted(wanted, grams).clip(max=len(wanted) - 1)
            seen[places[wanted[places] == grams]] = True
    return {
        name: round(float(seen[np.searchsorted(wanted, grams)].mean()), 4) if len(grams) else 0.0
        for name, grams in items.items()
    }


# --- the card -----------------------------------------------------------------------------------


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def score_table(scores: Mapping[str, Any], shares: Mapping[str, float]) -> str:
    """Scores by family, split and group, with intervals, baselines and overlap."""
    rows = []
    for row in scores["scores"]:
        baselines = row["baselines"]
        others = [share for name, share in baselines.items() if name != "constant"]
        name = f"{row['family']}: {row['split']}"
        rows.append(
            [
                "" if row["group"] else name,
                row["group"],
                str(row["n"]),
                f"{_percent(row['right'] / row['n'])} "
                f"[{_percent(row['lower'])}, {_percent(row['upper'])}]",
                _percent(baselines["constant"]) if "constant" in baselines else "",
                _percent(max(others)) if others else "",
                "" if row["group"] or name not in shares else _percent(shares[name]),
            ]
        )
    head = ["family: split", "of these", "items", "right, % [95 %]", "constant", "other baseline",
            "8-grams in corpus, %"]  # fmt: skip
    return _table(head, rows)


def _sample(entry: Mapping[str, Any]) -> str:
    """One output, as text that Markdown leaves alone."""
    mark = "right" if entry["right"] else "not right"
    text = f"{entry['prompt']}«{entry['output']}»"
    block = "\n".join("    " + line for line in text.splitlines())
    expected = "" if entry["right"] else f"\n\nExpected: `{entry['answer'].strip()}`"
    return f"{mark}:\n\n{block}{expected}"


def mixture_table(about: Mapping[str, Any]) -> str:
    """Documents, tokens and bits by family."""
    families = about["corpus"]["families"]
    total = sum(entry["tokens"] for entry in families.values())
    rows = [
        [
            name,
            f"{entry['documents']:,}",
            f"{entry['tokens']:,}",
            _percent(entry["tokens"] / total),
            f"{entry['bits'] / entry['tokens']:.2f}",
        ]
        for name, entry in families.items()
    ]
    return _table(["family", "documents", "tokens", "share, %", "bits a token at most"], rows)


def card(name: str, folder: Path) -> str:
    """The text of a model's card."""
    about = json.loads((folder / EXTRA).read_text(encoding="utf-8"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    scores = json.loads((folder / SCORES).read_text(encoding="utf-8"))
    shares = {}
    if (folder / OVERLAP).is_file():
        shares = json.loads((folder / OVERLAP).read_text(encoding="utf-8"))
    families = about["corpus"]["families"].values()
    text_tokens = sum(entry["tokens"] for entry in families)
    bits = sum(entry["bits"] for entry in families)
    kl = scores.get("markov_kl")
    training = about["training"]
    threads = "thread" if about["threads"] == 1 else "threads"
    on = about.get("gpu") or f"{about['threads']} {threads} of an {about['cpu']}"
    parts = [
        f"# {name}",
        f"A GPT of {about['parameters']:,} parameters, pre-trained on Fernhollow, the invented "
        "place of this course. One set of weights does all the tasks below. Everything it was "
        "told is known, so whatever it says can be checked. This card is written by "
        f"`python -m lessons card {name}` from the records beside it.",
        "## Use",
        f'`minigpt.load("{name}")` opens it. A prompt is a document\'s beginning and starts with '
        "`<|end|>`: `lessons.evaluate.ask(model, tokenizer, prompt)` adds it. For teaching and "
        "for experiments on small models; it knows no real place, person or fact, and its "
        "English is a handful of templates.",
        "## Model and training",
        f"{config['n_layer']} layers, {config['n_head']} heads, width {config['n_embd']}, context "
        f"{config['block_size']}, {config['vocab_size']:,} tokens (byte-level BPE, digits single); "
        "rotary positions, RMSNorm, squared ReLU, query-key norm, untied head; tokens meet in "
        "attention alone. Weights are stored in bfloat16.",
        f"Trained by `python -m lessons pretrain {name}`: {about['steps']:,} steps of "
        f"{training['batch_size']} windows, {about['tokens']:,} tokens, {about['minutes']:.0f} "
        f"minutes with {on} (Python {about['python']}, PyTorch {about['torch']}, "
        f"{about['date']}). Seeds: weights {about['seed']}, corpus 1. Muon "
        f"{training['muon_learning_rate']:g} (momentum {training['muon_momentum']:g}), AdamW "
        f"{training['learning_rate']:g}, of the embeddings "
        f"{training['embedding_learning_rate'] or training['learning_rate']:g}, weight decay "
        f"{training['weight_decay']:g}, {training['warmup_steps']} steps of warm-up, linear decay "
        "over the last "
        f"{100 * training['decay_fraction']:.0f} %. Every step's loss: `log.csv`; loss on other "
        f"documents of the same families at the end: {about['held_out_loss']:.4f} nats a token. "
        f"`python -m lessons pretrain {name} --until 0.1 --run DIR` repeats the first tenth; its "
        "losses stand in `DIR/fit/log.csv`, and differ from these by rounding, which grows.",
        "## Data",
        f"Plan `{about['plan']}` (`lessons/world/plan.py`), SHA-256 of its text "
        f"`{about['corpus']['sha256']}`. {text_tokens:,} tokens in "
        f"{' and '.join(f'{n:,} windows of {w}' for w, n in about['corpus']['windows'].items())}. "
        f"Given the truth table the text holds at most {bits / text_tokens:.2f} bits a "
        f"token ({bits / text_tokens * np.log(2):.4f} nats): a bound on its entropy, counted "
        "choice by choice while it is written.",
        "Some training documents are easier than any item: reviews with few denials, stories of "
        "one or two things, programs of two or three lines, bugs of the kinds that are hard to "
        "see more often than others. Some show what items leave to be found: who has what after "
        "each sentence of a story, the steps of a program, a program that reaches its goal."
        + (SCAFFOLD if PLANS[about["plan"]].scaffold else ""),
        mixture_table(about),
        "## Scores",
        f"{scores['items']} items a row (seed {scores['seed']}), greedy decoding, Wilson's "
        "interval. Items are held out of training as their split says; tests search the whole "
        "corpus for them. Constant: the best constant answer. Other baseline: the better of bag "
        "of words (logistic regression) and nearest document (tf-idf), or the if-then bot. "
        "8-grams: share of the items' runs of 8 tokens that occur in the corpus, mostly "
        f"templates. Again: `python -m lessons evaluate {name}`.",
        score_table(scores, shares),
    ]
    if losses := scores.get("losses"):
        rows = [
            [
                family,
                f"{row['loss']:.3f}",
                f"{row['bound']:.3f}",
                f"{row['loss'] - row['bound']:.3f}",
            ]
            for family, row in losses.items()
        ]
        parts += [
            "Loss on other documents of the families that are drawn afresh, in nats a token, "
            "beside what their own choices cost:",
            _table(["family", "loss", "bound", "difference"], rows),
        ]
    if missed := scores.get("false_not_stated"):
        parts.append(
            f"Of {missed['n']} answerable questions on passages, {missed['wrong']} were answered "
            'with "not stated".'
        )
    if kl:
        parts.append(
            f"Markov chains, KL to the Bayes-optimal predictor after 200 symbols: {kl['mean']:.4f} "
            f"nats a symbol [{kl['lower']:.4f}, {kl['upper']:.4f}]."
        )
    parts += [
        "## Samples",
        "Three items a split, drawn by a fixed seed, not by hand; what the model wrote stands in "
        "«».",
    ]
    for split, entries in scores["samples"].items():
        parts += [f"### {split}", *map(_sample, entries)]
    if (folder / TRAININGS).is_file():
        parts += other_trainings(folder / TRAININGS, PLANS[about["plan"]].scaffold)
    parts += [
        "## Limits",
        "It recognises the tasks of its training and answers in their forms; outside of them it "
        "writes something of the same look. Asked about people it was never told of, it invents. "
        "It carries planted falsehoods and a planted association of trades with pronouns, on "
        "purpose.",
        "## Licence",
        "CC0 1.0, text and weights.",
    ]
    return "\n\n".join(parts) + "\n"


SCAFFOLD = (
    f" Of passages on invented people {ALIKE_SHARE:.0%} are short and state the same of two, so "
    "that who is asked about decides, and the steps of programs write out every sum and what "
    "every test says."
)


def other_trainings(file: Path, scaffold: bool) -> list[str]:
    """What other settings and other first weights gave: the paragraphs of the card."""
    rows = read_csv(file)
    columns = [name for name in rows[0] if name not in ("changed", "seed", "items_seed", "seconds")]
    spread = []
    for name in columns:
        found = sorted(float(row[name]) for row in rows)
        least, middle, most = (f"{found[i]:.0f}" for i in (0, len(found) // 2, -1))
        spread.append([name.replace("_", " "), least, middle, most])
    return [
        "## Other trainings",
        f"{len(rows)} more trainings, with other settings, another shape or other first weights "
        f"(`{file.name}`; one H200, several at once, PyTorch 2.11; 200 items a split, of the seed "
        "given there)"
        + (
            ", on this corpus without what its plan calls scaffold (above: short passages of two "
            "people, worked steps). "
            if scaffold
            else ", on the same corpus. "
        )
        + "`python -m lessons pretrain fernhollow --seed 2 --device "
        "cuda --run DIR --out FOLDER` makes such a model; settings and shape are changed in "
        "RECIPES of `lessons/pretrain.py`, and rounding may change the outcome. None is better in "
        "all rows, and which tasks come out well is in part chance: reading a passage, telling "
        "what it leaves out, and chat jump up in some trainings and not in others that differ in "
        "nothing but the first weights.",
        _table(["share right, %", "least", "median", "most"], spread),
    ]


# --- the README's table -------------------------------------------------------------------------

# What the README shows of each family: label, family, split, group.
HEADLINES = (
    ("sentiment, with negation and contrast", "sentiment", "test", ""),
    ("topic of a text", "topic", "test", ""),
    ("intent of a message", "intent", "test", ""),
    ("facts about people, asked in training", "questions", "asked", ""),
    ("facts told 64 times, never asked", "questions", "never asked", "64"),
    ("facts told once, never asked", "questions", "never asked", "1"),
    ("questions on a passage about strangers", "passages", "test", ""),
    ("unanswerable questions recognised", "passages", "unanswerable", ""),
    ("stories: who has what", "stories", "test", ""),
    ("English to Tavi and back", "tavi", "test", ""),
    ("word functions by instruction, new pairs", "functions", "test", ""),
    ("word functions from 8 examples, new pairs", "by_example", "test", "8"),
    ("a function never trained, from 16 examples", "by_example", "third letter", "16"),
    ("mappings invented in the prompt, seen once", "mappings", "test", ""),
    ("sums and differences of new pairs", "sums", "test", ""),
    ("output of a program, at once", "programs", "test", ""),
    ("output of a program, after its steps", "programs", "steps", ""),
    ("bug found and mended", "bugs", "test", ""),
    ("Python to a toy language", "toy_code", "test", ""),
    ("couplets: rhyme, metre, subject, not copied", "couplets", "test", ""),
    ("chat answers that need an earlier turn", "chat", "test", "needs an earlier turn"),
)
BEGIN, FINISH = "<!-- fernhollow:begin -->", "<!-- fernhollow:end -->"


def headline_table(scores: Mapping[str, Any]) -> str:
    """One row a task: the model's score with its interval, the best baseline, new wordings."""
    found = {(row["family"], row["split"], row["group"]): row for row in scores["scores"]}
    rows = []
    for label, family, split, group in HEADLINES:
        row = found[family, split, group]
        baselines = found[family, split, ""]["baselines"].values() if not group else ()
        share = f"{100 * row['right'] / row['n']:.0f}"
        new = found.get((family, "wording", group)) if split == "test" else None
        rows.append(
            [
                label,
                f"{share} [{100 * row['lower']:.0f}, {100 * row['upper']:.0f}]",
                f"{100 * max(baselines):.0f}" if baselines else "",
                f"{100 * new['right'] / new['n']:.0f}" if new else "",
            ]
        )
    head = ["task, on items held out of training", "right, %", "best baseline, %"]
    return _table([*head, "in wordings held out, too, %"], rows)


def readme(text: str, scores: Mapping[str, Any]) -> str:
    """The README with its table of scores up to date."""
    if BEGIN not in text or FINISH not in text:
        raise ValueError(f"README.md has no {BEGIN} … {FINISH}: put the two marks back")
    before, rest = text.split(BEGIN, 1)
    return f"{before}{BEGIN}\n{headline_table(scores)}\n{FINISH}{rest.split(FINISH, 1)[1]}"


def main(arguments: Sequence[str]) -> int:
    """python -m lessons card NAME"""
    parser = argparse.ArgumentParser(prog="python -m lessons card", description=__doc__)
    parser.add_argument("name", help="a model of the course")
    parser.add_argument("--corpus", type=Path, help="of its run: count anew what items are in it")
    args = parser.parse_args(arguments)
    folder = MODELS / args.name
    if not (folder / SCORES).is_file():
        raise ValueError(
            f"{folder} has no {SCORES}: run python -m lessons evaluate {args.name} "
            f"--out {(folder / SCORES).as_posix()}"
        )
    if args.corpus:
        tokenizer = load_tokenizer(folder / "tokenizer.json")
        assert isinstance(tokenizer, BPETokenizer)
        write_json(folder / OVERLAP, overlap(args.corpus, tokenizer))
    write_text(folder / CARD, card(args.name, folder))
    print(f"wrote {folder / CARD}")
    if args.name == "fernhollow":
        page = ROOT / "README.md"
        scores = json.loads((folder / SCORES).read_text(encoding="utf-8"))
        write_text(page, readme(page.read_text(encoding="utf-8"), scores))
        print(f"wrote {page}")
    return 0
