"""Interactive views. Each comes after a static picture, works by keyboard, and escapes its text."""

from __future__ import annotations

import html
from collections.abc import Mapping

import ipywidgets

from lessons.controls import Slider


def step_slider(texts: Mapping[int, str], captions: Mapping[int, str]) -> ipywidgets.VBox:
    """A slider over steps (mouse or arrow keys) that shows the text and caption of each.

    Raises ValueError if a step has no caption.
    """
    if missing := sorted(set(texts) - set(captions)):
        raise ValueError(f"no captions for the steps {missing}: give one for each text")
    steps = sorted(texts)
    slider = Slider(steps, description="Step")
    view = ipywidgets.HTML()

    def show(step: int) -> None:
        view.value = (
            f"<p><b>Step {step}</b> · {html.escape(captions[step])}</p>"
            f'<pre style="white-space: pre-wrap; font-size: 14px">{html.escape(texts[step])}</pre>'
        )

    slider.observe(lambda change: show(change["new"]), names="value")
    show(steps[0])
    return ipywidgets.VBox([slider, view])
