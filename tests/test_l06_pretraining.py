"""Lesson 06: its split, baselines, minimal pairs, recorded figures and widget."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections import Counter
from pathlib import Path
from statistics import fmean

import pytest
import torch

from lessons.claims import read_figures
from lessons.l06_pretraining import (
    corpus,
    experiment,
    facts,
    pairs,
    published,
    real,
    recorded,
    sweep,
)
from lessons.l06_pretraining.baselines import KneserNey, compressed_bits_per_byte, compressors
from lessons.l06_pretraining.corpus import Split, articles, overlap, split_articles
from lessons.models import along, fernhollow_small
from lessons.widgets import step_slider
from lessons.world.plan import Plan
from lessons.world.tasks.base import Item
from lessons.world.truth import people
from minigpt import GPT, BPETokenizer, GPTConfig, load
from minigpt.tokenizer import END


@pytest.fixture(scope="module")
def material() -> experiment.Material:
    return experiment.prepare(seed=0)


def test_no_paragraph_occurs_twice_and_articles_are_whole() -> None:
    texts = articles()
    paragraphs = Counter(" ".join(p.split()) for text in texts for p in text.split("\n\n"))
    assert max(paragraphs.values()) == 1
    assert sum(map(len, texts)) > 300_000


@pytest.mark.parametrize("seed", range(6))
def test_held_out_articles_do_not_leak(seed: int) -> None:
    texts = articles()
    split = split_articles(texts, seed)
    assert set(split.held_out) <= set(texts)
    total = sum(map(len, texts))
    assert 0.1 * total <= sum(map(len, split.held_out)) <= 0.16 * total
    assert overlap(split) < corpus.MOST_OVERLAP
    assert sum(map(len, split.train)) > 0.75 * total


def test_overlap_finds_a_leak() -> None:
    text = "".join(random.Random(0).choices("abcdefgh ", k=500))
    assert overlap(Split(["x" * 100 + text], [text])) == 1.0
    assert overlap(Split(["x" * 600], [text])) == 0.0


def test_split_is_drawn_by_its_seed() -> None:
    texts = articles()
    assert split_articles(texts, 3) == split_articles(texts, 3)
    assert split_articles(texts, 3).held_out != split_articles(texts, 4).held_out


def test_own_text_is_cut_at_headings_or_paragraphs(tmp_path: Path) -> None:
    draw = random.Random(1)
    parts = ["".join(draw.choice("abcdef ") for _ in range(300)) for _ in range(40)]
    marked = tmp_path / "marked.md"
    marked.write_text("\n\n".join(f"# Part {i}\n\n{part}" for i, part in enumerate(parts)))
    assert len(articles(str(marked))) == 40
    plain = tmp_path / "plain.txt"
    plain.write_text("\n\n".join(parts * 4 + [f"{i} {p}" for i, p in enumerate(parts * 4)]))
    assert len(articles(str(plain))) >= 10
    short = tmp_path / "short.txt"
    short.write_text("one paragraph only")
    with pytest.raises(ValueError, match="at least 10"):
        articles(str(short))


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_kneser_ney_is_a_distribution_and_uses_its_context(order: int) -> None:
    draw = random.Random(order)
    tokens = [draw.choice([0, 0, 1, 2, 3]) for _ in range(400)]
    model = KneserNey(tokens, order, vocab_size=6)  # tokens 4 and 5 never occur
    for context in ([], [0], [1, 2], [5, 4, 3, 2, 1], tokens[:7]):
        p = [model.probability(context, token) for token in range(6)]
        assert sum(p) == pytest.approx(1.0, abs=1e-9)
        assert min(p) > 0


def test_kneser_ney_by_hand() -> None:
    # a b a b a c: bigrams ab 2, ba 2, ac 1; one singleton, two pairs: D = 1 / (1 + 2 * 2) = 0.2
    tokens = [0, 1, 0, 1, 0, 2]
    model = KneserNey(tokens, 2, vocab_size=4)
    # continuation counts: b after a, a after b, c after a: 1 each, all singletons: D = 1
    unigram = 1 * 3 / 3 * 1 / 4  # everything saved, so uniform
    assert model.probability([0], 1) == pytest.approx((2 - 0.2 + 0.2 * 2 * unigram) / 3)
    assert model.probability([0], 3) == pytest.approx(0.2 * 2 * unigram / 3)
    assert model.probability([2], 1) == pytest.approx(unigram)  # a context never seen


def test_longer_contexts_help_on_real_text(material: experiment.Material) -> None:
    bits = experiment.baselines(material)
    assert bits["uniform"] > bits["unigram"] > bits["bigram"] > bits["5-gram"] > 1.0
    assert bits["gzip"] > bits["xz"] > 1.0


def test_a_copied_text_costs_a_compressor_nothing() -> None:
    text = "".join(random.Random(2).choices("abcdefghij ", k=20_000)).encode()
    for size in compressors().values():
        assert compressed_bits_per_byte(size, text, text) < 0.2
        assert compressed_bits_per_byte(size, b"", text) > 3.0


def test_pairs_are_equally_long_and_balanced(material: experiment.Material) -> None:
    held_out = "\x00".join(material.split.held_out)
    for structure, found in material.pairs.items():
        assert len(found) >= 30, structure
        for pair in found:
            assert pair.context + pair.real in held_out
            coded = pairs.encode_pair(material.tokenizer, pair)
            assert coded is not None
            assert len(coded.real) == len(coded.wrong)
            assert coded.real != coded.wrong
            assert coded.shared
    brackets = Counter((p.real, p.wrong) for p in material.pairs["brackets"])
    for (right, wrong), count in brackets.items():
        assert abs(count - brackets[wrong, right]) <= 1
    assert set(material.pairs) == set(pairs.STRUCTURES)


def test_a_text_without_brackets_has_no_pairs_of_them() -> None:
    text = "the cat sat on the mat and the dog ran to the cat, it was on the mat. " * 40
    tokenizer = experiment.BPETokenizer.train(text, 300)
    found = pairs.make_pairs([text], [text], tokenizer, seed=0)
    assert "brackets" not in found
    assert "indentation" not in found


def test_share_right_follows_the_model(material: experiment.Material) -> None:
    """A model that is told the answer is always right, one that is told the opposite never."""

    class Oracle(GPT):
        sign = 1.0

        def forward(self, idx, cache=None):  # type: ignore[no-untyped-def]
            logits = torch.zeros(*idx.shape, self.config.vocab_size)
            for row, tokens in enumerate(idx.tolist()):
                for at in range(len(tokens)):
                    for shared, token in answers:
                        if tokens[: at + 1][-len(shared) :] == shared:
                            logits[row, at, token] = 5.0 * self.sign
            return logits

    some = material.pairs["brackets"][:6]
    coded = [pairs.encode_pair(material.tokenizer, pair) for pair in some]
    answers = [(c.shared[-20:], c.real[0]) for c in coded if c is not None]
    oracle = Oracle(GPTConfig.fast(vocab_size=1024, n_layer=1, n_head=1, n_embd=4))
    assert pairs.share_right(oracle, material.tokenizer, some) == 1.0
    oracle.sign = -1.0
    assert pairs.share_right(oracle, material.tokenizer, some) == 0.0
    with pytest.raises(ValueError, match="no pair"):
        pairs.share_right(oracle, material.tokenizer, [])


def test_counting_gets_spelling_but_not_the_direction_of_brackets(
    material: experiment.Material,
) -> None:
    unigram = KneserNey(material.train.tolist(), 1, material.tokenizer.vocab_size)

    def nats(context: object, token: int) -> float:
        return -math.log(unigram.probability((), token))

    share = pairs.share_right_by_counting(nats, material.tokenizer, material.pairs["brackets"])
    assert 0.4 <= share <= 0.6  # balanced: frequency alone does not help


def test_petabytes_are_tokens_times_bytes() -> None:
    assert published.largest() == pytest.approx(36e12 * 4 / 1e15)
    assert published.median() < published.largest() < 1.0


def test_recorded_figures_follow_from_the_recorded_curves() -> None:
    figures = read_figures("l06_pretraining")
    long = [row for row in recorded.rows("curves") if row["run"] == "long"]
    last = str(max(int(row["step"]) for row in long))
    levels = {
        (r["baseline"], r["seed"]): float(r["bits_per_byte"]) for r in recorded.rows("baselines")
    }
    seeds = sorted({row["seed"] for row in long}, key=int)
    assert len(seeds) == 5
    for number, seed in enumerate(seeds):
        final = next(r for r in long if r["seed"] == seed and r["step"] == last)
        first = next(r for r in long if r["seed"] == seed and r["step"] == "0")
        bits = float(final["bits_per_byte"])
        for figure, baseline in (("fivegram", "5-gram"), ("xz", "xz"), ("shuffled", "shuffled")):
            value = figures["self-supervised"][f"gpt_minus_{figure}"][number]
            assert value == pytest.approx(bits - levels[baseline, seed], abs=1e-5)
        for structure in pairs.STRUCTURES:
            assert figures["next-token"][structure][number] == pytest.approx(
                float(final[structure])
            )
        untrained = fmean(float(first[structure]) for structure in pairs.STRUCTURES)
        assert figures["next-token"]["untrained_mean"][number] == pytest.approx(untrained)


def test_recorded_baselines_can_be_repeated() -> None:
    """The text differs between Python versions, so within a tolerance."""
    first = recorded.rows("baselines")[0]["seed"]
    rows = [r for r in recorded.rows("baselines") if r["seed"] == first]
    for name, bits in experiment.baselines(experiment.prepare(int(first))).items():
        row = next(r for r in rows if r["baseline"] == name)
        assert float(row["bits_per_byte"]) == pytest.approx(bits, abs=0.12), name


def test_a_sweep_that_was_cut_off_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Finished parts are not run again, and the tables are those of the recorded parts."""
    monkeypatch.setattr(sweep, "RESULTS", tmp_path)
    monkeypatch.setattr(sweep, "PARTS", tmp_path / "parts")
    (tmp_path / "parts").mkdir()
    row = {"bits_per_byte": 2.0, **dict.fromkeys(pairs.STRUCTURES, 0.8)}
    rows = [{"step": 0, **row, "spelling": 0.9}, {"step": 9, **row}]
    for seed, (kind, content) in itertools.product(
        (sweep.FIRST_SEED, sweep.FIRST_SEED + 1),
        {
            "baselines": {
                "bits": dict.fromkeys(["unigram", "bigram", "5-gram", "gzip", "xz"], 3.0),
                "fivegram_shares": dict.fromkeys(pairs.STRUCTURES, 0.5),
                "pairs": dict.fromkeys(pairs.STRUCTURES, 10),
            },
            "live": {"rows": rows, "samples": {}, "parameters": 1},
            "long": {"rows": rows, "samples": {"0": "text"}, "parameters": 1},
            "shuffled": {"bits_per_byte": 2.5},
        }.items(),
    ):
        part = sweep._part(kind, seed)
        part.write_text(json.dumps({**content, "seconds": 1.0}))
    sweep.main(["--seeds", "2", "--processes", "1"])
    lines = (tmp_path / "figures.csv").read_text().splitlines()
    assert f"self-supervised,gpt_minus_fivegram,{sweep.FIRST_SEED},-1" in lines
    assert f"self-supervised,gpt_minus_shuffled,{sweep.FIRST_SEED + 1},-0.5" in lines
    assert f"next-token,untrained_mean,{sweep.FIRST_SEED},0.825" in lines
    assert json.loads((tmp_path / "samples.json").read_text()) == {"0": "text"}


def test_slider_shows_hostile_text_as_text() -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    box = step_slider({0: "calm", 50: hostile}, {0: "a", 50: hostile})
    slider, view = box.children
    slider.value = 50
    assert "&lt;script&gt;" in view.value
    assert "<script" not in view.value
    assert "<img" not in view.value
    with pytest.raises(ValueError, match="no captions"):
        step_slider({0: "a", 1: "b"}, {0: "a"})


# The second notebook: facts along the checkpoints, and SmolLM2.


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (" Ashford", "right"),
        ("Ashford", "right"),
        (" Larkhill", "wrong, of the right kind"),
        (" Larkhill and", "another form"),
        ("", "another form"),
    ],
)
def test_an_answer_is_right_or_of_the_right_kind_or_neither(output: str, expected: str) -> None:
    item = Item("Q: Where?\nA:", " Ashford", (" Ashford", " Larkhill"))
    assert facts.kind(item, output) == expected


def test_facts_are_asked_for_by_how_often_they_are_told() -> None:
    plan, told = Plan("any"), facts.groups(n=3)
    assert [*told] == ["1", "2", "4", "8", "16", "32", "64", "asked", "told"]
    by_name = {person.name: person for person in people()}
    for level, items in told.items():
        assert len(items) == (3 if level.isdecimal() else 6)
        for item in items:
            person = by_name[item.meta["name"]]
            times = plan.exposures(person, item.meta["attribute"])[item.answer.strip()]
            assert not level.isdecimal() or times == int(level)


def test_the_recorded_facts_are_those_of_the_shipped_checkpoints() -> None:
    found = recorded.facts()
    places = along(fernhollow_small())
    assert {step for group in found.values() for step in group} == set(places)
    items = facts.groups()
    for step in (min(places), max(places)):
        model, tokenizer = load(places[step])
        for group in ("64", facts.ASKED):
            counted = facts.count(model, tokenizer, items[group][:40])
            share = found[group][step]["right"]
            assert abs(counted["right"] / 40 - share) < 0.2  # the rest of the items decides too
        if step == max(places):
            whole = facts.count(model, tokenizer, items["32"])
            assert abs(whole["right"] / 100 - found["32"][step]["right"]) <= 0.02


def test_smollm2s_pairs_are_equally_long_in_its_own_vocabulary() -> None:
    text = " ".join(articles())
    tokenizer = BPETokenizer.train(text[:60_000], 400, pattern="smollm", special_tokens=[END])
    split = split_articles(articles(), 10)
    found = real.pairs_of(tokenizer, split, 10)
    assert {"spelling", "common_words"} <= set(found)
    for some in found.values():
        for pair in some[:20]:
            ends = (pair.real, pair.wrong)
            lengths = {len(tokenizer.encode(pair.context + end)) for end in ends}
            assert len(lengths) == 1


def test_bits_of_a_real_model_are_those_of_every_token_once() -> None:
    split = Split([], ["A short article.\n", "And another one.\n"])
    tokenizer = BPETokenizer.train("a short article and one", 300, special_tokens=[END])
    torch.manual_seed(0)
    model = GPT(GPTConfig.fast(vocab_size=300, block_size=1024, n_layer=1, n_head=1, n_embd=16))
    end = tokenizer.special_tokens[END]
    ids = [end]
    for article in split.held_out:
        ids += [*tokenizer.encode(article), end]
    with torch.no_grad():
        log_p = model.eval()(torch.tensor([ids[:-1]]))[0].log_softmax(-1)
    nats = -log_p[torch.arange(len(ids) - 1), torch.tensor(ids[1:])].sum()
    expected = float(nats) / math.log(2) / split.held_out_bytes
    assert real.bits(model, tokenizer, split) == pytest.approx(expected, rel=1e-4)
