"""minigpt: a small GPT that reads well, trains on a laptop, and opens real weights."""

from .cache import KVCache
from .chat import chat
from .checkpoint import load_checkpoint, save_checkpoint
from .config import GPTConfig
from .download import download
from .evaluate import score_choices, sequence_logprob
from .generate import generate, generate_text, sample_next, stream
from .lora import apply_lora, load_adapter, merge_lora, save_adapter
from .model import GPT
from .pretrained import load
from .probes import attention_maps
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
    "apply_lora",
    "attention_maps",
    "chat",
    "download",
    "fit",
    "generate",
    "generate_text",
    "load",
    "load_adapter",
    "load_checkpoint",
    "merge_lora",
    "quantize_int8",
    "sample_next",
    "save_adapter",
    "save_checkpoint",
    "score_choices",
    "sequence_logprob",
    "stream",
]
