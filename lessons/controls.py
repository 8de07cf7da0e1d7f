"""A slider and a list that every keyboard and screen reader understands: the browser's own.

(Those of ipywidgets have no accessible name, or lose their keys to JupyterLab, which moves to
another cell instead.)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import anywidget
import traitlets

# JavaScript of both: a label, a control of a kind with its keys kept from JupyterLab.
_LABELLED = """
function labelled(model, el, tag, keys) {
  const label = document.createElement("label");
  const control = document.createElement(tag);
  control.id = label.htmlFor = "minigpt-" + Math.random().toString(36).slice(2);
  control.addEventListener("keydown", (event) => {
    const command = event.ctrlKey || event.metaKey;
    if (keys.test(event.key) && !command) event.stopPropagation();
  });
  el.classList.add("minigpt-control");
  el.append(label, control);
  return [label, control];
}
function follow(model, show) {
  for (const what of ["index", "names", "description"]) model.on("change:" + what, show);
  show();
}
function choose(model, index) {
  model.set("index", index);
  model.save_changes();
}
"""
_SLIDER = """
function render({ model, el }) {
  const keys = /^(Arrow.*|Home|End|PageUp|PageDown)$/;
  const [label, range] = labelled(model, el, "input", keys);
  const output = document.createElement("output");
  range.type = "range";
  range.min = 0;
  range.step = 1;
  output.htmlFor = range.id;
  range.addEventListener("input", () => choose(model, Number(range.value)));
  follow(model, () => {
    const names = model.get("names");
    const name = names[model.get("index")] ?? "";
    label.textContent = model.get("description");
    range.max = names.length - 1;
    range.value = model.get("index");
    output.textContent = name;
    range.setAttribute("aria-valuetext", name);
  });
  el.classList.add("minigpt-slider");
  el.append(output);
}
export default { render };
"""
_CHOICE = """
function render({ model, el }) {
  // All keys but those that leave the list: a letter chooses the next name that begins with it.
  const [label, list] = labelled(model, el, "select", /^(.|Arrow.*|Home|End|Page.*|Enter)$/);
  list.addEventListener("change", () => choose(model, list.selectedIndex));
  follow(model, () => {
    const names = model.get("names");
    label.textContent = model.get("description");
    if (names.join("\\0") !== [...list.options].map((one) => one.text).join("\\0"))
      list.replaceChildren(...names.map((name) => new Option(name)));
    list.selectedIndex = model.get("index");
  });
  el.classList.add("minigpt-choice");
}
export default { render };
"""
_CSS = """
.minigpt-control { display: flex; align-items: center; gap: 0.8em; margin: 0.3em 0; }
.minigpt-control label { min-width: 6.5em; text-align: right; }
.minigpt-long label { width: 38em; text-align: left; }
.minigpt-control input { width: 24em; max-width: 50vw; }
.minigpt-control output { min-width: 4em; }
.minigpt-control select {
  min-width: 8em; max-width: 50vw; padding: 0.2em; font: inherit;
  color: var(--jp-ui-font-color1, #111); background: var(--jp-layout-color1, #fff);
  border: 1px solid var(--jp-border-color1, #888);
}
"""

Options = Iterable[Any]


class _OneOf(anywidget.AnyWidget):
    """One of some options, shown by its name; observe `value`."""

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
        return f"{type(self).__name__}(description={self.description!r}, value={self.value!r})"

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
            raise ValueError(f"value {value!r} is none of the options: {self._values}")
        return self._values.index(value)

    @traitlets.observe("index")
    def _index_moved(self, change: Any) -> None:
        self.value = self._values[min(max(change["new"], 0), len(self._values) - 1)]

    @traitlets.observe("value")
    def _value_set(self, change: Any) -> None:
        self.index = self._at(change["new"])


class Slider(_OneOf):
    """Choose one of `options` by mouse or arrow keys; observe `value`.

    Options are values, shown as text, or pairs (text, value). With other options the value stays if
    it is among them, else the last one is taken.
    """

    _esm = _LABELLED + _SLIDER


class Choice(_OneOf):
    """A list that shows one of `options`; mouse, arrow keys or first letters choose another.

    Options are as those of a Slider.
    """

    _esm = _LABELLED + _CHOICE


def _pairs(options: Options) -> tuple[list[str], list[Any]]:
    found = [one if isinstance(one, tuple) else (str(one), one) for one in options]
    if not found:
        raise ValueError("there must be at least one option")
    return [str(name) for name, _ in found], [value for _, value in found]
