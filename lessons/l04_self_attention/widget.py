"""The interactive view of lesson 04: one word, one layer, one head, and where it looks."""

from __future__ import annotations

import html
from collections.abc import Mapping

import ipywidgets
import torch

from lessons.controls import Choice, Slider
from minigpt import GPT, BPETokenizer, attention_maps

Models = Mapping[str, tuple[GPT, BPETokenizer]]
LONGEST = 64  # tokens


def attention_view(models: Models, text: str) -> ipywidgets.VBox:
    """Choose a model, type a text, pick word, layer and head (mouse or arrow keys).

    The bars are the attention weights of that head from the chosen word to each word before it.
    Whatever is typed is shown as text. Raises ValueError if there is no model.
    """
    if not models:
        raise ValueError("attention_view needs at least one model")
    names = list(models)
    wide = ipywidgets.Layout(width="44em")
    model = Choice(names, description="Model")
    line = ipywidgets.Text(
        value=text, description="Text", continuous_update=False, layout=wide,
        tooltip="Type a text and press Enter",
    )  # fmt: skip
    word = Slider([("", 0)], description="Token")
    layer = Slider([0], description="Layer")
    head = Slider([0], description="Head")
    view = ipywidgets.HTML()
    state: dict[str, object] = {"maps": None, "pieces": [], "cut": ""}

    def read(_: object = None) -> None:
        gpt, tokenizer = models[model.value]
        try:
            read_all = tokenizer.encode(line.value)
            ids = read_all[:LONGEST]
        except ValueError as error:
            ids, problem = [], str(error)
        else:
            problem = "" if ids else "type at least one word"
        if problem:
            state["maps"] = None
            view.value = f"<p>{html.escape(problem)}</p>"
            return
        maps = attention_maps(gpt, torch.tensor([ids]))[:, 0]  # (L, H, T, T)
        state["maps"] = None  # controls that change now must not draw
        pieces = state["pieces"] = [tokenizer.decode([token]) for token in ids]
        layer.options, head.options = range(gpt.config.n_layer), range(gpt.config.n_head)
        word.options = [(f"{at + 1}: {piece}", at) for at, piece in enumerate(pieces)]
        word.value = len(pieces) - 1
        state["maps"] = maps
        cut = f"the first {LONGEST} tokens of {len(read_all)}; " if len(read_all) > LONGEST else ""
        state["cut"] = cut
        draw()

    def draw(_: object = None) -> None:
        maps, pieces = state["maps"], state["pieces"]
        if not isinstance(maps, torch.Tensor) or not isinstance(pieces, list):
            return
        at = min(int(word.value or 0), len(pieces) - 1)
        weights = maps[layer.value, head.value, at, : at + 1].tolist()
        rows = []
        for piece, weight in zip(pieces, weights, strict=False):
            shown = html.escape(piece).replace(" ", "&nbsp;").replace("\n", "⏎")
            bar = f'<div style="background:#0072B2;height:0.9em;width:{20 * weight:.2f}em"></div>'
            rows.append(
                f'<tr><td style="text-align:right"><code>{shown}</code></td>'
                f"<td>{weight:.2f}</td><td>{bar}</td></tr>"
            )
        title = f"{state['cut']}layer {layer.value}, head {head.value}: where token {at + 1} looks"
        view.value = f"<p>{title}</p><table>{''.join(rows)}</table>"

    model.observe(read, names="value")
    line.observe(read, names="value")
    for slider in (word, layer, head):
        slider.observe(draw, names="value")
    read()
    return ipywidgets.VBox([model, line, word, layer, head, view])
