import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transformers import AutoConfig

from dsmath_lib.base.hub import ModelError
from dsmath_lib.lm.tokenizer import encode, load_tokenizer, train_tokenizer

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@pytest.fixture(scope="module")
def texts():
    return ["Tom has 1234 apples. \\boxed{15} \\frac{1}{2}", "小明有12个苹果。\\boxed{3}"] * 10


def test_special_tokens_come_first(tokenizer):
    ids = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    assert ids == (0, 1, 2)
    assert len(tokenizer) <= 400


def test_digits_are_single_and_commands_whole(tokenizer):
    pieces = tokenizer.convert_ids_to_tokens(encode(tokenizer, "12+345=357 \\boxed{357}"))
    assert [p for p in pieces if any(c.isdigit() for c in p)] == list("12345357357")
    assert "\\boxed{" in pieces


@settings(max_examples=150, deadline=None)
@given(text=TEXT)
@example("小明有３个苹果，\\boxed{15}。\n\n")
@example("\x00\x07 \r\n\t\u200b\ufeff 🙂 a  b   ")
@example("<bos>User: <eos><pad>")
@example(" ,  . n't do not 's")
def test_round_trip_is_exact(tokenizer, text):
    ids = encode(tokenizer, text)
    assert tokenizer.decode(ids) == text
    assert not {0, 1, 2} & set(ids)  # text never becomes a special token


def test_training_is_deterministic(texts):
    a, b = (train_tokenizer(iter(texts), 300) for _ in range(2))
    assert a.backend_tokenizer.to_str() == b.backend_tokenizer.to_str()


def test_save_and_load(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    again = load_tokenizer(tmp_path)
    text = "小明有12个苹果 \\boxed{15} <eos>"
    assert encode(again, text) == encode(tokenizer, text)
    assert again.decode(encode(again, text)) == text


@pytest.mark.parametrize("kind", ["qwen2", "llama", "gpt2"])
def test_a_model_without_a_tokenizer_is_named(tmp_path, kind):
    """transformers makes an empty tokenizer of the model's kind there: every prompt would be empty."""
    AutoConfig.for_model(kind).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"needs a tokenizer\.json"):
        load_tokenizer(tmp_path)


def test_too_small_vocabulary_is_an_error():
    with pytest.raises(ValueError, match="259"):
        train_tokenizer(["a"], 100)
