"""Reading text, packing documents, and batches that depend on the seed and step alone."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minigpt.data import Batches, load_text, pack


@given(st.integers(1, 9), st.integers(1, 5), st.integers(0, 30), st.integers(0, 99), st.data())
def test_a_target_is_the_token_after_its_input(block, batch, extra, seed, data):
    ids = torch.arange(block + 1 + extra) * 7
    x, y = Batches(ids, block, batch, seed)(data.draw(st.integers(0, 1000)))
    assert x.shape == y.shape == (batch, block)
    assert x.dtype == y.dtype == torch.int64
    assert torch.equal(y, x + 7)
    assert torch.equal(x[:, 1:], y[:, :-1])
    assert x.min() >= 0
    assert y.max() <= ids[-1]


def test_every_window_can_come_and_no_other():
    starts = set()
    batches = Batches(torch.arange(12), 4, 3)
    for step in range(100):
        starts |= set(batches(step)[0][:, 0].tolist())
    assert starts == set(range(8)), "the last window ends with the last token"


def test_batches_depend_on_the_seed_and_step_alone():
    ids = torch.arange(1000)
    a, b, other = Batches(ids, 8, 4, 1), Batches(ids, 8, 4, 1), Batches(ids, 8, 4, 2)
    later = a(7)
    torch.manual_seed(0)
    for step in range(7):
        b(step)
    assert torch.equal(later[0], b(7)[0])
    assert not torch.equal(a(7)[0], a(8)[0])
    assert not torch.equal(a(7)[0], other(7)[0])


def test_batches_draw_from_no_global_generator():
    before = torch.random.get_rng_state()
    Batches(torch.arange(100), 8, 4)(0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_changing_a_batch_does_not_change_the_stream():
    ids = torch.arange(100)
    x, _ = Batches(ids, 8, 4)(0)
    x.zero_()
    assert torch.equal(ids, torch.arange(100))


@pytest.mark.parametrize(
    ("ids", "changes", "words"),
    [
        (torch.arange(8), {}, "8 tokens are too few.*block_size=8"),
        (torch.arange(0), {}, "0 tokens"),
        (torch.zeros(20), {}, "float32"),
        (torch.zeros(4, 20, dtype=torch.int64), {}, r"\(4, 20\)"),
        (torch.arange(20), {"batch_size": 0}, "batch_size=0"),
        (torch.arange(20), {"block_size": 0}, "block_size=0"),
        (torch.arange(20), {"seed": -1}, "seed=-1"),
    ],
)
def test_streams_without_a_window_are_refused(ids, changes, words):
    with pytest.raises(ValueError, match=words):
        Batches(ids, **({"block_size": 8, "batch_size": 2} | changes))


def test_one_window_is_enough():
    x, y = Batches(torch.arange(9), 8, 3)(0)
    assert x.tolist() == [list(range(8))] * 3
    assert y.tolist() == [list(range(1, 9))] * 3


def test_pack_puts_an_end_around_every_document():
    stream = pack([[1, 2], [3], []], end_id=9)
    assert stream.tolist() == [9, 1, 2, 9, 3, 9, 9]
    assert stream.dtype == torch.int64
    assert pack([], end_id=9).tolist() == [9]
    assert pack(([i] for i in range(2)), end_id=9).tolist() == [9, 0, 9, 1, 9]


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("häß\n".encode(), "häß\n"),
        (b"\xef\xbb\xbfmark", "mark"),
        (b"a\r\nb\rc\nd", "a\nb\nc\nd"),
        ("🙂 x".encode(), "🙂 x"),
        (b" x\x00y", " x\x00y"),
    ],
)
def test_text_is_read_the_same_everywhere(tmp_path, data, text):
    file = tmp_path / "text.txt"
    file.write_bytes(data)
    assert load_text(file) == load_text(str(file)) == text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "holds no text"),
        (b" \n\r\n\t", "holds no text"),
        (b"\xef\xbb\xbf", "holds no text"),
        (b"abc\xe4def", "not UTF-8.*0xe4 at position 3"),
        ("text".encode("utf-16"), "not UTF-8.*position 0"),
        (b"half \xf0\x9f\x99", "not UTF-8.*position 5"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path, data, words):
    file = tmp_path / "text.txt"
    file.write_bytes(data)
    with pytest.raises(ValueError, match=words) as error:
        load_text(file)
    assert str(file) in str(error.value)


def test_paths_that_are_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*nowhere\.txt"):
        load_text(tmp_path / "nowhere.txt")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        load_text(tmp_path)
