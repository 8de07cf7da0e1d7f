"""Measurements against brute force and against scipy."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import BLOCK, CONFIGS, VOCAB, random_ids, random_model

from minigpt import GPT, CharTokenizer, GPTConfig, score_choices, sequence_logprob
from minigpt.evaluate import (
    bits_per_byte,
    count_bytes,
    evaluate_loss,
    few_shot_prompt,
    next_token_loss,
    perplexity,
    token_losses,
)

END = "<|end|>"


def brute_force(model, ids, stride):
    """Every token's loss by itself, from the window that scores it."""
    block, losses = model.config.block_size, []
    for target in range(1, len(ids)):
        # Window number w reads ids[w * stride : w * stride + block] and scores what is new in it.
        number = 0 if target <= block else math.ceil((target - block) / stride)
        start = min(number * stride, max(0, len(ids) - 1 - block))  # the last one ends at the end
        with torch.no_grad():
            logits = model(ids[None, start:target])[0, -1]
        losses.append(-logits.log_softmax(-1)[ids[target]])
    return torch.stack(losses)


@given(st.integers(2, 4 * BLOCK), st.none() | st.integers(1, BLOCK), st.integers(1, 5))
@settings(max_examples=60)
def test_token_losses_equal_brute_force(length, stride, batch_size):
    model, ids = random_model(CONFIGS["rmsnorm-swiglu-rope"]), random_ids(1, length, seed=length)[0]
    found = token_losses(model, ids, stride=stride, batch_size=batch_size)
    assert found.shape == (length - 1,)
    torch.testing.assert_close(
        found, brute_force(model, ids, stride or BLOCK), atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("length", [2, BLOCK, BLOCK + 1, BLOCK + 2, 2 * BLOCK + 1, 40])
@pytest.mark.parametrize("stride", [None, 1, 5, BLOCK - 1, BLOCK])
def test_token_losses_at_the_borders(length, stride):
    model, ids = random_model(CONFIGS["layernorm-gelu-learned"]), random_ids(1, length)[0]
    found = token_losses(model, ids, stride=stride)
    torch.testing.assert_close(
        found, brute_force(model, ids, stride or BLOCK), atol=1e-4, rtol=1e-4
    )
    assert evaluate_loss(model, ids, stride=stride) == pytest.approx(float(found.mean()), rel=1e-5)


@pytest.mark.parametrize("window", [2, 5, BLOCK])
def test_token_losses_in_shorter_windows(window):
    """As those of a model whose block_size is the window: rotary positions count from its start."""
    model, ids = random_model(CONFIGS["rmsnorm-swiglu-rope"]), random_ids(1, 40)[0]
    short = GPT(replace(model.config, block_size=window))
    short.load_state_dict(model.state_dict())
    found = token_losses(model, ids, window=window, stride=(window + 1) // 2)
    torch.testing.assert_close(found, token_losses(short, ids, stride=(window + 1) // 2))


def test_windows_that_no_model_takes_are_refused():
    model, ids = random_model(CONFIGS["rmsnorm-swiglu-rope"]), random_ids(1, 40)[0]
    with pytest.raises(ValueError, match=f"window=0: choose 1 to block_size={BLOCK}"):
        token_losses(model, ids, window=0)
    with pytest.raises(ValueError, match=f"window={BLOCK + 1}"):
        token_losses(model, ids, window=BLOCK + 1)
    with pytest.raises(ValueError, match="stride=6: choose 1 to window=5"):
        token_losses(model, ids, window=5, stride=6)
    for size in (0, -1):
        with pytest.raises(ValueError, match=f"batch_size={size}: must be at least 1"):
            token_losses(model, ids, batch_size=size)


@pytest.mark.parametrize("mode", [True, False])
def test_the_mode_is_given_back_and_dropout_is_off(mode):
    config = GPTConfig(vocab_size=VOCAB, n_layer=1, n_head=2, n_embd=16, dropout=0.9)
    model = random_model(config).train(mode)
    ids = random_ids(1, 30)[0]
    assert torch.equal(token_losses(model, ids), token_losses(model, ids))
    assert model.training is mode
    assert not token_losses(model, ids).requires_grad
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("ids", "stride", "words"),
    [
        (torch.tensor([1]), None, r"at least 2 tokens.*\(1,\)"),
        (torch.tensor([], dtype=torch.int64), None, "at least 2"),
        (torch.zeros(2, 5, dtype=torch.int64), None, r"\(2, 5\)"),
        (torch.zeros(9), None, "float32"),
        (torch.zeros(9, dtype=torch.int64), 0, "stride=0"),
        (torch.zeros(9, dtype=torch.int64), BLOCK + 1, f"stride={BLOCK + 1}.*{BLOCK}"),
        (torch.full((9,), VOCAB), None, f"0 to {VOCAB - 1}"),
    ],
)
def test_bad_streams_are_refused(ids, stride, words):
    with pytest.raises(ValueError, match=words):
        token_losses(random_model(CONFIGS["layernorm-gelu-learned"]), ids, stride=stride)


def test_next_token_loss_leaves_out_what_is_ignored():
    logits = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([[1, -100, 4], [-100, 0, -100]])
    rows = [(0, 0, 1), (0, 2, 4), (1, 1, 0)]
    each = [-float(logits[b, t].log_softmax(-1)[y]) for b, t, y in rows]
    assert float(next_token_loss(logits, targets)) == pytest.approx(sum(each) / 3)
    assert float(next_token_loss(logits, targets, "sum")) == pytest.approx(sum(each))
    assert next_token_loss(logits.to(torch.bfloat16), targets).dtype == torch.float32


def test_a_uniform_model_has_the_uniform_loss():
    model = random_model(CONFIGS["layernorm-gelu-learned"])
    model.wte.weight.data.zero_()
    ids = random_ids(1, 50)[0]
    assert evaluate_loss(model, ids) == pytest.approx(math.log(VOCAB))
    assert perplexity(evaluate_loss(model, ids)) == pytest.approx(VOCAB)


def test_perplexity_at_the_edges():
    assert perplexity(0) == 1
    assert perplexity(1e6) == math.inf
    assert math.isnan(perplexity(math.nan)), "no number must not look like a very bad model"


def test_bits_per_byte():
    assert bits_per_byte(8 * math.log(2) * 10, 10) == pytest.approx(8)
    with pytest.raises(ValueError, match="n_bytes=0"):
        bits_per_byte(1.0, 0)


def test_bits_per_byte_do_not_depend_on_the_vocabulary(bpe_tokenizer, char_tokenizer):
    """A model that spreads evenly over bytes costs 8 bits a byte, however they are joined."""
    text = "the cat sat on the mat"
    for tokenizer in (bpe_tokenizer, char_tokenizer):
        ids = tokenizer.encode(text)
        assert count_bytes(tokenizer, ids) == len(text)
        assert count_bytes(tokenizer, [*ids, tokenizer.special_tokens[END]]) == len(text)
        with_end = torch.tensor([*ids, tokenizer.special_tokens[END]])
        assert count_bytes(tokenizer, with_end) == len(text), "also as a tensor"
    assert count_bytes(CharTokenizer("é🙂"), [0, 1]) == 6


# --- scoring ------------------------------------------------------------------------------------

TOKENIZER = CharTokenizer("abcdefgh .é", special_tokens=[END])


@pytest.fixture
def scorer():
    return random_model(
        GPTConfig(vocab_size=12, block_size=16, n_layer=2, n_head=2, n_embd=16), std=0.4
    )


def by_hand(model, context, continuation):
    """Sum over tokens, each predicted from everything before it."""
    given_ids = TOKENIZER.encode(context) or [TOKENIZER.special_tokens[END]]
    total = 0.0
    for token in TOKENIZER.encode(continuation):
        with torch.no_grad():
            total += float(F.log_softmax(model(torch.tensor([given_ids]))[0, -1], -1)[token])
        given_ids = [*given_ids, token]
    return total


@given(st.text("abcdefgh .é", max_size=6), st.text("abcdefgh .é", min_size=1, max_size=6))
@settings(max_examples=30)
def test_sequence_logprob_is_a_sum_over_tokens(context, continuation):
    model = random_model(GPTConfig(vocab_size=12, block_size=16, n_layer=1, n_head=2, n_embd=16))
    found, count = sequence_logprob(model, TOKENIZER, context, continuation)
    assert count == len(continuation)
    assert found == pytest.approx(by_hand(model, context, continuation), abs=1e-4)


def test_probabilities_of_all_continuations_sum_to_one(scorer):
    names = [*TOKENIZER.characters]
    singles = sum(math.exp(sequence_logprob(scorer, TOKENIZER, "ab", c)[0]) for c in names)
    with torch.no_grad():
        end = scorer(torch.tensor([TOKENIZER.encode("ab")]))[0, -1].softmax(-1)[-1]
    assert singles + float(end) == pytest.approx(1, abs=1e-5)


def test_choices_that_are_prefixes_of_one_another(scorer):
    choices = ["a", "ab", "abc", "ab"]
    scores = score_choices(scorer, TOKENIZER, "h.", choices)
    assert all(math.isfinite(score) for score in scores)
    assert scores == pytest.approx([by_hand(scorer, "h.", c) for c in choices], abs=1e-4)
    assert scores[0] > scores[1] > scores[2]
    assert scores[1] == scores[3]


def test_normalisations(scorer):
    choices = ["é", "éa b", "g"]
    plain = [by_hand(scorer, "cd", c) for c in choices]
    alone = [by_hand(scorer, "", c) for c in choices]
    expected = {
        "none": plain,
        "token": [plain[0], plain[1] / 4, plain[2]],
        "byte": [plain[0] / 2, plain[1] / 5, plain[2]],
        "pmi": [p - a for p, a in zip(plain, alone, strict=True)],
    }
    for normalize, scores in expected.items():
        found = score_choices(scorer, TOKENIZER, "cd", choices, normalize=normalize)
        assert found == pytest.approx(scores, abs=1e-4), normalize


def test_the_whole_window_may_be_used(scorer):
    """The last token is only predicted, never read: 16 + 1 tokens fit a window of 16."""
    assert sequence_logprob(scorer, TOKENIZER, "a" * 16, "b")[1] == 1
    assert sequence_logprob(scorer, TOKENIZER, "a", "b" * 16)[1] == 16
    with pytest.raises(ValueError, match=r"16 tokens of context and 2 to score.*block_size=16"):
        sequence_logprob(scorer, TOKENIZER, "a" * 16, "bb")


@pytest.mark.parametrize("mode", [True, False])
def test_scoring_gives_the_mode_back(scorer, mode):
    scorer.train(mode)
    score_choices(scorer, TOKENIZER, "a", ["b", "c"])
    assert scorer.training is mode


def test_bad_questions_are_refused(scorer):
    with pytest.raises(ValueError, match="continuation is empty"):
        sequence_logprob(scorer, TOKENIZER, "a", "")
    with pytest.raises(ValueError, match="context is empty"):
        sequence_logprob(scorer, CharTokenizer("abcdefgh .é!"), "", "a")
    with pytest.raises(ValueError, match="normalize='length'"):
        score_choices(scorer, TOKENIZER, "a", ["b", "c"], normalize="length")
    with pytest.raises(ValueError, match="at least 2"):
        score_choices(scorer, TOKENIZER, "a", ["b"])
    with pytest.raises(ValueError, match="list of"):
        score_choices(scorer, TOKENIZER, "a", "bc")
    with pytest.raises(ValueError, match="a choice is empty"):
        score_choices(scorer, TOKENIZER, "a", ["", "c"], end=".")


def test_an_end_tells_an_answer_from_one_that_goes_on(scorer):
    """A model that has learnt to write "ab." after "h" alone."""
    script = TOKENIZER.encode("ab.")

    class Fixed(GPT):
        def features(self, idx, cache=None):
            return F.one_hot(idx, TOKENIZER.vocab_size).float()

        def head(self, h):
            logits = torch.zeros(*h.shape[:-1], TOKENIZER.vocab_size)
            for before, after in zip([*TOKENIZER.encode("h"), *script], script, strict=False):
                logits[h.argmax(-1) == before, after] = 3.0
            return logits

    model = Fixed(scorer.config)
    plain = score_choices(model, TOKENIZER, "h", ["a", "ab"])
    assert plain[0] > plain[1], "what comes first is never less probable"
    ended = score_choices(model, TOKENIZER, "h", ["a", "ab"], end=".")
    assert ended[1] > ended[0]
    assert ended[1] == pytest.approx(sequence_logprob(model, TOKENIZER, "h", "ab.")[0], abs=1e-5)


def test_choices_are_scored_together_as_each_alone(scorer):
    choices = ["a", "bcdefg", "h é", "gg", *"abcdefgh" * 4]
    for normalize in ("none", "token", "byte", "pmi"):
        together = score_choices(scorer, TOKENIZER, "abc", choices, normalize=normalize)
        for choice, score in zip(choices, together, strict=True):
            alone = score_choices(scorer, TOKENIZER, "abc", [choice, "a"], normalize=normalize)
            assert alone[0] == pytest.approx(score, abs=1e-5)


def test_a_context_of_ids(scorer):
    ids = [TOKENIZER.special_tokens[END], *TOKENIZER.encode("ab ")]
    found, count = sequence_logprob(scorer, TOKENIZER, ids, "cd")
    assert count == 2
    with torch.no_grad():
        log_p = scorer(torch.tensor([[*ids, *TOKENIZER.encode("c")]]))[0].log_softmax(-1)
    c, d = TOKENIZER.encode("cd")
    assert found == pytest.approx(float(log_p[-2, c] + log_p[-1, d]), abs=1e-5)
    both = score_choices(scorer, TOKENIZER, ids, ["cd", "e"])
    assert both[0] == pytest.approx(found, abs=1e-5)


def test_a_blank_at_the_contexts_end_goes_to_the_word(bpe_tokenizer):
    model = random_model(
        GPTConfig(vocab_size=bpe_tokenizer.vocab_size, block_size=16, n_layer=1, n_head=2)
    )
    apart = sequence_logprob(model, bpe_tokenizer, "the cat", " sat")
    assert sequence_logprob(model, bpe_tokenizer, "the cat ", "sat") == apart
    line = sequence_logprob(model, bpe_tokenizer, "the cat\n", "sat")
    ids = bpe_tokenizer.encode("the cat\nsat")
    assert line[1] == len(bpe_tokenizer.encode("sat")), "a line's end is a token of its own"
    assert bpe_tokenizer.encode("the cat\n") + bpe_tokenizer.encode("sat") == ids


@pytest.mark.parametrize(
    "context", ["the cat", "the cat ", "the cat\n", "the\n\n", "the \t ", "a cat. \n"]
)
def test_scores_are_those_of_the_harness(bpe_tokenizer, context):
    """EleutherAI's rule: blanks at the end go to the choice, which is what is left of the whole."""
    model = random_model(
        GPTConfig(vocab_size=bpe_tokenizer.vocab_size, block_size=24, n_layer=1, n_head=2)
    )
    choices = ["sat", "sat on", "the", " the"]
    before = context.rstrip()
    expected = []
    for choice in choices:
        given = bpe_tokenizer.encode(before)
        whole = bpe_tokenizer.encode(context + choice)
        with torch.no_grad():
            log_p = model(torch.tensor([whole]))[0].log_softmax(-1)
        assert whole[: len(given)] == given
        places = range(len(given), len(whole))
        expected.append(sum(float(log_p[at - 1, whole[at]]) for at in places))
    found = score_choices(model, bpe_tokenizer, context, choices)
    assert found == pytest.approx(expected, abs=1e-4)


# --- prompts with examples ----------------------------------------------------------------------


def test_few_shot_prompts():
    examples = [("cat", "animal"), ("oak", "plant")]
    assert few_shot_prompt(examples, "dog") == "cat -> animal\noak -> plant\ndog ->"
    assert few_shot_prompt([], "dog", instruction="Classify.") == "Classify.\ndog ->"
    found = few_shot_prompt(
        examples[:1], "dog", template="Q: {input}\nA: {output}", separator="\n\n"
    )
    assert found == "Q: cat\nA: animal\n\nQ: dog\nA:"
    assert few_shot_prompt([("{output}", "{input}")], "{x}") == "{output} -> {input}\n{x} ->"
    assert few_shot_prompt([("a", "b")], "c", template="{input}\n{output}") == "a\nb\nc\n"


@pytest.mark.parametrize(
    "template",
    ["{input}", "{output}", "{input} {output}.", "{input}{input}", "{output}{input}{output}"],
)
def test_templates_without_their_fields(template):
    with pytest.raises(ValueError, match=r"needs \{input\} once and \{output\} once"):
        few_shot_prompt([], "x", template=template)
