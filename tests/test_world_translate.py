"""English to Tavi and back, checked by a translator written from the table alone."""

import re
from dataclasses import replace

import pytest

from lessons.world import plan, tavi
from lessons.world.tape import Tape, enumerate_outcomes
from lessons.world.tasks import translate

SPLITS = translate.SPLITS
ODD_PLURALS = {"child": "children", "man": "men", "woman": "women"}
FORM = re.compile(
    r"(?:English: |Translate into Tavi: |How do you say this in Tavi\? |Say this in Tavi: "
    r"|Tavi: |Translate into English: |How do you say this in English\? |Say this in English: )?"
    r"([A-Za-z ]+\.)\n(?:Tavi|English|In Tavi|In English|Answer):"
)


def table(text: str) -> list[list[str]]:
    return [row.split() for row in text.replace("\n", "|").split("|") if row.strip()]


def many(noun: str) -> str:
    if noun in ODD_PLURALS:
        return ODD_PLURALS[noun]
    return noun + ("es" if noun[-1] == "x" else "s")


def third(verb: str) -> str:
    if verb == "carry":
        return "carries"
    return verb + ("es" if verb.endswith(("ch", "sh")) else "s")


NOUNS = {}  # English form → Tavi form
for noun, root in table(tavi.ACTORS) + table(tavi.THINGS):
    NOUNS[noun], NOUNS[many(noun)] = root, root + "ri"
ADJECTIVES = dict(table(tavi.ADJECTIVES))
NOW, THIRD, BEFORE = {}, {}, {}
for verb, past, root in table(tavi.VERBS):
    NOW[verb], THIRD[third(verb)], BEFORE[past] = root, root, root + "du"
BACK = {form: word for words in (NOUNS, ADJECTIVES) for word, form in words.items()}


def english_to_tavi(text: str) -> str:
    assert text[0] == "T"
    assert text[-1] == "."
    subject, *rest = re.split(r"\bthe\b", text[:-1].lower())[1:]
    *subject_words, verb = subject.split()
    (object_words,) = [part.split() for part in rest]
    singular = not NOUNS[subject_words[-1]].endswith("ri")
    forms = BEFORE | (THIRD if singular else NOW)

    def phrase(words: list[str]) -> str:
        assert len(words) <= 2
        return " ".join([NOUNS[words[-1]], *(ADJECTIVES[word] for word in words[:-1])])

    return f"{forms[verb]} {phrase(object_words)} {phrase(subject_words)}."


def tavi_to_english(text: str) -> str:
    verb, *words = text.removesuffix(".").split()
    nouns = [at for at, word in enumerate(words) if word in NOUNS.values()]
    assert len(nouns) == 2
    assert nouns[0] == 0
    phrases = [words[: nouns[1]], words[nouns[1] :]]
    object_, subject = (" ".join(BACK[word] for word in reversed(p)) for p in phrases)
    singular = phrases[1][0] in dict(table(tavi.ACTORS) + table(tavi.THINGS)).values()
    for forms in (BEFORE, THIRD if singular else NOW):
        for word, form in forms.items():
            if form == verb:
                return f"The {subject} {word} the {object_}."
    raise AssertionError(verb)


def solve(prompt: str) -> str:
    match = FORM.fullmatch(prompt)
    assert match, prompt
    text = match[1]
    return english_to_tavi(text) if text.startswith("The ") else tavi_to_english(text)


@pytest.fixture(scope="module")
def documents() -> list[str]:
    tape = Tape("test", "documents")
    return [translate.document(tape) for _ in range(5000)]


def test_tavi_is_a_language_of_its_own():
    roots = [*tavi.NOUN_TO_TAVI.values(), *tavi.ADJECTIVE_TO_TAVI.values()]
    roots += tavi.VERB_TO_TAVI.values()
    english = {*tavi.NOUNS, *tavi.ADJECTIVE_WORDS, *tavi.VERB_WORDS, *tavi.VERB_PAST.values()}
    assert len(roots) == len(set(roots)) == 92
    assert all(re.fullmatch("([hklmnpstv][aiou]){2}", root) for root in roots)
    assert not english & set(roots)


def test_the_example_of_the_page_is_right():
    assert tavi.to_tavi("The old foxes followed the quiet child.") == (
        "panodu lipi vako vasari loto."
    )
    assert "panodu lipi vako vasari loto." in (tavi.__doc__ or "")


def test_every_form_is_translated_back():
    tape = Tape("forms")
    for verb in tavi.VERB_WORDS:
        for noun in tavi.NOUNS:
            sentence = tavi.Sentence(
                tavi.Phrase(noun, tape.choice(tavi.ADJECTIVE_WORDS), tape.chance(0.5)),
                verb,
                tavi.Phrase(tape.choice(tavi.NOUNS), "", tape.chance(0.5)),
                tape.chance(0.5),
            )
            english = sentence.english()
            assert sentence.tavi() == english_to_tavi(english)
            assert tavi.to_english(tavi.to_tavi(english)) == english
            assert tavi.read_tavi(sentence.tavi()) == tavi.read_english(english) == sentence


@pytest.mark.parametrize(
    "text",
    ["", "The", "The dog see the cat.", "The dog sees the cat", "The dog sees the cat. old",
     "A dog sees the cat.", "The dog old sees the cat.", "The sees dog the cat."],
)  # fmt: skip
def test_what_is_no_english_sentence_is_refused(text: str):
    with pytest.raises(ValueError, match="grammar"):
        tavi.read_english(text)


@pytest.mark.parametrize(
    "text", ["", "suso", "suso mili.", "suso mili sasi", "suso loto mili sasi.", "mili suso sasi."]
)
def test_what_is_no_tavi_sentence_is_refused(text: str):
    with pytest.raises(ValueError, match="Tavi"):
        tavi.read_tavi(text)


def test_equal_tapes_give_equal_documents():
    one, other = (translate.document(Tape("same", 3)) for _ in range(2))
    assert one == other != translate.document(Tape("same", 4))


@pytest.mark.parametrize("split", SPLITS)
def test_answers_are_right_and_near_misses_wrong(split: str):
    for item in translate.items(Tape("items", split), 500, split):
        right = solve(item.prompt)
        assert item.answer == f" {right}"
        assert translate.is_correct(item, item.answer)
        assert not translate.is_correct(item, f" {item.meta['source']}")
        first, second, *rest = right.removesuffix(".").split()
        assert not translate.is_correct(item, f" {second} {first} {' '.join(rest)}.")
        assert not translate.is_correct(item, right.removesuffix("."))
        assert not translate.is_correct(item, f"{right} {right}")
        assert not translate.is_correct(item, "")
        ending = "ri" if "ri " in right else "du" if "du " in right else ""
        if ending and item.meta["direction"] == "to tavi":
            assert not translate.is_correct(item, right.replace(f"{ending} ", " ", 1))


def test_documents_are_right_and_of_the_form_of_items(documents: list[str]):
    for document in documents:
        prompt, answer = document.rsplit(": ", 1)
        assert answer == solve(prompt + ":")
    beginnings = {re.sub(r"[A-Za-z ]+\.", "", d.rsplit(": ", 1)[0]) for d in documents}
    prompts = [item.prompt for item in translate.items(Tape("train"), 500, "train")]
    assert {re.sub(r"[A-Za-z ]+\.", "", prompt[:-1]) for prompt in prompts} == beginnings


def test_wordings_held_out_are_in_no_document(documents: list[str]):
    for wordings in translate.ASKED_NEW.values():
        for before, after in (wording.split("{text}") for wording in wordings):
            assert not any(d.startswith(before) and after in d for d in documents if before)
            assert not any(d[0].isupper() and re.match(r"[A-Za-z ]+\.", d) and f".{after}" in d
                           for d in documents if not before)  # fmt: skip


@pytest.mark.parametrize("split", SPLITS[:-1])
def test_held_out_strings_are_in_no_document(documents: list[str], split: str):
    text = "\n".join(documents)
    items = translate.items(Tape("absent", split), 500, split)
    assert all(item.absent for item in items)
    strings = {string for item in items for string in item.absent}
    assert not [string for string in strings if string in text]
    for item in items:
        whole = item.prompt + item.answer
        assert any(string in whole for string in item.absent)


def test_pairs_held_out_are_absent_in_every_form(documents: list[str]):
    text = "\n".join(documents)
    pairs = [(a, n) for a in tavi.ADJECTIVE_WORDS for n in tavi.NOUNS]
    new = [pair for pair in pairs if plan.held_out("tavi", " ".join(pair))]
    assert 0.08 < len(new) / len(pairs) < 0.17
    for adjective, noun in new:
        for form in (noun, many(noun)):
            assert f" {adjective} {form} " not in text
            assert f"{NOUNS[form]} {ADJECTIVES[adjective]}" not in text
    known = [pair for pair in pairs if pair not in new]  # the search finds what there is
    assert sum(f"{a} {n}" in text for a, n in known) > 0.9 * len(known)
    for words in zip(*new, strict=True):
        assert all(word in text for word in words)


def test_pairs_items_have_one_in_the_subject_or_in_the_object():
    places = []
    for item in translate.items(Tape("places"), 500, "pairs"):
        to_tavi = item.meta["direction"] == "to tavi"
        english = item.meta["source"] if to_tavi else item.answer.strip()
        sentence = tavi.read_english(english)
        found = [translate.pair_held_out(p) for p in (sentence.subject, sentence.object)]
        assert sum(found) == 1
        places.append(found[0])
    assert 150 < sum(places) < 350


def test_baselines_are_low():
    items = translate.items(Tape("baselines"), 300)
    assert max(translate.baselines(items).values()) < 0.05


def test_unknown_split():
    with pytest.raises(ValueError, match="split"):
        translate.items(Tape("x"), 1, "best")


def test_bits():
    tape = Tape("bits")
    translate.document(tape)
    assert 20 < tape.bits < 40
    words = ("dog", "cat", "fox")
    outcomes = [*enumerate_outcomes(lambda tape: translate._phrase(tape, words, False, False))]
    assert len({phrase for phrase, _ in outcomes}) == 6
    assert sum(2**-bits for _, bits in outcomes) == pytest.approx(1)


def test_a_wrong_number_is_wrong():
    item = translate.items(Tape("number"), 1)[0]
    reader = tavi.read_tavi if item.meta["direction"] == "to tavi" else tavi.read_english
    right = reader(item.answer.strip())
    wrong = replace(right, object=replace(right.object, many=not right.object.many))
    output = wrong.tavi() if item.meta["direction"] == "to tavi" else wrong.english()
    assert not translate.is_correct(item, output)
