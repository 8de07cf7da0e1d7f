"""A slider that every keyboard and screen reader understands: the browser's own, with its label.

(The sliders of ipywidgets have no accessible name.)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import anywidget
import traitlets

_ESM = """
function render({ model, el }) {
  const label = document.createElement("label");
  const range = document.createElement("input");
  const output = document.createElement("output");
  range.type = "range";
  range.id = output.htmlFor = label.htmlFor = "slider-" + Math.random().toString(36).slice(2);
  range.min = 0;
  range.step = 1;
  function show() {
    const names = model.get("names");
    const name = names[model.get("index")] ?? "";
    label.textContent = model.get("description");
    range.max = names.length - 1;
    range.value = model.get("index");
    output.textContent = name;
    range.setAttribute("aria-valuetext", name);
  }
  range.addEventListener("input", () => {
    model.set("index", Number(range.value));
    model.save_changes();
  });
  // JupyterLab has uses of its own for these keys.
  const mine = /^(Arrow.*|Home|End|PageUp|PageDown)$/;
  range.addEventListener("keydown", (event) => {
    if (mine.test(event.key)) event.stopPropagation();
  });
  for (const what of ["index", "names", "description"]) model.on("change:" + what, show);
  show();
  el.classList.add("minigpt-slider");
  el.append(label, range, output);
}
export default { render };
"""
_CSS = """
.minigpt-slider { display: flex; align-items: center; gap: 0.8em; margin: 0.3em 0; }
.minigpt-slider label { min-width: 6.5em; text-align: right; }
.minigpt-slider input { width: 24em; max-width: 50vw; }
.minigpt-slider output { min-width: 4em; }
"""

Options = Iterable[Any]


class Slider(anywidget.AnyWidget):
    """Choose one of `options` by mouse or arrow keys; observe `value`.

    Options are values, shown as text, or pairs (text, value). With other options the value stays if
    it is among them, else the last one is taken.
    """

    _esm = _ESM
    _css = _CSS
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    index = traitlets.Int(0).tag(sync=True)
    description = traitlets.Unicode("").tag(sync=True)
    value = traitlets.Any()

    def __init__(self, options: Options, value: Any = None, description: str = "") -> None:
        """`value` at the start is by default the first option. ValueError if there is none."""
        names, values = _pairs(options)
        start = values[0] if value is None else value
        self._values = values
        super().__init__(names=names, index=self._at(start), description=description, value=start)

    def __repr__(self) -> str:  # the same in every run: notebooks are compared
        return f"Slider(description={self.description!r}, value={self.value!r})"

    @property
    def options(self) -> list[Any]:
        """The values that can be chosen, in order."""
        return list(self._values)

    @options.setter
    def options(self, options: Options) -> None:
        names, values = _pairs(options)
        kept = self.value if self.value in values else values[-1]
        with self.hold_trait_notifications():
            self._values, self.names = values, names
            self.index, self.value = values.index(kept), kept

    def _at(self, value: Any) -> int:
        if value not in self._values:
            raise ValueError(f"value {value!r} is none of the slider's options: {self._values}")
        return self._values.index(value)

    @traitlets.observe("index")
    def _index_moved(self, change: Any) -> None:
        self.value = self._values[min(max(change["new"], 0), len(self._values) - 1)]

    @traitlets.observe("value")
    def _value_set(self, change: Any) -> None:
        self.index = self._at(change["new"])


def _pairs(options: Options) -> tuple[list[str], list[Any]]:
    found = [one if isinstance(one, tuple) else (str(one), one) for one in options]
    if not found:
        raise ValueError("a slider needs at least one option")
    return [str(name) for name, _ in found], [value for _, value in found]
