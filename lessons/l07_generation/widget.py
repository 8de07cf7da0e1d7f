"""The interactive view of lesson 07: the next token, by temperature, top-k and top-p."""

from __future__ import annotations

import html

import ipywidgets
import torch

from lessons.world.corpus import encode
from minigpt import GPT, BPETokenizer

SHOWN, LONGEST = 15, 200


def next_token_view(model: GPT, tokenizer: BPETokenizer, text: str) -> ipywidgets.VBox:
    """Type a beginning; move temperature, top-k and top-p (mouse or arrow keys); bars follow.

    Whatever is typed is shown as text.
    """
    wide = ipywidgets.Layout(width="44em")
    line = ipywidgets.Textarea(
        value=text, description="Text", continuous_update=False, layout=wide, rows=2
    )
    temperature = ipywidgets.FloatSlider(
        value=1.0, min=0.0, max=2.0, step=0.1, description="Temperature", layout=wide
    )
    top_k = ipywidgets.IntSlider(value=SHOWN, min=1, max=50, description="Top-k", layout=wide)
    top_p = ipywidgets.FloatSlider(
        value=1.0, min=0.05, max=1.0, step=0.05, description="Top-p", layout=wide
    )
    view = ipywidgets.HTML()
    state: dict[str, torch.Tensor | None] = {"logits": None}

    def read(_: object = None) -> None:
        state["logits"] = None
        try:
            ids = encode(tokenizer, line.value)[-LONGEST:]
        except ValueError as error:
            view.value = f"<p>{html.escape(str(error))}</p>"
            return
        end = [tokenizer.end_id] if tokenizer.end_id is not None else []
        if not end + ids:
            view.value = "<p>type at least one character</p>"
            return
        with torch.no_grad():
            state["logits"] = model(torch.tensor([end + ids]))[0, -1, : tokenizer.vocab_size]
        draw()

    def draw(_: object = None) -> None:
        logits = state["logits"]
        if logits is None:
            return
        if temperature.value == 0:
            probability = torch.zeros_like(logits)
            probability[logits.argmax()] = 1
        else:
            probability = (logits / temperature.value).softmax(-1)
        ordered, order = probability.sort(descending=True)
        keep = ordered.cumsum(-1) - ordered < top_p.value
        keep[top_k.value :] = False
        kept = torch.where(keep, ordered, 0.0)
        kept = kept / kept.sum()
        rows = []
        for token, before, after in zip(
            order[:SHOWN].tolist(), ordered[:SHOWN].tolist(), kept[:SHOWN].tolist(), strict=True
        ):
            name = html.escape(tokenizer.decode([token])).replace(" ", "␣").replace("\n", "⏎")
            bar = f'<div style="background:#0072B2;height:0.9em;width:{18 * after:.2f}em"></div>'
            rows.append(
                f"<tr><td><code>{name}</code></td><td>{before:.3f}</td><td>{after:.3f}</td>"
                f"<td>{bar}</td></tr>"
            )
        view.value = (
            f"<p>{int(keep.sum())} tokens are left to draw from</p><table><tr><td>token</td>"
            f"<td>before the cut</td><td>after it</td><td></td></tr>{''.join(rows)}</table>"
        )

    line.observe(read, names="value")
    for control in (temperature, top_k, top_p):
        control.observe(draw, names="value")
    read()
    return ipywidgets.VBox([line, temperature, top_k, top_p, view])
