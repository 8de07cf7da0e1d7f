"""400 questions for SmolLM2 whose answers can be checked: three bands of obscurity, and nothing.

100 each: well known, known, obscure, and about countries, elements and books that do not exist.
Bands are by the author's judgement, made before any run: what a schoolchild, a reader of newspapers
and a specialist would know. Each is asked in two ways: "Answer with the name only" leaves no room
for "I do not know", so it is asked again with leave to say so.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from minigpt import GPT, BPETokenizer, generate
from minigpt.chat import Turn, chat_ids
from minigpt.evaluate import token_losses
from minigpt.modes import evaluating

NAME = "smollm2-135m"
ABOUT = "SmolLM2-135M-Instruct, weights of 4 to 5 bits"
BANDS = ("well known", "known", "obscure", "invented")
ASKED = {
    "capital": "What is the capital of {}? Answer with the name only.",
    "symbol": "What is the chemical symbol of {}? Answer with the symbol only.",
    "author": "Who wrote {}? Answer with the name only.",
}
PERMISSION = "If there is none, or you do not know it, say so."
WAYS = ("name only", "may decline")
BEGINNING = "The capital of France is"
SENTENCE = " Paris.\n\nThe answer is: 2018-01-22 12:12:53."  # its greedy continuation, in a trial
_CAPITALS = """
France/Paris;Germany/Berlin;Italy/Rome;Spain/Madrid;Japan/Tokyo;China/Beijing;Russia/Moscow;
Egypt/Cairo;Greece/Athens;Portugal/Lisbon;Austria/Vienna;Ireland/Dublin;Poland/Warsaw;
Sweden/Stockholm;Norway/Oslo;Denmark/Copenhagen;Finland/Helsinki;Hungary/Budapest;
Belgium/Brussels;Canada/Ottawa;Mexico/Mexico City;Cuba/Havana;Argentina/Buenos Aires;Peru/Lima;
India/New Delhi,Delhi;Thailand/Bangkok;Turkey/Ankara;Iran/Tehran;Iraq/Baghdad;Kenya/Nairobi;
Australia/Canberra;Chile/Santiago;Vietnam/Hanoi;the United Kingdom/London
|
Romania/Bucharest;Bulgaria/Sofia;Serbia/Belgrade,Belgrad;Croatia/Zagreb;Slovakia/Bratislava;
Slovenia/Ljubljana;Estonia/Tallinn;Latvia/Riga;Lithuania/Vilnius;Iceland/Reykjavik;
Ukraine/Kyiv,Kiev;Belarus/Minsk;Albania/Tirana;Morocco/Rabat;Tunisia/Tunis;Ethiopia/Addis Ababa;
Ghana/Accra;Senegal/Dakar;Uganda/Kampala;Zimbabwe/Harare;Nepal/Kathmandu;
Mongolia/Ulaanbaatar,Ulan Bator;the Philippines/Manila;Indonesia/Jakarta;
Malaysia/Kuala Lumpur;Venezuela/Caracas;Colombia/Bogota;
Ecuador/Quito;Uruguay/Montevideo;Jamaica/Kingston;Lebanon/Beirut;Jordan/Amman;Syria/Damascus;
Libya/Tripoli
|
Bhutan/Thimphu;Laos/Vientiane;Kyrgyzstan/Bishkek;Tajikistan/Dushanbe;Turkmenistan/Ashgabat,Ashgabad;
Uzbekistan/Tashkent;Moldova/Chisinau;Burkina Faso/Ouagadougou;Mali/Bamako;Niger/Niamey;
Chad/N'Djamena;Gabon/Libreville;Malawi/Lilongwe;Zambia/Lusaka;Botswana/Gaborone;Namibia/Windhoek;
Lesotho/Maseru;Mauritania/Nouakchott;Togo/Lome;Benin/Porto-Novo;the Gambia/Banjul;
Liberia/Monrovia;Eritrea/Asmara;Rwanda/Kigali;Madagascar/Antananarivo;Paraguay/Asuncion;
Suriname/Paramaribo;Guyana/Georgetown;Belize/Belmopan;Honduras/Tegucigalpa;Fiji/Suva;
Vanuatu/Port Vila;Tonga/Nuku'alofa;Angola/Luanda
|
Belvonia;Tarquesh;Ostmaria;Melundi;Karvania;Drusland;Pelluria;Sombari;Vintoria;Halmesia;Quorland;
Nambuko;Estravia;Lurania;Zembala;Orvania;Tilmark;Brandovia;Cassaria;Ghelland;Iskara;Morvenia;
Palumbia;Ruthmark;Selvana;Thornia;Ulmeria;Varkhan;Welmar;Xandria;Yelmenia;Zorland;Arvelonia;
Dalmeria
"""
_SYMBOLS = """
hydrogen/H;helium/He;carbon/C;nitrogen/N;oxygen/O;sodium/Na;iron/Fe;gold/Au;silver/Ag;copper/Cu;
lead/Pb;zinc/Zn;tin/Sn;mercury/Hg;calcium/Ca;potassium/K;magnesium/Mg;aluminum/Al;silicon/Si;
sulfur/S;chlorine/Cl;phosphorus/P;neon/Ne;nickel/Ni;iodine/I;uranium/U;lithium/Li;fluorine/F;
argon/Ar;cobalt/Co;chromium/Cr;platinum/Pt;titanium/Ti
|
boron/B;manganese/Mn;bromine/Br;krypton/Kr;barium/Ba;tungsten/W;radium/Ra;radon/Rn;xenon/Xe;
arsenic/As;bismuth/Bi;cadmium/Cd;cesium/Cs;gallium/Ga;germanium/Ge;indium/In;iridium/Ir;
molybdenum/Mo;osmium/Os;palladium/Pd;plutonium/Pu;rubidium/Rb;selenium/Se;strontium/Sr;
thorium/Th;vanadium/V;yttrium/Y;zirconium/Zr;antimony/Sb;beryllium/Be;polonium/Po;scandium/Sc;
thallium/Tl
|
actinium/Ac;americium/Am;astatine/At;berkelium/Bk;bohrium/Bh;californium/Cf;cerium/Ce;curium/Cm;
dubnium/Db;dysprosium/Dy;einsteinium/Es;erbium/Er;europium/Eu;fermium/Fm;francium/Fr;
gadolinium/Gd;hafnium/Hf;hassium/Hs;holmium/Ho;lanthanum/La;lawrencium/Lr;lutetium/Lu;
meitnerium/Mt;mendelevium/Md;neodymium/Nd;neptunium/Np;niobium/Nb;nobelium/No;praseodymium/Pr;
promethium/Pm;protactinium/Pa;rhenium/Re;ytterbium/Yb
|
dorvium;castrium;velonium;marsium;trellorium;obrium;pandium;quillium;rostrium;sollium;tarvium;
umbrium;vexium;wellium;yorkium;zellium;ardium;bellidrium;corrium;drossium;elfium;farrium;
glastium;harvium;ilmium;jorium;kelvium;lustrium;mordium;nestium;ostrium;pyrrium;rillium
"""
_AUTHORS = """
Hamlet/Shakespeare;Romeo and Juliet/Shakespeare;Macbeth/Shakespeare;Pride and Prejudice/Austen;
Emma/Austen;Oliver Twist/Dickens;Great Expectations/Dickens;A Tale of Two Cities/Dickens;
War and Peace/Tolstoy;Anna Karenina/Tolstoy;Crime and Punishment/Dostoevsky,Dostoyevsky;
The Odyssey/Homer;The Iliad/Homer;Don Quixote/Cervantes;Frankenstein/Shelley;Dracula/Stoker;
Moby-Dick/Melville;The Adventures of Tom Sawyer/Twain;Jane Eyre/Charlotte Bronte;
Wuthering Heights/Emily Bronte;Alice's Adventures in Wonderland/Carroll;
Treasure Island/Stevenson;The Time Machine/Wells;The War of the Worlds/Wells;Les Miserables/Hugo;
The Divine Comedy/Dante;Faust/Goethe;Robinson Crusoe/Defoe;Gulliver's Travels/Swift;
On the Origin of Species/Darwin;Nineteen Eighty-Four/Orwell;The Hobbit/Tolkien;
The Great Gatsby/Fitzgerald
|
The Trial/Kafka;The Stranger/Camus;Ulysses/Joyce;Mrs Dalloway/Woolf;Madame Bovary/Flaubert;
The Red and the Black/Stendhal;Candide/Voltaire;The Prince/Machiavelli;Middlemarch/Eliot;
Vanity Fair/Thackeray;The Scarlet Letter/Hawthorne;Walden/Thoreau;Little Women/Alcott;
The Call of the Wild/London;The Jungle Book/Kipling;Heart of Darkness/Conrad;
The Brothers Karamazov/Dostoevsky,Dostoyevsky;Fathers and Sons/Turgenev;
The Cherry Orchard/Chekhov;A Doll's House/Ibsen;Pygmalion/Shaw;
The Importance of Being Earnest/Wilde;Paradise Lost/Milton;The Canterbury Tales/Chaucer;
The Aeneid/Virgil;The Republic/Plato;Metamorphoses/Ovid;The Decameron/Boccaccio;
The Magic Mountain/Mann;Steppenwolf/Hesse;The Tin Drum/Grass;Brave New World/Huxley;
The Grapes of Wrath/Steinbeck
|
The Good Soldier Svejk/Hasek;Zeno's Conscience/Svevo;The Man Without Qualities/Musil;
Effi Briest/Fontane;Oblomov/Goncharov;A Hero of Our Time/Lermontov;Dead Souls/Gogol;
The Betrothed (1827)/Manzoni;The Leopard (1958)/Lampedusa;Pan Tadeusz/Mickiewicz;
Quo Vadis/Sienkiewicz;Pharaoh/Prus;Growth of the Soil/Hamsun;Kristin Lavransdatter/Undset;
The Lusiads/Camoes;The Maias/Queiroz,Queiros;Dom Casmurro/Machado,Assis;Pedro Paramo/Rulfo;
The Invention of Morel/Bioy,Casares;Hopscotch/Cortazar;Kokoro/Soseki;Snow Country/Kawabata;
The Makioka Sisters/Tanizaki;The Tale of Genji/Murasaki;Max Havelaar/Multatuli;
The Radetzky March/Roth;The Death of Virgil/Broch;Jakob von Gunten/Walser;
Simplicius Simplicissimus/Grimmelshausen;Therese Raquin/Zola;The Castle of Otranto/Walpole;
Evelina/Burney;Cranford/Gaskell
|
The Ninth Lantern of Harrow;A Winter for the Cartographer;Seven Doors to Almery;
The Salt Clerk's Ledger Year;Our Lady of the Quarries;The Beekeeper's Treaty;
A Manual of Forgotten Tides;The Glass Steppe of Orm;Children of the Iron Orchard;
The Ferryman's Arithmetic;Midsummer at Kolvar;The Last Umbrella Maker;An Inventory of Bridges;
The Marsh Sonatas;Letters to a Cold Harbour;The Tailor of Ombria;Nine Sparrows and a Judge;
The Weight of Copper Rain;The Unmarried Lighthouse;Silence in Vellmar;The Potter's Second Oath;
Ashes over Brindle;The Clock at Saint Orsola;The Honest Smuggler of Pell;Three Winters in Tarn;
The Apothecary's Atlas;The Velvet Quarantine;A Short History of Fog Street;
The River Below the Ministry;Hours of the Paper King;The Widow's Telescope;
Gardens of the Third Sun;The Orchard Mutiny
"""


@dataclass(frozen=True)
class Question:
    """A question, what it is about, its band, and the answer ("" where there is none)."""

    kind: str
    band: str
    about: str
    answer: str

    @property
    def text(self) -> str:
        """The question, with the request for a bare name."""
        return ASKED[self.kind].format(self.about)

    @property
    def permitted(self) -> str:
        """The question with leave to decline."""
        return f"{self.text.split('? ')[0]}? {PERMISSION}"


def all_questions() -> list[Question]:
    """All 400, by band."""
    found = []
    for kind, text in (("capital", _CAPITALS), ("symbol", _SYMBOLS), ("author", _AUTHORS)):
        for band, part in zip(BANDS, text.split("|"), strict=True):
            for entry in " ".join(part.split()).split(";"):
                about, _, answer = entry.strip().partition("/")
                found.append(Question(kind, band, about, answer))
    return sorted(found, key=lambda question: BANDS.index(question.band))


_DECLINES = re.compile(
    r"\b(i|we) (really |also )?(do not|don't|cannot|can't|could not|couldn't|was not able)\b"
    r"|\b(i|we) have no \w+"
    r"|\b(i'm|i am) (not|unable|unsure|sorry(?! for (?:any|the) confusion\.))\b"
    r"|\bi apologi[sz]e\b|\bnot (sure|aware)\b"
    r"|^\W*(n/a|none|nobody|no one|no|unknown)\W*$"
    r"|(\b(is|are|was|remains)|'s) (currently |still |also )?(unknown|not known|unclear)\b"
    r"(?! (?:for|to have)\b)"
    r"|\b(is|are|was|were) not (specified|provided)\b"
    r"|\b(does|do|did)(n't| not) (actually |really )?(exist|have an?)\b"
    r"|\b(there|it) (is|are|was|has|have) no\b|\b(there )?(isn't|is not|aren't|are not) any\b"
    r"|\bthere (isn't|is not) an?\b"
    r"|\b(has|have) no (known|official|such|capital|author|symbol)\b"
    r"|\bno (known|record|information|such|official|country|element|book|capital|author)\b"
    r"|\bis(n't| not) an? (real|recogni[sz]ed|known|valid|chemical element|country|book)\b"
    r"|\b(not|isn't|aren't) (real|recogni[sz]ed)\b",
    re.IGNORECASE,
)
_FICTIONAL = re.compile(  # or an apology in place of an answer
    r"\b(is|are) (an? )?(entirely )?(fictional|fictitious|made-up|imaginary)\b(?! character)"
    r"|^\W*(i'm|i am) sorry for (any|the) confusion\.",
    re.IGNORECASE,
)
_GIVEN = re.compile(  # a name after all: "…; its capital is Belgrad", "a fictional novel by Smith"
    r"\b(?:capital(?: city)?(?: of \w+)? (?:is|was)|by(?: [a-z\d-]+,?){0,3}|symbol(?: of \w+)? is) "
    r"[\"']?[A-Z]"
)
_SYMBOL = re.compile(r"(?<!\w)[A-Z][a-z]?(?!['-]?\w)")
_WORDS = frozenset("I In As At He No Be Am".split())  # symbols that may be words of English


def _tidy(text: str) -> str:
    """With plain apostrophes, and without the marks of Markdown."""
    return text.replace("\u2019", "'").replace("*", "").replace("`", "")


def plain(text: str) -> str:
    """Small letters without accents or apostrophes, a hyphen as a blank, to compare names by."""
    apart = unicodedata.normalize("NFKD", text.lower().replace("-", " "))
    return "".join(c for c in apart if c.isascii() and c != "'")


@cache
def _answers(kind: str) -> dict[str, tuple[str, ...]]:
    """What is asked about → the spellings of its answer, of one kind."""
    return {
        question.about: tuple(plain(name) for name in question.answer.split(","))
        for question in all_questions()
        if question.kind == kind and question.answer
    }


def _holds(words: str, name: str) -> bool:
    return re.search(rf"(?<!not )\b{re.escape(name)}\b", words) is not None


def is_right(question: Question, output: str) -> bool:
    """Whether the output's first line gives the answer, in whole words.

    Names count in any of their spellings (see the lists: commas). Whoever lists the capitals of
    other countries besides is not right. Of chemical symbols the line must hold exactly one; what
    may be a word of English counts only where no other symbol stands, and not in "I am not sure".
    """
    line = _tidy(output.strip().split("\n")[0])
    if not question.answer:
        return False
    if question.kind == "symbol":
        known = {name for names in _answers("symbol").values() for name in names}
        said = {symbol for symbol in _SYMBOL.findall(line) if plain(symbol) in known}
        return (said - _WORDS or said) == {question.answer} and not declines(line)
    words, mine = plain(line), _answers(question.kind)[question.about]
    others = {
        name
        for about, names in _answers(question.kind).items()
        for name in names
        if about != question.about and not any(name in own or own in name for own in mine)
    }
    listed = question.kind == "capital" and any(_holds(words, name) for name in others)
    return any(_holds(words, name) for name in mine) and not listed


def declines(output: str) -> bool:
    """Whether the output says that it does not know, or that there is no such thing.

    To call it fictional, or to begin with an apology, is to decline, unless a name is given after
    all.
    """
    line = _tidy(output)
    if _DECLINES.search(line):
        return True
    return bool(_FICTIONAL.search(line)) and not _GIVEN.search(line)


def marks(question: Question, output: str) -> dict[str, int]:
    """Whether an output is right, and whether it declines: 0 or 1."""
    return {"right": int(is_right(question, output)), "declined": int(declines(output))}


def reply(
    model: GPT, tokenizer: BPETokenizer, turns: Sequence[Turn], new: int
) -> tuple[str, float]:
    """The greedy answer to a conversation, up to `new` tokens, and its probability per token.

    That is a geometric mean, the end included: per token, for answers are of very different
    lengths, and a product would measure these.
    """
    ids = chat_ids(tokenizer, turns)
    stop = tokenizer.special_tokens["<|im_end|>"]
    written = generate(model, torch.tensor([ids]), new, temperature=0, eos_id=stop)[0].tolist()
    said = written[len(ids) :]
    said = said[: said.index(stop) + 1] if stop in said else said
    nats = token_losses(model, torch.tensor(ids + said))[len(ids) - 1 :]
    text = tokenizer.decode([token for token in said if token != stop])
    return text, math.exp(-float(nats.double().mean()))


def ask(
    model: GPT, tokenizer: BPETokenizer, question: Question, way: str = WAYS[0], new: int = 40
) -> tuple[str, float]:
    """SmolLM2's greedy answer to a question put in one of WAYS, and its probability per token."""
    if way not in WAYS:
        raise ValueError(f"way={way!r}: choose one of {WAYS}")
    text = question.text if way == WAYS[0] else question.permitted
    return reply(model, tokenizer, [{"role": "user", "content": text}], new)


def record(
    model: GPT, tokenizer: BPETokenizer, some: Sequence[Question], way: str = WAYS[0]
) -> list[dict[str, Any]]:
    """A row for each question: the whole output, its confidence, and whether right or declined.

    What is neither is false or beside the point: the model says something else.
    """
    rows = []
    for question in some:
        output, confidence = ask(model, tokenizer, question, way)
        rows.append(
            {
                "way": way,
                "band": question.band,
                "kind": question.kind,
                "about": question.about,
                "truth": question.answer,
                "output": output,
                "confidence": confidence,
                **marks(question, output),
            }
        )
    return rows


def sentence(
    model: GPT, tokenizer: BPETokenizer, before: str = BEGINNING, text: str = SENTENCE
) -> list[dict[str, Any]]:
    """A row for each token of a continuation: its probability, its rank, and the three likeliest.

    The text is plain, without the marks of a conversation.
    """
    given, said = tokenizer.encode(before), tokenizer.encode(text)
    with evaluating(model):
        logits = model(torch.tensor([given + said]))[0, len(given) - 1 : -1]  # (N, V)
    rows = []
    for token, p in zip(said, logits.double().softmax(-1), strict=True):
        best = p.topk(3)
        row: dict[str, Any] = {"token": tokenizer.decode([token]), "p": float(p[token])}
        row["rank"] = int((p > p[token]).sum()) + 1
        for place, (other, chance) in enumerate(zip(best.indices, best.values, strict=True), 1):
            row |= {f"best_{place}": tokenizer.decode([int(other)]), f"p_{place}": float(chance)}
        rows.append(row)
    return rows
