"""Measuring: loss, perplexity, bits per byte, scores of choices, and intervals."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .data import IGNORE
from .generate import Tokenizer
from .model import GPT
from .modes import evaluating
from .tokenizer import END

NORMALIZATIONS = ("none", "token", "byte", "pmi")


def next_token_loss(logits: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
    """Cross-entropy in nats between logits (B, T, V) and targets (B, T); -100 is left out."""
    return F.cross_entropy(
        logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORE, reduction=reduction
    )


def token_losses(
    model: GPT, ids: Tensor, *, stride: int | None = None, batch_size: int = 32
) -> Tensor:
    """Loss in nats of every token of a stream but the first: ids (N,) -> (N - 1,).

    The stream is cut into windows of block_size. Without `stride` they do not overlap, so a
    window's first tokens are predicted from little; with `stride` the window moves by so many
    tokens, and each token is predicted from at least block_size - stride before it.
    """
    block = model.config.block_size
    stride = block if stride is None else stride
    if not 1 <= stride <= block:
        raise ValueError(f"stride={stride}: choose 1 to block_size={block}")
    if ids.dim() != 1 or len(ids) < 2:
        raise ValueError(f"a stream of at least 2 tokens is needed, not shape {tuple(ids.shape)}")
    ids = ids.to(model.device)
    total = len(ids) - 1
    ends = [*range(block, total, stride), total]
    width = min(block, total)
    starts = torch.tensor([end - width for end in ends], device=ids.device)
    rows = starts[:, None] + torch.arange(width, device=ids.device)  # (windows, T)
    losses = torch.empty(total)
    scored = 0
    with evaluating(model):
        for at in range(0, len(ends), batch_size):
            batch = rows[at : at + batch_size]  # (B, T)
            found = next_token_loss(model(ids[batch]), ids[batch + 1], reduction="none")
            for row, end in zip(found.view(batch.shape).cpu(), ends[at:], strict=False):
                losses[scored:end] = row[width - (end - scored) :]
                scored = end
    return losses


def evaluate_loss(model: GPT, ids: Tensor, *, stride: int | None = None) -> float:
    """Mean loss in nats per token over a whole stream (N,); windows as in `token_losses`."""
    return float(token_losses(model, ids, stride=stride).double().mean())


def perplexity(loss: float) -> float:
    """exp(loss): among how many equally likely tokens the model hesitates, for loss in nats."""
    return math.inf if loss > 700 else math.exp(loss)


def bits_per_byte(total_nats: float, n_bytes: int) -> float:
    """Bits spent per byte of UTF-8 text: comparable across vocabularies. Nats are summed."""
    if n_bytes < 1:
        raise ValueError(f"n_bytes={n_bytes}: there must be at least one byte")
    return total_nats / math.log(2) / n_bytes


def count_bytes(tokenizer: Tokenizer, ids: Sequence[int]) -> int:
    """How many bytes of text these tokens stand for; special tokens stand for none."""
    special = set(tokenizer.special_tokens.values())
    return sum(len(tokenizer.id_to_bytes(token)) for token in map(int, ids) if token not in special)


def sequence_logprob(
    model: GPT, tokenizer: Tokenizer, context: str, continuation: str
) -> tuple[float, int]:
    """log p(continuation | context) in nats, and the continuation's number of tokens.

    Both are encoded apart, so that what is scored does not depend on the context. An empty
    context stands for a document's beginning and needs the tokenizer's end token. Raises
    ValueError if the continuation is empty or the two do not fit the context.
    """
    target = tokenizer.encode(continuation)
    given = tokenizer.encode(context)
    if not target:
        raise ValueError("the continuation is empty: there is nothing to score")
    if not given:
        if END not in tokenizer.special_tokens:
            raise ValueError(f"the context is empty and the vocabulary has no {END} to start from")
        given = [tokenizer.special_tokens[END]]
    if len(given) + len(target) > model.config.block_size + 1:
        raise ValueError(
            f"{len(given)} tokens of context and {len(target)} to score do not fit "
            f"block_size={model.config.block_size}: shorten the context"
        )
    ids = torch.tensor([given + target], device=model.device)
    with evaluating(model):
        logits = model(ids[:, :-1])[:, -len(target) :]  # (1, n, V)
    return -float(next_token_loss(logits, ids[:, -len(target) :], "sum")), len(target)


def score_choices(
    model: GPT,
    tokenizer: Tokenizer,
    context: str,
    choices: Sequence[str],
    *,
    normalize: str = "none",
) -> list[float]:
    """A score for each continuation of a context; the highest is the model's choice.

    "none": log probability. "token", "byte": divided by the choice's tokens or bytes, so that
    long ones are not punished. "pmi": minus its log probability without the context
    (2104.08315). Raises ValueError for another `normalize` or fewer than two choices.
    """
    if normalize not in NORMALIZATIONS:
        raise ValueError(f"normalize={normalize!r}: choose one of {NORMALIZATIONS}")
    if isinstance(choices, str):
        raise ValueError(f"choices={choices!r} is one text: give a list of at least 2")
    if len(choices) < 2:
        raise ValueError(f"{len(choices)} choices came: at least 2 are needed to choose")
    scores = []
    for choice in choices:
        score, n_tokens = sequence_logprob(model, tokenizer, context, choice)
        if normalize == "token":
            score /= n_tokens
        elif normalize == "byte":
            score /= len(choice.encode("utf-8"))
        elif normalize == "pmi":
            score -= sequence_logprob(model, tokenizer, "", choice)[0]
        scores.append(score)
    return scores


def mean_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """Mean of replicates with Student's t interval: (mean, low, high).

    One value gives (v, v, v): no spread can be known. Raises ValueError for no values.
    """
    if len(values) == 0:
        raise ValueError("no values came: at least one replicate is needed")
    if not 0 < level < 1:
        raise ValueError(f"level={level}: choose 0 < level < 1, for example 0.95")
    mean = statistics.fmean(values)
    if len(values) == 1:
        return mean, mean, mean
    from scipy import stats  # not a dependency of the core: part of the extra "lab"

    half = stats.t.ppf((1 + level) / 2, len(values) - 1) * statistics.stdev(values)
    half /= math.sqrt(len(values))
    return mean, float(mean - half), float(mean + half)
