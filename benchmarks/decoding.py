"""Rows on decoding: `minigpt.generate` against transformers' `generate`, with the same weights.

Both decode greedily with their caches, in inference mode. A step is the time of n + 1 tokens
less that of one, divided by n; the first token, which reads the prompt, has its own row.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

import minigpt
from minigpt.hardware import bf16_pays
from minigpt.quantize import quantize_int8

from .pairs import Pairs, Result, Row, Settings, alternate, attempt

PEER = "transformers.generate"
SHAPES: dict[str, dict[str, Any]] = {
    "1 M": {"n_layer": 4, "n_embd": 128},
    "4 M": {"n_layer": 5, "n_embd": 256},
}
LARGE_PAIRS = 3
Writer = Callable[[int], Tensor]


def rows(settings: Settings) -> Iterator[Result]:
    """Both small models in float32, eager and compiled, then 135 M."""
    new = 4 if settings.short else 64
    batches, prompts = ((1,), (8,)) if settings.short else ((1, 16), (16, 512))
    cases = [(batch, prompt) for batch in batches for prompt in prompts]
    for size in SHAPES:
        ours, theirs = small_models(size)
        for batch, prompt in cases:
            for compile in (False, True) if not settings.short else (False,):
                name = f"{size}, {batch} x {prompt}" + (", compiled" if compile else "")
                pair = writers(ours, theirs, batch, prompt, compile=compile)
                target = 3.0 if compile else 1.5
                yield from both(name, pair, settings, new, batch, "float32", target)
    if not settings.short:
        yield from large_rows(settings, cases, new // 4)


def large_rows(settings: Settings, cases: list[tuple[int, int]], count: int) -> Iterator[Result]:
    """135 M in float32, then in bfloat16 and int8 against bfloat16.

    Where bfloat16 is not in hardware, long prompts would take minutes in it: there these rows
    have one short prompt.
    """
    settings = dataclasses.replace(settings, pairs=min(settings.pairs, LARGE_PAIRS))
    pays = bf16_pays(torch.device("cpu"))
    ours, theirs = large_models(torch.float32)
    for batch, prompt in cases:
        name = f"135 M, {batch} x {prompt}"
        sides = (ours, ours.ln_f), (theirs, theirs.model.norm)
        yield from watched(name, sides, settings, count, batch, prompt, "float32", 1.3)
    del ours, theirs
    ours, theirs = large_models(torch.bfloat16)
    small = quantize_int8(ours)
    for batch, prompt in cases if pays else [(1, 16)]:
        name = f"135 M, {batch} x {prompt}"
        peer = theirs, theirs.model.norm
        sides = (ours, ours.ln_f), peer
        yield from watched(name, sides, settings, count, batch, prompt, "bfloat16", 1.3)
        sides, least = ((small, small.ln_f), peer), 2.5 if batch == 1 else None
        kind = "int8 / bfloat16"
        yield from watched(f"{name}, int8", sides, settings, count, batch, prompt, kind, least)


Side = tuple[Any, torch.nn.Module]  # a model, and its module that ends a pass over the layers


def watched(
    name: str,
    sides: tuple[Side, Side],
    settings: Settings,
    count: int,
    batch: int,
    prompt: int,
    dtype: str,
    target: float | None,
) -> Iterator[Result]:
    """A row for the steps and one for the prompt from the same runs, which a hook divides."""
    pair = writers(sides[0][0], sides[1][0], batch, prompt)
    first: tuple[list[float], list[float]] = [], []  # seconds to read the prompt

    def run(side: int) -> float:
        ticks: list[float] = []
        hook = sides[side][1].register_forward_hook(lambda *_: ticks.append(time.perf_counter()))
        start = time.perf_counter()
        pair[side](1 + count)
        hook.remove()
        first[side].append(ticks[0] - start)
        return (ticks[-1] - ticks[0]) / (len(ticks) - 1)

    def steps() -> Row:
        for side in (0, 1):  # make tables, touch the memory
            if prompt <= 16:  # with a long prompt the first pair is warm soon enough
                run(side)
                first[side].clear()
        pairs = alternate(lambda: run(0), lambda: run(1), settings.pairs)
        return pairs.row(
            f"decoding {name}", PEER, settings, unit="tokens/s", dtype=dtype, amount=batch,
            target=target,
        )  # fmt: skip

    yield attempt(f"decoding {name}", steps)
    yield attempt(
        f"prefill {name}",
        lambda: Pairs(*first).row(f"prefill {name}", PEER, settings, unit="ms", dtype=dtype),
    )


def both(
    name: str,
    pair: tuple[Writer, Writer],
    settings: Settings,
    count: int,
    batch: int,
    dtype: str,
    target: float | None,
) -> Iterator[Result]:
    """A row for the steps after the first token and, where nothing is compiled, one for that."""
    for writer in pair:  # compile, make tables, touch the memory
        writer(2 + count)

    def steps() -> Any:
        pairs = alternate(
            lambda: step_seconds(pair[0], count),
            lambda: step_seconds(pair[1], count),
            settings.pairs,
        )
        return pairs.row(
            f"decoding {name}", PEER, settings, unit="tokens/s", dtype=dtype, amount=batch,
            target=target,
        )  # fmt: skip

    def prefill() -> Any:
        pairs = alternate(lambda: seconds(pair[0], 1), lambda: seconds(pair[1], 1), settings.pairs)
        return pairs.row(f"prefill {name}", PEER, settings, unit="ms", dtype=dtype)

    yield attempt(f"decoding {name}", steps)
    if "compiled" not in name:
        yield attempt(f"prefill {name}", prefill)


def seconds(writer: Writer, count: int) -> float:
    start = time.perf_counter()
    writer(count)
    return time.perf_counter() - start


def step_seconds(writer: Writer, count: int) -> float:
    """Seconds of one step, of all rows, after the first token."""
    first = seconds(writer, 1)
    return max(seconds(writer, 1 + count) - first, 1e-9) / count


def writers(
    ours: minigpt.GPT, theirs: Any, batch: int, prompt: int, *, compile: bool = False
) -> tuple[Writer, Writer]:
    """Functions of a number of tokens that continue the same random prompts."""
    generator = torch.Generator().manual_seed(0)
    idx = torch.randint(ours.config.vocab_size, (batch, prompt), generator=generator)
    attention_mask = torch.ones_like(idx)

    def our(count: int) -> Tensor:
        return minigpt.generate(ours, idx, count, temperature=0, compile=compile)

    @torch.inference_mode()
    def their(count: int) -> Tensor:
        return theirs.generate(
            idx, attention_mask=attention_mask, max_new_tokens=count, do_sample=False,
            pad_token_id=0,
        )  # fmt: skip

    return our, their


def small_models(size: str) -> tuple[minigpt.GPT, Any]:
    """The GPT-2 architecture with 512 tokens and 4 heads, the same weights on both sides."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=512, n_positions=1024, n_head=4, bos_token_id=0, eos_token_id=0, **SHAPES[size]
    )
    return shared(GPT2LMHeadModel(config), torch.float32)


def large_models(dtype: torch.dtype) -> tuple[minigpt.GPT, Any]:
    """SmolLM2's shape, the same 135 M random weights on both sides."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = minigpt.GPTConfig.llama()
    config = LlamaConfig(
        vocab_size=shape.vocab_size, max_position_embeddings=shape.block_size,
        hidden_size=shape.n_embd, intermediate_size=shape.hidden,
        num_hidden_layers=shape.n_layer, num_attention_heads=shape.n_head,
        num_key_value_heads=shape.kv_heads, rms_norm_eps=shape.norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
        tie_word_embeddings=True, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    return shared(LlamaForCausalLM(config), dtype)


def shared(theirs: Any, dtype: torch.dtype) -> tuple[minigpt.GPT, Any]:
    """Their model in evaluation mode, without an end token, and ours, opened from its files."""
    theirs = theirs.to(dtype).eval()
    theirs.generation_config.eos_token_id = None
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        ours, _ = minigpt.load(folder, dtype=dtype)
    return ours, theirs
