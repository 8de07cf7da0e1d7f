"""Writing: choose the next token, again and again.

When the window is full, the model keeps the last half of it and reads that again (kept keys
would still carry the tokens that were dropped). Cached and uncached decoding follow this rule.
"""

from __future__ import annotations

import codecs
import math
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from .cache import KVCache
from .compiled import compiled_step, decoding_step
from .model import GPT
from .modes import evaluating


class Tokenizer(Protocol):
    """What a text function needs of a tokenizer."""

    special_tokens: dict[str, int]
    vocab_size: int

    @property
    def end_id(self) -> int | None: ...
    def encode(self, text: str) -> list[int]: ...
    def decode(self, ids: Sequence[int]) -> str: ...
    def id_to_bytes(self, token: int) -> bytes: ...


def sample_next(
    logits: Tensor,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Choose one token for each row of logits (B, V); returns ids (B,).

    `temperature=0` takes the most probable token. `top_k` keeps the k most probable tokens,
    `top_p` the smallest set of tokens whose probabilities reach p (Holtzman et al. 2020,
    1904.09751). With a `generator` on the CPU the draw happens there, on any device. Raises
    ValueError for settings out of range, and for logits that are no numbers.
    """
    _check_sampling(temperature, top_k, top_p)
    if logits.dim() != 2:
        raise ValueError(
            f"logits must be (B, V), not {tuple(logits.shape)}: take one position's, logits[:, -1]"
        )
    best, most_probable = logits.max(dim=-1)  # (B,), (B,)
    if not all(map(math.isfinite, best.tolist())):  # a NaN wins every maximum
        raise ValueError("the logits are not finite: the model's weights or input are broken")
    if temperature == 0:
        return most_probable
    logits = (logits.float() - best[:, None].float()) / temperature  # cannot overflow
    if top_k is not None and top_k < logits.size(-1):
        kept = logits.topk(top_k, dim=-1)  # exactly k, also where some are equal
        logits = torch.full_like(logits, -torch.inf).scatter(-1, kept.indices, kept.values)
    if top_p is not None and top_p < 1:
        ordered, order = logits.sort(dim=-1, descending=True)
        probability = ordered.softmax(dim=-1)
        before = probability.cumsum(dim=-1) - probability  # what more probable tokens hold
        drop = (before >= top_p).scatter(-1, order, before >= top_p)  # in the vocabulary's order
        logits = logits.masked_fill(drop, -torch.inf)
    probability = logits.softmax(dim=-1)
    if generator is not None:
        probability = probability.to(generator.device)
    return torch.multinomial(probability, 1, generator=generator).squeeze(1).to(logits.device)


def generate(
    model: GPT,
    idx: Tensor,
    max_new_tokens: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    eos_id: int | None = None,
    pad_id: int | None = None,
    lengths: Sequence[int] | None = None,
    generator: torch.Generator | None = None,
    use_cache: bool = True,
    compile: bool = False,
) -> Tensor:
    """Continue each row of idx: (B, T) by up to `max_new_tokens` = n; returns (B, T + n).

    Prompts of unequal length are padded on the right, with `lengths[b]` real tokens in row b.
    Row b of the result is its prompt, what was written, and then `pad_id`. A row ends after
    `eos_id`. `pad_id` defaults to `eos_id`. Sampling settings: see `sample_next`. `compile` has
    PyTorch compile the step of one token: some seconds to a minute at the first call, faster from
    then on; it needs a C++ compiler. Raises ValueError for input out of range, and RuntimeError
    if the step cannot be compiled.
    """
    _check_sampling(temperature, top_k, top_p)
    if idx.dim() != 2 or idx.numel() == 0:
        raise ValueError(f"prompts must be (B, T) with B, T >= 1, not {tuple(idx.shape)}")
    B, T = idx.shape
    sizes = [T] * B if lengths is None else [int(length) for length in lengths]
    if len(sizes) != B or not all(1 <= size <= T for size in sizes):
        raise ValueError(f"lengths must be {B} numbers from 1 to {T}, not {sizes}")
    if max_new_tokens < 0:
        raise ValueError(f"max_new_tokens={max_new_tokens}: must be 0 or more")
    if eos_id is not None and not 0 <= eos_id < model.config.vocab_size:
        raise ValueError(
            f"eos_id={eos_id}: the vocabulary holds 0 to {model.config.vocab_size - 1}"
        )
    pad = pad_id if pad_id is not None else eos_id
    if pad is None and min(sizes) < T:
        raise ValueError("prompts of unequal length need pad_id, to fill the result's rows")
    # Inside, rows end together and filler is 0: the model need not know pad_id.
    columns = T + max_new_tokens
    rows = idx.new_zeros(B, columns)
    for row, prompt, size in zip(rows, idx, sizes, strict=True):
        row[T - size : T] = prompt[:size]
    window = _Window(model, [T - size for size in sizes], use_cache, columns, compile)
    done = torch.zeros(B, dtype=torch.bool, device=idx.device)
    written = torch.full((B,), max_new_tokens)
    with evaluating(model, inference=True):
        for column in range(T, columns):
            chosen = sample_next(
                window.next_logits(rows[:, :column]),
                temperature=temperature,
                top_k=top_k,
                top_p=top_p,
                generator=generator,
            )
            if eos_id is not None:
                chosen = chosen.masked_fill(done, 0)
                ends = ~done & (chosen == eos_id)
                written[ends.cpu()] = column + 1 - T
                done |= ends
            rows[:, column] = chosen
            if eos_id is not None and done.all():
                break
    result = rows.new_full((B, columns), 0 if pad is None else pad)
    for row, source, size, new in zip(result, rows, sizes, written.tolist(), strict=True):
        row[: size + new] = source[T - size : T + new]
    return result


class _Window:
    """Feeds a growing text to the model: new tokens only, or all of the window when it moved."""

    def __init__(
        self,
        model: GPT,
        padding: list[int],
        use_cache: bool,
        columns: int | None = None,
        compile: bool = False,
    ) -> None:
        if compile and not use_cache:
            raise ValueError("compile=True is for decoding with the cache: leave use_cache=True")
        self.model, self.use_cache = model, use_cache
        self.read = decoding_step(model)  # a prompt, or a window that moved
        self.step = compiled_step(model) if compile else self.read  # one token a row
        self.starts = padding  # column at which each row's window begins
        self.columns = columns  # how long the text will be at most, if known
        self.cache: KVCache | None = None

    def next_logits(self, rows: Tensor) -> Tensor:
        """Logits (B, V) of the token after rows: (B, columns)."""
        columns, block = rows.size(1), self.model.config.block_size
        moved = columns - min(self.starts) > block
        if moved:
            last_half = columns - block // 2
            self.starts = [last_half if columns - start > block else start for start in self.starts]
        if self.cache is None or moved or not self.use_cache:
            first = min(self.starts)
            fresh = rows[:, first:]
            room = min(block, (self.columns or first + block) - first)
            self.cache = self.model.new_cache(
                rows.size(0),
                [start - first for start in self.starts],
                room if self.use_cache else fresh.size(1),
            )
            return self.read(fresh, self.cache)
        return self.step(rows[:, -1:], self.cache)


def stream(
    model: GPT,
    tokenizer: Tokenizer,
    prompt: str | Sequence[int],
    max_new_tokens: int = 100,
    *,
    stop: str | Sequence[str] | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
    use_cache: bool = True,
    compile: bool = False,
) -> Iterator[str]:
    """Yield the continuation of a prompt (text, or token ids) piece by piece, as it is written.

    Ends after `max_new_tokens`, at the tokenizer's end token, or before the first `stop` string.
    An empty prompt starts from the end token. Raises ValueError if there is neither.
    """
    _check_sampling(temperature, top_k, top_p)
    if max_new_tokens < 0:
        raise ValueError(f"max_new_tokens={max_new_tokens}: must be 0 or more")
    stops = [stop] if isinstance(stop, str) else list(stop or ())
    if "" in stops:
        raise ValueError("an empty stop string would stop at once: leave it out")
    end = tokenizer.end_id
    ids = tokenizer.encode(prompt) if isinstance(prompt, str) else list(prompt)
    if not ids:
        if end is None:
            raise ValueError("the prompt is empty: give at least one character to continue")
        ids = [end]
    rows = torch.tensor([ids], device=model.device)
    window = _Window(model, [0], use_cache, len(ids) + max_new_tokens, compile)
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    kept = max((len(s) - 1 for s in stops), default=0)  # could be the start of a stop string
    held = ""
    for _ in range(max_new_tokens):
        with evaluating(model, inference=True):
            logits = window.next_logits(rows)
            chosen = sample_next(
                logits[:, : tokenizer.vocab_size],  # a model's table may be larger than needed
                temperature=temperature,
                top_k=top_k,
                top_p=top_p,
                generator=generator,
            )
        token = int(chosen)
        if token == end:
            break
        rows = torch.cat([rows, chosen[:, None]], dim=1)
        held += decoder.decode(tokenizer.id_to_bytes(token))
        if found := [held.index(s) for s in stops if s in held]:
            if text := held[: min(found)]:
                yield text
            return
        if ready := held[: max(0, len(held) - kept)]:
            yield ready
            held = held[len(ready) :]
    held += decoder.decode(b"", final=True)
    if found := [held.index(s) for s in stops if s in held]:
        held = held[: min(found)]
    if held:
        yield held


def generate_text(
    model: GPT,
    tokenizer: Tokenizer,
    prompt: str | Sequence[int],
    max_new_tokens: int = 100,
    *,
    stop: str | Sequence[str] | None = None,
    **sampling: Any,
) -> str:
    """The continuation of a prompt, without the prompt; arguments as for `stream`."""
    return "".join(stream(model, tokenizer, prompt, max_new_tokens, stop=stop, **sampling))


def _check_sampling(temperature: float, top_k: int | None, top_p: float | None) -> None:
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"temperature={temperature}: choose 0 (greedy) or more, usually up to 1")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k={top_k}: choose 1 or more, or None for all tokens")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p={top_p}: choose 0 < top_p <= 1, or None for all tokens")
