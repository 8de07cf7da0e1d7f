"""What customers say in a support chat, for each kind of message."""

from __future__ import annotations

# Wordings of training, and one that is held out.
WORDINGS: dict[str, tuple[tuple[str, ...], str]] = {
    "greet": (
        ("Hello, I am {name}.", "Good morning, my name is {name}.", "Hi, {name} here."),
        "Good day, people call me {name}.",
    ),
    "order": (
        (
            "I ordered {thing}, order {number}.",
            "It is about {thing}, order {number}.",
            "I bought {thing} from you, order {number}.",
        ),
        "You sold me {thing} as order {number}.",
    ),
    "spot": (
        (
            "I was told that order {number} is in {town}.",
            "Your letter says order {number} has come to {town}.",
            "They say order {number} is in {town} now.",
        ),
        "It seems that order {number} lies in {town}.",
    ),
    "home": (
        ("I live in {town}.", "Please send all I buy to {town}.", "My home is in {town}."),
        "The place where I live is {town}.",
    ),
    "paid": (
        (
            "I paid {price} crowns for the {item} and {postage} for postage.",
            "The {item} was {price} crowns and the postage {postage}.",
        ),
        "For the {item} you took {price} crowns and for postage {postage}.",
    ),
    "talk": (
        ("I often think of the {noun}.", "Let us talk about the {noun}.", "Oh, the {noun}!"),
        "What do you think of the {noun}?",
    ),
    "change": (
        ("Please make order {number} {colour}.", "I want order {number} in {colour} instead."),
        "Order {number} had better be {colour}.",
    ),
    "where": (
        ("Where is the {item}?", "Where is my {item} now?", "Can you find the {item}?"),
        "In which town is the {item}?",
    ),
    "send": (
        ("Where will you send it?", "Do you know my town?", "To which town will it go?"),
        "Which town do I live in?",
    ),
    "refund": (
        (
            "I want my money back for the {item}.",
            "Please pay me back for the {item}.",
            "I need a refund for the {item}.",
        ),
        "Give me back what I paid for the {item}.",
    ),
    "cost": (
        ("What was the price of the {item} alone?", "How much was the {item} without postage?"),
        "What did the {item} cost before postage?",
    ),
    "colour": (
        ("Which colour is order {number}?", "What colour has order {number}?"),
        "Tell me the colour of order {number}.",
    ),
    "which": (
        ("What is order {number}?", "What did I buy with order {number}?"),
        "Tell me what order {number} is.",
    ),
    "check": (
        ("Is order {number} the {item}?", "Order {number} is the {item}, right?"),
        "Am I right that order {number} is the {item}?",
    ),
    "number": (
        ("Which order is the {item}?", "What is the number of the {item}?"),
        "Under which number did I buy the {item}?",
    ),
    "list": (
        ("What have I ordered so far?", "Which things did I order?"),
        "Name all that I bought.",
    ),
    "name": (("Do you know my name?", "What is my name?"), "Who am I?"),
    "recall": (
        ("What did we talk about?", "What was our talk about?"),
        "Remind me what we chatted about.",
    ),
    "bye": (("Thank you, goodbye.", "That is all, goodbye."), "Thanks, I must go."),
}
