"""Tavi, the second language of Fernhollow: 92 words, five rules, and translation both ways.

    English   The old foxes followed the quiet child.
    Tavi      panodu lipi vako vasari loto.    (followed child quiet foxes old)

1. The verb comes first, then the object, then the subject.
2. An adjective follows its noun, and never changes.
3. Plural: the noun ends in -ri.
4. Past: the verb ends in -du. It does not change with the subject.
5. There are no articles and no capital letters; English has "the" before every noun.

Every root has two syllables, every ending one, so each sentence has one reading only.
"""

from __future__ import annotations

from dataclasses import dataclass

from .language import capital, plural

# English, Tavi. The first line are those who can do something; all can have it done to them.
ACTORS = """
dog mili | cat sasi | fox vasa | bear mopi | horse mimu | cow musa | bird moma | king kima
queen sumu | boy lusu | girl nuka | man huki | woman sinu | child lipi | teacher vosu
farmer kunu | doctor kavo | sailor tona | friend piku | brother nipu | sister moso | mother sivo
father tupo | uncle tapi
"""
THINGS = """
tree talo | house pola | boat nuhi | ship putu | book mapa | letter kaku | lamp vulo | river tuku
hill huno | bridge vini | garden tila | field honu | stone sato | flower kovi | wheel vupu
box husa | bottle malu | chair viso | table tosi | window tuta
"""
ADJECTIVES = """
old loto | young tava | big noli | small lanu | red poti | blue nati | green hitu | white luti
black soko | good himi | bad mani | happy havi | sad vika | strong lino | weak kotu | rich kana
poor nulu | wise nuvi | brave lami | kind pilo | quiet vako | fat tolu | thin voki | tired muvu
"""
# English now, English past, Tavi.
VERBS = """
see saw suso | hear heard vuna | find found kosa | follow followed pano | watch watched pivi
like liked vota | love loved hiva | know knew hala | meet met pasu | help helped niko
carry carried haso | hold held puva | wash washed puko | want wanted pata | need needed sisa
pull pulled nisi | push pushed lopa | lift lifted lita | hide hid hapu | bring brought kusi
take took popu | draw drew kipo | paint painted hoka | call called luvo
"""
PLURAL, PAST = "ri", "du"  # endings of Tavi


def _rows(table: str) -> list[list[str]]:
    return [row.split() for line in table.strip().splitlines() for row in line.split("|")]


NOUN_TO_TAVI: dict[str, str] = {row[0]: row[1] for row in _rows(ACTORS) + _rows(THINGS)}
ADJECTIVE_TO_TAVI: dict[str, str] = {row[0]: row[1] for row in _rows(ADJECTIVES)}
VERB_TO_TAVI: dict[str, str] = {row[0]: row[2] for row in _rows(VERBS)}
VERB_PAST: dict[str, str] = {row[0]: row[1] for row in _rows(VERBS)}
ACTOR_NOUNS = tuple(row[0] for row in _rows(ACTORS))
NOUNS, VERB_WORDS, ADJECTIVE_WORDS = (*NOUN_TO_TAVI,), (*VERB_TO_TAVI,), (*ADJECTIVE_TO_TAVI,)


@dataclass(frozen=True)
class Phrase:
    """A noun, one or many, with or without an adjective; all words in English."""

    noun: str
    adjective: str = ""
    many: bool = False

    def english(self) -> str:
        """For example "the old foxes"."""
        return " ".join(["the", *self.adjective.split(), _NOUN_FORMS[self.noun, self.many]])

    def tavi(self) -> str:
        """For example "vasari loto"."""
        noun = NOUN_TO_TAVI[self.noun] + PLURAL * self.many
        return f"{noun} {ADJECTIVE_TO_TAVI[self.adjective]}" if self.adjective else noun


@dataclass(frozen=True)
class Sentence:
    """Who does or did what to whom."""

    subject: Phrase
    verb: str
    object: Phrase
    past: bool = False

    def english(self) -> str:
        """The sentence in English."""
        verb = _VERB_FORMS[self.verb, self.past, self.subject.many]
        return capital(f"{self.subject.english()} {verb} {self.object.english()}.")

    def tavi(self) -> str:
        """The sentence in Tavi."""
        verb = VERB_TO_TAVI[self.verb] + PAST * self.past
        return f"{verb} {self.object.tavi()} {self.subject.tavi()}."


def _third_person(verb: str) -> str:
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + ("es" if verb.endswith(("ch", "sh", "s")) else "s")


_NOUN_FORMS = {
    (noun, many): plural(noun) if many else noun for noun in NOUNS for many in (False, True)
}
_VERB_FORMS = {
    (verb, past, many): VERB_PAST[verb] if past else verb if many else _third_person(verb)
    for verb in VERB_WORDS
    for past in (False, True)
    for many in (False, True)
}
_ENGLISH_NOUNS = {form: key for key, form in _NOUN_FORMS.items()}
_ENGLISH_VERBS = {form: (verb, past) for (verb, past, _), form in _VERB_FORMS.items()}
_TAVI_NOUNS = {root: noun for noun, root in NOUN_TO_TAVI.items()}
_TAVI_ADJECTIVES = {root: adjective for adjective, root in ADJECTIVE_TO_TAVI.items()}
_TAVI_VERBS = {root: verb for verb, root in VERB_TO_TAVI.items()}


def read_english(text: str) -> Sentence:
    """The sentence an English text says. Raises ValueError if it is none of this grammar."""
    words = (text[:1].lower() + text[1:]).removesuffix(".").split()
    try:
        subject = _english_phrase(words)
        verb, past = _ENGLISH_VERBS[words.pop(0)]
        sentence = Sentence(subject, verb, _english_phrase(words), past)
    except (KeyError, IndexError):
        raise ValueError(f"no English sentence of this grammar: {text!r}") from None
    if sentence.english() != text:  # words left over, a verb that does not agree, no full stop
        raise ValueError(f"no English sentence of this grammar: {text!r}")
    return sentence


def _english_phrase(words: list[str]) -> Phrase:
    """Takes a phrase off the words."""
    if words.pop(0) != "the":
        raise KeyError
    adjective = words.pop(0) if words[0] in ADJECTIVE_TO_TAVI else ""
    noun, many = _ENGLISH_NOUNS[words.pop(0)]
    return Phrase(noun, adjective, many)


def read_tavi(text: str) -> Sentence:
    """The sentence a Tavi text says. Raises ValueError if it is none of this grammar."""
    words = text.removesuffix(".").split()
    try:
        verb = words.pop(0)
        past = verb.endswith(PAST) and verb not in _TAVI_VERBS
        object_ = _tavi_phrase(words)
        sentence = Sentence(
            _tavi_phrase(words), _TAVI_VERBS[verb.removesuffix(PAST * past)], object_, past
        )
    except (KeyError, IndexError):
        raise ValueError(f"no Tavi sentence: {text!r}") from None
    if sentence.tavi() != text:
        raise ValueError(f"no Tavi sentence: {text!r}")
    return sentence


def _tavi_phrase(words: list[str]) -> Phrase:
    """Takes a phrase off the words."""
    noun = words.pop(0)
    many = noun.endswith(PLURAL) and noun not in _TAVI_NOUNS
    adjective = _TAVI_ADJECTIVES[words.pop(0)] if words and words[0] in _TAVI_ADJECTIVES else ""
    return Phrase(_TAVI_NOUNS[noun.removesuffix(PLURAL * many)], adjective, many)


def to_tavi(english: str) -> str:
    """An English sentence in Tavi. Raises ValueError outside the grammar."""
    return read_english(english).tavi()


def to_english(tavi: str) -> str:
    """A Tavi sentence in English. Raises ValueError outside the grammar."""
    return read_tavi(tavi).english()
