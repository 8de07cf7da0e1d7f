"""The lexicon: sizes, categories, plurals and opposites."""

from __future__ import annotations

import pytest

from lessons.world import words
from lessons.world.language import plural


def test_lexicon_has_500_distinct_words_of_3_to_7_letters():
    assert 480 <= len(words.WORDS) == len(words.BY_TEXT) <= 560
    for text in words.TEXTS:
        assert 3 <= len(text) <= 7
        assert text.isascii()
        assert text.islower()
        assert text.isalpha()


def test_categories():
    for word in words.WORDS:
        assert word.category in ("noun", "adjective", "verb")
        assert bool(word.sub) == (word.category == "noun")
        assert bool(word.opposite) == (word.category == "adjective")
    subs = [word.sub for word in words.WORDS if word.sub]
    for sub in ("animal", "food", "tool", "clothing", "body", "plant", "building"):
        assert subs.count(sub) >= 20
    assert words.BY_TEXT["cat"].sub == "animal"


def test_opposites_are_symmetric_pairs_of_adjectives():
    assert len(words.ADJECTIVES) >= 120
    for text in words.ADJECTIVES:
        other = words.opposite(text)
        assert other != text
        assert words.opposite(other) == text
    assert words.opposite("hot") == "cold"
    with pytest.raises(KeyError):
        words.opposite("cat")


def test_plurals_that_do_not_just_add_letters_are_the_ones_we_know():
    """A noun that the rules of language.plural spell wrongly (reef, tomato) would show up here."""
    changed = {plural(noun) for noun in words.NOUNS if plural(noun)[: len(noun)] != noun}
    assert changed == set(
        "flies geese mice puppies wolves berries candies cherries loaves knives scarves feet "
        "teeth daisies leaves lilies bakeries factories libraries shelves babies men people "
        "women".split()
    )
    with_es = {plural(n) for n in words.NOUNS if plural(n) == n + "es"}
    assert with_es == set(
        "foxes peaches brushes wrenches dresses branches bushes churches benches boxes dishes "
        "buses beaches".split()
    )
    assert not [noun for noun in words.NOUNS if noun.endswith("o") and noun != "piano"]
    assert len({plural(noun) for noun in words.NOUNS}) == len(words.NOUNS)
