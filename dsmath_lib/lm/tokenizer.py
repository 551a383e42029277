"""The tokenizer: byte-level BPE, digits one by one, LaTeX commands in one piece.

The paper's model family splits numbers into single digits; so do we. A LaTeX command with its
brace (``\\boxed{``) is one word for BPE, so that it can become one token.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from dsmath_lib.base.record_files import whole
from dsmath_lib.lm.model import pinned
from dsmath_lib.rows.prompts import Prompt

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
        clean_up_tokenization_spaces=False,
    )


def load_tokenizer(name_or_path: str | Path, revision: str = "") -> PreTrainedTokenizerBase:
    """Load a tokenizer from a local folder, or from the Hub at a pinned commit.

    A tokenizer without a pad token pads with eos: our masks come from lengths, not from ids.

    Raises:
        ValueError: a Hub name without a 40-digit commit as ``revision``.
    """
    tok = AutoTokenizer.from_pretrained(
        str(name_or_path), revision=pinned(name_or_path, revision), trust_remote_code=False
    )
    if tok.pad_token_id is None:
        tok.pad_token = tok.eos_token
    return tok


def bos_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """What stands in front of every sequence: the bos token, or nothing where the tokenizer (as Qwen's) has none."""
    return [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]


def encode(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """``encode_many`` for one text."""
    return encode_many(tokenizer, [text])[0]


def encode_many(tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> list[list[int]]:
    """Token ids of plain texts, in parallel. Text that spells a special token (``<eos>``) stays text.

    In a ``Prompt`` the control marks of the template are control tokens, those of the question are text. Lone
    surrogates, which no tokenizer takes, become U+FFFD.
    """
    if not texts:
        return []
    marks = [t.content for t in tokenizer.added_tokens_decoder.values() if t.special]
    cut = re.compile("(" + "|".join(map(re.escape, sorted(marks, reverse=True))) + ")")
    pieces = [_cut_at_marks(t, cut) if marks else [t] for t in map(whole, texts)]
    plain = [text for parts in pieces for text in parts[::2]]
    ids = iter(tokenizer(plain, add_special_tokens=False, split_special_tokens=True)["input_ids"])
    known = tokenizer.convert_tokens_to_ids
    return [
        [i for k, p in enumerate(parts) for i in ([known(p)] if k % 2 else next(ids))]
        for parts in pieces
    ]


def _cut_at_marks(text: str, cut: re.Pattern[str]) -> list[str]:
    """Text, mark, text, …; a text that is no ``Prompt`` stays whole."""
    if not isinstance(text, Prompt):
        return [text]
    start, end = text.at
    parts, after = cut.split(text[:start]), cut.split(text[end:])
    return [*parts[:-1], parts[-1] + text[start:end] + after[0], *after[1:]]
