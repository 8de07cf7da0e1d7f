"""The view of lesson 08: what each method kept and forgot, task by task."""

from __future__ import annotations

import html
from collections.abc import Mapping

import ipywidgets


def forgetting_view(
    kept: Mapping[str, Mapping[str, float]], changes: Mapping[str, Mapping[str, float]]
) -> ipywidgets.VBox:
    """Choose a method (mouse or arrow keys): a bar for each family, before and after.

    `kept`: method → family → share right; `changes`: the same, how it changed. "Before" is what
    the method's own seeds had, so it may differ a little between methods. Raises ValueError if a
    method of `changes` is not in `kept`, or if there is none.
    """
    names = [*changes]
    if not names or not {*names} <= {*kept}:
        raise ValueError(f"changes of {names}, shares of {[*kept]}: give both of each method")
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
        after, change = kept[method.value], changes[method.value]
        rows = "".join(
            f"<tr><td>{html.escape(family)}</td>"
            f"<td>{bar(after[family] - change[family], '#999999')}</td>"
            f"<td>{bar(after[family], '#0072B2')}</td><td>{100 * change[family]:+.0f}</td></tr>"
            for family in after
        )
        view.value = (
            f"<table><tr><th>task</th><th>before</th><th>after {html.escape(method.value)}</th>"
            f"<th>points</th></tr>{rows}</table>"
        )

    method.observe(draw, names="value")
    draw()
    return ipywidgets.VBox([method, view])
