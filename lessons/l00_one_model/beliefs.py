"""What the reader believes of each claim, in a file of the reader's own beside the notebook."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from pathlib import Path

import ipywidgets

from lessons.claims import read_rules
from lessons.controls import Choice
from lessons.course import read_course
from minigpt.files import write_text

FILE = Path("my_beliefs.json")  # in the notebook's folder; git does not see it
WORDS = ("", "holds", "partly", "fails", "open")  # "": no opinion yet


def read(path: Path = FILE) -> dict[str, str]:
    """Claim → the reader's word; empty if there is no file.

    Raises ValueError for a file that holds something else, with what to do.
    """
    if not path.is_file():
        return {}
    remedy = f"delete {path.name}, or mend it: it holds one word of {WORDS[1:]} for each claim"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} cannot be read ({error}): {remedy}") from None
    if not isinstance(found, dict) or not {*map(str, found.values())} <= {*WORDS}:
        raise ValueError(f"{path.name} holds something else: {remedy}")
    return {name: word for name, word in found.items() if word}


def keep(beliefs: Mapping[str, str], path: Path = FILE) -> None:
    """Write beliefs, with those of other claims kept as they are.

    Raises ValueError for a claim that the course does not have, and for another word.
    """
    claims = read_rules()
    for name, word in beliefs.items():
        if name not in claims:
            raise ValueError(f"no claim {name!r}; there are {', '.join(claims)}")
        if word not in WORDS:
            raise ValueError(f"{name}: {word!r} came, allowed are {', '.join(WORDS[1:])}")
    merged = {name: word for name, word in {**read(path), **beliefs}.items() if word}
    write_text(path, json.dumps(merged, indent=2) + "\n")


def course_map() -> str:
    """Every lesson with its question, and below it the claims that it decides, as plain text."""
    claims, lines = read_rules(), []
    for lesson in read_course():
        lines.append(f"{lesson.no} {lesson.title}: {lesson.question}")
        own = [claims[name] for name in lesson.claims if claims[name].lesson == lesson.no]
        lines += [f"     “{claim.claim}”" for claim in own]
    return "\n".join(lines)


def form(path: Path = FILE) -> ipywidgets.VBox:
    """One row for each claim of the course: its lesson, and a choice that is kept at once."""
    claims, before = read_rules(), read(path)
    rows = []
    for lesson in read_course():
        for name in lesson.claims:
            claim = claims[name]
            if claim.lesson != lesson.no:
                continue
            options = [(word or "no opinion yet", word) for word in WORDS]
            choice = Choice(options, before.get(name, ""), f"{lesson.no} · {claim.claim}")
            choice.add_class("minigpt-long")
            said = ipywidgets.HTML()

            def kept(
                change: dict[str, str], name: str = name, said: ipywidgets.HTML = said
            ) -> None:
                try:
                    keep({name: change["new"]}, path)
                    said.value = f"kept: {change['new'] or 'no opinion'}"
                except (OSError, ValueError) as error:
                    said.value = f"not kept: {html.escape(str(error))}"

            choice.observe(kept, names="value")
            rows.append(ipywidgets.HBox([choice, said]))
    return ipywidgets.VBox(rows)
