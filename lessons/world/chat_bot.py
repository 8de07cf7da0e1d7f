"""Chat bots of if-then rules: one that sees the customer's last message only, one with a memory."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from .language import FIRST_NAMES, article
from .tasks.intent import COLOURS, GOODS, TOWNS
from .tasks.topic import TOPICS


def _found(words: Sequence[str], options: Sequence[str], default: str) -> str:
    """The first word that is one of the options."""
    return next((word for word in words if word in options), default)


def if_then_bot(message: str) -> str:
    """An answer by keywords: it takes what it can from the message, and guesses the rest.

    >>> if_then_bot("Hello, I am Anna.")
    'Hello Anna, how can I help you?'
    """
    words = re.findall(r"\w+", message)
    numbers = [word for word in words if word.isdigit()]
    number = numbers[0] if numbers else "10"
    name, town = _found(words, FIRST_NAMES, ""), _found(words, TOWNS, "")
    colour, item = _found(words, COLOURS, ""), _found(words, GOODS, "")
    thing = article(f"{colour or 'red'} {item or 'lamp'}")
    topics = [topic for topic, nouns in TOPICS.items() if set(words) & set(nouns)]
    if name:
        return f"Hello {name}, how can I help you?"
    if "goodbye" in words or "go" in words[-1:]:
        return "Goodbye."
    if len(numbers) == 2:
        return f"That makes {int(numbers[0]) + int(numbers[1])} crowns for order 10."
    if numbers and colour and item:
        return f"Thank you. I see order {number}, {thing}."
    if numbers and town:
        return f"Good, the red {item or 'lamp'} is in {town}."
    if numbers and colour:
        return f"Then order {number} is {thing}."
    if numbers and item:
        return f"Yes, order {number} is {thing}."
    if numbers:
        return "The lamp is red." if "colour" in words else f"Order {number} is {thing}."
    if town:
        return f"I will send it to {town}."
    if topics:
        return f"I like to talk about {topics[0]}."
    if "name" in words or message == "Who am I?":
        return f"Your name is {FIRST_NAMES[0]}."
    if "back" in words or "refund" in words:
        return "You get 50 crowns back for order 10."
    if "price" in words or "postage" in words:
        return "You paid 50 crowns for order 10."
    if "number" in words or ("order" in words and item):
        return f"The {item} is order {number}."
    if item:
        return f"Order {number} is in {TOWNS[0]}."
    if "talk" in words or "chatted" in words:
        return f"We talked about {next(iter(TOPICS))}."
    if "town" in words or "send" in words:
        return f"It goes to {TOWNS[0]}."
    return f"You ordered {thing}."


@dataclass
class _Memory:
    """What a chat has said so far: of each order by its number, and of the customer."""

    things: dict[str, tuple[str, str]] = field(default_factory=dict)  # colour and item
    towns: dict[str, str] = field(default_factory=dict)
    prices: dict[str, str] = field(default_factory=dict)
    totals: dict[str, str] = field(default_factory=dict)
    slots: dict[str, str] = field(default_factory=dict)  # name, home, topic

    def read(self, user: str, bot: str) -> None:
        """Keep what a turn said; the bot's answer repeats it in words of its own making."""
        if made := re.search(r"order (\d+)(?:,| is) an? (\w+) (\w+)\.", bot):
            self.things[made[1]] = (made[2], made[3])
        if made := re.match(r"Good, the \w+ (\w+) is in (\w+)", bot):
            self.towns |= {no: made[2] for no, (_, item) in self.things.items() if item == made[1]}
        if made := re.match(r"That makes (\d+) crowns for order (\d+)", bot):
            self.totals[made[2]], self.prices[made[2]] = made[1], re.findall(r"\d+", user)[0]
        for slot, said in (("name", "Hello"), ("home", "send it to"), ("topic", "talk about")):
            if made := re.search(rf"\b{said} (\w+)", bot):
                self.slots[slot] = made[1]

    def order(self, words: Sequence[str]) -> str:
        """The number of the order that the words name by number or item, or else of the first."""
        numbers = words if {"order", "Order"} & {*words} else ()  # others are prices
        named = [no for no in numbers if no in self.things]
        named += [no for no, (_, item) in self.things.items() if item in words]
        return next(iter([*named, *self.things]), "")

    def thing(self, order: str) -> str:
        """'a red lamp'."""
        return article(" ".join(self.things[order]))


def bot_with_memory(chat: str) -> str:
    """An answer by keywords and by what the chat said before: rules with slots to fill.

    `chat`: lines that begin with "<|user|> " and "<|bot|> " in turns, up to the bot's next one. A
    program for this one shop, by somebody who saw all wordings of its customers: it does no other
    task.

    >>> bot_with_memory("<|user|> I am Anna.\\n<|bot|> Hello Anna.\\n<|user|> Who am I?\\n<|bot|>")
    'Your name is Anna.'
    """
    said = [line.split("|> ", 1)[1] for line in chat.split("\n") if "|> " in line]
    memory = _Memory()
    for user, bot in zip(said[::2], said[1::2], strict=False):
        memory.read(user, bot)
    return _with_memory(said[-1], memory)


def _with_memory(message: str, memory: _Memory) -> str:
    """The answer to the last message: what is told is confirmed, what is asked is looked up."""
    words = re.findall(r"\w+", message)
    slots, order = memory.slots, memory.order(words)
    to_name = f", {slots['name']}" if "name" in slots else ""
    tells = if_then_bot(message)
    if re.match("Hello|I will send|I like", tells):
        return tells
    if tells.startswith("Goodbye") and not message.endswith("?"):
        return f"Goodbye{to_name}."
    if tells.startswith("Thank you"):
        return tells.replace("Thank you", f"Thank you{to_name}")
    if not memory.things:
        return tells
    colour, item = memory.things[order]
    if tells.startswith("That makes"):
        return tells.replace("order 10", f"order {order}")
    if tells.startswith("Good, "):
        return f"Good, the {colour} {item} is in {_found(words, TOWNS, '')}."
    if tells.startswith("Then order"):
        return f"Then order {order} is {article(_found(words, COLOURS, '') + ' ' + item)}."
    if tells.startswith("Yes"):
        return f"{'Yes' if item in words else 'No'}, order {order} is {memory.thing(order)}."
    looked_up = {
        "Your name": f"Your name is {slots.get('name')}.",
        "You get": f"You get {memory.totals.get(order)} crowns back for order {order}{to_name}.",
        "You paid": f"You paid {memory.prices.get(order)} crowns for order {order}.",
        "The lamp is red": f"The {item} is {colour}.",
        "We talked": f"We talked about {slots.get('topic')}.",
        "It goes": f"It goes to {slots.get('home')}.",
        "Goodbye": f"It goes to {slots.get('home')}.",  # "Where will it go?"
        "You ordered": f"You ordered {' and '.join(map(memory.thing, memory.things))}.",
        f"The {item} is order": f"The {item} is order {order}.",
        f"Order {order} is a": f"Order {order} is {memory.thing(order)}.",
        "Order": f"Order {order} is in {memory.towns.get(order)}.",
    }
    return next(answer for start, answer in looked_up.items() if tells.startswith(start))
