"""The film of lesson 03: where words lie, from the first checkpoint of a training to the last."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence

import ipywidgets
import matplotlib.pyplot as plt
import torch
from torch import Tensor

from lessons.controls import Choice, Slider
from lessons.l03_embeddings import pictures, space
from lessons.models import along, fernhollow_small
from minigpt import BPETokenizer, load

NEAREST = 5


def checkpoints() -> tuple[dict[int, Tensor], BPETokenizer]:
    """The input table (V, C) of fernhollow-small after each kept step and at the end."""
    tables = {}
    for step, folder in along(fernhollow_small()).items():
        model, tokenizer = load(folder)
        tables[step] = model.wte.weight.detach()
    assert isinstance(tokenizer, BPETokenizer)
    return tables, tokenizer


def axes_of(table: Tensor) -> Tensor:
    """The two directions, (C, 2), in which the rows (N, C) of a table vary most."""
    return torch.linalg.svd(table.double() - table.double().mean(0), full_matrices=False)[2][:2].T


def film(
    tables: Mapping[int, Tensor], tokenizer: BPETokenizer, groups: Mapping[str, Sequence[str]]
) -> ipywidgets.VBox:
    """Move the step (mouse or arrow keys): the map, and the nearest words of one that you choose.

    All steps are seen from the same side: the two main directions of the last one.
    """
    words, ids, labels = space.labelled(tokenizer, groups)
    steps = sorted(tables)
    side = axes_of(tables[steps[-1]][ids])
    step = Slider([(f"{at:,}", at) for at in steps], steps[-1], "Step")
    word = Choice(sorted(words), words[0], "Word")
    view = ipywidgets.HTML()

    def draw(_: object = None) -> None:
        table = tables[step.value][ids].double()
        points = (table - table.mean(0)) @ side  # (N, 2)
        fig, axes = plt.subplots(figsize=(9, 5.4))
        pictures.scatter(axes, points, labels, [*groups])
        at = words.index(word.value)
        x, y = points[at].tolist()
        axes.scatter([x], [y], s=220, facecolors="none", edgecolors="black", linewidths=2)
        axes.annotate(
            word.value, (x, y), xytext=(10, 10), textcoords="offset points", weight="bold",
            bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1},
        )  # fmt: skip
        axes.legend(ncols=1, loc="center left", bbox_to_anchor=(1, 0.5))
        buffer = io.BytesIO()
        fig.savefig(buffer, format="png", bbox_inches="tight")
        plt.close(fig)
        near = ", ".join(words[i] for i in space.neighbours(table, NEAREST)[at].tolist())
        alt = html.escape(f"Words after {step.value:,} steps; nearest to {word.value}: {near}")
        data = base64.b64encode(buffer.getvalue()).decode("ascii")
        image = f'<img alt="{alt}" style="max-width: 100%" src="data:image/png;base64,{data}">'
        view.value = f"<p>{alt}</p>{image}"

    for control in (step, word):
        control.observe(draw, names="value")
    draw()
    return ipywidgets.VBox([step, word, view])
