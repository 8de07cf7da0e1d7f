"""What a short text of several sentences may contain, so that held-out texts are nowhere."""

from __future__ import annotations

from .plan import held_out


def may_write(core: str, new: bool) -> bool:
    """Whether a text with this core may be written; `new`: for an item held out of training.

    The core is what decides the answer: the text without greetings and side remarks. A new one is
    held out as a whole. Training avoids these, and cores with a sentence that is held out: alone
    it would be the core of another text.
    """
    if new:
        return held_out("text", core)
    parts = [part.removesuffix(".") + "." for part in core.split(". ")]
    return not any(held_out("text", part) for part in (core, *parts))
