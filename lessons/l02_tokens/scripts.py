"""One sentence in many scripts, for counting tokens: "The child drinks water."."""

from __future__ import annotations

from minigpt import BPETokenizer

SENTENCES = {
    "English": "The child drinks water.",
    "Spanish": "El niño bebe agua.",
    "German": "Das Kind trinkt Wasser.",
    "French": "L'enfant boit de l'eau.",
    "Russian": "Ребёнок пьёт воду.",
    "Greek": "Το παιδί πίνει νερό.",
    "Arabic": "الطفل يشرب الماء.",
    "Hebrew": "הילד שותה מים.",
    "Hindi": "बच्चा पानी पीता है।",
    "Thai": "เด็กดื่มน้ำ",
    "Chinese": "孩子喝水。",
    "Japanese": "子供は水を飲みます。",
    "Korean": "아이가 물을 마신다.",
}


def tokens_per_character(tokenizer: BPETokenizer) -> dict[str, float]:
    """Tokens for each character of the sentence, by language."""
    return {name: len(tokenizer.encode(text)) / len(text) for name, text in SENTENCES.items()}
