"""Lesson 03: neighbours and purity, counts, analogies, the text, and the film."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch

from lessons.l03_embeddings import space, text, widget
from minigpt import load
from minigpt.tokenizer import END


@pytest.fixture(scope="module")
def tokenizer():
    return load("fernhollow-small")[1]


# --- neighbours ---------------------------------------------------------------------------------


def test_neighbours_are_those_of_the_largest_cosines_without_the_mean():
    vectors = torch.randn(12, 5, generator=torch.Generator().manual_seed(1)) + 3
    near = space.neighbours(vectors, 4)
    shifted = (vectors - vectors.mean(0)).double()
    for at in range(12):
        cosines = {
            other: float(shifted[at] @ shifted[other] / shifted[at].norm() / shifted[other].norm())
            for other in range(12)
            if other != at
        }
        assert near[at].tolist() == sorted(cosines, key=lambda other: -cosines[other])[:4]


def test_purity_of_clusters_and_of_chance():
    generator = torch.Generator().manual_seed(2)
    labels = torch.tensor([0] * 15 + [1] * 20)
    centres = torch.tensor([[5.0, 0, 0], [0, 5.0, 0]])
    clusters = centres[labels] + 0.1 * torch.randn(35, 3, generator=generator)
    near = space.neighbours(clusters, 8)
    assert space.purity(near, labels).tolist() == [1, 1]
    expected = torch.tensor([14 / 34, 19 / 34], dtype=torch.float64)
    assert torch.allclose(space.shuffled(near, labels), expected, atol=0.03)
    noise = space.neighbours(torch.randn(35, 3, generator=generator), 8)
    assert (space.purity(noise, labels) - expected).abs().max() < 0.2


def test_categories_are_one_token_each_and_disjoint(tokenizer):
    groups = space.categories()
    words, ids, labels = space.labelled(tokenizer, groups)
    assert len(words) == len({*words}) == len({*ids}) == 208
    assert labels.bincount().tolist() == [len(members) for members in groups.values()]
    assert [tokenizer.decode([token]) for token in ids] == [f" {word}" for word in words]
    assert space.token_ids(tokenizer, ["baker", "bakerbaker"])[1] is None
    assert len(space.everyday()) == 11
    assert min(len(members) for members in space.everyday().values()) > 10


# --- counts -------------------------------------------------------------------------------------


def test_counts_are_those_of_a_loop(tokenizer):
    end, pad = tokenizer.special_tokens[END], tokenizer.special_tokens["<|pad|>"]
    rows = np.array([[end, 30, 31, 32, 30, end, 33, 30], [end, 31, 33, pad, pad, pad, pad, pad]])
    counts = space.Counts(tokenizer)
    counts.add(rows[:1], pad)
    counts.add(rows[1:], pad)
    documents = [[30, 31, 32, 30], [33, 30], [31, 33]]
    right = np.zeros((counts.size, counts.size), dtype=int)
    for document in documents:
        for i, a in enumerate(document):
            for j, b in enumerate(document):
                if i != j and abs(i - j) <= space.WINDOW:
                    right[a, b] += 1
    assert (counts.table.reshape(right.shape) == right).all()
    found = counts.vectors([30, 33])
    assert found["counts"].tolist() == right[[30, 33]].tolist()
    p, total = right.sum(1), right.sum()
    assert float(found["mutual information"][1, 30]) == pytest.approx(
        math.log(right[33, 30] * total / (p[33] * p[30]))
    )
    assert float(found["mutual information"][1, 32]) == 0


def test_the_text_is_fernhollows_and_its_pairs_are_near(tokenizer):
    documents = text.documents()
    assert len(documents) == sum(text.READ.values())
    assert documents == text.documents()
    rows = text.rows(tokenizer)
    assert rows.shape[1] == text.WIDTH
    assert (rows == tokenizer.special_tokens[END]).sum() == len(documents)
    pairs = text.pairs(tokenizer, window=2)
    flat = rows.ravel().tolist()
    near = {
        (a, flat[at + step]) for at, a in enumerate(flat) for step in (1, 2) if at + 2 < len(flat)
    }
    near |= {(b, a) for a, b in near}
    assert {tuple(pair) for pair in pairs[:: len(pairs) // 500].tolist()} <= near


# --- analogies ----------------------------------------------------------------------------------


def test_analogies_of_a_table_with_directions_and_without(tokenizer):
    pairs = space.relations()["name : young"]
    assert len(pairs) == 16
    generator = torch.Generator().manual_seed(3)
    table = torch.randn(tokenizer.vocab_size, 64, generator=generator)
    found = space.analogies(table, tokenizer, pairs)
    assert [*found] == [*space.WAYS]
    assert max(found.values()) < 0.05
    direction = 3 * torch.randn(64, generator=generator)
    for a, b in pairs:
        first, second = space.token_ids(tokenizer, (a, b))
        table[second] = table[first] + direction
    found = space.analogies(table, tokenizer, pairs)
    assert found["b - a + c"] > 0.95
    assert found["nearest to b"] < 0.2
    with pytest.raises(ValueError, match="not one token each"):
        space.analogies(table, tokenizer, [("cow", "calfcalf"), ("hen", "chick")])


def test_the_nine_relations_are_one_token_each(tokenizer):
    assert len(space.relations()) == 9
    for pairs in space.relations().values():
        assert None not in space.token_ids(tokenizer, [word for pair in pairs for word in pair])


# --- the film -----------------------------------------------------------------------------------


def test_the_film_shows_every_checkpoint():
    tables, tokenizer = widget.checkpoints()
    assert 7 <= len(tables) <= 9
    box = widget.film(tables, tokenizer, space.categories())
    step, word, view = box.children
    assert step.value == max(tables)
    last = view.value
    alt = re.search(r'alt="([^"]+)"', last)[1]
    near = alt.split(": ")[1].split(", ")
    words, ids, _ = space.labelled(tokenizer, space.categories())
    right = space.neighbours(tables[max(tables)][ids], widget.NEAREST)[words.index(word.value)]
    assert near == [words[i] for i in right.tolist()]
    step.value = min(tables)
    assert view.value != last
    word.value = "Oakham"
    assert "nearest to Oakham" in view.value
