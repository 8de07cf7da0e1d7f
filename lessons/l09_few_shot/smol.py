"""Two tasks of our own writing for SmolLM2: is a remark pleased or not, and past tenses.

And the lookup of lesson 09 in it: invented values, its induction heads, and what silencing costs.
"""

from __future__ import annotations

from statistics import fmean
from typing import Any

import torch

from lessons.l09_few_shot import induction, shots
from lessons.world.tape import Tape
from minigpt import GPT, BPETokenizer, generate_text, score_choices
from minigpt.evaluate import few_shot_prompt, next_token_loss
from minigpt.intervals import Interval, bootstrap_interval
from minigpt.probes import ablated_heads, induction_scores, repeated_tokens

NAME = "smollm2-135m"
ABOUT = "SmolLM2-135M-Instruct, weights of 4 to 5 bits"
LABEL = "SmolLM2-135M (instruction-tuned, 4-bit)"  # of each row of results
SHOTS = (0, 1, 4, 8)
TASKS = ("remarks", "past tense")
PLEASED = (
    "I would buy the {} again tomorrow",
    "the {} made my week",
    "I have told all my friends to get the {}",
    "for once the {} was worth every penny",
    "we could not stop smiling about the {}",
    "the {} did exactly what it promised",
    "I look forward to the {} every day",
    "nobody in the family wants to give the {} back",
    "after a month the {} still delights me",
    "the {} turned a dull evening into a feast",
)
CROSS = (
    "I want my money back for the {}",
    "the {} broke on the second day",
    "I would not wish the {} on anybody",
    "what a waste of an evening, thanks to the {}",
    "the {} went straight into the bin",
    "never again, and least of all the {}",
    "I am still waiting for somebody to say sorry about the {}",
    "the {} ruined our holiday",
    "even for free the {} would be too expensive",
    "we sent the {} back the same day",
)
MORE_PLEASED = (
    "the {} is the best thing I own",
    "I am so glad that I bought the {}",
    "the {} works perfectly",
    "I love the {}",
    "we are very happy with the {}",
    "the {} is even better than I hoped",
    "thank you so much for the {}",
    "the {} makes me smile every morning",
    "what a wonderful {}",
    "I could not be happier with the {}",
    "the {} is a joy to use",
    "the {} was a great idea",
    "everybody at home admires the {}",
    "I would give the {} ten points out of ten",
    "the {} arrived early and in perfect shape",
    "my mother is delighted with the {}",
    "the {} has never let me down",
    "the {} is beautiful and strong",
    "I enjoy the {} more every day",
    "finally a {} that works as it should",
    "the {} was the nicest present of the year",
    "I can warmly recommend the {}",
    "the {} is worth twice its price",
    "the shop was kind and the {} is splendid",
    "the {} has made my life easier",
    "the children adore the {}",
    "after two years the {} is still as good as new",
    "the {} was a bargain",
    "I thank my sister every day for the {}",
    "the {} suits us perfectly",
    "nothing beats the {}",
    "the {} surprised me in the best way",
    "I am proud of the {}",
    "such a lovely {}, I want a second one",
    "the {} deserves a prize",
    "it was a lucky day when I found the {}",
    "the {} is quick, quiet and pretty",
    "I have waited years for such a good {}",
    "the {} came with a kind letter, and it works like a dream",
    "well done, the {} is excellent",
)
MORE_CROSS = (
    "the {} is the worst thing I ever bought",
    "I regret that I bought the {}",
    "the {} does not work at all",
    "I hate the {}",
    "we are very unhappy with the {}",
    "the {} is even worse than I feared",
    "I will complain about the {}",
    "the {} makes me angry every morning",
    "what a terrible {}",
    "I have never been so disappointed as by the {}",
    "the {} is a pain to use",
    "the {} was a stupid idea",
    "everybody at home curses the {}",
    "I would give the {} no points out of ten",
    "the {} arrived late and with a hole in it",
    "my mother is furious about the {}",
    "the {} lets me down every time",
    "the {} is ugly and weak",
    "I dislike the {} more every day",
    "yet another {} that does not work",
    "the {} was the worst present of the year",
    "I must warn everybody of the {}",
    "the {} is not worth half its price",
    "the shop was rude and the {} is rubbish",
    "the {} has made my life harder",
    "the children hate the {}",
    "after two days the {} fell apart",
    "the {} cost far too much for such rubbish",
    "I shout at the {} every day",
    "the {} has given us nothing but trouble",
    "nothing is as bad as the {}",
    "the {} shocked me in the worst way",
    "I am ashamed of the {}",
    "such an awful {}, I never want to see it again",
    "the {} deserves to be thrown away",
    "it was a bad day when I bought the {}",
    "the {} is slow, loud and dirty",
    "I have waited weeks, and the {} is still broken",
    "the {} came in pieces, and nobody says sorry",
    "shame on you, the {} is a fraud",
)
THINGS = "kettle sofa tent film concert bicycle lamp blender hotel course".split()
ASKED_OF = ("kettle", "bicycle")  # the things that this lesson's remarks speak of
_PAST = """
    walk/walked talk/talked play/played open/opened close/closed look/looked ask/asked
    help/helped call/called wait/waited start/started clean/cleaned cook/cooked move/moved
    like/liked love/loved live/lived hope/hoped use/used dance/danced smile/smiled
    stop/stopped plan/planned drop/dropped shop/shopped cry/cried try/tried carry/carried
    study/studied hurry/hurried go/went come/came see/saw eat/ate drink/drank give/gave
    take/took make/made know/knew think/thought buy/bought bring/brought teach/taught
    catch/caught fight/fought seek/sought find/found bind/bound wind/wound run/ran swim/swam
    begin/began sing/sang ring/rang sink/sank spring/sprang write/wrote ride/rode
    drive/drove rise/rose choose/chose freeze/froze speak/spoke steal/stole break/broke
    wake/woke wear/wore tear/tore bear/bore swear/swore fly/flew blow/blew grow/grew
    throw/threw draw/drew feel/felt keep/kept sleep/slept sweep/swept weep/wept leave/left
    meet/met lead/led feed/fed bleed/bled build/built send/sent spend/spent lend/lent
    bend/bent lose/lost shoot/shot sit/sat win/won hold/held stand/stood hear/heard
    tell/told sell/sold say/said pay/paid lay/laid dig/dug hang/hung stick/stuck
    strike/struck fall/fell forget/forgot get/got hide/hid bite/bit shake/shook
    forgive/forgave become/became understand/understood add/added answer/answered
    arrive/arrived bake/baked beg/begged believe/believed blame/blamed boil/boiled
    borrow/borrowed brush/brushed burn/burned change/changed chase/chased cheer/cheered
    climb/climbed collect/collected copy/copied count/counted cover/covered cross/crossed
    cure/cured decide/decided deliver/delivered deny/denied describe/described dress/dressed
    dry/dried end/ended enjoy/enjoyed enter/entered fill/filled finish/finished fix/fixed
    fold/folded follow/followed gather/gathered grab/grabbed greet/greeted guess/guessed
    hate/hated hug/hugged invite/invited join/joined jump/jumped kick/kicked kiss/kissed
    knock/knocked land/landed laugh/laughed learn/learned lift/lifted listen/listened
    marry/married mention/mentioned miss/missed mix/mixed nod/nodded notice/noticed
    order/ordered paint/painted pass/passed pick/picked point/pointed pour/poured
    promise/promised pull/pulled push/pushed rain/rained reach/reached rub/rubbed save/saved
    share/shared shout/shouted stay/stayed thank/thanked touch/touched travel/traveled
    turn/turned visit/visited wash/washed watch/watched whisper/whispered wish/wished
    worry/worried yawn/yawned
"""
PAST = dict(pair.split("/") for pair in _PAST.split())
LABELS = ("pleased", "cross")
ASKED = {
    "remarks": "Is the speaker pleased or cross?",
    "past tense": "Write the past tense of each verb.",
}
Example = tuple[str, str]


def examples(task: str) -> list[Example]:
    """All 200 (input, answer) pairs: 100 remarks on two things each, or past tenses of verbs."""
    if task == "past tense":
        return list(PAST.items())
    if task != "remarks":
        raise ValueError(f"task={task!r}: choose one of {TASKS}")
    every = (PLEASED + MORE_PLEASED, CROSS + MORE_CROSS)
    return [
        (sentence.format(thing), label)
        for label, sentences in zip(LABELS, every, strict=True)
        for sentence in sentences
        for thing in ASKED_OF
    ]


def _frame(question: str) -> str:
    """The sentence without its thing: items of one sentence are not independent."""
    for thing in THINGS:
        question = question.replace(thing, "")
    return question


def group(task: str, question: str) -> str:
    """What a question's verdict may depend on besides chance: its sentence, or its verb."""
    return _frame(question) if task == "remarks" else question


def queries(task: str, seed: int) -> list[Example]:
    """All items in the order in which they are asked, the same for every k and mode."""
    return Tape("smol", task, seed).shuffled(examples(task))


def shown(task: str, k: int, n: int, seed: int, *, shuffled: bool = False) -> list[list[Example]]:
    """The k examples before each of the first n queries, none of the query's sentence or verb.

    The examples of k are among those of more; of remarks, half are pleased (where k is even).
    `shuffled`: past tenses are dealt to the verbs anew, and of either label of remarks exactly
    half are wrong.
    """
    every, most, found = examples(task), max(SHOTS), []
    for number, (query, _) in enumerate(queries(task, seed)[:n]):
        tape, deal = (Tape(what, task, seed, number) for what in ("smol", "deal"))
        left = [pair for pair in every if group(task, pair[0]) != group(task, query)]
        if task == "remarks":
            groups = [tape.sample([p for p in left if p[1] == label], most) for label in LABELS]
            some = shots.balanced(tape, groups, k)
        else:
            some = tape.sample(left, most)[:k]
        if shuffled:
            labels = [answer for _, answer in some]
            dealt = (
                shots.half_wrong(deal, labels, LABELS)
                if task == "remarks"
                else shots.dealt(deal, labels)
            )
            some = shots.relabelled(some, dealt)
        found.append(some)
    return found


def prompts(task: str, k: int, n: int, seed: int, *, shuffled: bool = False) -> list[Example]:
    """n prompts with k examples each, and their answers; no chat template around them."""
    before = shown(task, k, n, seed, shuffled=shuffled)
    return [
        (few_shot_prompt(some, query, instruction=ASKED[task]), answer)
        for some, (query, answer) in zip(before, queries(task, seed), strict=False)
    ]


def output(model: GPT, tokenizer: BPETokenizer, task: str, prompt: str) -> str:
    """What SmolLM2 answers: the likelier label, or the words it writes, up to the line's end."""
    if task == "remarks":
        scores = score_choices(model, tokenizer, prompt, [f" {label}" for label in LABELS])
        return LABELS[scores.index(max(scores))]
    text = generate_text(model, tokenizer, prompt, 6, temperature=0)
    return text.split("\n")[0].strip()


def rows(
    model: GPT, tokenizer: BPETokenizer, task: str, k: int, mode: str, n: int, seed: int
) -> list[dict[str, Any]]:
    """A row for each of n prompts: what was asked, the answer, the output, 1 if that is right."""
    asked = prompts(task, k, n, seed, shuffled=mode == "shuffled")
    found = []
    for item, ((prompt, answer), (query, _)) in enumerate(
        zip(asked, queries(task, seed), strict=False)
    ):
        came = output(model, tokenizer, task, prompt)
        row = {"task": task, "k": k, "mode": mode, "item": item, "asked": query}
        found.append({**row, "answer": answer, "output": came, "right": int(came == answer)})
    return found


def baseline(task: str) -> float:
    """The share right of who does not read: always one label; always "d" or "ed"."""
    if task == "remarks":
        return 0.5
    return fmean(
        past == verb + ("d" if verb.endswith("e") else "ed") for verb, past in PAST.items()
    )


# The same heads as in Fernhollow's model?

HEADS = 20  # silenced, of 270
WORDS = 32  # random words, twice over
SETS = 5


def words_of(tokenizer: BPETokenizer) -> list[int]:
    """Tokens that are a word with a blank before it."""
    texts = {token: tokenizer.decode([token]) for token in range(1000, 20_000)}
    return [token for token, text in texts.items() if text[0] == " " and text[1:].isalpha()]


def finds(model: GPT, tokenizer: BPETokenizer, n: int, seed: int) -> list[int]:
    """For n prompts of sixteen invented statements: 1 where the likeliest token begins the answer.

    One prompt at a time, so that a silenced head's mean is that of the prompt's own tokens.
    """
    found = []
    for item in shots.items("invented values", shots.MOST, "gold", n, seed):
        ids = torch.tensor([tokenizer.encode(item.prompt)])  # (1, T)
        with torch.no_grad():
            best = int(model(ids)[0, -1].argmax())
        found.append(int(best == tokenizer.encode(item.answer)[0]))
    return found


def heads(model: GPT, tokenizer: BPETokenizer, n: int, seed: int) -> dict[str, Any]:
    """Induction scores, and what silencing the HEADS highest costs, against others of their layers.

    "loss": of the second copy of random words, nats; "right": invented values, share of n prompts
    with 95 % interval.
    """
    idx = repeated_tokens(model, n=4, length=WORDS, tokens=words_of(tokenizer), seed=seed)
    scores = induction_scores(model, idx)
    top = induction.ranked(scores)[:HEADS]
    others = induction.random_sets(model, top, SETS, seed)
    kinds: dict[str, list[list[induction.Head]]] = {"none": [[]], "top": [top], "others": others}
    loss: dict[str, float] = {}
    right: dict[str, Interval] = {}
    for name, sets in kinds.items():
        losses, shares = [], []
        for silent in sets:
            with ablated_heads(model, silent, how="mean"), torch.no_grad():
                logits = model(idx)[:, WORDS:-1]
                losses.append(float(next_token_loss(logits, idx[:, WORDS + 1 :])))
                shares.append(finds(model, tokenizer, n, seed))
        loss[name] = fmean(losses)
        right[name] = bootstrap_interval([fmean(one) for one in zip(*shares, strict=True)])
    return {
        "highest": float(scores.max()), "median": float(scores.median()), "heads": top,
        "layers": sorted({layer for layer, _ in top}), "loss": loss, "right": right, "n": n,
    }  # fmt: skip
