"""The view of lesson 13: ask about anybody, see the confidence, and search the text read."""

from __future__ import annotations

import html

import ipywidgets

from lessons.controls import Choice
from lessons.l13_hallucination import records
from lessons.world.people_language import question
from lessons.world.tape import Tape
from lessons.world.tasks import questions
from lessons.world.tasks.base import Item
from lessons.world.truth import ATTRIBUTES, invented_name, people
from minigpt import GPT, BPETokenizer

SHOWN = 3  # documents
LONG = 60  # letters of a name


def search_view(model: GPT, tokenizer: BPETokenizer, first: str = "") -> ipywidgets.VBox:
    """Type a name or take one (mouse or keyboard), choose what to ask; names are shown as text.

    Below: the answer, the probability that the model gives it, whether it is true, and how many of
    the documents that name this person say so: many, few, or none.
    """
    wide = ipywidgets.Layout(width="36em")
    name = ipywidgets.Text(value=first, description="Name", continuous_update=False, layout=wide)
    attribute = Choice(ATTRIBUTES, description="Ask for")
    somebody = ipywidgets.Button(description="Somebody", tooltip="A person of the training text")
    nobody = ipywidgets.Button(description="Nobody", tooltip="A name that nobody has")
    view = ipywidgets.HTML()
    state = {"drawn": 0}
    known = [person.name for person in people() if person.block in ("exposure", "asked")]
    truths = {person.name: {a: person.value(a) for a in ATTRIBUTES} for person in people()}

    def take(exists: bool) -> None:
        state["drawn"] += 1
        tape = Tape("search view", state["drawn"], exists)
        name.value = tape.choice(known) if exists else invented_name(tape, new=True)

    def draw(_: object = None) -> None:
        who = " ".join(name.value.split())
        if not who:
            view.value = "<p>type a name, or take one</p>"
            return
        tape = Tape("search view", who, attribute.value)
        choices = tuple(f" {value}" for value in ATTRIBUTES[attribute.value])
        item = Item(
            questions.prompt(question(tape, attribute.value, who)), "", choices,
            meta={"attribute": attribute.value, "name": who},
        )  # fmt: skip
        try:
            (row,) = records.record(model, tokenizer, "", [item])
        except ValueError as error:
            view.value = f"<p>{html.escape(str(error))}</p>"
            return
        about = records.documents_about(who)
        found = records.saying(about, row["output"]) if row["stated"] else []
        listed = "".join(f"<li>{html.escape(text)}</li>" for text in found[:SHOWN])
        truth = truths.get(who, {}).get(attribute.value)
        mark = "There is no truth: nobody in Fernhollow has exactly this name (capitals count)."
        if truth:
            mark = "That is true." if truth == row["output"] else f"That is false: {truth}."
        if not row["stated"]:
            mark = f"That is not the name of any {attribute.value}. {mark}"
        shown = who if len(who) <= LONG else f"{who[:LONG]}…"
        said = html.escape(row["output"]) or "(nothing)"
        view.value = (
            f"<div style='overflow-wrap:anywhere'><p>{html.escape(item.prompt)} <b>{said}</b> "
            f"(probability {row['confidence']:.0%}). {html.escape(mark)}</p>"
            f"<p>{len(found)} of {len(about)} documents that name {html.escape(shown)} say so.</p>"
            f"<ul>{listed}</ul></div>"
        )

    somebody.on_click(lambda _: take(True))
    nobody.on_click(lambda _: take(False))
    for control in (name, attribute):
        control.observe(draw, names="value")
    if first:
        draw()
    else:
        take(True)
    return ipywidgets.VBox([ipywidgets.HBox([somebody, nobody]), name, attribute, view])
