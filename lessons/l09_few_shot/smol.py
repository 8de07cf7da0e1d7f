"""Two tasks of our own writing for SmolLM2: is a remark pleased or not, and past tenses."""

from __future__ import annotations

from collections.abc import Sequence

from lessons.world.tape import Tape
from minigpt import GPT, BPETokenizer, generate_text, score_choices
from minigpt.evaluate import few_shot_prompt

NAME = "smollm2-135m"
ABOUT = "SmolLM2-135M-Instruct, weights of 4 to 5 bits"
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
THINGS = "kettle sofa tent film concert bicycle lamp blender hotel course".split()
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
    """All (input, answer) pairs of a task: 200 remarks; past tenses of common verbs."""
    if task == "past tense":
        return list(PAST.items())
    if task != "remarks":
        raise ValueError(f"task={task!r}: choose one of {TASKS}")
    return [
        (sentence.format(thing), label)
        for label, sentences in zip(LABELS, (PLEASED, CROSS), strict=True)
        for sentence in sentences
        for thing in THINGS
    ]


def prompts(task: str, k: int, n: int, seed: int, *, shuffled: bool = False) -> list[Example]:
    """n prompts with k examples each and their answers; no example shares its sentence or verb.

    `shuffled`: the examples' answers are dealt to them anew.
    """
    every = examples(task)
    queries = Tape("smol", task, seed).shuffled(every)  # the same for every k
    found = []
    for number in range(n):
        tape, deal = (Tape(what, task, k, seed, number) for what in ("smol", "deal"))
        query, answer = queries[number % len(queries)]
        left = [pair for pair in every if _frame(pair[0]) != _frame(query)]
        some = tape.sample(left, k)
        if shuffled:
            answers = deal.shuffled([a for _, a in some])
            some = [(question, a) for (question, _), a in zip(some, answers, strict=True)]
        found.append((few_shot_prompt(some, query, instruction=ASKED[task]), answer))
    return found


def _frame(question: str) -> str:
    for thing in THINGS:
        question = question.replace(thing, "")
    return question


def right(model: GPT, tokenizer: BPETokenizer, task: str, some: Sequence[Example]) -> int:
    """How many prompts SmolLM2 answers rightly: the likelier label, or the word it writes."""
    count = 0
    for prompt, answer in some:
        if task == "remarks":
            choices = [f" {label}" for label in LABELS]
            found = score_choices(model, tokenizer, prompt, choices)
            count += choices[found.index(max(found))] == f" {answer}"
        else:
            text = generate_text(model, tokenizer, prompt, 6, temperature=0)
            count += text.split("\n")[0].strip() == answer
    return count
