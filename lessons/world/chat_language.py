"""How a support chat goes on: what customers say, and what the bot answers.

The bot knows nothing but the chat: where an order is, what was paid or where to send it was said
before, by the customer or by the bot itself. Its answers follow from that without any choice.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from .chat_wordings import WORDINGS
from .language import FIRST_NAMES, article
from .plan import held_out
from .tape import Tape
from .tasks.intent import COLOURS, GOODS, TOWNS
from .tasks.topic import TOPICS

TOLD = ("spot", "home", "paid", "talk", "change")  # acts that tell what is asked for later


@dataclass(frozen=True)
class Turn:
    """What the customer says and the bot answers.

    `needs`: how many turns back the oldest thing stands that the answer needs; 0: all that is
    needed stands in the customer's last message.
    """

    act: str
    user: str
    bot: str
    needs: int
    slots: dict[str, str]


class Chat:
    """A chat as it grows: what is known by now, and the turn that last said it."""

    def __init__(self, tape: Tape, new: bool) -> None:
        self.tape, self.new = tape, new
        self.turns: list[Turn] = []
        self.known: dict[str, str] = {}
        self.said: dict[str, int] = {}
        self.orders: list[str] = []  # their numbers
        self._used: list[int] = []

    def tell(self, **values: str) -> None:
        """The customer says something new."""
        self.known.update(values)
        self.said.update(dict.fromkeys(values, len(self.turns)))

    def use(self, key: str) -> str:
        """What the answer takes from the chat, and by that says again."""
        self._used.append(self.said[key])
        return self.mention(key)

    def mention(self, key: str) -> str:
        """What the customer says again, so that the answer need not look for it."""
        self.said[key] = len(self.turns)
        return self.known[key]

    def thing(self, order: str) -> str:
        """'a red lamp'."""
        return article(f"{self.use('colour' + order)} {self.use('item' + order)}")

    def to_name(self) -> str:
        """', Anna' where the name is known, else nothing."""
        return f", {self.use('name')}" if "name" in self.known else ""

    def add(self, act: str) -> None:
        """One more turn."""
        self._used = []
        slots, bot = ACTS[act](self)
        user = self.tape.choice(WORDINGS[act][0]).format(**slots)
        needs = len(self.turns) - min(self._used, default=len(self.turns))
        self.turns.append(Turn(act, user, bot, needs, slots))

    def next_act(self) -> str:
        """What comes next: first some things are told, then more and more is asked."""
        last, known = self.turns[-1].act, self.known
        many = len(self.orders) > 1
        told = sum(turn.act in TOLD for turn in self.turns)
        if self.tape.chance((0.9, 0.7, 0.4, 0.3, 0.2, 0.2, 0.2, 0.2)[told]):
            free = {
                "order": 0 if many else 2,
                "greet": "name" not in known,
                "home": 3 * ("home" not in known),
                "talk": 2 * ("topic" not in known),
                "paid": 2 * (len(self.having("total")) < len(self.orders)),
                "spot": 2,
                "change": last != "change",
            }
        else:
            asked = {turn.act for turn in self.turns}
            free = {
                "where": 3 * bool(self.having("town")),
                "refund": 3 * bool(self.having("total")),
                "cost": 2 * bool(self.having("price")),
                "send": 3 * ("home" in known),
                "recall": 2 * ("topic" in known),
                "name": "name" in known,
                "check": 4 * many,
                "number": 1 + many,
                "which": 1 + many,
                "colour": 1 + many,
                "list": 1,
            }
            free = {act: 0 if act in asked else weight for act, weight in free.items()}
        return self.tape.weighted(tuple(free), tuple(free.values()))

    def having(self, key: str) -> list[str]:
        """The orders of which this is known."""
        return [order for order in self.orders if key + order in self.known]


def _greet(chat: Chat) -> tuple[dict[str, str], str]:
    name = chat.tape.choice(FIRST_NAMES)
    chat.tell(name=name)
    return {"name": name}, f"Hello {name}, how can I help you?"


def _free(order: str, colour: str, item: str, new: bool) -> bool:
    """Whether an order may be written: every eighth is held out of training."""
    return held_out("text", f"order {order} {colour} {item}") == new


def _order(chat: Chat) -> tuple[dict[str, str], str]:
    tape = chat.tape
    taken = [chat.known["item" + order] for order in chat.orders]
    goods = [item for item in GOODS if item not in taken]

    def make() -> tuple[str, str, str]:
        low, high = (10, 99) if tape.chance(0.5) else (100, 999)
        return str(tape.integer(low, high)), tape.choice(COLOURS), tape.choice(goods)

    number, colour, item = tape.until(
        make, lambda made: made[0] not in chat.orders and _free(*made, chat.new)
    )
    chat.orders.append(number)
    chat.tell(**{"item" + number: item, "colour" + number: colour, "number" + number: number})
    thing = article(f"{colour} {item}")
    bot = f"Thank you{chat.to_name()}. I see order {number}, {thing}."
    return {"thing": thing, "number": number}, bot


def _spot(chat: Chat) -> tuple[dict[str, str], str]:
    order, town = chat.tape.choice(chat.orders), chat.tape.choice(TOWNS)
    chat.mention("number" + order)
    chat.tell(**{"town" + order: town})
    bot = f"Good, the {chat.use('colour' + order)} {chat.use('item' + order)} is in {town}."
    return {"number": order, "town": town}, bot


def _home(chat: Chat) -> tuple[dict[str, str], str]:
    town = chat.tape.choice(TOWNS)
    chat.tell(home=town)
    return {"town": town}, f"I will send it to {town}."


def _paid(chat: Chat) -> tuple[dict[str, str], str]:
    order = chat.tape.choice([o for o in chat.orders if "total" + o not in chat.known])
    # Postage has one digit: no pair of operands that is held out of sums can occur.
    price, postage = chat.tape.integer(11, 89), chat.tape.integer(2, 9)
    total = str(price + postage)
    chat.tell(**{"price" + order: str(price), "total" + order: total})
    slots = {"item": chat.mention("item" + order), "price": str(price), "postage": str(postage)}
    return slots, f"That makes {total} crowns for order {chat.use('number' + order)}."


def _talk(chat: Chat) -> tuple[dict[str, str], str]:
    topic = chat.tape.choice(tuple(TOPICS))
    chat.tell(topic=topic)
    return {"noun": chat.tape.choice(TOPICS[topic])}, f"I like to talk about {topic}."


def _change(chat: Chat) -> tuple[dict[str, str], str]:
    order = chat.tape.choice(chat.orders)
    item, old = chat.use("item" + order), chat.known["colour" + order]
    colour = chat.tape.until(
        lambda: chat.tape.choice(COLOURS),
        lambda colour: colour != old and (chat.new or _free(order, colour, item, False)),
    )
    chat.mention("number" + order)
    chat.tell(**{"colour" + order: colour})
    bot = f"Then order {order} is {article(f'{colour} {item}')}."
    return {"number": order, "colour": colour}, bot


def _about(key: str, slot: str, bot: str) -> Callable[[Chat], tuple[dict[str, str], str]]:
    """A question about one order, named by its `slot` (item or number); `bot` has what is used."""
    used = [k for k in re.findall(r"{(\w+)}", bot) if k not in (slot, "name")]

    def act(chat: Chat) -> tuple[dict[str, str], str]:
        order = chat.tape.choice(chat.having(key))
        slots = {slot: chat.mention(slot + order)}
        values = {k: chat.thing(order) if k == "thing" else chat.use(k + order) for k in used}
        name = chat.to_name() if "{name}" in bot else ""
        return slots, bot.format(**slots, **values, name=name)

    return act


def _check(chat: Chat) -> tuple[dict[str, str], str]:
    order, other = chat.tape.choice(chat.orders), chat.tape.choice(chat.orders)
    yes = "Yes" if order == other else "No"
    slots = {"number": chat.mention("number" + order), "item": chat.known["item" + other]}
    return slots, f"{yes}, order {order} is {chat.thing(order)}."


def _list(chat: Chat) -> tuple[dict[str, str], str]:
    said = dict(chat.said)
    bot = "You ordered " + " and ".join(map(chat.thing, chat.orders)) + "."
    chat.said = said  # which thing is which order was not said again
    return {}, bot


ACTS: dict[str, Callable[[Chat], tuple[dict[str, str], str]]] = {
    "greet": _greet,
    "order": _order,
    "spot": _spot,
    "home": _home,
    "paid": _paid,
    "talk": _talk,
    "change": _change,
    "where": _about("town", "item", "Order {number} is in {town}."),
    "send": lambda chat: ({}, f"It goes to {chat.use('home')}."),
    "refund": _about("total", "item", "You get {total} crowns back for order {number}{name}."),
    "cost": _about("price", "item", "You paid {price} crowns for order {number}."),
    "colour": _about("colour", "number", "The {item} is {colour}."),
    "which": _about("item", "number", "Order {number} is {thing}."),
    "check": _check,
    "number": _about("item", "item", "The {item} is order {number}."),
    "list": _list,
    "name": lambda chat: ({}, f"Your name is {chat.use('name')}."),
    "recall": lambda chat: ({}, f"We talked about {chat.use('topic')}."),
    "bye": lambda chat: ({}, f"Goodbye{chat.to_name()}."),
}


def chat(tape: Tape, new: bool) -> list[Turn]:
    """A chat: mostly a greeting, an order, three to five more turns, perhaps a goodbye.

    `new`: whether its orders are of those held out of training.
    """
    made = Chat(tape, new)
    if tape.chance(0.85):
        made.add("greet")
    made.add("order")
    for _ in range(tape.integer(3, 5)):
        made.add(made.next_act())
    if tape.chance(0.3):
        made.add("bye")
    return made.turns
