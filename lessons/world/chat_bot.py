"""A chat bot of if-then rules that sees the customer's last message only: the one to beat."""

from __future__ import annotations

import re
from collections.abc import Sequence

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
