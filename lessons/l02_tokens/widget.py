"""The interactive view of lesson 02: a text, cut into tokens after more and more merges."""

from __future__ import annotations

import html

import ipywidgets

from lessons.controls import Slider
from minigpt import BPETokenizer

LONGEST = 200  # characters
COLOURS = ("#cfe8f7", "#f9e3b4")  # alternating, with dark text on both


def merge_view(text: str, n_merges: int = 20) -> ipywidgets.VBox:
    """Type a text; the slider (mouse or arrow keys) says how many merges have been learnt from it.

    Whatever is typed is shown as text. Raises ValueError for fewer than one merge.
    """
    if n_merges < 1:
        raise ValueError(f"n_merges={n_merges}: at least 1 is needed")
    wide = ipywidgets.Layout(width="44em")
    line = ipywidgets.Text(value=text, description="Text", continuous_update=False, layout=wide)
    slider = Slider(range(n_merges + 1), 0, "Merges")
    view = ipywidgets.HTML()

    def draw(_: object = None) -> None:
        typed = line.value[:LONGEST]
        try:
            tokenizer = BPETokenizer.train(typed or " ", 256 + slider.value)
            ids = tokenizer.encode(typed)
        except ValueError as error:
            view.value = f"<p>{html.escape(str(error))}</p>"
            return
        spans = []
        for at, token in enumerate(ids):
            piece = tokenizer.id_to_bytes(token)
            shown = piece.decode("utf-8", errors="replace")
            if "�" in shown:
                shown = piece.hex(" ")
            shown = html.escape(shown).replace(" ", "␣").replace("\n", "⏎")
            spans.append(
                f'<span style="background:{COLOURS[at % 2]};color:#000;padding:2px">{shown}</span>'
            )
        learnt = tokenizer.vocab_size - 256
        cut = f" (first {LONGEST} characters)" if len(line.value) > LONGEST else ""
        view.value = (
            f"<p>{len(ids)} tokens after {learnt} merges{cut}</p>"
            '<p style="font-family:monospace;line-height:1.9;overflow-wrap:anywhere">'
            f"{''.join(spans)}</p>"
        )

    line.observe(draw, names="value")
    slider.observe(draw, names="value")
    draw()
    return ipywidgets.VBox([line, slider, view])
