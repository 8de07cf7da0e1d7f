"""minigpt: a small GPT that reads well, trains on a laptop, and opens real weights."""

from .cache import KVCache
from .checkpoint import load_checkpoint, save_checkpoint
from .config import GPTConfig
from .evaluate import score_choices, sequence_logprob
from .generate import generate, generate_text, sample_next, stream
from .model import GPT
from .pretrained import load
from .quantize import quantize_int8
from .tokenizer import BPETokenizer, CharTokenizer
from .train import fit
from .train_config import History, TrainConfig

__version__ = "0.1.0"
__all__ = [
    "GPT",
    "BPETokenizer",
    "CharTokenizer",
    "GPTConfig",
    "History",
    "KVCache",
    "TrainConfig",
    "fit",
    "generate",
    "generate_text",
    "load",
    "load_checkpoint",
    "quantize_int8",
    "sample_next",
    "save_checkpoint",
    "score_choices",
    "sequence_logprob",
    "stream",
]
