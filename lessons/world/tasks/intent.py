"""What a customer wants; the message names other wishes too, so structure decides."""

from __future__ import annotations

from collections.abc import Sequence

from ..language import FIRST_NAMES, article
from ..sentences import may_write
from ..tape import Tape
from ..truth import ATTRIBUTES
from .base import Item, check_split, same, simple_baselines

NAME = "intent"
SPLITS = ("test", "wording", "train")
GOODS = tuple(
    "lamp hat clock rope candle kettle spoon kite bell brush basket comb drum mirror pillow "
    "ribbon shovel ladder chair jug".split()
)
COLOURS, TOWNS = ATTRIBUTES["door"], ATTRIBUTES["town"]
DAYS = tuple("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split())
INTENTS: dict[str, tuple[str, ...]] = {  # what follows "I want to"
    "status": (
        "know where my {item} is",
        "hear when my {item} will come",
        "learn if the {item} was sent",
        "know why my parcel is late",
    ),
    "refund": (
        "have my money back",
        "get a refund for the {item}",
        "be paid back for the {item}",
    ),
    "exchange": (
        "swap my {item} for {other}",
        "trade the {colour} {item} for a new one",
        "get {other} in place of this {item}",
    ),
    "cancel": (
        "call off my order",
        "cancel the {item}",
        "stop the order of the {item}",
    ),
    "address": (
        "have it sent to {town}",
        "give you my new address",
        "say that I live in {town} now",
    ),
    "hours": (
        "know when you open",
        "ask if you are open on {day}",
        "hear when the shop closes on {day}",
    ),
    "price": (
        "know what {other} costs",
        "ask the price of the {item}",
        "hear how much the {item} is",
    ),
    "repair": (
        "have my {item} mended",
        "get the broken {item} repaired",
        "have the {colour} {item} made whole",
    ),
}
# {a} is what the customer wants; {b} and {c} are named, but not wanted, or not now, or by others.
FRAMES = (
    "I do not want to {b}, I only want to {a}.",
    "I only want to {a}, I do not want to {b}.",
    "I wanted to {b}, but now I would rather {a}.",
    "Now I would rather {a}, though at first I wanted to {b}.",
    "My {kin} wants to {b}. I want to {a}.",
    "I want to {a}. It is my {kin} who wants to {b}.",
    "There is no need to {b}. I would like to {a}.",
    "I would like to {a}. There is no need to {b}.",
    "You ask if I wish to {b}. No, I wish to {a}.",
    "I wish to {a}. You ask if I wish to {b}: no.",
    "Yesterday I wrote to {b}. That is done. Today I write to {a}.",
    "Today I write to {a}. Yesterday I wrote to {b}, and that is done.",
    "I have no wish to {b} or to {c}, I wish to {a}.",
    "I wish to {a}, and I have no wish to {b} or to {c}.",
    "I called to {a}, not to {b}.",
    "I did not call to {b} but to {a}.",
)
ALONE = ("I want to {a}.", "Today I write to {a}.")
KIN = "sister brother mother father aunt uncle neighbour friend".split()
GREETINGS = ("Hello. ", "Good morning. ", "Dear shop. ", "Excuse me. ")
ASKED = (
    "Customer: {text}\nIntent:",
    "{text}\nWhat does the customer want?",
    "Sort this message. {text}\nIntent:",
    "Message: {text}\nThe wish:",
)
ASKED_NEW = ("To the shop: {text}\nIntent:", "{text}\nSo the customer asks for")
NEW_WORDS = ("To the shop:", "So the customer asks for")


SLOTS: dict[str, tuple[tuple[str, ...], ...]] = {  # what is drawn for each
    "item": (GOODS,),
    "other": (COLOURS, GOODS),
    "colour": (COLOURS,),
    "town": (TOWNS,),
    "day": (DAYS,),
}


def _wish(tape: Tape, intent: str) -> str:
    """What follows "I want to"."""
    wish = tape.choice(INTENTS[intent])
    for slot, options in SLOTS.items():
        if f"{{{slot}}}" in wish:
            drawn = " ".join(map(tape.choice, options))
            wish = wish.replace(f"{{{slot}}}", article(drawn) if slot == "other" else drawn)
    return wish


def _core(tape: Tape, intent: str) -> str:
    """What the customer wants and does not want."""
    frame = tape.choice(ALONE if tape.chance(0.1) else FRAMES)
    named = [slot for slot in ("b", "c") if f"{{{slot}}}" in frame]
    others = tape.sample([i for i in INTENTS if i != intent], len(named))
    wishes = {slot: _wish(tape, other) for slot, other in zip(named, others, strict=True)}
    kin = tape.choice(KIN) if "{kin}" in frame else ""
    return frame.format(a=_wish(tape, intent), **wishes, kin=kin)


def _around(tape: Tape, core: str) -> str:
    """The message, perhaps with a greeting and a name."""
    greeting = tape.choice(GREETINGS) if tape.chance(0.3) else ""
    return greeting + core + (f" Yours, {tape.choice(FIRST_NAMES)}." if tape.chance(0.3) else "")


def _item(tape: Tape, asked: Sequence[str], new: bool) -> Item:
    intent = tape.choice(tuple(INTENTS))
    core = tape.until(lambda: _core(tape, intent), lambda core: may_write(core, new))
    text = _around(tape, core)
    wording = tape.index(len(asked))
    words = (NEW_WORDS[wording],) if asked is ASKED_NEW else ()
    return Item(
        prompt=asked[wording].format(text=text),
        answer=f" {intent}",
        choices=tuple(f" {i}" for i in INTENTS),
        absent=(core, *words) if new else (),
        meta={"text": text},
    )


def document(tape: Tape) -> str:
    """A message with what the customer wants."""
    item = _item(tape, ASKED, new=False)
    return item.prompt + item.answer


def items(tape: Tape, n: int, split: str = "test") -> list[Item]:
    """Messages held out of training; `wording`: asked for in words held out, too."""
    check_split(split, SPLITS)
    asked = ASKED_NEW if split == "wording" else ASKED
    return [_item(tape, asked, new=split != "train") for _ in range(n)]


is_correct = same


def baselines(items_: Sequence[Item]) -> dict[str, float]:
    """See base.simple_baselines."""
    train = items(Tape(NAME, "baselines"), 4000, "train")
    return simple_baselines(items_, train, is_correct)
