"""The prompt box of lesson 00: take an item or type a prompt, see what the model adds, marked."""

from __future__ import annotations

import html

import ipywidgets

from lessons import evaluate
from lessons.controls import Choice
from lessons.l00_one_model import tasks
from lessons.world.tasks.base import Item
from minigpt import GPT, BPETokenizer

LONGEST = 400  # tokens of a prompt
NEW = 48  # tokens that are written at most
COLORS = {"right": "#009E73", "wrong": "#D55E00", "invented": "#CC79A7"}


def prompt_box(model: GPT, tokenizer: BPETokenizer) -> ipywidgets.VBox:
    """Choose a task for a prompt of the world, or write one; Tab and Enter reach everything.

    An item's output gets its mark. A prompt that was changed has no truth to compare with, and the
    view says so. Whatever is typed or written is shown as text.
    """
    wide = ipywidgets.Layout(width="46em")
    task = Choice(tasks.TASKS, "verse", "Task")
    another = ipywidgets.Button(
        description="Another", tooltip="Take the next prompt of this task", icon="refresh"
    )
    prompt = ipywidgets.Textarea(
        description="Prompt", rows=7, layout=wide, tooltip="Change it, or write your own"
    )
    go = ipywidgets.Button(
        description="Write", button_style="primary", tooltip="Let the model continue the prompt"
    )
    view = ipywidgets.HTML()
    state: dict[str, int] = {"seed": 1000}

    def item() -> Item:
        return tasks.items(task.value, 1, state["seed"])[0]

    def take(_: object = None) -> None:
        state["seed"] += 1
        prompt.value = item().prompt
        view.value = ""

    def write(_: object = None) -> None:
        some = item()
        text = prompt.value.rstrip()  # a blank at the end belongs to the next token
        known = text == some.prompt.rstrip()
        try:
            if not text:
                raise ValueError("write a prompt first, or take another one")
            length = len(tokenizer.encode(text))
            if length > LONGEST:
                raise ValueError(f"the prompt has {length} tokens: at most {LONGEST} fit")
            # A little more is written than the answer is long, which stands for NEW tokens here.
            asked = some if known else Item(text, " x" * (NEW - 8), stop="\n\n")
            output = evaluate.answers(model, tokenizer, [asked])[0]
        except ValueError as error:
            view.value = f"<p>{html.escape(str(error))}</p>"
            return
        said = f'<pre style="white-space:pre-wrap;font-size:14px">{html.escape(text)}<b>'
        said += f"{html.escape(output)}</b></pre>"
        if not known:
            view.value = said + "<p>your own prompt: the world has no answer to compare with</p>"
            return
        given = tasks.mark(task.value, some, output)
        sign = f"{tasks.SIGNS[given]} {given}"
        view.value = f'{said}<p style="color:{COLORS[given]}"><b>{sign}</b></p>'

    task.observe(take, names="value")
    another.on_click(take)
    go.on_click(write)
    take()
    return ipywidgets.VBox([ipywidgets.HBox([task, another]), prompt, go, view])
