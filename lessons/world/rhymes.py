"""Words for verse: 24 rhyme classes, 16 subjects with words of their own, and what fits a line.

Lines are iambic pentameters: ten syllables, every second one stressed. So words come in shapes:
one syllable ("wave"), weak–strong ("beneath") and strong–weak ("silver").
"""

from __future__ import annotations

# Nouns of one syllable. The words of a row rhyme with each other and with no other row.
RHYMES = tuple(
    tuple(line.split())
    for line in """
day way clay bay hay tray
night light sight height kite flight
tree sea bee key knee tea
moon tune spoon noon dune
rain train lane grain chain plain crane
stone bone throne phone zone cone
snow crow toe flow foe
hill mill bill quill chill drill
ring king spring string wing swing thing
boat coat goat note throat moat
house mouse blouse spouse grouse
bed head bread thread shed sled
hand sand land band stand strand
ground sound hound mound pound
sky pie eye fly cry
door floor shore store core roar
ball wall hall fall call stall shawl
clock rock sock lock flock block dock
cake lake snake rake flake
gate plate crate slate date
nest chest guest vest west
bell shell well smell spell
book hook brook cook nook crook
dream stream cream beam team
""".strip().splitlines()
)
RHYME_CLASS = {word: number for number, words in enumerate(RHYMES) for word in words}

# Subject: things (one syllable), then those who do something (strong–weak). A word has one subject.
SUBJECTS = {
    subject: (tuple(things.split()), tuple(actors.split()))
    for subject, things, actors in (
        line.split(" | ")
        for line in """
the sea | wave tide sail mast reef foam surf | sailor captain pirate mermaid dolphin
winter | frost ice scarf sledge glove drift | snowman skater reindeer penguin
the garden | bush leaf rose vine hedge bloom | tulip daisy beetle lily spider
the kitchen | pot pan stove sauce soup dough | dumpling pancake kettle pudding baker
the farm | barn cow pig sheep plough duck | farmer chicken donkey turkey
the night sky | star mars owl bat dusk | comet planet watchman sleeper
music | harp drum horn song flute chord | singer dancer piper drummer fiddler
the market | scale coin price cheese fruit | merchant trader butcher pedlar
the forest | oak elm fern moss branch pine | hunter squirrel badger woodman
school | chalk pen desk class bench ink | teacher pupil student scholar
the weather | storm cloud fog wind hail gust | thunder rainbow lightning tempest
a journey | road bag map path bridge trip | pilgrim rider driver stranger
the smithy | forge nail sword spark flame coal | blacksmith hammer farrier anvil
the river | bank trout reed swan ford raft | ferry otter salmon miller
the harvest | wheat scythe corn sheaf crop plum | reaper mower picker thresher
the castle | queen knight crown flag shield lance | princess jester baron archer
""".strip().splitlines()
    )
}
SUBJECT_WORDS = {
    subject: frozenset(things + actors) for subject, (things, actors) in SUBJECTS.items()
}

# What fills the lines, by kind. No adjective begins with a vowel: "a" stands before it.
STRONG_WEAK = {
    "adjective": "silver golden gentle silent crooked merry shining lonely hollow distant frozen "
    "narrow humble patient sleepy dusty faded secret simple tender wooden mighty steady velvet",
    "doing": "singing dancing dreaming waiting resting turning calling laughing falling sleeping "
    "drifting rolling hiding gleaming leaning walking running whirling smiling moving",
}
WEAK_STRONG = {
    "beneath": "above below beneath beside behind beyond before around",
    "recalls": "recalls adores forgets awaits admires enjoys explores surrounds invites forgives",
}
ONE_SYLLABLE = {
    "by": "by near past to for with like round",
    "sings": "sings waits sleeps stands dreams rests hides works walks sits",
    "has": "has wants seeks finds sees keeps loves needs hears",
    "love": "love want seek find praise miss trust need",
    "lies": "lies sleeps stands waits shines hides",
}
FILLERS = {
    kind: tuple(words.split())
    for kind, words in {**STRONG_WEAK, **WEAK_STRONG, **ONE_SYLLABLE}.items()
}
# {thing} and {actor} are words of the subject, {rhyme} is the last word.
ANYWHERE = (
    "the {adjective} {thing} is {doing} {by} the {rhyme}",
    "the {actor} {sings} {beneath} the {adjective} {rhyme}",
    "the {thing} {beneath} the {other_thing} {recalls} the {rhyme}",
    "I saw the {thing} {beneath} the {adjective} {rhyme}",
    "we heard the {actor} {doing} {by} the {rhyme}",
    "the {actor} and the {other_actor} {love} the {rhyme}",
    "the {actor} {has} the {thing} {beneath} the {rhyme}",
    "{beneath} the {thing} there {lies} a {adjective} {rhyme}",
)
SECOND = (  # only as the second line
    "and every {actor} {has} a {adjective} {rhyme}",
    "while every {thing} is {doing} {by} the {rhyme}",
)


def _shapes() -> dict[str, str]:
    """Every word that a line may hold → its stresses: "-" for one syllable, which fits anywhere."""
    shapes = {word: "-" for words in RHYMES for word in words}
    for things, actors in SUBJECTS.values():
        shapes |= dict.fromkeys(things, "-") | dict.fromkeys(actors, "Xx")
    for kinds, shape in ((STRONG_WEAK, "Xx"), (WEAK_STRONG, "xX"), (ONE_SYLLABLE, "-")):
        shapes |= {word: shape for kind in kinds for word in FILLERS[kind]}
    plain = {word for line in ANYWHERE + SECOND for word in line.split() if word[0] != "{"}
    return shapes | {word.lower(): "-" for word in plain} | {"every": "Xx"}


SHAPES = _shapes()


def rhymes(one: str, other: str) -> bool:
    """Whether two words are different and of one rhyme class; unknown words rhyme with none."""
    return one != other and RHYME_CLASS.get(one, -1) == RHYME_CLASS.get(other, -2)


def is_pentameter(words: list[str]) -> bool:
    """Whether the words are known, make ten syllables, and stress every second one."""
    at = 0
    for word in words:
        shape = SHAPES.get(word, "")
        if not shape or shape == ("Xx", "xX")[at % 2]:
            return False
        at += len(shape)
    return at == 10
