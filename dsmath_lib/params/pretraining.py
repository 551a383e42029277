"""Parameters of 02_pretraining."""

from typing import ClassVar, Literal

from dsmath_lib.params.base import Params, par


class PretrainingParams(Params):
    stage: ClassVar[str] = "02_pretraining"

    # text
    mix_math: float = par("share of tokens from the mined math corpus", 0.56, ge=0, le=1)
    mix_math_code: float = par("share from math code (AlgebraicStack)", 0.04, ge=0, le=1)
    mix_arxiv: float = par("share from arXiv", 0.10, ge=0, le=1)
    mix_code: float = par("share from code (GitHub)", 0.20, ge=0, le=1)
    mix_text: float = par("share from general text, English and Chinese", 0.10, ge=0, le=1)
    heldout_source: Literal["world", "corpus"] = par(
        "held-out text: solutions of new world problems, or corpus pages"
    )
    heldout_n: int = par("held-out problems, or pages at most", ge=2)
    # tokenizer and model
    vocab_size: int = par("tokens in the vocabulary", "102,400 (released)", ge=259)
    tokenizer_chars: int = par("characters that train the tokenizer", ge=1000)
    init_model: str = par("start: folder or Hub name; empty: new", "DeepSeek-Coder-Base 7B")
    init_revision: str = par("commit of init_model on the Hub")
    hidden_size: int = par("width of the model", "4096 (released)", ge=8)
    layers: int = par("number of layers", "30 (released)", ge=1)
    heads: int = par("attention heads", "32 (released)", ge=1)
    kv_heads: int = par("key-value heads", "32 (released)", ge=1)
    intermediate_size: int = par("width of the feed-forward layer", "11008 (released)", ge=8)
    tie_embeddings: bool = par("one matrix for input and output embedding", "False (released)")
    rope_theta: float = par("base of the rotary positions", "not stated", gt=1)
    init_std: float = par("spread of the initial weights", "not stated", gt=0, le=1)
    context: int = par("tokens per training row", 4096, ge=8)
    isolate_documents: bool = par("documents in one row do not see each other", "not stated")
    # training
    tokens: int = par("training tokens of the base model", "500B", ge=1)
    batch_size: int = par("rows per step", "2,441 (10M tokens)", ge=1)
    micro_batch: int = par("rows at once; changes memory, not the result", ge=1)
    peak_lr: float = par("highest learning rate", 4.2e-4, gt=0, le=1)
    warmup_steps: int = par("steps of linear warm-up", 2000, ge=0)
    beta1: float = par("AdamW: decay of the gradient mean", 0.9, ge=0, lt=1)
    beta2: float = par("AdamW: decay of the squared gradient", 0.95, ge=0, lt=1)
    weight_decay: float = par("AdamW: weight decay, not on norms", 0.1, ge=0, le=1)
    decay_embeddings: bool = par("weight decay on embeddings too", "not stated")
    grad_clip: float = par("largest gradient norm; 0: no clipping", "not stated", ge=0)
    dtype: Literal["float32", "bfloat16"] = par("arithmetic; weights stay float32", "not stated")
    # comparison of corpora
    compare_corpora: list[Literal["mined", "web", "seed"]] = par(
        "corpora to compare", "four (Table 1)", min_length=1
    )
    compare_tokens: int = par("training tokens per compared corpus", "150B", ge=1)
    # looking and saving
    evals: int = par("held-out measurements per run", ge=1)
    log_every: int = par("steps between log rows", ge=1)
    checkpoint_every: int = par("steps between checkpoints; 0: none", ge=0)
