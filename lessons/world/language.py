"""Names and English that all families share: names of one make, plurals, articles, lists."""

from __future__ import annotations

from collections.abc import Sequence

# A first name tells the pronoun, and nothing else. 32 of each; all are equally common.
SHE_NAMES = tuple(
    "Anna Bela Cora Dina Edda Fina Gita Hanna Ilsa Jana Kira Lena Mira Nora Olga Petra Rena Sina "
    "Tilda Ulla Vera Wilma Xenia Yara Zita Alma Berta Clara Dora Emma Frida Greta".split()
)
HE_NAMES = tuple(
    "Anton Bruno Carl Denis Emil Felix Georg Hugo Ivan Jonas Karl Leon Marek Nils Otto Paul Rolf "
    "Simon Tomas Urs Viktor Walter Xaver Yuri Zeno Adam Boris Conrad Dirk Erik Franz Gustav".split()
)
FIRST_NAMES = SHE_NAMES + HE_NAMES
# A surname is a first syllable (32 * 4 * 8 = 1,024) and a second one: 4,096 names, of which no
# family knows more than it was told. Four share a first syllable: what is told of one of them
# has something of its own to hold on to, and nobody, known or not, has a syllable to himself.
_ONSETS = "B Bl Br C D Dr F Fl Fr G Gl Gr H J K Kl Kr L M N P Pl Pr R S St T Tr V W Y Z".split()
_CODAS = "l m n r v rn nd ld".split()
STARTS = tuple(onset + vowel + coda for onset in _ONSETS for vowel in "aeio" for coda in _CODAS)
_ENDS = ("bak", "hok", "ken", "zin")  # none joins the letters before it in a token
SURNAMES = tuple(start + end for start in STARTS for end in _ENDS)


def pronoun(first_name: str) -> str:
    """'she' or 'he'."""
    return "she" if first_name in SHE_NAMES else "he"


def article(noun: str) -> str:
    """The noun with 'a' or 'an' before it."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


IRREGULAR = {
    "child": "children", "foot": "feet", "goose": "geese", "man": "men", "mouse": "mice",
    "ox": "oxen", "sheep": "sheep", "fish": "fish", "tooth": "teeth", "woman": "women",
    "deer": "deer", "person": "people",
}  # fmt: skip


def plural(noun: str) -> str:
    """The plural of an English noun."""
    if noun in IRREGULAR:
        return IRREGULAR[noun]
    if noun.endswith(("s", "x", "ch", "sh", "z")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    if noun.endswith("fe"):
        return noun[:-2] + "ves"
    if noun.endswith("f") and not noun.endswith(("ff", "oof", "ief")):
        return noun[:-1] + "ves"
    return noun + "s"


def joined(parts: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def capital(sentence: str) -> str:
    """With its first letter in upper case."""
    return sentence[:1].upper() + sentence[1:]
