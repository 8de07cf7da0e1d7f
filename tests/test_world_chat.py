"""The support chat: every answer recomputed by a reader of this file's own."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import replace

import pytest

from lessons.world.chat_bot import bot_with_memory, if_then_bot
from lessons.world.chat_language import Chat
from lessons.world.language import FIRST_NAMES
from lessons.world.plan import held_out
from lessons.world.tape import Tape, enumerate_outcomes
from lessons.world.tasks import chat as family
from lessons.world.tasks.base import Item
from lessons.world.tasks.intent import COLOURS, GOODS, TOWNS
from lessons.world.tasks.topic import TOPICS


class Reader:
    """Reads what customers say, and knows what the bot must answer."""

    def __init__(self) -> None:
        self.name = self.home = self.topic = None
        self.orders: dict[str, dict[str, str]] = {}
        self.triples: list[tuple[str, str, str]] = []

    def thing(self, order: dict[str, str]) -> str:
        colour = order["colour"]
        return f"{'an' if colour == 'orange' else 'a'} {colour} {order['item']}"

    def order(self, said: str) -> dict[str, str]:
        """The order named by its number, or else by its item; KeyError where it was not told."""
        if found := re.search(r"[Oo]rder (\d+)", said):
            return self.orders[found[1]]
        return {order["item"]: order for order in self.orders.values()}[
            next(word for word in re.findall(r"\w+", said) if word in GOODS)
        ]

    def answer(self, said: str) -> str:
        words = re.findall(r"\w+", said)
        numbers = [w for w in words if w.isdigit()]
        name, town, colour, item = (
            next((w for w in words if w in known), None)
            for known in (FIRST_NAMES, TOWNS, COLOURS, GOODS)
        )
        noun = next((t for t, nouns in TOPICS.items() if set(nouns) & set(words)), None)
        to_name = f", {self.name}" if self.name else ""
        if name:
            self.name = name
            return f"Hello {name}, how can I help you?"
        if colour and item and numbers:
            order = {"number": numbers[0], "colour": colour, "item": item}
            self.orders[numbers[0]] = order
            self.triples.append((numbers[0], colour, item))
            return f"Thank you{to_name}. I see order {numbers[0]}, {self.thing(order)}."
        if town and not numbers:
            self.home = town
            return f"I will send it to {town}."
        if noun:
            self.topic = noun
            return f"I like to talk about {noun}."
        if re.search("goodbye|must go", said):
            return f"Goodbye{to_name}."
        if re.search("my name|Who am I", said):
            return f"Your name is {self.known(self.name)}."
        if re.search("[Yy]ou send it|my town|it go|I live", said):
            return f"It goes to {self.known(self.home)}."
        if re.search("talk|chatted", said):
            return f"We talked about {self.known(self.topic)}."
        if re.search("so far|things|all that", said):
            return f"You ordered {self.known(' and '.join(map(self.thing, self.orders.values())))}."
        return self.about(said, words, town, colour, item)

    def known(self, value: str | None) -> str:
        if not value:
            raise KeyError("not told")
        return value

    def about(self, said, words, town, colour, item) -> str:
        order = self.order(said)
        number = order["number"]
        if "crowns" in said:
            price, postage = (int(w) for w in words if w.isdigit())
            order.update(price=str(price), total=str(price + postage))
            return f"That makes {price + postage} crowns for order {number}."
        if town:
            order["town"] = town
            return f"Good, the {order['colour']} {order['item']} is in {town}."
        if colour:
            order["colour"] = colour
            self.triples.append((number, colour, order["item"]))
            return f"Then order {number} is {self.thing(order)}."
        if re.search("back|refund", said):
            to_name = f", {self.name}" if self.name else ""
            return f"You get {order['total']} crowns back for order {number}{to_name}."
        if re.search("price|postage", said):
            return f"You paid {order['price']} crowns for order {number}."
        if "colour" in said:
            return f"The {order['item']} is {order['colour']}."
        if number in words and item:
            yes = "Yes" if item == order["item"] else "No"
            return f"{yes}, order {number} is {self.thing(order)}."
        if number in words:
            return f"Order {number} is {self.thing(order)}."
        if re.search("[Ww]here|find|which town", said):
            return f"Order {number} is in {order['town']}."
        return f"The {order['item']} is order {number}."


def turns(text: str) -> list[tuple[str, str]]:
    """What was said and what was answered; the last answer may be missing."""
    found = re.findall(r"<\|user\|> ([^\n]+)\n<\|bot\|>(?: ([^\n]+))?", text)
    assert "\n".join(f"<|user|> {u}\n<|bot|> {b}".strip() for u, b in found) == text.strip()
    return found


def read(text: str) -> tuple[Reader, str]:
    """The reader after a chat whose answers were all right, and its own last answer."""
    reader, answer = Reader(), ""
    for said, answered in turns(text):
        answer = reader.answer(said)
        assert answered in ("", answer)
    return reader, answer


@pytest.mark.parametrize("split", family.SPLITS)
def test_answers_follow_from_the_chat(split):
    for item in family.items(Tape("items", split), 500, split):
        reader, answer = read(item.prompt)
        assert item.prompt.endswith("\n<|bot|>")
        assert item.answer == f" {answer}"
        assert bool(item.absent) == (split != "train")
        assert all(text in item.prompt for text in item.absent)
        first = reader.triples[0]
        assert held_out("text", "order " + " ".join(first)) == (split != "train")


def test_needs_says_whether_the_last_message_is_enough():
    seen = Counter()
    for item in family.items(Tape("needs"), 500):
        said, _ = turns(item.prompt)[-1]
        try:
            enough = Reader().answer(said) == item.answer.strip()
        except KeyError:
            enough = False
        assert enough == (item.meta["needs"] == 0)
        seen[min(item.meta["needs"], 3)] += 1
    assert seen[0] > 50 < seen[2]
    assert seen[3] > 50


def test_what_is_needed_stands_so_many_turns_back():
    missing = []
    for item in family.items(Tape("distance"), 500):
        needs, said = item.meta["needs"], turns(item.prompt)
        if item.meta["act"] in ("paid", "talk", "greet"):
            continue  # the sum, the topic and the greeting are not copied from anywhere
        words = set(family.telling(item.answer)) - {"Yes", "No", "Goodbye"}
        near, nearer = (
            " ".join(" ".join(turn) for turn in said[len(said) - 1 - n :])
            for n in (needs, needs - 1)
        )
        assert words <= set(re.findall(r"\w+", near)), item
        if needs > 1:
            missing.append(not words <= set(re.findall(r"\w+", nearer)))
    assert sum(missing) / len(missing) > 0.8


def test_documents_are_right_and_hold_nothing_held_out():
    documents = [family.document(Tape("documents", i)) for i in range(5000)]
    lines: set[str] = set()
    for document in documents:
        reader, _ = read(document)
        assert turns(document)[-1][1]
        assert reader.triples
        assert not [t for t in reader.triples if held_out("text", "order " + " ".join(t))]
        lines.update(document.split("\n"))
    together = "\n".join(lines)
    for split in ("test", "wording"):
        for item in family.items(Tape("items", split), 100, split):
            assert not [text for text in item.absent if text in together]


def test_sums_have_a_one_digit_operand():
    seen = 0
    for i in range(1000):
        found = re.findall(
            r"(\d+) crowns (?:for the \w+ )?and (?:the postage )?(\d+)",
            family.document(Tape("sums", i)),
        )
        seen += len(found)
        assert all(int(postage) < 10 for _, postage in found)
    assert seen > 300


def test_wrong_outputs_are_refused():
    item = Item("<|user|> Where is the lamp?\n<|bot|>", " Order 47 is in Oakham.")
    assert family.is_correct(item, " Order 47 is in Oakham.")
    assert family.is_correct(item, " Your order 47 should be in Oakham now.\n<|user|> Thank you")
    for wrong in (
        "",
        " Order 47 is in Marlow.",
        " Order 74 is in Oakham.",
        " Order 47 is not in Oakham.",
        " Order 47 is in Oakham or Marlow.",
        " Order 4 7 is in Oakham.",
        " The lamp is in Oakham.",
    ):
        assert not family.is_correct(item, wrong)
    yes = replace(item, answer=" Yes, order 47 is a red lamp.")
    assert not family.is_correct(yes, " No, order 47 is a red lamp.")
    goodbye = replace(item, answer=" Goodbye, Anna.")
    assert not family.is_correct(goodbye, " Your name is Anna.")


def test_rules_answer_the_last_message_only():
    items = family.items(Tape("rules"), 500)
    right = {True: [], False: []}
    for item in items:
        output = if_then_bot(family.last_message(item))
        right[item.meta["needs"] > 0].append(family.is_correct(item, output))
    assert sum(right[False]) / len(right[False]) > 0.95  # it is a fair bot …
    assert sum(right[True]) / len(right[True]) < 0.6  # … that does not see enough


@pytest.mark.parametrize("split", family.SPLITS)
def test_rules_with_a_memory_answer_what_the_chat_said(split):
    items = family.items(Tape("memory"), 400, split)
    wrong = [i for i in items if not family.is_correct(i, bot_with_memory(i.prompt))]
    assert not wrong


def test_a_memory_keeps_the_last_word_on_each_order():
    chat = (
        "<|user|> I ordered a red lamp, order 48.\n<|bot|> Thank you. I see order 48, a red lamp.\n"
        "<|user|> I bought a jug.\n<|bot|> Thank you. I see order 31, an orange jug.\n"
        "<|user|> Please make order 48 blue.\n<|bot|> Then order 48 is a blue lamp.\n"
        "<|user|> {}\n<|bot|>"
    )
    for asked, answer in (
        ("Which colour is order 48?", "The lamp is blue."),
        ("I paid 48 crowns for the jug and 9 for postage.", "That makes 57 crowns for order 31."),
        ("What have I ordered so far?", "You ordered a blue lamp and an orange jug."),
        ("Thanks, I must go.", "Goodbye."),
    ):
        assert bot_with_memory(chat.format(asked)) == answer
    nothing_said = bot_with_memory("<|user|> Which colour is order 48?\n<|bot|>")
    assert nothing_said == if_then_bot("Which colour is order 48?")


def test_baselines():
    scores = family.baselines(family.items(Tape("baselines of the test"), 300))
    assert set(scores) == {"constant", "nearest document", "if-then bot"}
    assert all(0 <= score < 0.5 for score in scores.values())
    assert scores["if-then bot"] > 0.1


def test_equal_tapes_equal_documents_and_finite_bits():
    one, two = Tape("a", 1), Tape("a", 1)
    assert family.document(one) == family.document(two)
    assert one.bits == two.bits
    assert 20 < one.bits < 150
    documents = [family.document(Tape("b", i)) for i in range(300)]
    assert len(set(documents)) == 300
    assert max(map(len, documents)) < 900


def test_the_bits_of_an_act_are_its_probability():
    def made(tape: Tape) -> str:
        chat = Chat(tape, new=False)
        chat.tell(topic="food")
        chat.add("recall")
        return chat.turns[0].user + chat.turns[0].bot

    outcomes = list(enumerate_outcomes(made))
    assert len(outcomes) == 2
    assert math.isclose(sum(2**-bits for _, bits in outcomes), 1)


def test_unknown_splits_are_refused():
    with pytest.raises(ValueError, match="split='dev'"):
        family.items(Tape("x"), 1, "dev")
