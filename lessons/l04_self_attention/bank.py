"""What "it" refers to: sentences with two candidates, of which one word later decides.

"The trophy does not fit into the suitcase because it is too large." With "small" in place of
"large" the other candidate is meant; with the two things exchanged, the other word. So neither
the position nor what is known of the things gives more than half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch

from minigpt import GPT, BPETokenizer
from minigpt.evaluate import sequence_logprob
from minigpt.probes import ablated_heads, attention_maps

# A sentence up to "it", then its end; the word that means the first thing, and the second.
TEMPLATES: tuple[tuple[str, str, str, str, str], ...] = (
    ("The {a} does not fit into the {b} because", " is too", "large", "small",
     "trophy suitcase, book bag, lamp box, chair van, bottle drawer, guitar case, coat basket, "
     "painting crate, bicycle car, vase cupboard"),
    ("The {a} cannot pass under the {b} because", " is too", "high", "low",
     "truck bridge, bus arch, tractor gate, ship cable, wagon roof, horse branch, tram wire, "
     "crane beam, camel rope, van tree"),
    ("The {a} did not hold the {b} because", " was too", "weak", "heavy",
     "rope piano, hook mirror, shelf statue, branch swing, nail clock, net shark, chain anchor, "
     "table stove, string bell, board barrel"),
    ("The {a} did not cover the {b} because", " was too", "short", "long",
     "blanket bed, cloth table, roof wagon, rug floor, tent boat, sheet sofa, curtain window, "
     "mat bench, scarf neck, towel shelf"),
    ("The {a} could not cut the {b} because", " was too", "blunt", "hard",
     "knife bread, saw log, axe tree, blade wire, sword shield, chisel stone, razor rope, "
     "drill wall, cutter bolt, scythe bush"),
    ("The {a} does not reach the {b} because", " is too", "short", "high",
     "ladder window, hose roof, rope balcony, pole lamp, cable tower, crane floor, stick nest, "
     "arm shelf, chain hook, stair attic"),
    ("The {a} could not catch the {b} because", " was too", "slow", "fast",
     "cat mouse, dog rabbit, fox hen, wolf deer, hawk dove, bear horse, spider fly, lion zebra, "
     "snake frog, owl rat"),
    ("The {a} crushed the {b} because", " was so", "heavy", "soft",
     "stone apple, wheel melon, log basket, rock tent, hammer cake, barrel hat, anvil pillow, "
     "brick tomato, boulder nest, statue sofa"),
    ("The {a} scratched the {b} because", " was so", "sharp", "soft",
     "key table, nail floor, claw chair, stone lens, wire paint, needle leather, ring bench, "
     "fork pan, branch roof, blade board"),
    ("The {a} sank the {b} because", " was so", "heavy", "light",
     "anchor raft, safe boat, engine canoe, stone basket, bell dinghy, horse ferry, piano barge, "
     "cannon skiff, statue kayak, stove float"),
)  # fmt: skip


@dataclass(frozen=True)
class Sentence:
    """One sentence; `right` is 0 or 1, the candidate that is meant."""

    template: int
    pair: int
    things: tuple[str, str]
    before: str
    end: str
    word: str
    right: int

    @property
    def text(self) -> str:
        return f"{self.before} it{self.end} {self.word}."

    @property
    def group(self) -> tuple[int, int]:
        """Sentences of one group share their things, so they are not independent."""
        return self.template, self.pair


def sentences() -> list[Sentence]:
    """All 400: 10 templates, 10 pairs of things, both orders, both words."""
    found = []
    for number, (before, end, first, second, things) in enumerate(TEMPLATES):
        for pair, both in enumerate(things.split(", ")):
            a, b = both.split()
            for x, y in ((a, b), (b, a)):
                for right, word in enumerate((first, second)):
                    start = before.format(a=x, b=y)
                    found.append(Sentence(number, pair, (x, y), start, end, word, right))
    return found


def halves(all_sentences: Sequence[Sentence]) -> tuple[list[Sentence], list[Sentence]]:
    """To choose heads on, and to report on: every template in both, no pair of things in both."""
    chosen = [s for s in all_sentences if s.pair % 2 == 0]
    return chosen, [s for s in all_sentences if s.pair % 2]


def by_substitution(model: GPT, tokenizer: BPETokenizer, sentence: Sentence) -> int:
    """The candidate that makes the end of the sentence more probable, put in place of "it"."""
    end = f"{sentence.end} {sentence.word}."
    scores = [
        sequence_logprob(model, tokenizer, f"{sentence.before} the {thing}", end)[0]
        for thing in sentence.things
    ]
    return int(scores[1] > scores[0])


def by_question(model: GPT, tokenizer: BPETokenizer, sentence: Sentence) -> int:
    """The candidate that the model prefers as the answer to a question about the sentence."""
    prompt = f"{sentence.text}\nQuestion: What{sentence.end} {sentence.word}?\nAnswer: The"
    scores = [
        sequence_logprob(model, tokenizer, prompt, f" {thing}")[0] for thing in sentence.things
    ]
    return int(scores[1] > scores[0])


def places(
    tokenizer: BPETokenizer, sentence: Sentence
) -> tuple[list[int], list[list[int]], int, int]:
    """Token ids; the tokens of both candidates; the token of "it", and the one of the word."""
    ids: list[int] = []
    spans: list[list[int]] = []
    it = -1
    for number, part in enumerate(f"{sentence.before} it{sentence.end} {sentence.word}".split(" ")):
        tokens = tokenizer.encode(part if number == 0 else f" {part}")
        here = [*range(len(ids), len(ids) + len(tokens))]
        if part in sentence.things:
            spans.append(here)
        if part == "it":
            it = here[0]
        ids += tokens
    return ids, spans, it, len(ids) - 1


@torch.no_grad()
def attention_to_candidates(
    model: GPT, tokenizer: BPETokenizer, sentence: Sentence
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention from "it", and from the word that decides, to both candidates: (2, L, H) each."""
    ids, spans, it, word = places(tokenizer, sentence)
    maps = attention_maps(model, torch.tensor([ids]))[:, 0]  # (L, H, T, T)
    found = []
    for row in (it, word):
        found.append(torch.stack([maps[:, :, row, span].sum(-1) for span in spans]))
    return found[0], found[1]


def measure(model: GPT, tokenizer: BPETokenizer, n_random: int = 20) -> dict[str, Any]:
    """All that the lesson reports of a model; `templates` holds the figures of the claim."""
    choosing, reporting = halves(sentences())
    right = torch.stack([pointing(model, tokenizer, s) for s in choosing])  # (N, 2, L, H)
    scores = right[:, 1].float().mean(0)  # (L, H), from the word that decides
    layer, head = divmod(int(scores.argmax()), scores.size(1))
    told = torch.stack([pointing(model, tokenizer, s) for s in reporting])
    answered = [by_question(model, tokenizer, s) == s.right for s in reporting]
    with ablated_heads(model, [(layer, head)]):
        without = [by_question(model, tokenizer, s) == s.right for s in reporting]
    random = torch.Generator().manual_seed(4)
    n_layer, n_head = scores.shape
    lost = torch.zeros(len(reporting))
    others = torch.randperm(n_layer * n_head, generator=random).tolist()
    others = [number for number in others if number != layer * n_head + head][:n_random]
    for number in others:
        with ablated_heads(model, [divmod(number, n_head)]):
            now = [by_question(model, tokenizer, s) == s.right for s in reporting]
        lost += (torch.tensor(answered).float() - torch.tensor(now).float()) / n_random
    templates = []
    for template in range(len(TEMPLATES)):
        here = [i for i, s in enumerate(reporting) if s.template == template]
        removal = fmean(answered[i] - without[i] for i in here)
        templates.append(
            {
                "head_right": float(told[here, 1, layer, head].float().mean()),
                "answers_right": fmean(answered[i] for i in here),
                "answers_right_without": fmean(without[i] for i in here),
                "removal_minus_random": removal - float(lost[here].mean()),
            }
        )
    substituted = [by_substitution(model, tokenizer, s) == s.right for s in reporting]
    return {
        "head": [layer, head],
        "chosen_on": float(scores.max()),
        "from_it": told[:, 0].float().mean(0).max().item(),
        "first_always": fmean(s.right == 0 for s in reporting),
        "substitution_right": fmean(substituted),
        "heads": [
            [round(value, 4) for value in row] for row in told[:, 1].float().mean(0).tolist()
        ],
        "templates": templates,
        "sentences": len(reporting),
        "random_heads": n_random,
    }


def pointing(model: GPT, tokenizer: BPETokenizer, sentence: Sentence) -> torch.Tensor:
    """Whether each head gives more attention to the right candidate: (2, L, H) of bools.

    Row 0 looks from "it", row 1 from the word that decides.
    """
    both = torch.stack(attention_to_candidates(model, tokenizer, sentence))  # (2, 2, L, H)
    return both[:, sentence.right] > both[:, 1 - sentence.right]


def first_is_right(all_sentences: Sequence[Sentence]) -> float:
    """How often the first candidate is meant: what position alone is worth."""
    return fmean(sentence.right == 0 for sentence in all_sentences)
