"""How much text published models were trained on: the numbers behind the claim about petabytes."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

BYTES_PER_TOKEN = 4.0  # English text and the large vocabularies of these models: about 4


@dataclass(frozen=True)
class Published:
    """A model's training tokens as its paper states them."""

    model: str
    year: int
    tokens: float
    source: str  # arXiv identifier

    @property
    def petabytes(self) -> float:
        return self.tokens * BYTES_PER_TOKEN / 1e15


MODELS = [
    Published("GPT-3", 2020, 0.3e12, "2005.14165"),
    Published("Chinchilla", 2022, 1.4e12, "2203.15556"),
    Published("Llama 2", 2023, 2.0e12, "2307.09288"),
    Published("Llama 3", 2024, 15.6e12, "2407.21783"),
    Published("DeepSeek-V3", 2024, 14.8e12, "2412.19437"),
    Published("SmolLM2-135M", 2025, 2.0e12, "2502.02737"),
    Published("Qwen3", 2025, 36.0e12, "2505.09388"),
]


def largest() -> float:
    """Petabytes of the largest published training text."""
    return max(model.petabytes for model in MODELS)


def median() -> float:
    """Petabytes of the middle one of the listed models."""
    return statistics.median(model.petabytes for model in MODELS)
