"""Looking into a model, and changing what its parts say, by hooks: model.py knows nothing of it.

L layers, B sequences, H heads, T tokens, D width of a head.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from .cache import causal_mask
from .model import GPT
from .modes import evaluating


def attention_maps(model: GPT, idx: Tensor) -> Tensor:
    """How much each token attends to each one before: idx (B, T) -> (L, B, H, T, T).

    Rows are queries and add up to 1. They are computed again from the queries and keys, for the
    fast kernels do not keep them; float32.
    """
    maps: list[Tensor] = []

    def look(module: nn.Module, given: tuple[Any, ...]) -> None:
        q, k = given[0].float(), given[1].float()  # (B, H, T, D), (B, G, T, D)
        k = k.repeat_interleave(q.size(1) // k.size(1), dim=1)
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.size(-1))  # (B, H, T, T)
        seen = causal_mask(scores.size(-2), scores.size(-1), scores.device)
        maps.append(scores.masked_fill(~seen, -torch.inf).softmax(dim=-1))

    with ExitStack() as hooks, evaluating(model):
        for layer in range(model.config.n_layer):
            hooks.callback(_attend(model, layer).register_forward_pre_hook(look).remove)
        model.features(idx)
    return torch.stack(maps)


def _attend(model: GPT, layer: int) -> nn.Module:
    return model.get_submodule(f"h.{layer}.attn.attend")


def activations(model: GPT, idx: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
    """What the modules `names` put out for idx: (B, T), by name.

    Names are those of `model.named_modules()`: "wte" and "h.3" (the residual stream behind block
    3) give (B, T, C), as do "h.3.attn" and "h.3.mlp" (what they add to it); "h.3.attn.attend"
    gives each head's own output, (B, H, T, D). Raises ValueError for an unknown name.
    """
    if isinstance(names, str):
        raise ValueError(f"names={names!r} is one text: give a list of names")
    modules = dict(model.named_modules())
    found: dict[str, Tensor] = {}
    with ExitStack() as hooks, evaluating(model):
        for name in names:
            if name not in modules or not name:
                close = difflib.get_close_matches(name, modules, 5) or [*modules][1:6]
                raise ValueError(f"no module {name!r}; there are {close} and others")

            def keep(module: Any, given: Any, out: Tensor, name: str = name) -> None:
                found[name] = out.detach().clone()

            hooks.callback(modules[name].register_forward_hook(keep).remove)
        model(idx)
    if silent := [name for name in names if name not in found]:
        raise ValueError(f"{silent} put nothing out: name the modules that compute")
    return found


@contextmanager
def ablated_heads(
    model: GPT, heads: Iterable[tuple[int, int]], *, how: str = "zero"
) -> Iterator[None]:
    """Inside the block, the heads (layer, head) say nothing: their output is replaced.

    `how`: "zero", or "mean", what the head puts out on average over the batch and its positions,
    which takes away what it tells of this token and leaves what it always says. ("mean" is not for
    decoding with a cache: of one token of one row the mean is the value itself.) Raises
    ValueError for a head that does not exist.
    """
    if how not in ("zero", "mean"):
        raise ValueError(f"how={how!r}: choose 'zero' or 'mean'")
    by_layer: dict[int, list[int]] = {}
    n_layer, n_head = model.config.n_layer, model.config.n_head
    for layer, head in heads:
        if not (0 <= layer < n_layer and 0 <= head < n_head):
            raise ValueError(
                f"there is no head {(layer, head)}: layers are 0 to {n_layer - 1}, heads 0 to "
                f"{n_head - 1}"
            )
        by_layer.setdefault(layer, []).append(head)
    with ExitStack() as hooks:
        for layer, chosen in by_layer.items():

            def replace(module: Any, given: Any, out: Tensor, which: list[int] = chosen) -> Tensor:
                out = out.clone()  # (B, H, T, D)
                said = out[:, which]
                out[:, which] = said.mean((0, 2), keepdim=True) if how == "mean" else 0
                return out

            hooks.callback(_attend(model, layer).register_forward_hook(replace).remove)
        yield


def repeated_tokens(
    model: GPT,
    *,
    n: int = 8,
    length: int | None = None,
    tokens: Sequence[int] | None = None,
    seed: int = 0,
) -> Tensor:
    """Random tokens, twice over: (n, 2 * length). Only copying can predict the second half.

    `length` is half the context by default, at most 64; `tokens` are the ids to draw from, by
    default all.
    """
    length = min(64, model.config.block_size // 2) if length is None else length
    if not 2 <= length <= model.config.block_size // 2:
        raise ValueError(
            f"length={length}: choose 2 to {model.config.block_size // 2}, half the context"
        )
    ids = torch.arange(model.config.vocab_size) if tokens is None else torch.tensor(tokens)
    if not len(ids):
        raise ValueError("tokens is empty: give the ids to draw from, or None for all")
    random = torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(ids), (n, length), generator=random)
    return ids[drawn].repeat(1, 2).to(model.device)


def induction_scores(model: GPT, idx: Tensor | None = None) -> Tensor:
    """Prefix matching of every head: (L, H), from 0 to 1 (Olsson et al. 2022, 2209.11895).

    In the second of two copies: how much a token attends to what followed it in the first one.
    `idx`: (B, 2 * length) as `repeated_tokens` makes them, which is the default.
    """
    idx = repeated_tokens(model) if idx is None else idx
    even = idx.dim() == 2 and idx.size(1) >= 4 and idx.size(1) % 2 == 0
    if not even or not torch.equal(*idx.chunk(2, dim=1)):
        raise ValueError(
            f"idx, of shape {tuple(idx.shape)}, must be (B, 2 * length): two copies of the same "
            "tokens, at least 2: see repeated_tokens"
        )
    half = idx.size(1) // 2
    maps = attention_maps(model, idx)  # (L, B, H, 2 * half, 2 * half)
    at = torch.arange(half - 1, device=maps.device)
    return maps[..., half + at, at + 1].mean(dim=(1, 3))


def previous_token_scores(model: GPT, idx: Tensor | None = None) -> Tensor:
    """How much every head attends to the token just before: (L, H), from 0 to 1.

    `idx`: (B, T) with T of at least 2, else ValueError.
    """
    idx = repeated_tokens(model) if idx is None else idx
    if idx.dim() != 2 or idx.size(1) < 2:
        raise ValueError(f"idx has shape {tuple(idx.shape)}: give (B, T) with T of at least 2")
    maps = attention_maps(model, idx)
    return maps.diagonal(-1, dim1=-2, dim2=-1).mean(dim=(1, 3))
