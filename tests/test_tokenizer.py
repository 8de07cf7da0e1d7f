"""Tokenizers: nothing is lost, the ids are those of the `tokenizers` library, and it is fast."""

from __future__ import annotations

import copy
import doctest
import importlib
import json
import pkgutil
import time
import unicodedata
from collections import Counter
from itertools import pairwise
from pydoc_data import topics

import pytest
import regex
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

import minigpt
from minigpt import BPETokenizer, CharTokenizer
from minigpt.bpe import apply_merges, learn_merges
from minigpt.tokenizer import PATTERNS
from minigpt.tokenizer_file import load_tokenizer, save_tokenizer

END = "<|end|>"
REFERENCE = "\n\n".join(topics.topics[name] for name in sorted(topics.topics))
MIXED = REFERENCE[:60_000] + 20 * (
    "Größe, naïve façade; Привет мир! 你好，世界。 🙂🙃👩\u200d👩\u200d👧 １２３ ½ ⅷ x² "
    "\u3000\u00a0\u2028\t\r\n  "
)

# Characters of Unicode 3.2 are letters, digits or spaces in every library alike; what was added
# since depends on a library's version.
SETTLED = st.characters(codec="utf-8").filter(lambda c: unicodedata.ucd_3_2_0.category(c) != "Cn")
HARD = [
    "",
    " ",
    "  ",
    "\n",
    " \n ",
    "a  b",
    "a   b",
    "tab\tend\t\t",
    "  12  3",
    "x1y22z333",
    "12345 67",
    "don't can't we'll I'VE they're 'tis ''s",
    "def f(x):\n    return x  # 1\n\n\n",
    "…—–",
    "!?!? ...",
    "\x00\x01\x1f\x7f\x80\x85\xa0\x1c\x1d",
    "\u200b\u2028\u2029\ufeff\u3000",
    "é e\u0301 ñ",
    "🙂🙃",
    "👩\u200d👩\u200d👧\u200d👦 🇩🇪",
    "你好世界",
    "Привет",
    "مرحبا",
    "हिन्दी",
    "\U0010ffff",
    "١٢٣ ½ ⅷ x²",
    "a" * 3000,
    "ab" * 2000,
    " " * 500,
    "\n" * 300,
    "0" * 400,
    "<|end|>",
    "<|en",
    "''''",
    "\r\n\r\n",
    "_a_b__",
]


@pytest.fixture(scope="module", params=sorted(PATTERNS))
def trained(request):
    return BPETokenizer.train(MIXED, 900, pattern=request.param, special_tokens=[END, "<|user|>"])


@pytest.fixture(scope="module")
def theirs(trained, tmp_path_factory):
    """The same vocabulary, opened by the `tokenizers` library, without special tokens.

    Theirs reads the names of special tokens out of any text, ours only where they are allowed.
    """
    file = tmp_path_factory.mktemp("vocabulary") / "tokenizer.json"
    save_tokenizer(file, trained)
    content = json.loads(file.read_text("utf-8"))
    content["added_tokens"] = []
    file.write_text(json.dumps(content), "utf-8")
    return tokenizers.Tokenizer.from_file(str(file))


# --- round trips --------------------------------------------------------------------------------


@given(st.text())
@settings(max_examples=300)
def test_any_text_survives(trained, text):
    ids = trained.encode(text)
    assert trained.decode(ids) == text
    assert b"".join(map(trained.id_to_bytes, ids)) == text.encode()
    assert all(0 <= token < trained.vocab_size for token in ids)


@pytest.mark.parametrize("text", HARD, ids=range(len(HARD)))
def test_hard_texts_survive(trained, text):
    assert trained.decode(trained.encode(text)) == text


@given(st.text(min_size=1), st.data())
def test_characters_survive(text, data):
    tokenizer = CharTokenizer.train(text, special_tokens=[END])
    other = data.draw(st.text(sorted(set(text))))
    assert tokenizer.decode(tokenizer.encode(other)) == other
    assert len(tokenizer.encode(other)) == len(other)


@given(st.lists(st.integers(0, 899)))
def test_any_ids_can_be_decoded(trained, ids):
    ids = [token % trained.vocab_size for token in ids]
    assert trained.decode(ids) == b"".join(map(trained.id_to_bytes, ids)).decode(errors="replace")


# --- the same as the `tokenizers` library -------------------------------------------------------


@given(st.text(SETTLED))
@settings(max_examples=300)
def test_ids_equal_theirs(trained, theirs, text):
    assert trained.encode(text) == theirs.encode(text).ids


PARTS = (
    "the",
    "de",
    "1",
    "23",
    " ",
    "  ",
    "\n",
    "\t",
    "é",
    "🙂",
    "'s",
    "(",
    "self",
    ".",
    "你",
    "__",
)
PARTS += ("a", "\x00", "\u3000")


@given(st.lists(st.sampled_from(PARTS)))
@settings(max_examples=300)
def test_ids_of_mixtures_equal_theirs(trained, theirs, parts):
    assert trained.encode("".join(parts)) == theirs.encode("".join(parts)).ids


@pytest.mark.parametrize("text", HARD, ids=range(len(HARD)))
def test_ids_of_hard_texts_equal_theirs(trained, theirs, text):
    assert trained.encode(text) == theirs.encode(text).ids


def test_ids_of_a_long_text_equal_theirs(trained, theirs):
    ids = trained.encode(REFERENCE[:300_000])
    assert ids == theirs.encode(REFERENCE[:300_000]).ids
    assert theirs.decode(ids) == REFERENCE[:300_000]


def test_special_ids_equal_theirs(trained, tmp_path):
    save_tokenizer(tmp_path / "tokenizer.json", trained)
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    text = f"{END}the cat{END}<|user|> {END}"
    assert trained.encode(text, trained.special_tokens) == theirs.encode(text).ids
    assert theirs.get_vocab_size() == trained.vocab_size


def test_a_vocabulary_that_theirs_trained_is_read(tmp_path):
    """Another trainer, other ids for the bytes, and merges in their order."""
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE())
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    theirs.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    theirs.train_from_iterator([MIXED], trainer)
    theirs.save(str(tmp_path / "tokenizer.json"))
    ours = load_tokenizer(tmp_path / "tokenizer.json")
    assert ours.pattern == "gpt2"
    assert ours.special_tokens == {"<|endoftext|>": 0}
    for text in (MIXED, *HARD):
        ids = theirs.encode(text).ids
        assert ours.encode(text) == ids
        assert ours.decode(ids) == text
    content = json.loads((tmp_path / "tokenizer.json").read_text("utf-8"))
    content["model"]["merges"] = [" ".join(pair) for pair in content["model"]["merges"]]  # older
    (tmp_path / "tokenizer.json").write_text(json.dumps(content), "utf-8")
    assert load_tokenizer(tmp_path / "tokenizer.json").merges == ours.merges


# --- training -----------------------------------------------------------------------------------


def merged(word, pair, token):
    found, i = [], 0
    while i < len(word):
        if tuple(word[i : i + 2]) == pair:
            found.append(token)
            i += 2
        else:
            found.append(word[i])
            i += 1
    return found


def naive_merges(pieces, count):
    """Count every pair anew for each merge; ties go to the pair of lower ids."""
    words = {piece: list(piece.encode()) for piece in pieces}
    merges = []
    while len(merges) < count:
        counts = Counter()
        for piece, word in words.items():
            for pair in pairwise(word):
                counts[pair] += pieces[piece]
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        words = {piece: merged(word, best, 256 + len(merges)) for piece, word in words.items()}
        merges.append(best)
    return merges


@given(
    st.dictionaries(st.text("ab", min_size=1, max_size=14), st.integers(1, 4), max_size=8),
    st.integers(0, 25),
)
@settings(max_examples=300)
def test_the_same_merges_as_the_naive_trainer(pieces, count):
    assert learn_merges(Counter(pieces), count) == naive_merges(Counter(pieces), count)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_same_merges_as_the_naive_trainer_on_real_text(pattern):
    text = MIXED[:4000] + MIXED[-400:]
    pieces = Counter(regex.findall(PATTERNS[pattern], text))
    assert learn_merges(pieces, 300) == naive_merges(pieces, 300)


@given(st.text("abc ", max_size=60), st.integers(0, 40), st.text("abc ", max_size=30))
@settings(max_examples=200)
def test_encoding_applies_the_merges_in_order(text, count, other):
    """One merge after the other over the whole word, as the definition says."""
    tokenizer = BPETokenizer.train(text, 256 + count)
    ids = {token: i for i, token in enumerate(tokenizer.vocab)}
    expected = []
    for piece in regex.findall(PATTERNS["digits"], other):
        word = list(piece.encode())
        for left, right in tokenizer.merges:
            word = merged(word, (ids[left], ids[right]), ids[left + right])
        expected += word
    assert tokenizer.encode(other) == expected


@given(st.text("ab", max_size=40), st.integers(0, 20))
def test_no_two_tokens_are_alike_and_files_survive(tmp_path_factory, text, count):
    tokenizer = BPETokenizer.train(text, 257 + count, special_tokens=[END])
    assert len(set(tokenizer.vocab)) == tokenizer.vocab_size
    file = tmp_path_factory.mktemp("file") / "tokenizer.json"
    save_tokenizer(file, tokenizer)
    again = load_tokenizer(file)
    assert (again.vocab, again.merges) == (tokenizer.vocab, tokenizer.merges)


def test_ranks_need_not_be_in_order_of_length():
    """A vocabulary of another trainer: the pair of lowest rank first, the leftmost first."""
    ranks = {(1, 2): (1, 12), (2, 3): (0, 23), (1, 23): (2, 123), (1, 1): (3, 11)}
    assert apply_merges([1, 2, 3], ranks) == [123]
    assert apply_merges([1, 2, 1, 2, 3], ranks) == [12, 123]
    assert apply_merges([1, 1, 1], ranks) == [11, 1]
    assert apply_merges([], ranks) == []


def test_training_is_the_same_every_time_and_stops_when_nothing_is_left():
    a, b = (BPETokenizer.train(MIXED[:20_000], 500) for _ in range(2))
    assert a.merges == b.merges
    small = BPETokenizer.train("abab", 10_000, special_tokens=[END])
    assert small.vocab_size == 256 + 2 + 1
    assert small.special_tokens == {END: 258}
    assert BPETokenizer.train("", 256).encode("hé") == list("hé".encode())


def test_merges_never_cross_a_cut():
    tokenizer = BPETokenizer.train("ab12 ab12 " * 50, 400)
    digits = [t for t in tokenizer.vocab[256:] if any(48 <= byte < 58 for byte in t)]
    assert not digits, "each digit is a token of its own"
    gpt2 = BPETokenizer.train("ab12 ab12 " * 50, 400, pattern="gpt2")
    assert b"12" in gpt2.vocab
    assert all(not (b"b1" in token or b"2 a" in token) for token in gpt2.vocab)


# --- speed --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_it_is_fast_enough():
    """2,000 merges on 500 kB in 10 s, and 1 MB/s; the best of three, for machines are shared."""
    text = (REFERENCE * 2)[:500_000]
    start = time.perf_counter()
    tokenizer = BPETokenizer.train(text, 256 + 2000)
    assert len(tokenizer.merges) == 2000
    assert time.perf_counter() - start <= 10
    tokenizer.encode(text)
    speeds = []
    for _ in range(3):
        start = time.perf_counter()
        tokenizer.encode(text)
        speeds.append(len(text.encode()) / 1e6 / (time.perf_counter() - start))
    assert max(speeds) >= 1


def test_one_endless_word_takes_no_endless_time():
    start = time.perf_counter()
    tokenizer = BPETokenizer.train("ab" * 50_000, 290)
    assert tokenizer.decode(tokenizer.encode("ab" * 100_000 + "a")) == "ab" * 100_000 + "a"
    assert time.perf_counter() - start < 20


# --- special tokens -----------------------------------------------------------------------------


@given(st.lists(st.sampled_from([END, "<|user|>", "<|", "|>", "end", " ", "x", "<|end|"])))
def test_special_tokens_never_arise_from_text(trained, parts):
    text = "".join(parts)
    special = set(trained.special_tokens.values())
    assert not special & set(trained.encode(text))
    assert trained.decode(trained.encode(text)) == text
    ids = trained.encode(text, allowed_special=[END])
    assert ids.count(trained.special_tokens[END]) == text.count(END)
    assert trained.special_tokens["<|user|>"] not in ids
    assert trained.decode(ids) == text


def test_special_tokens_by_name(char_tokenizer, trained):
    for tokenizer in (char_tokenizer, trained):
        end = tokenizer.special_tokens[END]
        for allowed in ([END], END, {END}, (END,), tokenizer.special_tokens):
            ids = tokenizer.encode(f"a{END}cat{END}", allowed)
            assert ids == [*tokenizer.encode("a"), end, *tokenizer.encode("cat"), end]
        assert tokenizer.decode([end]) == END
        with pytest.raises(ValueError, match=r"no special token.*<\|pad\|>.*known.*<\|end\|>"):
            tokenizer.encode("a", allowed_special=["<|pad|>"])


def test_a_training_text_with_the_name_in_it_gives_no_way_in():
    tokenizer = BPETokenizer.train(f"{END} {END} " * 100, 300, special_tokens=[END])
    assert tokenizer.special_tokens[END] not in tokenizer.encode(END)
    assert tokenizer.decode(tokenizer.encode(END)) == END


def test_the_longest_special_token_wins():
    names = ["<a>", "<a><b>", "a"]
    tokenizer = BPETokenizer.train("", 300, special_tokens=names)
    ids = tokenizer.encode("<a><b><a>a", allowed_special=names)
    assert ids == [tokenizer.special_tokens[name] for name in ("<a><b>", "<a>", "a")]


# --- what is refused ----------------------------------------------------------------------------


def test_ids_outside_the_vocabulary_are_refused(trained, char_tokenizer):
    for tokenizer in (trained, char_tokenizer):
        for token in (-1, tokenizer.vocab_size):
            with pytest.raises(ValueError, match=f"{token}.*0 to {tokenizer.vocab_size - 1}"):
                tokenizer.decode([0, token])


def test_half_a_character_is_refused(trained):
    for make in (trained.encode, lambda text: BPETokenizer.train(text, 300), CharTokenizer.train):
        with pytest.raises(ValueError, match="surrogate"):
            make("ab\ud800c")
    with pytest.raises(ValueError, match="surrogate"):
        CharTokenizer(["a", "\udfff"])


def test_bad_vocabularies_are_refused():
    with pytest.raises(ValueError, match=r"'q'.*position 3"):
        CharTokenizer("abc").encode("abcq")
    with pytest.raises(ValueError, match="empty text"):
        CharTokenizer.train("")
    with pytest.raises(ValueError, match=r"single characters.*'ab'"):
        CharTokenizer(["ab"])
    with pytest.raises(ValueError, match="twice"):
        CharTokenizer("aba")
    with pytest.raises(ValueError, match=r"vocab_size=257.*at least 258"):
        BPETokenizer.train("x", 257, special_tokens=["<a>", "<b>"])
    with pytest.raises(ValueError, match=r"pattern='words'.*digits.*gpt2"):
        BPETokenizer.train("x", 300, pattern="words")
    with pytest.raises(ValueError, match="pattern='words'"):
        BPETokenizer([bytes([b]) for b in range(256)], [], pattern="words")
    with pytest.raises(ValueError, match=r"no token for the bytes b'\\xff'"):
        BPETokenizer([bytes([b]) for b in range(255)], [])
    with pytest.raises(ValueError, match="no token for the bytes b'ab'"):
        BPETokenizer([bytes([b]) for b in range(256)], [(b"a", b"b")])


@pytest.mark.parametrize("names", [["<a>", "<a>"], [""], ["<a>", ""]])
def test_special_tokens_twice_or_without_a_name_are_refused(names):
    with pytest.raises(ValueError, match="special token"):
        CharTokenizer.train("abc", names)
    with pytest.raises(ValueError, match="special token"):
        BPETokenizer.train("abc", 300, special_tokens=names)


# --- files --------------------------------------------------------------------------------------


def test_files_keep_everything(trained, char_tokenizer, tmp_path):
    file = tmp_path / "new" / "tokenizer.json"
    for tokenizer in (trained, char_tokenizer, CharTokenizer('é🙂\u2028\n"\\')):
        save_tokenizer(file, tokenizer)
        again = load_tokenizer(file)
        assert type(again) is type(tokenizer)
        assert again.vocab_size == tokenizer.vocab_size
        assert again.special_tokens == tokenizer.special_tokens
        for token in range(tokenizer.vocab_size):
            assert again.id_to_bytes(token) == tokenizer.id_to_bytes(token)
    save_tokenizer(file, trained)
    again = load_tokenizer(file)
    assert again.pattern == trained.pattern
    assert again.encode(MIXED) == trained.encode(MIXED)


def change(*keys, value=None):
    """A change of one place in a vocabulary file; without a value it is taken out."""

    def apply(content):
        place = content
        for key in keys[:-1]:
            place = place[key]
        if value is None:
            del place[keys[-1]]
        else:
            place[keys[-1]] = value
        return content

    return apply


BROKEN = {
    "no model": change("model"),
    "no type": change("model", "type"),
    "a list": lambda _: [],
    "a number": lambda _: 3,
    "another type": change("model", "type", value="WordPiece"),
    "no vocabulary": change("model", "vocab"),
    "a vocabulary as list": change("model", "vocab", value=["a"]),
    "no merges": change("model", "merges"),
    "merges of three": change("model", "merges", value=[["a", "b", "c"]]),
    "merges of one": change("model", "merges", value=["ab"]),
    "merges of numbers": change("model", "merges", value=[[1, 2]]),
    "merges of unknown tokens": change("model", "merges", value=[["zq", "qz"]]),
    "merges into no token": change("model", "merges", value=[["z", "q"]]),
    "a gap in the ids": change("model", "vocab", "a", value=5000),
    "an id twice": change("model", "vocab", "a", value=66),
    "an id that is no number": change("model", "vocab", "a", value="x"),
    "no byte-level token": change("model", "vocab", "a b", value=9),
    "a missing byte": change("model", "vocab", "a"),
    "a special token without id": change("added_tokens", 0, "id"),
    "a special token without name": change("added_tokens", 0, "content"),
    "no pre-tokenizer": change("pre_tokenizer"),
    "another pre-tokenizer": change("pre_tokenizer", value={"type": "Whitespace"}),
    "another pattern": change(
        "pre_tokenizer", "pretokenizers", 0, "pattern", "Regex", value=r"\w+"
    ),
    "a pattern without regex": change("pre_tokenizer", "pretokenizers", 0, "pattern"),
    "another cut": change("pre_tokenizer", "pretokenizers", 0, "behavior", value="Removed"),
    "the inverse": change("pre_tokenizer", "pretokenizers", 0, "invert", value=True),
    "whole words first": change("model", "ignore_merges", value=True),
    "a prefix space": change("pre_tokenizer", "pretokenizers", 1, "add_prefix_space", value=True),
    "a normalizer": change("normalizer", value={"type": "Lowercase"}),
}


@pytest.fixture(scope="module")
def content(trained, tmp_path_factory):
    file = tmp_path_factory.mktemp("content") / "tokenizer.json"
    save_tokenizer(file, trained)
    return json.loads(file.read_text("utf-8"))


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_files_are_refused_by_name(content, kind, tmp_path):
    file = tmp_path / "vocabulary.json"
    file.write_text(json.dumps(BROKEN[kind](copy.deepcopy(content))), "utf-8")
    with pytest.raises(ValueError, match=r"vocabulary\.json"):
        load_tokenizer(file)


@pytest.mark.parametrize(
    "text",
    ["", "{", "\x00", '{"model": {"type": "Characters"}}',
     '{"model": {"type": "Characters", "vocab": 3}}',
     '{"model": {"type": "Characters", "vocab": ["ab"]}}',
     '{"model": {"type": "Characters", "vocab": [1, 2]}}',
     '{"model": {"type": "Characters", "vocab": ["a"]}, "special_tokens": 3}'],
)  # fmt: skip
def test_what_is_no_vocabulary_is_refused(text, tmp_path):
    file = tmp_path / "vocabulary.json"
    file.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=r"vocabulary\.json"):
        load_tokenizer(file)


def test_files_that_are_cut_short_are_refused(trained, tmp_path):
    file = tmp_path / "vocabulary.json"
    save_tokenizer(file, trained)
    data = file.read_bytes()
    for size in (1, 100, len(data) // 2, len(data) - 3):
        file.write_bytes(data[:size])
        with pytest.raises(ValueError, match=r"vocabulary\.json"):
            load_tokenizer(file)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.json"):
        load_tokenizer(tmp_path / "nowhere.json")


# --- examples in docstrings ---------------------------------------------------------------------


MODULES = [name for _, name, _ in pkgutil.iter_modules(minigpt.__path__, "minigpt.")]


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__")])
def test_examples_in_docstrings_hold(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_tokenizers_show_an_example():
    assert doctest.testmod(importlib.import_module("minigpt.tokenizer")).attempted >= 4
