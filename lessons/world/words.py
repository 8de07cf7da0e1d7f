"""A lexicon of common English words of 3 to 7 letters: category, and opposites of adjectives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """A word. `sub`: what a noun is (animal, food …), '' for others; `opposite`: of adjectives."""

    text: str
    category: str
    sub: str = ""
    opposite: str = ""


# Only nouns that one can count, with plurals that language.plural forms rightly.
_NOUNS = {
    "animal": """ant bear bee bird camel cat cow crab crow deer dog donkey duck eagle fish
        fly fox frog goat goose hen horse kitten lamb lion monkey mouse owl panda parrot pig
        puppy rabbit rat shark sheep snake spider swan tiger toad turtle whale wolf zebra""",
    "food": """apple banana bean berry burger cake candy carrot cherry cookie egg grape
        lemon loaf melon noodle nut olive onion orange pancake pea peach peanut pear pepper
        pickle pie pizza plum salad sausage snack stew tart walnut""",
    "tool": """axe bolt broom brush bucket chisel drill file fork hammer hook knife ladder
        mop nail needle pen pencil pump rake rope ruler saw screw shovel spade spoon tool
        wheel wrench""",
    "clothing": """apron belt boot button cap cape cloak coat collar dress glove hat helmet
        jacket mitten pocket robe sandal scarf shirt shoe skirt sleeve slipper sock suit
        sweater tie zipper""",
    "body": """ankle arm back beard bone brain cheek chest chin ear elbow eye finger foot
        hand head heart heel knee leg lung mouth muscle neck nose skull thumb toe tongue
        tooth wrist""",
    "plant": """branch bush daisy fern flower herb leaf lily maple oak petal pine plant root
        rose seed thorn tree trunk tulip twig weed willow""",
    "building": """bakery bank barn cabin castle church factory garage hall hotel house hut
        library market museum office palace prison school shop stable temple tent tower""",
    "home": """basket bed bell bench blanket bottle bowl box candle carpet chair clock cup
        curtain cushion desk dish door drawer floor jar kettle key lamp mirror oven pan
        pillow plate pot roof shelf sink sofa table vase wall window""",
    "vehicle": "bicycle boat bus car cart plane rocket ship tractor train truck van wagon",
    "nature": """beach cave cliff cloud desert field forest garden hill island lake moon
        ocean planet pond river rock shore star stone storm stream sunset valley wave""",
    "person": """actor baby baker boy butcher child cook cousin dancer doctor driver farmer
        friend girl hunter judge king lawyer man nurse painter person pilot prince queen
        sailor singer soldier teacher uncle waiter woman writer""",
}
_OPPOSITES = """able unable, alive dead, asleep awake, best worst, better worse, big small,
    bold shy, busy idle, cheap costly, clean dirty, deep shallow, early late, even odd, fair
    unfair, fast slow, fresh stale, full empty, good bad, happy sad, hard soft, heavy light,
    hot cold, inner outer, kind cruel, known unknown, large little, long short, loud quiet,
    lucky unlucky, male female, many few, modern ancient, near far, noisy silent, old young,
    open shut, polite rude, present absent, pretty ugly, public private, raw cooked, rich
    poor, right wrong, rough smooth, safe unsafe, sharp blunt, sick healthy, simple complex,
    smart stupid, strong weak, sweet bitter, thick thin, tidy messy, tight loose, tiny huge,
    true false, useful useless, warm cool, wet dry, wide narrow, wild tame, wise foolish"""
_VERBS = (
    "ask bake begin blow bring build burn buy carry catch choose climb dance draw drink eat "
    "enter fall feed find follow forget give grow hear help hold jump keep kick laugh learn "
    "leave listen move pay pour pull push read repair run sell send shout sing sit sleep smile "
    "speak swim teach tell think throw travel visit wait walk wash win write"
).split()


def _pairs() -> list[tuple[str, str]]:
    return [(a, b) for a, b in (pair.split() for pair in _OPPOSITES.split(","))]


WORDS: tuple[Word, ...] = (
    *(Word(text, "noun", sub) for sub, texts in _NOUNS.items() for text in texts.split()),
    *(Word(a, "adjective", opposite=b) for pair in _pairs() for a, b in (pair, pair[::-1])),
    *(Word(text, "verb") for text in _VERBS),
)
BY_TEXT: dict[str, Word] = {word.text: word for word in WORDS}
TEXTS: tuple[str, ...] = tuple(BY_TEXT)
NOUNS: tuple[str, ...] = tuple(word.text for word in WORDS if word.category == "noun")
ADJECTIVES: tuple[str, ...] = tuple(word.text for word in WORDS if word.category == "adjective")
VERBS: tuple[str, ...] = tuple(word.text for word in WORDS if word.category == "verb")


def opposite(adjective: str) -> str:
    """The opposite of an adjective. Raises KeyError for a word that is none."""
    if not (found := BY_TEXT[adjective].opposite):
        raise KeyError(f"{adjective!r} has no opposite")
    return found
