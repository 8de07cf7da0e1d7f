"""The interactive view of lesson 05: choose a shape, see its parameters and what it costs."""

from __future__ import annotations

import ipywidgets
import torch

from lessons.controls import Choice, Slider
from minigpt import GPT, GPTConfig

WIDTHS = (64, 128, 256, 512, 768, 1024)
VOCABULARIES = (256, 2_048, 8_192, 50_257)


def shape_view() -> ipywidgets.VBox:
    """Family, layers, width and vocabulary (mouse or arrow keys); parameters, bytes, operations."""
    family = Choice(["GPT-2", "Llama"], description="Family")
    layers = Slider(range(1, 49), 12, "Layers")
    width = Slider(WIDTHS, 768, "Width")
    vocabulary = Slider([(f"{v:,}", v) for v in VOCABULARIES], 50_257, "Tokens")
    view = ipywidgets.HTML()

    def draw(_: object = None) -> None:
        preset = GPTConfig.gpt2 if family.value == "GPT-2" else GPTConfig.llama
        shape = {
            "vocab_size": vocabulary.value,
            "n_layer": layers.value,
            "n_embd": width.value,
            "n_head": width.value // 64,
            "block_size": 1024,
        }
        if family.value == "Llama":
            shape |= {"n_kv_head": None, "mlp_hidden": width.value * 8 // 3}
        with torch.device("meta"):
            sizes = {name: w.numel() for name, w in GPT(preset(**shape)).named_parameters()}
        total = sum(sizes.values())
        tables = sum(n for name, n in sizes.items() if name.startswith(("wte", "wpe")))
        moved = sum(n for name, n in sizes.items() if not name.startswith("wpe"))
        rows = (
            ("parameters", f"{total:,}"),
            ("in tables", f"{tables / total:.0%}"),
            ("memory, float32", f"{4 * total / 1e6:,.1f} MB"),
            (
                "operations a token (without attention's own products), forward",
                f"{2 * moved / 1e6:,.1f} million",
            ),
            ("the same, training", f"{6 * moved / 1e6:,.1f} million"),
        )
        cells = "".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in rows)
        view.value = f"<table>{cells}</table>"

    for control in (family, layers, width, vocabulary):
        control.observe(draw, names="value")
    draw()
    return ipywidgets.VBox([family, layers, width, vocabulary, view])
