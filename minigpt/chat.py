"""Conversations with models that were tuned for them, in the form of their training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .generate import generate_text
from .model import GPT
from .tokenizer import BPETokenizer

START, STOP = "<|im_start|>", "<|im_end|>"  # around every turn (ChatML)
ROLES = ("system", "user", "assistant")
# What SmolLM2's own template puts before a conversation that does not begin with a system turn.
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
Turn = Mapping[str, str]


def chat_ids(tokenizer: BPETokenizer, turns: Sequence[Turn], system: str = SYSTEM) -> list[int]:
    """Token ids of a conversation, up to where the answer begins.

    `turns`: {"role": "system", "user" or "assistant", "content": text}, the last one the user's.
    The marks around the turns are special tokens; what looks like one in a content stays text.
    Raises ValueError for a vocabulary without these marks, and for turns of another form.
    """
    if missing := [mark for mark in (START, STOP) if mark not in tokenizer.special_tokens]:
        raise ValueError(
            f"the vocabulary has no {' and no '.join(missing)}: this model was not tuned for "
            "conversations of this form; use generate_text"
        )
    if not isinstance(turns, (list, tuple)) or not turns:
        raise ValueError('turns must be a list like [{"role": "user", "content": "Hello"}]')
    for turn in turns:
        if not (isinstance(turn, Mapping) and {*turn} == {"role", "content"}):
            raise ValueError(f'a turn has "role" and "content", not {turn!r}')
        if turn["role"] not in ROLES:
            raise ValueError(f"role={turn['role']!r}: choose one of {ROLES}")
    if turns[-1]["role"] != "user":
        raise ValueError("the last turn must be the user's, for the model answers it")
    if turns[0]["role"] != "system":
        turns = [{"role": "system", "content": system}, *turns]
    start, stop = tokenizer.special_tokens[START], tokenizer.special_tokens[STOP]
    line = tokenizer.encode("\n")
    ids: list[int] = []
    for turn in turns:
        ids += [start, *tokenizer.encode(f"{turn['role']}\n{turn['content']}"), stop, *line]
    return [*ids, start, *tokenizer.encode("assistant\n")]


def chat(
    model: GPT,
    tokenizer: BPETokenizer,
    turns: Sequence[Turn],
    max_new_tokens: int = 200,
    *,
    system: str = SYSTEM,
    **sampling: Any,
) -> str:
    """The model's answer to a conversation; `turns` as in `chat_ids`, `sampling` as in `stream`.

    Greedy unless a temperature is given.
    """
    ids = chat_ids(tokenizer, turns, system)
    sampling.setdefault("temperature", 0.0)
    return generate_text(model, tokenizer, ids, max_new_tokens, stop=STOP, **sampling)
