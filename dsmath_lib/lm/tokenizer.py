"""The tokenizer: byte-level BPE, digits one by one, LaTeX commands in one piece.

The paper's model family splits numbers into single digits; so do we. A LaTeX command with its
brace (``\\boxed{``) is one word for BPE, so that it can become one token.
"""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from dsmath_lib.base.hub import NO_TOKENIZER, ModelError, pinned, reading
from dsmath_lib.base.prompts import plain_ids
from dsmath_lib.base.record_files import whole

BOS, EOS, PAD = "<bos>", "<eos>", "<pad>"  # ids 0, 1, 2
SPECIALS = [BOS, EOS, PAD]

# Words are: a command, one digit, Chinese characters, letters, other signs, white space.
WORDS = (
    r"\\[A-Za-z]+\{?|\p{N}|\p{Han}+| ?(?:(?!\p{Han})\p{L})+| ?[^\s\p{L}\p{N}\\]+|\\|\s+(?!\S)|\s+"
)


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer; any text survives encoding and decoding unchanged.

    The same texts in the same order give the same tokenizer.

    Args:
        texts: training texts.
        vocab_size: upper bound, at least 259 (3 special tokens and 256 bytes).

    Raises:
        ValueError: ``vocab_size`` is below 259.
    """
    if vocab_size < 256 + len(SPECIALS):
        raise ValueError(f"vocab_size {vocab_size} is below 259 (256 bytes, 3 special tokens)")
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=SPECIALS,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tok.train_from_iterator(map(whole, texts), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tok,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        add_bos_token=True,
        clean_up_tokenization_spaces=False,
    )


def load_tokenizer(name_or_path: str | Path, revision: str = "") -> PreTrainedTokenizerBase:
    """Load a tokenizer from a local folder, or from the Hub at a pinned commit.

    A tokenizer without a pad token pads with eos: our masks come from lengths, not from ids.

    Raises:
        ModelError: a Hub name without a 40-digit commit as ``revision``, or what cannot be read; says why.
    """
    revision = pinned(name_or_path, revision)
    with reading(name_or_path, "tokenizer"):
        tok = AutoTokenizer.from_pretrained(
            str(name_or_path), revision=revision, trust_remote_code=False
        )
        # where a folder has none, transformers makes an empty one of the model's kind, without a word
        if len(tok) <= len(tok.all_special_ids):
            raise ModelError(f"tokenizer '{name_or_path}' {NO_TOKENIZER}")
    if tok.pad_token_id is None:
        tok.pad_token = tok.eos_token
    return tok


def encode(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Token ids of plain text. Text that spells a special token (``<eos>``) stays text."""
    return plain_ids(tokenizer, [text])[0]
