"""Parameters of 02_pretraining."""

from typing import ClassVar, Literal

from dsmath_lib.params.base import OPEN, par
from dsmath_lib.params.trained import TrainedParams

Compared = Literal["mined", "web", "seed", "arxiv", "code", "math_code", "text", "few", "equal"]


class PretrainingParams(TrainedParams):
    stage: ClassVar[str] = "02_pretraining"
    # what else is run or measured; how much a run reads is in its stream
    DECIDE_NO_RUN: ClassVar[frozenset[str]] = TrainedParams.DECIDE_NO_RUN | set(
        (
            "tokens compare_corpora compare_tokens few_tokens large_hidden start_tokens start_math_tokens start_heldout"
        ).split()
    )

    # text
    mix_math: float = par(
        0.56, "share of tokens from the mined math corpus", paper=0.56, ge=0, le=1
    )
    mix_math_code: float = par(
        0.04, "share from math code (AlgebraicStack)", paper=0.04, ge=0, le=1
    )
    mix_arxiv: float = par(0.1, "share from arXiv", paper=0.10, ge=0, le=1)
    mix_code: float = par(0.2, "share from code (GitHub)", paper=0.20, ge=0, le=1)
    mix_text: float = par(
        0.1, "share from general text, English and Chinese", paper=0.10, ge=0, le=1
    )
    heldout_source: Literal["world", "corpus"] = par(
        "world", "held-out text: solutions of new world problems, or corpus pages"
    )
    heldout_n: int = par(300, "held-out problems, or pages at most", ge=2)
    # tokenizer and model
    vocab_size: int = par(2048, "tokens in the vocabulary", paper="102,400 (released)", ge=259)
    tokenizer_chars: int = par(2_000_000, "characters that train the tokenizer", ge=1000)
    init_model: str = par(
        "", "start: folder or Hub name; empty: new", paper="DeepSeek-Coder-Base 7B"
    )
    init_revision: str = par("", "commit of init_model on the Hub")
    hidden_size: int = par(128, "width of the model", paper="4096 (released)", ge=8)
    layers: int = par(4, "number of layers", paper="30 (released)", ge=1)
    heads: int = par(4, "attention heads", paper="32 (released)", ge=1)
    kv_heads: int = par(4, "key-value heads", paper="32 (released)", ge=1)
    intermediate_size: int = par(
        384, "width of the feed-forward layer", paper="11008 (released)", ge=8
    )
    tie_embeddings: bool = par(
        True, "one matrix for input and output embedding", paper="False (released)"
    )
    rope_theta: float = par(300.0, "base of the rotary positions", paper=OPEN, gt=1)
    init_std: float = par(0.06, "spread of the initial weights", paper=OPEN, gt=0, le=1)
    context: int = par(256, "tokens per training row", paper=4096, ge=8)
    isolate_documents: bool = par(True, "documents in one row do not see each other", paper=OPEN)
    # training
    tokens: int = par(2_600_000, "training tokens of the base model", paper="500B", ge=1)
    batch_size: int = par(8, "rows per step", paper="2,441 (10M tokens)", ge=1)
    micro_batch: int = par(8, "rows at once; changes memory, not the result", ge=1)
    peak_lr: float = par(0.002, "highest learning rate", paper=4.2e-4, gt=0, le=1)
    warmup_steps: int = par(30, "steps of linear warm-up", paper=2000, ge=0)
    beta1: float = par(0.9, "AdamW: decay of the gradient mean", paper=0.9, ge=0, lt=1)
    beta2: float = par(0.95, "AdamW: decay of the squared gradient", paper=0.95, ge=0, lt=1)
    weight_decay: float = par(0.1, "AdamW: weight decay, not on norms", paper=0.1, ge=0, le=1)
    decay_embeddings: bool = par(True, "weight decay on embeddings too", paper=OPEN)
    grad_clip: float = par(1.0, "largest gradient norm; 0: no clipping", paper=OPEN, ge=0)
    # comparison of corpora
    compare_corpora: list[Compared] = par(
        ["mined", "web", "seed", "equal"], "to compare", paper="four (Table 1)", min_length=1
    )
    compare_tokens: int = par(150_000, "training tokens per compared corpus", paper="150B", ge=1)
    few_tokens: int = par(40_000, "size of corpus 'few', a cut of mined that is read often", ge=1)
    large_hidden: int = par(
        0, "width of the larger model, on the web; 0: none", paper="540B beside 7B", ge=0
    )
    # code, text or nothing before mathematics
    start_tokens: int = par(
        60_000,
        "tokens of code, or text, before mathematics; 0: none",
        paper="400B",
        ge=0,
    )
    start_math_tokens: int = par(82_000, "tokens of mathematics in them", paper="150B", ge=1)
    start_heldout: int = par(100, "held-out problems, programs and pages for them", ge=2)
    # looking and saving
    evals: int = par(5, "held-out measurements per run", ge=1)
    log_every: int = par(10, "steps between log rows", ge=1)
    checkpoint_every: int = par(100, "steps between checkpoints; 0: none", ge=0)

    @property
    def tokens_in_all(self) -> int:
        """Training tokens of all runs of the stage; those of the larger model are counted like the others."""
        compared = len(self.compare_corpora) + bool(self.large_hidden)
        first, math = self.start_tokens, self.start_math_tokens
        starts = 3 * first + 5 * math + 2 * round(math / 0.7) if first else 0
        return self.tokens + compared * self.compare_tokens + starts
