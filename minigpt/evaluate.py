"""Measuring: loss, perplexity, bits per byte, scores of choices, prompts with examples."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .data import IGNORE
from .generate import Tokenizer
from .intervals import mean_interval as mean_interval
from .model import GPT
from .modes import evaluating
from .tokenizer import ENDS

NORMALIZATIONS = ("none", "token", "byte", "pmi")


def next_token_loss(logits: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
    """Cross-entropy in nats between logits (B, T, V) and targets (B, T); -100 is left out."""
    return F.cross_entropy(
        logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORE, reduction=reduction
    )


def token_losses(
    model: GPT,
    ids: Tensor,
    *,
    stride: int | None = None,
    window: int | None = None,
    batch_size: int = 32,
) -> Tensor:
    """Loss in nats of every token of a stream but the first: ids (N,) -> (N - 1,).

    The stream is cut into windows of `window` tokens (block_size). Without `stride` they do not
    overlap, so a window's first tokens are predicted from little; with `stride` the window moves
    by so many tokens, and each token behind the first window is predicted from more than
    window - stride before it. The last window is moved back to be full. Raises ValueError for
    numbers out of range.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size}: must be at least 1")
    block = model.config.block_size if window is None else window
    if not 1 <= block <= model.config.block_size:
        raise ValueError(f"window={window}: choose 1 to block_size={model.config.block_size}")
    stride = block if stride is None else stride
    if not 1 <= stride <= block:
        longest = "block_size" if window is None else "window"
        raise ValueError(f"stride={stride}: choose 1 to {longest}={block}")
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
    model: GPT, tokenizer: Tokenizer, context: str | Sequence[int], continuation: str
) -> tuple[float, int]:
    """log p(continuation | context) in nats, and the number of tokens that were scored.

    The context is a text, or token ids. It and the continuation are encoded apart, so that what
    is scored does not depend on the context; but where a blank at the context's end would be part
    of the next token, it is scored with the continuation, for the model has never seen the two
    apart. An empty context stands for a document's beginning and needs the tokenizer's end token.
    Raises ValueError if the continuation is empty or the two do not fit the context.
    """
    return _logprobs(model, [_encode_pair(model, tokenizer, context, continuation)])[0]


def _encode_pair(
    model: GPT,
    tokenizer: Tokenizer,
    context: str | Sequence[int],
    continuation: str,
    *,
    take_blanks: bool = False,
) -> tuple[list[int], list[int]]:
    """Ids that are given and ids to score; `take_blanks`: those at the context's end always."""
    if not continuation:
        raise ValueError("the continuation is empty: there is nothing to score")
    target = tokenizer.encode(continuation)
    if isinstance(context, str):
        given, before = tokenizer.encode(context), context.rstrip()
        if before != context and (
            take_blanks or given + target != tokenizer.encode(context + continuation)
        ):
            given = tokenizer.encode(before)
            target = tokenizer.encode(context[len(before) :] + continuation)
    else:
        given = list(context)
    if not given:
        if tokenizer.end_id is None:
            names = " or ".join(ENDS)
            raise ValueError(f"the context is empty and the vocabulary has no {names} to start it")
        given = [tokenizer.end_id]
    if len(given) + len(target) > model.config.block_size + 1:
        raise ValueError(
            f"{len(given)} tokens of context and {len(target)} to score do not fit "
            f"block_size={model.config.block_size}: shorten the context"
        )
    return given, target


def _logprobs(
    model: GPT, pairs: Sequence[tuple[list[int], list[int]]], batch_size: int = 16
) -> list[tuple[float, int]]:
    """log p(target | given) and the target's length, for each pair of (given, target) ids."""
    found = []
    with evaluating(model):
        for at in range(0, len(pairs), batch_size):
            some = pairs[at : at + batch_size]
            rows = [torch.tensor(given + target) for given, target in some]
            # Filler stands behind a row's end, where nothing that is scored can see it.
            batch = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).to(model.device)
            features = model.features(batch[:, :-1])  # (B, T, C)
            for row, (given, target) in enumerate(some):
                scored = slice(len(given) - 1, len(given) + len(target) - 1)
                logits = model.head(features[row : row + 1, scored])  # (1, n, V)
                goal = torch.tensor([target], device=model.device)
                found.append((-float(next_token_loss(logits, goal, "sum")), len(target)))
    return found


def score_choices(
    model: GPT,
    tokenizer: Tokenizer,
    context: str | Sequence[int],
    choices: Sequence[str],
    *,
    normalize: str = "none",
    end: str = "",
) -> list[float]:
    """A score for each continuation of a context; the highest is the model's choice.

    "none": log probability. "token", "byte": divided by the choice's tokens or bytes, so that
    long ones are not punished. "pmi": minus the log probability of the choice at a document's
    beginning (2104.08315); blanks at the context's end do not go with it there, so write them into
    the choices. `end` is what follows an answer, a line's end for example, and is scored with
    it: without it a choice that begins like another one ("1" and "12") can only seem more
    probable.

    Log probabilities are those of EleutherAI's lm-evaluation-harness: blanks and line ends at the
    end of a context that is a text are scored with each choice. Two things differ: an empty context
    stands for a document's beginning, as in `sequence_logprob`, where the harness takes the
    vocabulary's token for the beginning of a text; and names of special tokens in a text stay text.
    Raises ValueError for another `normalize` or fewer than two choices.
    """
    if normalize not in NORMALIZATIONS:
        raise ValueError(f"normalize={normalize!r}: choose one of {NORMALIZATIONS}")
    if isinstance(choices, str):
        raise ValueError(f"choices={choices!r} is one text: give a list of at least 2")
    if len(choices) < 2:
        raise ValueError(f"{len(choices)} choices came: at least 2 are needed to choose")
    if not all(choices):
        raise ValueError("a choice is empty: there is nothing to score")
    texts = [choice + end for choice in choices]
    pairs = [_encode_pair(model, tokenizer, context, t, take_blanks=True) for t in texts]
    scored = _logprobs(model, pairs)
    if normalize == "token":
        return [score / n_tokens for score, n_tokens in scored]
    if normalize == "byte":
        return [
            score / len(text.encode("utf-8"))
            for (score, _), text in zip(scored, texts, strict=True)
        ]
    if normalize == "pmi":
        alone = _logprobs(model, [_encode_pair(model, tokenizer, "", text) for text in texts])
        return [given - before for (given, _), (before, _) in zip(scored, alone, strict=True)]
    return [score for score, _ in scored]


def few_shot_prompt(
    examples: Sequence[tuple[str, str]],
    question: str,
    *,
    template: str = "{input} -> {output}",
    separator: str = "\n",
    instruction: str = "",
) -> str:
    """A prompt of k worked examples (input, output) and a question, up to where its answer begins.

    `template` holds {input} and, at its end, {output}. The blank before an answer is left to the
    answer, for it is part of its first token: score " cat", not "cat". Raises ValueError for a
    template without its two fields, or with text behind the output.
    """
    once = template.count("{input}") == template.count("{output}") == 1
    if not once or not template.endswith("{output}"):
        raise ValueError(
            f"template={template!r}: it needs {{input}} once and {{output}} once, at its end"
        )
    before, between = template.removesuffix("{output}").split("{input}")
    parts = [instruction] if instruction else []
    parts += [f"{before}{given}{between}{answer}" for given, answer in examples]
    return separator.join([*parts, f"{before}{question}{between}".rstrip(" ")])
