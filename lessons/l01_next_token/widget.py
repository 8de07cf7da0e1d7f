"""The interactive view of lesson 01: choose a character, see what may follow it."""

from __future__ import annotations

import html
from collections.abc import Sequence

import ipywidgets
from torch import Tensor

from lessons.controls import Slider

SHOWN = 12


def next_character_view(tables: dict[str, Tensor], names: Sequence[str]) -> ipywidgets.VBox:
    """Bars of the likeliest next characters, by each table (V, V); mouse or arrow keys.

    Raises ValueError for a table of another size than the names.
    """
    for title, table in tables.items():
        if tuple(table.shape) != (len(names), len(names)):
            raise ValueError(f"{title}: shape {tuple(table.shape)} for {len(names)} characters")
    slider = Slider(
        [(name, at) for at, name in enumerate(names)],
        names.index("e") if "e" in names else 0,
        "After",
    )
    view = ipywidgets.HTML()

    def draw(_: object = None) -> None:
        parts = []
        for title, table in tables.items():
            row = table[slider.value]
            best = row.argsort(descending=True)[:SHOWN].tolist()
            cells = "".join(
                f"<tr><td><code>{html.escape(names[at])}</code></td><td>{float(row[at]):.3f}</td>"
                '<td><div style="background:#0072B2;height:0.9em;'
                f'width:{14 * float(row[at]):.2f}em"></div></td></tr>'
                for at in best
            )
            parts.append(
                f'<td style="vertical-align:top"><b>{html.escape(title)}</b><table>{cells}</table>'
                "</td>"
            )
        view.value = f"<table><tr>{''.join(parts)}</tr></table>"

    slider.observe(draw, names="value")
    draw()
    return ipywidgets.VBox([slider, view])
