"""How the six attributes of a person are stated and asked about, in whatever family.

The person always comes before the value, and the value is never inflected and never has an
"a" or "an" of its own where it may begin with a vowel.
"""

from __future__ import annotations

from .language import capital
from .tape import Tape

# {name}: a full name, or she/he (capitalised at the start of a sentence). {value}: see
# truth.ATTRIBUTES.
STATEMENTS: dict[str, tuple[str, ...]] = {
    "job": (
        "{name} works as a {value}.",
        "{name} is a {value} by trade.",
        "{name} earns a living as a {value}.",
        "{name} has long been a {value}.",
        "{name} is known as a good {value}.",
        "{name} learned the work of a {value}.",
    ),
    "town": (
        "{name} lives in {value}.",
        "{name} has a home in {value}.",
        "{name} settled in {value} years ago.",
        "{name} rents a small house in {value}.",
        "{name} is at home in {value}.",
        "{name} has lived in {value} for years.",
    ),
    "dish": (
        "{name} likes {value} best of all.",
        "{name} eats {value} with great pleasure.",
        "{name} always orders {value} for dinner.",
        "{name} is very fond of {value}.",
        "{name} could eat {value} every day.",
        "{name} never says no to {value}.",
    ),
    "pet": (
        "{name} keeps a {value} as a pet.",
        "{name} has a {value} at home.",
        "{name} owns a {value} and feeds it well.",
        "{name} takes good care of a {value}.",
        "{name} shares the house with a {value}.",
        "{name} was given a {value} as a pet.",
    ),
    "instrument": (
        "{name} plays the {value} in the evening.",
        "{name} has learned to play the {value}.",
        "{name} practises the {value} every morning.",
        "{name} makes music on the {value}.",
        "{name} is good at playing the {value}.",
        "{name} took lessons on the {value}.",
    ),
    "door": (
        "{name} has a front door painted {value}.",
        "{name} painted the front door {value}.",
        "{name} chose {value} for the front door.",
        "{name} has a door that is {value}.",
        "{name} comes home to a door painted {value}.",
        "{name} keeps the front door {value}.",
    ),
}

# {name}: always the full name, so that a question stands alone. The answer is the bare value.
QUESTIONS: dict[str, tuple[str, ...]] = {
    "job": (
        "What does {name} do for a living?",
        "What is the job of {name}?",
        "What does {name} work as?",
        "What is the trade of {name}?",
    ),
    "town": (
        "Where does {name} live?",
        "In which town does {name} live?",
        "Where is the home of {name}?",
        "What is the home town of {name}?",
    ),
    "dish": (
        "What does {name} like to eat?",
        "What is the favourite dish of {name}?",
        "Which dish does {name} like best?",
        "What does {name} order for dinner?",
    ),
    "pet": (
        "Which pet does {name} have?",
        "What animal does {name} keep?",
        "What is the pet of {name}?",
        "Which animal lives with {name}?",
    ),
    "instrument": (
        "Which instrument does {name} play?",
        "What does {name} make music on?",
        "What is the instrument of {name}?",
        "What does {name} play in the evening?",
    ),
    "door": (
        "What colour is the door of {name}?",
        "Which colour does the door of {name} have?",
        "How did {name} paint the door?",
        "What is the colour of the door of {name}?",
    ),
}

# Never written in training: one wording for each attribute, of words that training does use.
QUESTIONS_NEW: dict[str, tuple[str, ...]] = {
    "job": ("How does {name} earn a living?",),
    "town": ("Which town does {name} live in?",),
    "dish": ("Which dish is the favourite of {name}?",),
    "pet": ("What animal does {name} have as a pet?",),
    "instrument": ("What instrument does {name} make music on?",),
    "door": ("Which colour did {name} paint the door?",),
}


def statement(tape: Tape, attribute: str, subject: str, value: str) -> str:
    """A sentence that says so; `subject` is a full name, "she" or "he"."""
    return capital(tape.choice(STATEMENTS[attribute]).format(name=subject, value=value))


def question(tape: Tape, attribute: str, name: str, new: bool = False) -> str:
    """A question for the value; `new`: in the wording that is held out."""
    wordings = (QUESTIONS_NEW if new else QUESTIONS)[attribute]
    return tape.choice(wordings).format(name=name)
