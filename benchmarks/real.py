"""Rows on real weights: SmolLM2-135M-Instruct from its file of 4-bit weights, both sides.

Downloaded by `minigpt download smollm2-135m`; without the file the rows are left out. What is
timed is greedy decoding after the prompt, and opening the file.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

import minigpt
from minigpt.download import find
from minigpt.hardware import bf16_pays
from minigpt.quantize import quantize_int8

from .decoding import LARGE_PAIRS, watched
from .pairs import Result, Row, Settings, Skipped, alternate, attempt

NAME = "smollm2-135m"
PROMPT = 16  # random tokens
PEER = "llama.cpp, the file's own 4 bits"


def their_model(path: Path, dtype: torch.dtype = torch.float32) -> Any:
    """transformers' model of a GGUF file, by transformers' own reader, in evaluation mode.

    (`from_pretrained` does the same, but asks for another package.)
    """
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

    config = AutoConfig.from_pretrained(path.parent, gguf_file=path.name)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    weights = load_gguf_checkpoint(str(path), return_tensors=True, model_to_load=model)["tensors"]
    missing, superfluous = model.load_state_dict(weights, strict=False)
    assert missing == ["lm_head.weight"], missing  # tied to the embeddings
    assert superfluous == [], superfluous
    model.tie_weights()
    return model.to(dtype)


def rows(settings: Settings) -> Iterator[Result]:
    """Opening the file; decoding in float32, bfloat16 where it pays, and int8; llama.cpp."""
    try:
        path = find(NAME)
    except (OSError, ValueError) as error:
        yield Skipped("SmolLM2", f"{error}")
        return
    settings = dataclasses.replace(settings, pairs=min(settings.pairs, LARGE_PAIRS))
    count = 2 if settings.short else 32
    yield attempt("opening SmolLM2", lambda: opening(path, settings))
    name = f"SmolLM2, 1 x {PROMPT}"
    for dtype in (torch.float32, torch.bfloat16):
        if dtype == torch.bfloat16 and not bf16_pays(torch.device("cpu")):
            yield Skipped(f"decoding {name} (bfloat16)", "this CPU has no bfloat16 in hardware")
            continue
        ours, _ = minigpt.load(NAME, dtype=dtype)
        theirs = their_model(path, dtype)
        theirs.set_attn_implementation("sdpa")  # the faster of the two that it offers here
        theirs.generation_config.eos_token_id = None
        short = str(dtype).removeprefix("torch.")
        peer = theirs, theirs.model.norm
        sides = (ours, ours.ln_f), peer
        yield from watched(name, sides, settings, count, 1, PROMPT, short, 1.4)
        small = quantize_int8(ours)
        sides = (small, small.ln_f), peer
        kind = f"int8 / {short}"
        yield from watched(f"{name}, int8", sides, settings, count, 1, PROMPT, kind, 2.5)
        if dtype == torch.float32:
            yield from against_llama(path, small, settings, count)


def opening(path: Path, settings: Settings) -> Row:
    """Seconds until the model and its tokenizer are there, with the code of both loaded."""
    from transformers import AutoTokenizer

    def ours() -> None:
        minigpt.load(NAME)

    def theirs() -> None:
        their_model(path)
        AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)

    ours()
    pairs = alternate(lambda: _seconds(ours), lambda: _seconds(theirs), settings.pairs)
    return pairs.row("opening SmolLM2", "transformers", settings, target=1.0)


def against_llama(
    path: Path, small: minigpt.GPT, settings: Settings, count: int
) -> Iterator[Result]:
    """Our int8 weights against llama.cpp's kernels for 4 bits: the line to look up to."""
    what = f"decoding SmolLM2, 1 x {PROMPT}, int8"
    try:
        from llama_cpp import Llama
    except ImportError:
        yield Skipped(f"{what} against llama.cpp", "the package llama-cpp-python is not there")
        return
    llama = Llama(str(path), n_ctx=512, n_threads=settings.threads, verbose=False)
    prompt = torch.randint(1000, (1, PROMPT), generator=torch.Generator().manual_seed(0))

    def ours() -> float:
        start = time.perf_counter()
        minigpt.generate(small, prompt, 1, temperature=0)
        middle = time.perf_counter()
        minigpt.generate(small, prompt, 1 + count, temperature=0)
        return max(time.perf_counter() - middle - (middle - start), 1e-9)

    def theirs() -> float:
        llama.reset()
        llama.eval(prompt[0].tolist())
        token = llama.sample(temp=0.0)
        start = time.perf_counter()
        for _ in range(count):
            llama.eval([token])
            token = llama.sample(temp=0.0)
        return time.perf_counter() - start

    yield attempt(
        what,
        lambda: alternate(ours, theirs, settings.pairs).row(
            what, PEER, settings, unit="tokens/s", dtype="int8 / 4 bits", amount=count
        ),
    )


def _seconds(call: Any) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
