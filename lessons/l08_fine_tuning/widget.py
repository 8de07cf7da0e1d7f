"""The view of lesson 08: what each method kept and forgot, task by task."""

from __future__ import annotations

import html
from collections.abc import Mapping

import ipywidgets


def forgetting_view(
    kept: Mapping[str, Mapping[str, float]], changes: Mapping[str, Mapping[str, float]]
) -> ipywidgets.VBox:
    """Choose a method (mouse, or Tab and Enter): a bar for each family, before and after.

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
            '<td style="text-align:left">'
            f'<div style="background:{color};width:{14 * share:.2f}em;height:0.7em;'
            f'display:inline-block"></div> {share:.0%}</td>'
        )

    def draw(_: object = None) -> None:
        after, change = kept[method.value], changes[method.value]
        rows = "".join(
            f'<tr><td style="text-align:right">{html.escape(family)}</td>'
            f"{bar(after[family] - change[family], '#999999')}"
            f"{bar(after[family], '#0072B2')}"
            f'<td style="text-align:right">{_points(change[family])}</td></tr>'
            for family in after
        )
        heads = (
            ("task", 11),
            ("before", 18),
            (f"after {html.escape(method.value)}", 18),
            ("points", 6),
        )
        head = "".join(
            f'<th style="width:{width}em;text-align:left">{text}</th>' for text, width in heads
        )
        view.value = f'<table style="table-layout:fixed"><tr>{head}</tr>{rows}</table>'

    method.observe(draw, names="value")
    draw()
    return ipywidgets.VBox([method, view])


def _points(change: float) -> str:
    text = f"{100 * change:+.1f}"
    return "0.0" if float(text) == 0 else text
