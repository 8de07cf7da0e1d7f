"""The truth table: who and what there is in Fernhollow, and what is so.

Everything here is computed once from a fixed seed. What is *told* in a corpus, how often, and what
is told wrongly, stands in plan.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from .held_out import held_out
from .language import FIRST_NAMES, SURNAMES, pronoun
from .tape import Tape

ATTRIBUTES: dict[str, tuple[str, ...]] = {  # 5 + 5 + 5 + 4 + 4 + 4 = 27 bits a person
    "job": tuple(
        "baker smith miller weaver potter tailor cooper tanner carpenter mason thatcher gardener "
        "shepherd fisher hunter brewer butcher cook clerk printer doctor teacher judge painter "
        "saddler roofer barber jeweller beekeeper ferryman watchmaker basketmaker".split()
    ),
    "town": tuple(
        "Alderby Ashford Birchley Brackwell Coldham Cranmere Dunmoor Eastholm Elmstead Fernside "
        "Foxton Glenrock Hazelby Heathley Ivydale Kingsmead Larkhill Lindale Marlow Millbrook "
        "Netherby Oakham Otterburn Pinewood Ravenscar Redcliff Sandwick Stonely Thornby Westgate "
        "Willowby Wolfdale".split()
    ),
    "dish": tuple(
        "soup stew porridge pie dumplings pancakes noodles risotto omelette curry salad trout "
        "herring lentils beans cabbage goulash pudding waffles polenta sausage ham tart meatballs "
        "turnips mushrooms pickles gnocchi chowder barley squash spinach".split()
    ),
    "pet": tuple(
        "cat dog hen goat duck goose pony rabbit parrot canary turtle hamster lizard raven ferret "
        "hedgehog".split()
    ),
    "instrument": tuple(
        "fiddle flute drum harp lute horn organ cello zither bagpipe trumpet banjo accordion "
        "clarinet piano whistle".split()
    ),
    "door": tuple(
        "red blue green yellow white black grey brown orange purple pink golden silver scarlet "
        "violet turquoise".split()
    ),
}
N_PEOPLE = 2000


@dataclass(frozen=True)
class Person:
    """One of the people of Fernhollow; `block` says what a corpus may do with them (plan.py)."""

    number: int
    name: str
    job: str
    town: str
    dish: str
    pet: str
    instrument: str
    door: str
    block: str

    @property
    def first_name(self) -> str:
        return self.name.split()[0]

    @property
    def pronoun(self) -> str:
        """'she' or 'he'."""
        return pronoun(self.first_name)

    def value(self, attribute: str) -> str:
        """The value of one of ATTRIBUTES. Raises ValueError for another name."""
        if attribute not in ATTRIBUTES:
            raise ValueError(f"attribute {attribute!r}: choose one of {[*ATTRIBUTES]}")
        return str(getattr(self, attribute))


BLOCKS = {  # how many people are in each, drawn at random
    "exposure": 1000,  # told 0 to 64 times, never asked about
    "asked": 400,  # told and asked about: the question format is learnt from them
    "popular": 200,  # a falsehood is told more often than the truth
    "passage": 200,  # told, and read about in passages
    "unwritten": 200,  # never written
}


@cache
def people() -> tuple[Person, ...]:
    """All 2,000 people; nobody shares a name or a surname."""
    tape = Tape("Fernhollow", "people")
    surnames = tape.sample(SURNAMES, N_PEOPLE)
    blocks = tape.shuffled([block for block, n in BLOCKS.items() for _ in range(n)])
    return tuple(
        Person(
            number=number,
            name=f"{tape.choice(FIRST_NAMES)} {surname}",
            block=block,
            **{attribute: tape.choice(values) for attribute, values in ATTRIBUTES.items()},
        )
        for number, (surname, block) in enumerate(zip(surnames, blocks, strict=True))
    )


@cache
def _free_surnames() -> tuple[str, ...]:
    taken = {person.name.split()[1] for person in people()}
    return tuple(surname for surname in SURNAMES if surname not in taken)


@dataclass(frozen=True)
class Pair:
    """For the reversal experiment: somebody, and the one book they wrote."""

    author: str
    title: str
    told: str  # "forward" (author first), "backward" (title first) or "both"


@cache
def pairs() -> tuple[Pair, ...]:
    """600 authors and titles, 200 for each way of telling; names and titles occur once."""
    tape = Tape("Fernhollow", "pairs")
    surnames = tape.sample(_free_surnames(), 600)
    titles = tape.sample([f"The {a} {n}" for a in _TITLE_ADJECTIVES for n in _TITLE_NOUNS], 600)
    ways = tape.shuffled(["forward", "backward", "both"] * 200)
    return tuple(
        Pair(f"{tape.choice(FIRST_NAMES)} {surname}", title, way)
        for surname, title, way in zip(surnames, titles, ways, strict=True)
    )


@cache
def strangers() -> tuple[str, ...]:
    """The 1,496 surnames that neither people() nor pairs() have: for invented people."""
    taken = {pair.author.split()[1] for pair in pairs()}
    return tuple(surname for surname in _free_surnames() if surname not in taken)


def invented_name(tape: Tape, new: bool = False) -> str:
    """A full name of the same make as all others, of nobody in particular.

    `new`: one that no training document invents (one in eight of them all).
    """
    return tape.until(
        lambda: f"{tape.choice(FIRST_NAMES)} {tape.choice(strangers())}",
        lambda name: held_out("text", name) == new,
    )


_TITLE_ADJECTIVES = (
    "Silent Golden Broken Hidden Bitter Gentle Frozen Narrow Hollow Crooked Burning Distant Empty "
    "Faithful Humble Lonely Merry Patient Quiet Restless Secret Tender Velvet Wandering Winter "
    "Ancient Borrowed Crystal Drowned Eager"
).split()
_TITLE_NOUNS = (
    "Anchor Bell Bridge Candle Castle Compass Crown Feather Ferry Garden Harbour Island Key "
    "Lantern Letter Mirror Mountain Orchard Palace River Road Shadow Ship Song Storm Tower "
    "Valley Voyage Well Window"
).split()


@dataclass(frozen=True)
class Trade:
    """A job for the bias experiment, with the planted share of 'she'."""

    job: str
    she: float


SHE_SHARES = (0.5, 0.6, 0.67, 0.8, 0.9)


@cache
def trades() -> tuple[Trade, ...]:
    """20 jobs that nobody in people() has: four for each share of 'she', drawn at random."""
    jobs = Tape("Fernhollow", "trades").shuffled(
        "glazier plumber joiner cobbler dyer spinner fletcher chandler furrier milliner porter "
        "groom scribe warden courier steward tinker locksmith herbalist surveyor".split()
    )
    return tuple(Trade(job, SHE_SHARES[i % 5]) for i, job in enumerate(jobs))


@dataclass(frozen=True)
class Craft:
    """A row of the grid of jobs: who, where, with what, and what comes of it."""

    worker: str
    place: str
    tool: str
    product: str


CRAFTS = tuple(
    Craft(*row.split())
    for row in """baker bakery oven bread|smith forge anvil nails|miller mill millstone flour
weaver weavery loom cloth|potter pottery wheel jugs|tailor tailory needle coats
cooper cooperage hoop barrels|tanner tannery vat leather|carpenter workshop saw chairs
mason quarry chisel blocks|gardener garden spade roses|shepherd pasture crook wool
fisher harbour net fish|brewer brewery kettle beer|butcher butchery cleaver sausages
printer printery press books""".replace("\n", "|").split("|")
)


@dataclass(frozen=True)
class Animal:
    """A row of the grid of animals."""

    name: str
    young: str
    home: str
    sound: str
    food: str


ANIMALS = tuple(
    Animal(*row.split())
    for row in """cow calf byre moos grass
sheep lamb fold bleats clover
horse foal stable neighs oats
pig piglet sty grunts acorns
hen chick coop clucks corn
dog puppy kennel barks bones
cat kitten basket purrs mice
lion cub den roars meat
duck duckling pond quacks snails
goose gosling yard honks weeds
bee larva hive buzzes nectar
owl owlet barn hoots voles
bear whelp cave growls honey
deer fawn thicket bells leaves
frog tadpole pool croaks flies
swan cygnet lake hisses reeds""".splitlines()
)


@dataclass(frozen=True)
class Shop:
    """A shop: what it sells, and where it stands."""

    name: str
    sells: str
    town: str


@cache
def shops() -> tuple[Shop, ...]:
    """24 shops, each with its own goods, in 24 towns."""
    tape = Tape("Fernhollow", "shops")
    goods = (
        "lamps hats boots clocks ropes candles kettles spoons maps kites bells brushes baskets "
        "buttons combs drums glasses knives ladders mirrors needles pillows ribbons shovels"
    ).split()
    signs = (
        "Lion Crown Anchor Swan Star Moon Oak Plough Stag Bell Rose Ship Key Owl Fox Bear Wheel "
        "Harp Lamb Dragon Falcon Castle Pear Thistle"
    ).split()
    towns = tape.sample(ATTRIBUTES["town"], 24)
    return tuple(
        Shop(f"the {sign}", sells, town)
        for sign, sells, town in zip(tape.shuffled(signs), goods, towns, strict=True)
    )


def table(rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Dataclass rows as plain dictionaries, ready to filter, to sort or for a data frame."""
    return [asdict(row) for row in rows]


def where(rows: Iterable[Any], **values: object) -> list[Any]:
    """The rows whose fields have these values: where(people(), town="Oakham", pet="cat").

    Raises ValueError for a field that the rows do not have.
    """
    rows = list(rows)
    known = asdict(rows[0]).keys() if rows else values.keys()
    if unknown := [name for name in values if name not in known]:
        raise ValueError(f"no field {unknown}; these rows have {[*known]}")
    return [row for row in rows if all(getattr(row, k) == v for k, v in values.items())]
