"""All task families by name; those of _NAMES' first line have documents that a plan fixes."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

_NAMES = (
    "biographies questions books trades "
    "passages lore stories sentiment topic intent chat translate couplets "
    "functions by_example mappings markov sums programs bugs toy_code"
).split()
FAMILIES: dict[str, ModuleType] = {
    module.NAME: module
    for module in (import_module(f"lessons.world.tasks.{name}") for name in _NAMES)
}
