"""The view of lesson 08: what each method kept and forgot, task by task."""

from __future__ import annotations

import html
from collections.abc import Mapping

import ipywidgets


def forgetting_view(
    kept: Mapping[str, Mapping[str, float]],
    changes: Mapping[str, Mapping[str, float]],
    before: str = "before",
) -> ipywidgets.VBox:
    """Choose a method (mouse or arrow keys): a bar for each family, before and after.

    `kept`: method → family → share right; `changes`: the same, how it changed over the method's own
    seeds. Raises ValueError if there is no method `before`.
    """
    if before not in kept:
        raise ValueError(f"no method {before!r} to compare with; there are {', '.join(kept)}")
    names = [name for name in kept if name != before]
    method = ipywidgets.ToggleButtons(
        options=names, value=names[0], description="Method", tooltips=[f"After {n}" for n in names]
    )
    view = ipywidgets.HTML()

    def bar(share: float, color: str) -> str:
        return (
            f'<div style="background:{color};width:{16 * share:.2f}em;height:0.7em;'
            f'display:inline-block"></div> {share:.0%}'
        )

    def draw(_: object = None) -> None:
        after = kept[method.value]
        rows = "".join(
            f"<tr><td>{html.escape(family)}</td><td>{bar(share, '#999999')}</td>"
            f"<td>{bar(after[family], '#0072B2')}</td>"
            f"<td>{100 * changes[method.value][family]:+.0f}</td></tr>"
            for family, share in kept[before].items()
        )
        view.value = (
            f"<table><tr><th>task</th><th>before</th><th>after {html.escape(method.value)}</th>"
            f"<th>points</th></tr>{rows}</table>"
        )

    method.observe(draw, names="value")
    draw()
    return ipywidgets.VBox([method, view])
