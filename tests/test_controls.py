"""Slider and list: value and place follow one another, other options keep what they can."""

from __future__ import annotations

import pytest

from lessons.controls import Choice, Slider


def test_value_and_index_follow_one_another():
    slider = Slider([("one", 1), ("two", 2), ("three", 3)], 2, "Number")
    assert (slider.index, slider.value, slider.names) == (1, 2, ["one", "two", "three"])
    assert repr(slider) == "Slider(description='Number', value=2)"
    seen = []
    slider.observe(lambda change: seen.append(change["new"]), names="value")
    slider.index = 2  # as the browser sets it
    assert slider.value == 3
    slider.value = 1
    assert slider.index == 0
    assert seen == [3, 1]


def test_a_list_takes_values_and_names_like_a_slider():
    choice = Choice([("no opinion yet", ""), "holds"], "holds", "Word")
    assert (choice.index, choice.value, choice.options) == (1, "holds", ["", "holds"])
    assert repr(choice) == "Choice(description='Word', value='holds')"
    choice.index = 0
    assert choice.value == ""
    with pytest.raises(ValueError, match="'fails' is none of"):
        choice.value = "fails"


def test_other_options_keep_the_value_or_take_the_last():
    slider = Slider(range(5), 3)
    seen = []
    slider.observe(lambda change: seen.append(change["new"]), names="value")
    slider.options = range(1, 9)
    assert (slider.index, slider.value) == (2, 3)
    slider.options = range(2)
    assert (slider.index, slider.value, slider.options) == (1, 1, [0, 1])
    assert seen == [1]


def test_what_is_not_there():
    with pytest.raises(ValueError, match="at least one option"):
        Slider([])
    with pytest.raises(ValueError, match="7 is none of"):
        Slider(range(3), 7)
    slider = Slider(range(3))
    with pytest.raises(ValueError, match="9 is none of"):
        slider.value = 9
    slider.index = 99  # from a browser that is behind
    assert slider.value == 2
