"""The step of decoding as compiled code: fewer and larger operations, for a compiler's time."""

from __future__ import annotations

import types
import warnings
import weakref
from collections.abc import Callable

import torch
from torch import Tensor

from .cache import KVCache
from .model import GPT
from .quantize import Int8Linear

Step = Callable[[Tensor, KVCache], Tensor]
_STEPS: weakref.WeakKeyDictionary[GPT, Step] = weakref.WeakKeyDictionary()


def decoding_step(model: GPT) -> Step:
    """The function (ids (B, T), cache) -> logits (B, V) of the last of T tokens, as it is."""
    reference = weakref.ref(model)  # a step that is kept shall not keep its model

    def step(ids: Tensor, cache: KVCache) -> Tensor:
        model = reference()
        assert model is not None, "whoever calls the step holds the model"
        return model.head(model.features(ids, cache)[:, -1])

    return step


def compiled_step(model: GPT) -> Step:
    """`decoding_step` by torch.compile, made at the first call and kept as long as the model.

    It is for one token a row, and compiles once for all lengths of the text; another number of
    rows or another dtype compiles again. Raises ValueError for an int8 model, whose kernels
    cannot be compiled; the step raises RuntimeError if there is no C++ compiler.
    """
    if any(isinstance(module, Int8Linear) for module in model.modules()):
        raise ValueError("an int8 model cannot be compiled: leave compile=True out, or int8")
    if model not in _STEPS:
        _STEPS[model] = _compile(model)
    return _STEPS[model]


def _compile(model: GPT) -> Step:
    plain = decoding_step(model)
    # PyTorch keeps what it compiled, a few versions at most, beside a function's code, and all
    # steps share one: each gets a copy.
    assert isinstance(plain, types.FunctionType)
    plain.__code__ = plain.__code__.replace()
    with warnings.catch_warnings():  # PyTorch's compiler imports deprecated parts of PyTorch
        warnings.simplefilter("ignore", DeprecationWarning)
        # The wrapper in C++ halves the overhead of each kernel.
        fast = torch.compile(plain, dynamic=True, options={"cpp_wrapper": True})

    def step(ids: Tensor, cache: KVCache) -> Tensor:
        if cache.length + 1 == cache.room:  # the shape of a full cache would compile anew
            return plain(ids, cache)
        # A view's strides are sizes of the text that it is cut from: they would compile anew.
        ids = ids.clone(memory_format=torch.contiguous_format)
        try:
            return fast(ids, cache)
        except RuntimeError as error:
            reason = str(error).strip().split("\n")[0]
            raise RuntimeError(
                f"the decoding step could not be compiled ({reason}): install a C++ compiler "
                "(g++ or clang++; the variable CXX may name it), or leave compile=True out"
            ) from error

    return step
