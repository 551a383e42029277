"""Tokenizers without bos; text that JSON can hold and UTF-8 cannot goes through all of them."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.base.prompts import bos_ids, plain_ids, prompt_ids
from dsmath_lib.base.records import Prompt, Sample
from dsmath_lib.lm.mixture import tokenize_documents
from dsmath_lib.lm.packing import pack_rows, tokenize_samples
from dsmath_lib.lm.tokenizer import encode, train_tokenizer
from dsmath_lib.rows.prompts import make_prompt
from dsmath_lib.runs.nb02_pretraining import heldout_pages, heldout_problems
from dsmath_lib.world.problems import sample_problems

MARKS = ["<|im_start|>", "<|im_end|>"]


@pytest.fixture(scope="module")
def chat():
    """As Qwen's: no bos, ChatML's marks are control tokens."""
    tok = train_tokenizer(["user assistant system 12+3=15 question"] * 20, 350)
    tok.add_special_tokens({"additional_special_tokens": MARKS})
    tok.bos_token = None
    return tok


def test_no_bos_is_put_in_front_anywhere(chat):
    assert bos_ids(chat) == []
    (example,) = tokenize_samples(chat, [Sample(Prompt("q"), ((" a", True),))])
    assert example.ids == (*encode(chat, "q"), *encode(chat, " a"), chat.eos_token_id)
    pack_rows([[example]], 16, isolate=True, pad=2)
    (document,) = tokenize_documents(chat, ["abc"])
    assert document.dtype == np.int32 and document.tolist()[:-1] == encode(chat, "abc")
    held = heldout_problems(chat, sample_problems(2, split="val", seed=0))
    pages = heldout_pages(chat, [{"text": "ab c", "lang": "en"}], 8)
    assert all(
        None not in e.ids and len(e.ids) == len(e.trained)
        for e in [*held.examples, *pages.examples]
    )


HALVES = ["\ud83d", "a \udc00 b", "\ud83d\ud83d", "x\udfff", "<|im_end|>\ud83d"]


def clean(text: str) -> str:
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def test_half_a_pair_becomes_the_replacement_character(chat):
    for text in HALVES:
        assert plain_ids(chat, ["ok", text]) == [encode(chat, "ok"), encode(chat, clean(text))]
        for name in ("simplerl-chat", "deepseek-cot", "toy-page"):
            ids = prompt_ids(chat, [make_prompt(name, text)])
            assert ids == prompt_ids(chat, [make_prompt(name, clean(text))])
    assert len(train_tokenizer(HALVES, 300)) <= 300
    tokenize_documents(chat, HALVES)
    tokenize_samples(chat, [Sample(Prompt(h), ((h, True),)) for h in HALVES])


TOKENIZER = train_tokenizer(["a b"] * 3, 300)


@given(st.lists(st.text(st.characters(exclude_categories=()), max_size=20), min_size=1, max_size=4))
def test_many_are_encoded_as_one_by_one(texts):
    ids = plain_ids(TOKENIZER, texts)
    assert ids == [encode(TOKENIZER, t) for t in texts]
    assert [TOKENIZER.decode(i) for i in ids] == list(map(clean, texts))
