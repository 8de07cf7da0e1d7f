"""The real SmolLM2-135M-Instruct: the same numbers and tokens as Hugging Face's transformers.

The file (98 MB, weights of 4 to 5 bits) is downloaded once. Without a network these tests skip,
and say why. Both sides read the same file, so what is compared is the code.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time

import pytest
import torch

import minigpt
from benchmarks.real import their_model
from minigpt.chat import chat_ids
from minigpt.download import download
from minigpt.evaluate import next_token_loss
from minigpt.files import sha256
from minigpt.lora import adapters
from minigpt.pretrained import share
from minigpt.probes import (
    ablated_heads,
    activations,
    attention_maps,
    induction_scores,
    repeated_tokens,
)

NAME = "smollm2-135m"
PROMPTS = [
    "The capital of France is",
    "def fibonacci(n):\n    if n < 2:\n        return",
    "Once upon a time there was a small robot who",
    "Water boils at 100 degrees Celsius, and freezes at",
    "Q: What is 17 + 25?\nA:",
    "Review: the food was cold and the waiter rude.\nSentiment:",
    "1, 1, 2, 3, 5, 8, 13,",
    "Übersetzung ins Deutsche: good morning →",
    "<html>\n  <body>\n    <h1>",
    "The trophy does not fit into the suitcase because it is too",
]


@pytest.fixture(scope="module")
def path():
    try:
        return download(NAME, lambda text: None)
    except (OSError, ValueError) as error:
        pytest.skip(f"the file cannot be had: {error}")


@pytest.fixture(scope="module")
def ours(path):
    return minigpt.load(NAME)


@pytest.fixture(scope="module")
def theirs(path):
    return their_model(path)


@pytest.fixture(scope="module")
def their_tokenizer(path):
    """transformers' tokenizer of the file. Of how text is cut, the file tells "smollm" alone, and
    transformers' reader forgets it; this is what it stands for (in SmolLM2's own tokenizer.json,
    and in llama.cpp)."""
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
    from transformers import AutoTokenizer

    found = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    cut = [Digits(individual_digits=True), ByteLevel(add_prefix_space=False, use_regex=True)]
    found.backend_tokenizer.pre_tokenizer = Sequence(cut)
    return found


# --- the model ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_same_logits(ours, theirs):
    model, tokenizer = ours
    with torch.no_grad():
        for prompt in PROMPTS:
            idx = torch.tensor([tokenizer.encode(prompt)])
            found, expected = model(idx), theirs(idx).logits
            assert (found - expected).abs().max() < 1e-3, prompt
            assert expected.std() > 1


@pytest.mark.slow
def test_the_same_64_greedy_tokens(ours, theirs):
    model, tokenizer = ours
    for prompt in PROMPTS[:3]:
        idx = torch.tensor([tokenizer.encode(prompt)])
        found = minigpt.generate(model, idx, 64, temperature=0)
        expected = theirs.generate(
            idx, max_new_tokens=64, do_sample=False, eos_token_id=None, pad_token_id=0
        )
        assert found.tolist() == expected.tolist(), prompt


@pytest.mark.slow
def test_the_same_attention(ours, theirs):
    model, tokenizer = ours
    idx = torch.tensor([tokenizer.encode(PROMPTS[-1])])
    with torch.no_grad():
        expected = torch.stack(theirs(idx, output_attentions=True).attentions)
    assert (attention_maps(model, idx) - expected).abs().max() < 1e-4


@pytest.mark.slow
def test_the_same_activations(ours, theirs):
    model, tokenizer = ours
    idx = torch.tensor([tokenizer.encode(PROMPTS[0])])
    with torch.no_grad():
        hidden = theirs(idx, output_hidden_states=True).hidden_states  # wte, then behind each block
    layers = (0, 13, 28)  # theirs are normalised behind the last one
    found = activations(model, idx, ["wte", *(f"h.{layer}" for layer in layers)])
    assert (found["wte"] - hidden[0]).abs().max() < 1e-5
    for layer in layers:
        scale = hidden[layer + 1].abs().max()
        assert (found[f"h.{layer}"] - hidden[layer + 1]).abs().max() < 1e-4 * scale


@pytest.mark.slow
def test_induction_heads_are_there_and_copy(ours):
    """Without them the second copy of random words is lost; without as many others it is not."""
    model, tokenizer = ours
    texts = {token: tokenizer.decode([token]) for token in range(1000, 20_000)}
    words = [token for token, text in texts.items() if text[0] == " " and text[1:].isalpha()]
    idx = repeated_tokens(model, n=2, length=32, tokens=words)
    scores = induction_scores(model, idx)
    assert scores.shape == (30, 9)
    assert scores.max() > 0.5
    assert scores.median() < 0.1
    order = scores.flatten().argsort(descending=True).tolist()
    heads = [divmod(at, 9) for at in order]
    random.Random(0).shuffle(others := heads[60:])

    def loss(silent):
        with torch.no_grad(), ablated_heads(model, silent, how="mean"):
            return float(next_token_loss(model(idx)[:, 32:-1], idx[:, 33:]))

    whole, without, control = loss([]), loss(heads[:20]), loss(others[:20])
    assert whole < 4  # of the first copy, which cannot be known, it is 13
    assert without > whole + 1
    assert control < whole + (without - whole) / 2


@pytest.mark.slow
def test_half_precision_says_much_the_same(ours):
    half, tokenizer = minigpt.load(NAME, dtype=torch.bfloat16)
    idx = torch.tensor([tokenizer.encode(PROMPTS[0])])
    with torch.no_grad():
        p, q = ours[0](idx).log_softmax(-1), half(idx).float().log_softmax(-1)
    assert (p.exp() * (p - q)).sum(-1).max() < 0.05


@pytest.mark.slow
def test_adapters_on_the_real_model(path, tmp_path):
    model, tokenizer = minigpt.load(NAME)
    idx = torch.tensor([tokenizer.encode(PROMPTS[0])])
    with torch.no_grad():
        before = model(idx)
        minigpt.apply_lora(model, rank=4, alpha=8, targets=["attn.c_attn"])
        assert torch.equal(model(idx), before)
        for layer in adapters(model).values():
            layer.lora_b.normal_(std=0.05)
        changed = model(idx)
        minigpt.save_adapter(tmp_path / "a.safetensors", model)
        assert 100_000 < (tmp_path / "a.safetensors").stat().st_size < 1_000_000
        minigpt.merge_lora(model)
        assert (model(idx) - changed).abs().max() < 1e-3
        assert (changed - before).abs().max() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "limit"), [("float32", 1.2e9), ("bfloat16", 0.7e9)])
def test_time_and_memory(path, dtype, limit):
    """Loading in at most 5 seconds (15 where others compute), and all the process holds."""
    code = (
        "import time, torch, minigpt; torch.set_num_threads(2); start = time.time();"
        f"minigpt.load('{NAME}', dtype=torch.{dtype}); print(time.time() - start);"
        "print(next(line for line in open('/proc/self/status') if 'VmHWM' in line).split()[1])"
    )
    if sys.platform != "linux":
        pytest.skip("peak memory is measured in other units here")
    best = float("inf")
    for _ in range(6):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        seconds, kilobytes = map(float, done.stdout.split())
        assert kilobytes * 1024 < limit, f"{kilobytes * 1.024e-3:.0f} MB"
        best = min(best, seconds)
        if best < 5:
            return
        time.sleep(2)
    busy = os.getloadavg()[0] > 1.2 * (os.cpu_count() or 1)
    assert best < (15 if busy else 5), f"{best:.1f} s"


SHARED = """
import json, sys, torch, minigpt
model, tokenizer = minigpt.load("smollm2-135m")
text = "The capital of France is naïve: 12 🙂"
ids = tokenizer.encode(text)
logits = model(torch.tensor([ids]))[0, -1]
with open("/proc/self/smaps_rollup") as file:
    private = sum(int(line.split()[1]) for line in file if line.startswith("Private_Dirty"))
with torch.no_grad():
    model.wte.weight.mul_(2)  # of this process alone
print(json.dumps([ids, logits.tolist(), private, tokenizer.decode(ids) == text]))
"""


@pytest.mark.slow
def test_a_shared_copy_is_the_same_model_and_belongs_to_all(path, ours, tmp_path):
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / path.name).symlink_to(path)
    environment = os.environ | {"MINIGPT_HOME": str(tmp_path)}
    copy = tmp_path / NAME / "float32"

    def opened():
        done = subprocess.run(
            [sys.executable, "-c", SHARED], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    command = [sys.executable, "-m", "minigpt", "download", NAME, "--share"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert str(copy) in done.stdout
    before = {file.name: sha256(file) for file in copy.iterdir()}
    ids, logits, private, whole = opened()
    assert {file.name: sha256(file) for file in copy.iterdir()} == before
    model, tokenizer = ours
    assert ids == tokenizer.encode("The capital of France is naïve: 12 🙂")
    assert whole
    with torch.no_grad():
        expected = model(torch.tensor([ids]))[0, -1]
    assert (torch.tensor(logits) - expected).abs().max() < 1e-4
    # A copy made of other files is left aside: the model's own file is opened instead.
    extra = json.loads((copy / "extra.json").read_text(encoding="utf-8"))
    extra["copy_of"][path.name] = "0" * 64
    (copy / "extra.json").write_text(json.dumps(extra), encoding="utf-8")
    same, again, alone, _ = opened()
    assert same == ids
    assert (torch.tensor(again) - torch.tensor(logits)).abs().max() < 1e-4
    if sys.platform == "linux":
        assert alone - private > 300_000, (
            f"{private:,} kB of its own with a copy, {alone:,} without"
        )


@pytest.mark.slow
def test_a_damaged_copy_is_left_aside_and_made_again(path, tmp_path, monkeypatch):
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / path.name).symlink_to(path)
    monkeypatch.setenv("MINIGPT_HOME", str(tmp_path))
    copy = share(NAME)
    weights = copy / "model.safetensors"
    with weights.open("rb+") as file:
        file.seek(5_000_000)
        file.write(b"other")
    with pytest.warns(
        UserWarning, match=rf"{re.escape(str(weights))} was altered.*--share` to make"
    ):
        assert minigpt.load(NAME)[0].num_parameters() == 134_515_008
    assert share(NAME) == copy
    (copy / "extra.json").unlink()
    with pytest.warns(UserWarning, match=r"lacks extra\.json.*--share` to make"):
        minigpt.load(NAME)
    assert share(NAME) == copy
    made = weights.stat().st_mtime_ns
    minigpt.load(NAME)  # which warns of nothing
    assert share(NAME) == copy
    assert weights.stat().st_mtime_ns == made, "a whole copy stays"


# --- the tokenizer ------------------------------------------------------------------------------


def varied_strings(count, seed):
    """Unicode of many blocks, digits, code, runs of blanks, emoji, broken bytes, in any order."""
    draw = random.Random(seed)
    blocks = [(0x20, 0x7F), (0xA0, 0x250), (0x370, 0x530), (0x590, 0x700), (0x900, 0x980)]
    blocks += [(0xE00, 0xE80), (0x2000, 0x2070), (0x2150, 0x2190), (0x2460, 0x2500)]
    blocks += [(0x3000, 0x3100), (0x4E00, 0x4F00), (0xAC00, 0xAD00), (0xFE00, 0xFE10)]
    blocks += [(0xFF00, 0xFFF0), (0x10140, 0x10180), (0x1D7CE, 0x1D800), (0x1F300, 0x1F650)]
    pieces = [
        lambda: chr(draw.randrange(*draw.choice(blocks))),
        lambda: "".join(chr(draw.randrange(0x20, 0x7F)) for _ in range(draw.randrange(1, 8))),
        lambda: draw.choice([" ", "\t", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x1f", "\x85",
                             "\u00a0", "\u2003", "\u2028", "\u3000", "\u200b", "\ufeff"])
        * draw.randrange(1, 5),
        lambda: str(draw.randrange(10 ** draw.randrange(1, 12))),
        lambda: draw.choice(["the", "The", " the", "don't", "WE'LL", "it's", "’s", "naïve", "ﬁ"]),
        lambda: draw.choice(["def f(x):\n    return x", "a == b", "{}", "->", "!=", "</p>", "//"]),
        lambda: draw.choice(["👩‍👩‍👧", "🇩🇪", "👍🏽", "é", "e\u0301", "½", "²", "Ⅳ", "٣", "一"]),
        lambda: bytes(draw.randrange(256) for _ in range(4)).decode("utf-8", "replace"),
    ]  # fmt: skip
    for _ in range(count):
        yield "".join(draw.choice(pieces)() for _ in range(draw.randrange(1, 12)))


@pytest.mark.slow
def test_the_same_tokens_for_10_000_strings(ours, their_tokenizer):
    _, tokenizer = ours
    texts = [*varied_strings(10_000, seed=1), "", " ", "  ", "\n\n", "a  1", "1  a", "  1", " \n 2"]
    expected = their_tokenizer(texts, add_special_tokens=False)["input_ids"]
    for text, theirs in zip(texts, expected, strict=True):
        assert tokenizer.encode(text) == theirs, repr(text)
        kept = bytes(byte for byte in text.encode() if byte in tokenizer._byte_ids)
        assert tokenizer.decode(theirs) == kept.decode("utf-8", "replace")


@pytest.mark.slow
def test_special_tokens_only_if_asked_for(ours, their_tokenizer):
    _, tokenizer = ours
    text = "<|im_start|>user\nHi<|im_end|>"
    special = {*tokenizer.special_tokens.values()}
    assert len(special) == 17
    assert not special & {*tokenizer.encode(text)}
    asked = tokenizer.encode(text, allowed_special=tokenizer.special_tokens)
    assert asked == their_tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.end_id == tokenizer.special_tokens["<|endoftext|>"] == 0


@pytest.mark.slow
def test_the_same_conversation(ours, their_tokenizer):
    _, tokenizer = ours
    turns = [
        {"role": "user", "content": "What is the capital of France?"},
        {"role": "assistant", "content": "Paris."},
        {"role": "user", "content": "  And of Italy?\n"},
    ]
    for some in (turns, turns[:1], [{"role": "system", "content": "Answer in rhymes."}, *turns]):
        expected = their_tokenizer.apply_chat_template(
            some, add_generation_prompt=True, return_dict=False
        )
        assert chat_ids(tokenizer, some) == expected


@pytest.mark.slow
def test_it_answers(ours):
    said = minigpt.chat(*ours, [{"role": "user", "content": "What is the capital of France?"}], 40)
    assert "Paris" in said
    assert "<|im_end|>" not in said
