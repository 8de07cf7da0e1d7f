"""The interactive view of lesson 07: the next token, by temperature, top-k and top-p."""

from __future__ import annotations

import html

import ipywidgets
import torch

from lessons.controls import Slider
from lessons.world.corpus import encode
from minigpt import GPT, BPETokenizer

SHOWN, LONGEST = 15, 200
TOP_K = (1, 2, 5, 15, 50, 500)


def next_token_view(model: GPT, tokenizer: BPETokenizer, text: str) -> ipywidgets.VBox:
    """Type a beginning; move temperature, top-k and top-p (mouse or arrow keys); bars follow.

    Whatever is typed is shown as text.
    """
    wide = ipywidgets.Layout(width="44em")
    line = ipywidgets.Textarea(
        value=text, description="Text", continuous_update=False, layout=wide, rows=2
    )
    temperature = Slider([n / 10 for n in range(21)], 1.0, "Temperature")
    all_of_them = tokenizer.vocab_size
    top_k = Slider([*TOP_K, ("off", all_of_them)], all_of_them, "Top-k")
    top_p = Slider([n / 20 for n in range(1, 21)], 1.0, "Top-p")
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
        order = logits.argsort(descending=True)
        ordered = probability[order]
        cut = ordered.clone()  # first top-k, then top-p of what is left, as sample_next does it
        cut[top_k.value :] = 0
        cut = cut / cut.sum()
        keep = (cut > 0) & ((cut.cumsum(-1) - cut < top_p.value) | (top_p.value >= 1))
        kept = torch.where(keep, cut, 0.0)
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
            f"<p>tokens left to draw from: {int(keep.sum())}</p><table><tr><td>token</td>"
            '<td style="padding-right:1.5em">before the cut</td><td>after it</td><td></td></tr>'
            f"{''.join(rows)}</table>"
        )

    line.observe(read, names="value")
    for control in (temperature, top_k, top_p):
        control.observe(draw, names="value")
    read()
    return ipywidgets.VBox([line, temperature, top_k, top_p, view])
