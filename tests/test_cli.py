"""The command line: what it does, what it says, and that an error is one sentence."""

from __future__ import annotations

import importlib.metadata
import io
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from small_runs import NARROW, TEXT, assert_same_weights, content, small_model

from minigpt import GPT, CharTokenizer, cli, load, load_checkpoint, save_checkpoint
from minigpt import train as training
from minigpt.arguments import build_parser
from minigpt.cli import main
from minigpt.quantize import quantize_int8 as quantize
from minigpt.run_folder import newest_checkpoint

OPTIONS = f"{NARROW} --steps 4 --checkpoint-interval 2 --eval-interval 2".split()


def write(path: Path, data: str | bytes) -> str:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return str(path)


def train(text: str, out: Path, *options: str) -> int:
    """`minigpt train` of a narrow model; later options win."""
    return main(["train", "--text", text, "--out", str(out), *OPTIONS, *options])


@pytest.fixture
def text(tmp_path) -> str:
    return write(tmp_path / "text.txt", TEXT)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A finished run; tests that change it take a copy."""
    folder = tmp_path_factory.mktemp("finished")
    assert train(write(folder / "text.txt", TEXT), folder / "run") == 0
    return folder / "run"


def sentence(capsys) -> str:
    """What an error said: one line, nothing on standard output, no traceback."""
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    assert len(lines) == 1, said.err
    assert lines[0].startswith("minigpt: error: ")
    return lines[0].removeprefix("minigpt: error: ")


# --- train --------------------------------------------------------------------------------------


def test_a_run_from_beginning_to_end(tmp_path, text, capsys):
    assert train(text, tmp_path / "run") == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    hardware = r"\w+ \(.+\), \d threads? \(.+\), float32 \(--dtype float32\), 1 process$"
    assert re.match(hardware, lines[0])
    assert re.match(r"16,\d{3} parameters; [\d,]+ tokens to train on", lines[1])
    assert [line[:8] for line in lines[2:4]] == ["step 2/4", "step 4/4"]
    for word in ("loss ≈", "held-out ≈", "tokens/s", "left"):
        assert word in lines[2]
    assert re.match(r"held-out loss \d\.\d{3} nats per token, \d\.\d{3} bits per byte", lines[4])
    assert "minigpt generate --model" in lines[5]
    model, tokenizer = load(tmp_path / "run")
    assert tokenizer.decode(tokenizer.encode(TEXT)) == TEXT
    assert model.config.n_embd == 16

    before = content(tmp_path / "run")
    assert train(text, tmp_path / "run") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "holds this run, and it is finished (4 steps)" in out
    assert "step " not in out
    assert content(tmp_path / "run") == before


def test_the_suggested_next_command_works(run, capsys):
    assert main(["generate", "--model", str(run), "--prompt", "the", "--tokens", "5"]) == 0
    assert capsys.readouterr().out.startswith("the")


@pytest.mark.parametrize("preset", ["fast", "gpt2", "llama"])
def test_presets(tmp_path, text, preset):
    assert train(text, tmp_path / "run", "--preset", preset, "--steps", "2") == 0
    model, _ = load(tmp_path / "run")
    position = {"fast": "rope", "gpt2": "learned", "llama": "rope"}[preset]
    assert model.config.position == position
    assert model.config.n_layer == 1
    about = json.loads((tmp_path / "run" / "run.json").read_text())["training"]
    assert about["optimizer"] == ("muon" if preset == "fast" else "adamw")


def test_every_setting_arrives(tmp_path, text):
    options = [
        *("--preset", "gpt2", "--steps", "3", "--batch-size", "2", "--block-size", "8"),
        *("--n-layer", "2", "--n-head", "4", "--n-embd", "32", "--dropout", "0.25"),
        *("--vocab-size", "300", "--learning-rate", "0.005", "--dtype", "bfloat16"),
        *("--patience", "7", "--eval-interval", "2", "--checkpoint-interval", "3"),
        *("--seed", "9", "--device", "cpu"),
    ]
    assert train(text, tmp_path / "run", *options) == 0
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    model = {"block_size": 8, "n_layer": 2, "n_head": 4, "n_embd": 32, "dropout": 0.25}
    assert about["model"] == about["model"] | model
    assert 256 < about["model"]["vocab_size"] <= 300
    settings = {"steps": 3, "batch_size": 2, "learning_rate": 0.005, "dtype": "bfloat16"}
    settings |= {"patience": 7, "eval_interval": 2, "seed": 9}
    assert about["training"] == about["training"] | settings


def test_the_seed_decides_the_result(tmp_path, text):
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert train(text, tmp_path / name, "--seed", seed, "--dropout", "0.1") == 0
    a, b, c = (load(tmp_path / name)[0] for name in "abc")
    assert_same_weights(a, b)
    assert not torch.equal(a.wte.weight, c.wte.weight)


def test_the_tokenizer_learns_from_the_training_part_alone(tmp_path):
    """The last tenth of the text is held out; a word that stands only there is unknown."""
    data = write(tmp_path / "text.txt", "abcd efgh " * 900 + "zyxw " * 200)
    assert train(data, tmp_path / "run", "--vocab-size", "300") == 0
    vocab = b" ".join(load(tmp_path / "run")[1].vocab[256:])
    assert b"efgh" in vocab
    assert b"zy" not in vocab


def test_ctrl_c_and_the_same_command_again(tmp_path, text, capsys, monkeypatch):
    assert train(text, tmp_path / "whole", "--dropout", "0.1") == 0
    call = cli._Announcing.__call__

    def press(self, info):
        call(self, info)
        if info.step == 3:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(cli._Announcing, "__call__", press)
        assert train(text, tmp_path / "run", "--dropout", "0.1") == 1
    out, err = capsys.readouterr()
    assert "interrupted after step 3; the same command resumes it" in out
    assert err == ""
    assert train(text, tmp_path / "run", "--dropout", "0.1") == 0
    out, err = capsys.readouterr()
    assert out.count("resuming the run in") == 1
    assert "at step 4" in out
    assert_same_weights(load(tmp_path / "run")[0], load(tmp_path / "whole")[0])


def test_ctrl_c_twice_before_the_first_step_is_done(tmp_path, text, capsys, monkeypatch):
    def update(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "_update", update)
        assert train(text, tmp_path / "run") == 1
    out, err = capsys.readouterr()
    assert "interrupted after step 0" in out
    assert err == ""
    assert train(text, tmp_path / "run") == 0


def test_ctrl_c_while_the_vocabulary_is_learnt(tmp_path, text, capsys, monkeypatch):
    def learn(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_make_tokenizer", learn)
    assert train(text, tmp_path / "run") == 1
    assert capsys.readouterr().err == ""
    assert not (tmp_path / "run").exists()


def test_early_stop_is_said(tmp_path, capsys):
    data = write(tmp_path / "text.txt", "abcd" * 200 + "dcba" * 25)  # what is learnt is wrong
    options = ["--tokenizer", "char", "--patience", "1", "--steps", "60"]
    assert train(data, tmp_path / "run", *options) == 0
    assert "stopped early after step" in capsys.readouterr().out


def test_other_options_on_the_same_folder_name_the_difference(tmp_path, text, capsys):
    assert train(text, tmp_path / "run") == 0
    capsys.readouterr()
    before = content(tmp_path)
    assert train(text, tmp_path / "run", "--steps", "5", "--n-embd", "32") == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "training.steps is 4 there and 5 here" in said
    assert "model.n_embd is 16 there and 32 here" in said
    assert "choose another folder" in said
    assert content(tmp_path) == before


# --- texts --------------------------------------------------------------------------------------

CHINESE = "天地玄黃,宇宙洪荒。日月盈昃,辰宿列張。寒來暑往,秋收冬藏。\n" * 30
EMOJI = "👩‍👩‍👧 went 🏃🏽‍♀️ to the 🏖️ — “naïve café”, İstanbul, e\u0301!\r\n" * 30


@pytest.mark.parametrize("kind", ["bpe", "char"])
@pytest.mark.parametrize(
    "data",
    [
        CHINESE,
        EMOJI,
        "\ufeff" + TEXT,
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", "\r"),
        "\x00\x01\x7f\u2028\ufffd" * 100,
        "a" * 3_000,
        " " * 3_000 + "x",
        "0123456789" * 100 + "only here: ßÆ",  # characters of the held-out part alone
    ],
    ids=["chinese", "emoji", "bom", "crlf", "cr", "control", "one letter", "blanks", "new at end"],
)
def test_any_text_can_be_learnt(tmp_path, data, kind, capsys):
    path = write(tmp_path / "text.txt", data)
    few = ["--steps", "2", "--vocab-size", "260"]  # or one letter 3,000 times were two tokens
    assert train(path, tmp_path / "run", "--tokenizer", kind, *few) == 0
    assert capsys.readouterr().err == ""
    prompt = data.strip("\ufeff")[:3].replace("\r", "\n")
    options = ["--model", str(tmp_path / "run"), "--seed", "1"]
    assert main(["generate", *options, "--prompt", prompt, "--tokens", "20"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.startswith(prompt)
    assert (tmp_path / "text.txt").read_bytes() == data.encode()


def test_line_ends_and_byte_order_mark_make_no_difference(tmp_path):
    for name, data in [("a", TEXT), ("b", "\ufeff" + TEXT.replace("\n", "\r\n"))]:
        assert train(write(tmp_path / f"{name}.txt", data), tmp_path / name) == 0
    assert_same_weights(load(tmp_path / "a")[0], load(tmp_path / "b")[0])


@pytest.mark.slow
def test_a_megabyte_in_one_line_without_a_space(tmp_path, capsys):
    """Say, a genome: one word of a million letters for the tokenizer."""
    generator = torch.Generator().manual_seed(0)
    letters = torch.randint(4, (1_000_000,), generator=generator).tolist()
    data = write(tmp_path / "text.txt", "".join("acgt"[i] for i in letters))
    options = ["--vocab-size", "300", "--steps", "2", "--block-size", "128"]
    assert train(data, tmp_path / "run", *options) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("size", [30, 60])
def test_tiny_files(tmp_path, size):
    data = write(tmp_path / "text.txt", TEXT[:size])
    assert train(data, tmp_path / "run", "--block-size", "4", "--steps", "2") == 0


def test_a_text_that_may_only_be_read(tmp_path, text):
    Path(text).chmod(0o444)
    assert train(text, tmp_path / "run", "--steps", "2") == 0
    assert Path(text).read_text() == TEXT


def test_a_text_changed_under_the_run_is_another_run(tmp_path, text, capsys):
    assert train(text, tmp_path / "run") == 0
    capsys.readouterr()
    Path(text).write_text(TEXT.replace("dog", "cow"))
    assert train(text, tmp_path / "run") == 2
    assert "train_sha256 differs: other data" in capsys.readouterr().err


# --- errors of train ----------------------------------------------------------------------------

TEXT_ERRORS = {
    "empty": (b"", "holds no text"),
    "white space": (b" \n\t \r\n\xc2\xa0", "holds no text"),
    "only a mark": (b"\xef\xbb\xbf", "holds no text"),
    "one letter": (b"x", "is too short"),
    "shorter than the context": (b"abcdefgh", "a smaller --block-size"),
    "latin-1": ("Grüße aus Köln\n".encode("latin-1") * 50, "byte 0xfc at position 2 does not fit"),
    "utf-16": (TEXT.encode("utf-16"), "is not UTF-8 text: byte 0xff at position 0"),
    "binary": (bytes(range(256)) * 10, "save it as UTF-8 first"),
    "cut in a character": ("é".encode() * 200 + b"\xc3", "at position 400"),
}


@pytest.mark.parametrize("name", TEXT_ERRORS)
def test_texts_that_cannot_be_learnt(tmp_path, capsys, name):
    data, expected = TEXT_ERRORS[name]
    path = write(tmp_path / "text.txt", data)
    assert train(path, tmp_path / "run") == 2
    said = sentence(capsys)
    assert expected in said
    assert path in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_a_path_that_is_none(tmp_path, run, capsys, command):
    place = ["--out", str(tmp_path / "run")] if command == "train" else ["--model", str(run)]
    for path, expected in [
        (tmp_path / "none.txt", "there is no file"),
        (tmp_path, "is a folder: name one text file in it"),
        (tmp_path / "none" / "none.txt", "check the path"),
        (Path(write(tmp_path / "file", "x")) / "text.txt", "there is no file"),
    ]:
        assert main([command, "--text", str(path), *place]) == 2
        said = sentence(capsys)
        assert expected in said
        assert str(path) in said
    assert not (tmp_path / "run").exists()


def test_the_output_folder_holds_other_files(tmp_path, text, capsys):
    (tmp_path / "out").mkdir()
    write(tmp_path / "out" / "thesis.txt", "mine")
    before = content(tmp_path)
    assert train(text, tmp_path / "out") == 2
    said = sentence(capsys)
    assert "is not empty and holds no run: choose a new or empty folder" in said
    assert str(tmp_path / "out") in said
    assert content(tmp_path) == before


@pytest.mark.parametrize("name", ["out", "out/deeper"])
def test_the_output_folder_is_a_file(tmp_path, text, capsys, name):
    write(tmp_path / "out", "mine")
    assert train(text, tmp_path / name) == 2
    assert f"{tmp_path / 'out'} is a file: name a folder for the run" in sentence(capsys)
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.skipif(
    sys.platform == "win32" or not hasattr(os, "geteuid") or os.geteuid() == 0,
    reason="the superuser may write everywhere",
)
def test_the_output_folder_cannot_be_written(tmp_path, text, capsys):
    (tmp_path / "locked").mkdir(mode=0o500)
    assert train(text, tmp_path / "locked" / "run") == 2
    assert "Permission denied" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--n-embd", "17"], "n_embd=17 is not a multiple of n_head=2"),
        (["--n-embd", "6", "--n-head", "2"], "choose an even width"),
        (["--block-size", "1"], "block_size=1: at least 2"),
        (["--dropout", "1"], "dropout=1.0: choose 0 <= dropout < 1"),
        (["--dropout", "nan"], "dropout=nan"),
        (["--vocab-size", "100"], "vocab_size=100 is too small: 256 bytes"),
        (["--learning-rate", "0"], "learning_rate=0.0: must be"),
        (["--learning-rate", "inf"], "learning_rate=inf: must be"),
        (["--learning-rate", "-1"], "learning_rate=-1.0: must be"),
        (["--device", "tpu9"], "--device tpu9 cannot be used here"),
        (["--device", "meta"], "--device meta cannot be used here"),
        (["--device", "cuda:99"], "try --device cpu"),
        (["--device", ""], "try --device cpu"),
        (["--block-size", "100000"], "a smaller --block-size"),
    ],
)
def test_settings_that_cannot_be(tmp_path, text, capsys, options, expected):
    assert train(text, tmp_path / "run", *options) == 2
    assert expected in sentence(capsys)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--steps", "0"], "argument --steps: '0' is not a whole number of at least 1"),
        (["--steps", "-3"], "argument --steps: '-3' is not a whole number"),
        (["--steps", "1e3"], "argument --steps: '1e3' is not a whole number"),
        (["--steps", "1" * 5_000], "argument --steps"),
        (["--batch-size", "²"], "argument --batch-size"),
        (["--checkpoint-interval", "0"], "argument --checkpoint-interval"),
        (["--learning-rate", "fast"], "argument --learning-rate: invalid float value: 'fast'"),
        (["--seed", "-1"], "argument --seed: '-1' is not a whole number from 0 to 4294967295"),
        (["--seed", "99999999999999999999"], "argument --seed"),
        (["--preset", "gpt5"], "argument --preset: invalid choice: 'gpt5'"),
        (["--dtype", "int8"], "argument --dtype: invalid choice"),
        (["--stepz", "3"], "unrecognized arguments: --stepz 3"),
    ],
)
def test_arguments_that_are_none(tmp_path, text, capsys, options, expected):
    with pytest.raises(SystemExit) as caught:
        train(text, tmp_path / "run", *options)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert expected in err.splitlines()[-1]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("arguments", [[], ["train"], ["train", "--text", "x"], ["fly"]])
def test_commands_that_are_incomplete(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "minigpt" in capsys.readouterr().err


def test_a_learning_rate_far_too_high(tmp_path, text, capsys):
    options = ["--preset", "gpt2", "--learning-rate", "1e30", "--steps", "50"]
    assert train(text, tmp_path / "run", *options) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert re.search(r"step \d+: .* checkpoint is .*step-0000\d\d\. Lower the learning rate", said)
    load(tmp_path / "run")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB.\nSee …"),
        MemoryError("Unable to allocate 8 TiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory"),
    ],
)
def test_too_little_memory(tmp_path, text, capsys, monkeypatch, error):
    def update(*arguments):
        raise error

    monkeypatch.setattr(training, "_update", update)
    assert train(text, tmp_path / "run") == 2
    assert "choose a smaller --batch-size" in capsys.readouterr().err


def test_memory_that_is_really_too_little(tmp_path, text, capsys):
    assert train(text, tmp_path / "run", "--n-embd", str(2**38)) == 2  # 300 TB
    assert "choose a smaller --batch-size" in sentence(capsys)


def test_what_cannot_be_is_refused_before_the_vocabulary_is_learnt(tmp_path, text, monkeypatch):
    """Which takes its time for a long text."""
    monkeypatch.setattr(cli, "_make_tokenizer", lambda *a: pytest.fail("too late"))
    (tmp_path / "out").mkdir()
    write(tmp_path / "out" / "thesis.txt", "mine")
    assert train(text, tmp_path / "out") == 2
    assert train(text, tmp_path / "run", "--n-embd", "17") == 2
    assert train(text, tmp_path / "run", "--learning-rate", "0") == 2


def test_a_bug_of_ours_is_not_passed_off_as_the_users(tmp_path, text, monkeypatch):
    def update(*arguments):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(training, "_update", update)
    with pytest.raises(RuntimeError, match="mat1"):
        train(text, tmp_path / "run")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, of its compiler
def test_compile_without_a_compiler(tmp_path, text, capsys):
    from torch._inductor import config as inductor

    if torch.cuda.is_available():
        pytest.skip("on a GPU torch brings its own compiler")
    # Not by monkeypatch, whose way of undoing hides a setting of torch for good.
    none = {"cpp.cxx": (None, "/no/such/compiler"), "force_disable_caches": True}
    with inductor.patch(none):
        assert train(text, tmp_path / "run", "--compile") == 2
    said = capsys.readouterr().err
    assert "--compile failed" in said
    assert "install a C++ compiler, or leave it out" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        OSError("model.safetensors could not be written: I/O error: No space left on device"),
        OSError("I/O error: There is not enough space on the disk. (os error 112)"),
    ],
)
def test_a_full_disk_says_what_to_do(tmp_path, text, capsys, monkeypatch, error):
    def save(*arguments, **keywords):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("minigpt.run.save_checkpoint", save)
        assert train(text, tmp_path / "run") == 2
    said = capsys.readouterr().err
    assert "the disk is full; free some space and run the same command again" in said
    assert len(said.splitlines()) == 1
    assert train(text, tmp_path / "run") == 0


# --- generate -----------------------------------------------------------------------------------


def generated(capsys, run: Path, *options: str) -> str:
    base = ["generate", "--model", str(run), "--prompt", "the cat", "--tokens", "30"]
    assert main([*base, *options]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_the_same_seed_writes_the_same_text(run, capsys):
    texts = [generated(capsys, run, "--seed", seed) for seed in ("1", "1", "2")]
    assert texts[0] == texts[1] != texts[2]
    assert texts[0].startswith("the cat")
    assert texts[0].endswith("\n")


def test_temperature_zero_needs_no_seed(run, capsys):
    texts = {generated(capsys, run, "--temperature", "0") for _ in range(3)}
    assert len(texts) == 1
    assert generated(capsys, run, "--top-k", "1") in texts


def test_number_of_tokens_and_stop_text(run, capsys):
    texts = [generated(capsys, run, "--tokens", n, "--seed", "3")[:-1] for n in ("7", "30")]
    short = texts[0].rstrip("\ufffd")  # a character that was cut in two
    assert len("the cat") < len(short) < len(texts[1])
    assert texts[1].startswith(short)
    whole = generated(capsys, run, "--temperature", "0")[:-1]
    stop = whole[len("the cat") + 2 :][:2]
    cut = generated(capsys, run, "--temperature", "0", "--stop", stop)[:-1]
    assert cut == whole[: whole.index(stop, len("the cat"))]


def test_weights_of_8_bits_write_much_the_same(run, capsys, monkeypatch):
    made = []
    monkeypatch.setattr(cli, "quantize_int8", lambda model: made.append(model) or quantize(model))
    whole = generated(capsys, run, "--temperature", "0")
    assert not made
    small = generated(capsys, run, "--temperature", "0", "--int8")
    assert len(made) == 1
    assert small[:8] == whole[:8]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--temperature", "-1"], "temperature=-1.0: choose 0"),
        (["--temperature", "nan"], "temperature=nan"),
        (["--top-k", "0"], "top_k=0: choose 1 or more"),
        (["--top-p", "1.5"], "top_p=1.5: choose 0 < top_p <= 1"),
        (["--stop", ""], "empty stop string"),
        (["--prompt", ""], "prompt is empty"),
        (["--prompt", "\udcff"], "is half of a surrogate pair"),
        (["--device", "cuda:99"], "try --device cpu"),
        (["--int8", "--compile"], "an int8 model cannot be compiled"),
    ],
)
def test_settings_that_cannot_be_generated_with(run, capsys, options, expected):
    """Also: nothing is written before the error."""
    assert main(["generate", "--model", str(run), "--prompt", "the", *options]) == 2
    assert expected in sentence(capsys)


@pytest.mark.parametrize("command", ["generate", "evaluate"])
def test_models_that_are_none(tmp_path, run, text, capsys, command):
    (tmp_path / "empty").mkdir()
    shutil.copytree(run, tmp_path / "young")
    for checkpoint in (tmp_path / "young").glob("step-*"):
        shutil.rmtree(checkpoint)
    shutil.copytree(run, tmp_path / "damaged")
    weights = newest_checkpoint(tmp_path / "damaged") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    save_checkpoint(tmp_path / "mute", small_model(), None)
    rest = ["--prompt", "the"] if command == "generate" else ["--text", text]
    for name, expected in [
        ("none", "there is no file or folder"),
        ("empty", "is no model: expected a folder with"),
        ("young", "without a checkpoint so far: let it train"),
        ("damaged", "altered or cut short"),
        ("mute", "holds no tokenizer"),
        ("text.txt", "no GGUF file"),
    ]:
        assert main([command, "--model", str(tmp_path / name), *rest]) == 2
        said = sentence(capsys)
        assert expected in said
        assert str(tmp_path / name) in said


def test_a_character_the_model_does_not_know(tmp_path, text, capsys):
    assert train(text, tmp_path / "run", "--tokenizer", "char") == 0
    capsys.readouterr()
    assert main(["generate", "--model", str(tmp_path / "run"), "--prompt", "Ω"]) == 2
    assert "character 'Ω' (position 0) is not among the" in sentence(capsys)
    other = write(tmp_path / "other.txt", "the Ω")
    assert main(["evaluate", "--model", str(tmp_path / "run"), "--text", other]) == 2
    assert "character 'Ω' (position 4)" in sentence(capsys)


# --- evaluate -----------------------------------------------------------------------------------


@pytest.mark.parametrize("stride", [None, 5])
def test_evaluate_equals_a_plain_computation(run, tmp_path, capsys, stride):
    """One token at a time, each from as many tokens before it as the windows give."""
    data = "a dog sat on 😀 the mat; " * 4
    options = [] if stride is None else ["--stride", str(stride)]
    path = write(tmp_path / "other.txt", data)
    assert main(["evaluate", "--model", str(run), "--text", path, *options]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    numbers = re.findall(r"\d+\.?\d*", out)
    loss, perplexity, bits, count = map(float, numbers)

    model, tokenizer = load(run)
    ids, block = torch.tensor(tokenizer.encode(data)), 16
    total, scored, end = 0.0, 1, block
    with torch.no_grad():
        while scored < len(ids):
            end = min(end, len(ids) - 1)
            start = max(0, end - block)
            logits = model(ids[None, start:end])[0]
            fresh = logits[scored - 1 - start :]
            total += F.cross_entropy(fresh, ids[scored : end + 1], reduction="sum").item()
            scored, end = end + 1, end + (stride or block)
    n_bytes = len(data.encode()) - len(tokenizer.id_to_bytes(int(ids[0])))
    assert count == len(ids) - 1
    assert loss == pytest.approx(total / count, abs=1e-4)
    assert perplexity == pytest.approx(math.exp(total / count), abs=2e-2)
    assert bits == pytest.approx(total / math.log(2) / n_bytes, abs=1e-4)


def test_train_and_evaluate_agree_on_the_held_out_part(tmp_path, text, capsys):
    assert train(text, tmp_path / "run") == 0
    said = re.search(r"held-out loss ([\d.]+) .* ([\d.]+) bits", capsys.readouterr().out)
    held_out = write(tmp_path / "end.txt", TEXT[int(len(TEXT) * 0.9) :])
    assert main(["evaluate", "--model", str(tmp_path / "run"), "--text", held_out]) == 0
    found = re.search(r"loss ([\d.]+) .* ([\d.]+) bits", capsys.readouterr().out)
    assert [float(n) for n in found.groups()] == pytest.approx(
        [float(n) for n in said.groups()], abs=6e-4
    )


@pytest.mark.parametrize(
    ("data", "options", "expected"),
    [
        ("", [], "holds no text"),
        ("x", [], "is too short: there must be at least 2 tokens"),
        (TEXT, ["--stride", "17"], "stride=17: choose 1 to block_size=16"),
    ],
)
def test_texts_that_cannot_be_evaluated(run, tmp_path, capsys, data, options, expected):
    path = write(tmp_path / "other.txt", data)
    assert main(["evaluate", "--model", str(run), "--text", path, *options]) == 2
    assert expected in sentence(capsys)


# --- the program --------------------------------------------------------------------------------


PROMISED = (
    *("--text", "--out", "--steps", "--checkpoint-interval", "--seed", "--preset", "--batch-size"),
    *("--block-size", "--learning-rate", "--device", "--dtype"),
)


COMMANDS = ("train", "generate", "evaluate", "download")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_every_option(command, capsys):
    parser = build_parser(**{name: getattr(cli, f"_{name}") for name in COMMANDS})
    chosen = parser._subparsers._group_actions[0].choices[command]
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for action in chosen._actions:
        assert action.help, f"{action.option_strings} is not explained"
        for option in action.option_strings:
            assert option in shown
    if command == "train":
        for option in PROMISED:
            assert option in shown


def test_help_names_the_commands(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert all(command in shown for command in COMMANDS)


def test_the_installed_command_is_this_program():
    scripts = importlib.metadata.entry_points(group="console_scripts", name="minigpt")
    assert [script.load() for script in scripts] == [main]


def test_python_m_minigpt(tmp_path, run):
    """The same program, with its exit codes; and a reader who leaves early is no error."""
    base = [sys.executable, "-m", "minigpt"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "ascii"}
    failed = subprocess.run(
        [*base, "train", "--text", str(tmp_path / "none"), "--out", str(tmp_path / "run")],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert failed.returncode == 2
    assert failed.stdout == ""
    assert failed.stderr.startswith("minigpt: error: there is no file")
    assert len(failed.stderr.splitlines()) == 1
    options = ["--model", str(run), "--prompt", "the cat", "--tokens", "5000"]
    with subprocess.Popen(
        [*base, "generate", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        assert process.stdout.read(7) == b"the cat"
        process.stdout.close()
        errors = process.stderr.read()
        assert process.wait() == 1
    assert errors == b""


def test_a_console_that_lacks_characters(run, monkeypatch):
    raw = io.BytesIO()
    console = io.TextIOWrapper(raw, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", console)
    options = ["--model", str(run), "--prompt", "é→😀", "--tokens", "2", "--seed", "0"]
    assert main(["generate", *options]) == 0
    console.flush()
    assert raw.getvalue().startswith(b"???")


def test_a_run_of_the_library_can_be_used_from_the_command_line(tmp_path, capsys):
    tokenizer = CharTokenizer.train(TEXT)
    model = small_model(vocab_size=tokenizer.vocab_size)
    save_checkpoint(tmp_path / "c", model, tokenizer)
    options = ["--prompt", "the", "--tokens", "4", "--temperature", "0"]
    assert main(["generate", "--model", str(tmp_path / "c"), *options]) == 0
    assert len(capsys.readouterr().out) == len("the") + 4 + 1
    assert isinstance(load_checkpoint(tmp_path / "c")[0], GPT)
