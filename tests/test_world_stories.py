"""Stories: every answer found again by a reader that has only the text."""

import re

import pytest

from lessons.world.language import SHE_NAMES
from lessons.world.tape import Tape, enumerate_outcomes
from lessons.world.tasks import stories

SPLITS = stories.SPLITS
Event = tuple[str, str, str]  # thing, giver, taker
KIND_OF = {
    r"Who has the (\w+) (?:now|at the end)\?": "owner",
    r"Who had the (\w+) first\?|Whose was the (\w+) at the start\?": "first",
    r"Who gave the (\w+) to (\w+)\?": "giver",
    r"From whom did (\w+) get the (\w+)\?": "giver of",
    r"Who got the (\w+) from (\w+)\?": "taker",
    r"To whom did (\w+) give the (\w+)\?": "taker of",
    r"How many things has (\w+) (?:now|at the end)\?": "count",
    r"Who has what (?:now|at the end)\?": "summary",
}
LABELS = ("Q: ", "Question: ", "")


class Reading:
    """A story as understood from its text."""

    def __init__(self, text: str) -> None:
        self.start: list[tuple[str, list[str]]] = []
        self.events: list[Event] = []
        self.pronouns: set[tuple[int, str]] = set()  # event, "giver" or "taker"
        before: tuple[str, ...] = ()
        for sentence in text.removesuffix(".").split(". "):
            words = sentence.removeprefix("Then ").split()
            if words[1] in ("had", "owned"):
                things = re.findall(r"\ba (\w+)", sentence)
                assert things or words[2] == "nothing"
                self.start.append((words[0], things))
                continue
            who, verb, *rest = words
            if rest[0] == "it":
                thing, (link, whom) = before[0], rest[1:]
            else:
                thing, link, whom = rest[1:]
                assert rest[0] == "the"
            actor, partner = self.meant(who, before[1:]), self.meant(whom, before[1:])
            gives = verb in ("gave", "handed", "passed")
            assert gives or verb in ("got", "took")
            assert link == ("to" if gives else "from")
            event = (thing, actor, partner) if gives else (thing, partner, actor)
            for word, side in ((who, 1), (whom, 2)):
                if word not in (actor, partner):
                    role = ("giver", "taker")[(side == 1) != gives]
                    self.pronouns.add((len(self.events), role))
            self.events.append(event)
            before = event

    @staticmethod
    def meant(word: str, people: tuple[str, ...]) -> str:
        if word.lower() not in ("she", "her", "he", "him"):
            return word
        female = word.lower() in ("she", "her")
        (person,) = [name for name in people if (name in SHE_NAMES) == female]
        return person

    @property
    def things(self) -> list[str]:
        return [thing for _, things in self.start for thing in things]

    def owners(self) -> dict[str, str]:
        """After everything; asserts on the way that nobody gives what they do not have."""
        owners = {thing: person for person, things in self.start for thing in things}
        for thing, giver, taker in self.events:
            assert owners[thing] == giver != taker
            owners[thing] = taker
        return owners

    def has(self, person: str) -> str:
        owners = self.owners()
        things = [f"the {thing}" for thing in self.things if owners[thing] == person]
        if len(things) > 1:
            things = [", ".join(things[:-1]), things[-1]]
        return " and ".join(things) or "nothing"

    def answer(self, question: str) -> tuple[str, str]:
        """The kind of a question (as in items) and its answer."""
        matches = [(re.fullmatch(pattern, question), kind) for pattern, kind in KIND_OF.items()]
        ((match, kind),) = [(match, kind) for match, kind in matches if match]
        words = [word for word in match.groups() if word]
        if kind == "owner":
            return kind, self.owners()[words[0]]
        if kind == "first":
            return kind, next(person for person, things in self.start if words[0] in things)
        if kind == "count":
            number = sum(owner == words[0] for owner in self.owners().values())
            return kind, f"{self.has(words[0])}, so {['zero', 'one', 'two', 'three'][number]}"
        if kind == "summary":
            return kind, "; ".join(f"{p} has {self.has(p)}" for p, _ in self.start)
        thing, person = words[::-1] if kind.endswith("of") else words
        side = kind.split()[0]
        at = 1 if side == "giver" else 2
        ((number, event),) = [
            (i, e) for i, e in enumerate(self.events) if e[0] == thing and e[3 - at] == person
        ]
        return ("pronoun" if (number, side) in self.pronouns else "giver"), event[at]


def read_prompt(prompt: str) -> tuple[Reading, str]:
    text, question, *rest = prompt.split("\n")
    assert rest in ([], ["A:"], ["Answer:"])
    return Reading(text), re.sub("^Q(uestion)?: ", "", question)


@pytest.fixture(scope="module")
def documents() -> list[str]:
    tape = Tape("test", "documents")
    return [stories.document(tape) for _ in range(5000)]


def asked(document: str) -> list[tuple[str, str]]:
    """Questions and answers of a document."""
    _, *lines = document.split("\n")
    flat = re.sub(r"\n(?:A|Answer): ", " ", "\n".join(lines)).split("\n")
    pairs = [re.fullmatch(r"(?:Q: |Question: )?(.*\?) (.*)", line) for line in flat]
    assert all(pairs)
    return [(pair[1], pair[2]) for pair in pairs if pair]


def test_equal_tapes_give_equal_documents():
    one, other = (stories.document(Tape("same", 3)) for _ in range(2))
    assert one == other != stories.document(Tape("same", 4))


def is_full(reading: Reading) -> bool:
    """Whether a story is of the size that items have."""
    return 2 <= len(reading.start) <= 3 == len(reading.things) <= len(reading.events)


def without_notes(story: str) -> tuple[Reading, bool]:
    """A document's story as understood, after its notes, if it has any, were checked."""
    text = re.sub(r" \[the \w+: \w+\]", "", story)
    reading = Reading(text)
    if text == story:
        return reading, False
    told = [[(thing, p) for thing in things] for p, things in reading.start]
    told += [[(thing, taker)] for thing, _, taker in reading.events]
    notes = [re.findall(r"\[the (\w+): (\w+)\]", part) for part in story.split(".")[1:]]
    assert notes == told
    return reading, True


def test_documents_are_right(documents: list[str]):
    readings, noted = [], 0
    for document in documents[:1500]:
        reading, notes = without_notes(document.split("\n")[0])
        noted += notes
        readings.append(reading)
        pairs = asked(document)
        kinds = [reading.answer(question)[0] for question, _ in pairs]
        assert 4 <= len(kinds) == len(set(kinds)) <= 6
        for question, answer in pairs:
            assert reading.answer(question)[1] == answer
        assert {event[0] for event in reading.events} == set(reading.things)
        assert len(document) < 1000
    full = [reading for reading in readings if is_full(reading)]
    assert 0.55 < len(full) / len(readings) < 0.65
    assert 0.35 < noted / len(readings) < 0.45
    for reading in readings:
        if not is_full(reading):
            assert len(reading.start) == 2
            assert len(reading.things) < 3
            assert len(reading.events) < 4


def test_stories_use_pronouns(documents: list[str]):
    readings = [without_notes(document.split("\n")[0])[0] for document in documents[:500]]
    assert sum(bool(reading.pronouns) for reading in readings) > 250
    text = " ".join(documents[:500])
    assert all(f" {word}" in text for word in ("She", "He", "her", "him", "it", "Then she"))


@pytest.mark.parametrize("split", SPLITS)
def test_answers_are_right_and_near_misses_wrong(split: str):
    kinds: dict[str, int] = {}
    for item in stories.items(Tape("items", split), 500, split):
        reading, question = read_prompt(item.prompt)
        assert is_full(reading)
        kind, right = reading.answer(question)
        assert item.answer == f" {right}"
        assert kind == item.meta["kind"]
        kinds[kind] = kinds.get(kind, 0) + 1
        assert stories.is_correct(item, item.answer)
        people = [person for person, _ in reading.start]
        wrong = ["", " nobody", f"{item.answer} {people[0]}"]
        if item.choices:
            assert [choice.strip() for choice in item.choices] == people
            wrong += [choice for choice in item.choices if choice != item.answer]
        elif kind == "count":
            number = right.rsplit(" ", 1)[1]
            wrong += [f" {number}", right.replace(number, "four"), right.split(",")[0]]
            wrong += [right.replace("the", "the spade and the", 1)] if number != "zero" else []
        else:
            parts = right.split("; ")
            wrong += [parts[0], f"{right}; {parts[0]}", right.replace("has", "had", 1)]
            wrong += [right.replace(people[0], "X").replace(people[1], people[0])]
            assert stories.is_correct(item, " " + "; ".join(parts[::-1]))
        assert not [output for output in wrong if stories.is_correct(item, output)]
    assert kinds.keys() == set(stories.KINDS)
    assert min(kinds.values()) > 50


@pytest.mark.parametrize("split", SPLITS[:-1])
def test_held_out_strings_are_in_no_document(documents: list[str], split: str):
    texts = {re.sub(r" \[the \w+: \w+\]", "", d.split("\n")[0]) for d in documents}
    items = stories.items(Tape("absent", split), 500, split)
    for item in items:
        assert item.absent == (item.prompt.split("\n")[0],)
        assert item.absent[0] not in texts
    assert not [text for text in texts if stories.held_out("text", text)]


def test_items_ask_as_documents_do(documents: list[str]):
    def layout(text: str) -> str:
        """What stands around the first question."""
        line, *rest = text.split("\n")[1:3]
        label = next(label for label in LABELS if line.startswith(label))
        return label + (rest[0].split(":")[0] if rest and label else "")

    known = {layout(document) for document in documents}
    assert {layout(i.prompt) for i in stories.items(Tape("layout"), 300, "train")} == known
    assert {layout(i.prompt) for i in stories.items(Tape("layout"), 300)} == known
    assert not {layout(i.prompt) for i in stories.items(Tape("layout"), 300, "wording")} & known


def test_baselines_are_low():
    items = stories.items(Tape("baselines"), 300)
    assert max(stories.baselines(items).values()) < 0.6


def test_unknown_split():
    with pytest.raises(ValueError, match="split"):
        stories.items(Tape("x"), 1, "best")


def test_bits():
    tape = Tape("bits")
    stories.document(tape)
    assert 50 < tape.bits < 130
    before = stories.Gift("lamp", "Anna", "Hugo")
    outcomes = [
        *enumerate_outcomes(lambda tape: stories._gift(tape, "lamp", "Hugo", "Anna", before))
    ]
    assert len({made for made, _ in outcomes}) == 5 * 2 * 2 * 2 * 2
    assert sum(2**-bits for _, bits in outcomes) == pytest.approx(1)
