"""Stand-ins: the architecture of the model, its kind of tokenizer, and a template that puts a question into it."""

import pytest
from transformers import AutoConfig, AutoTokenizer

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.plan.architecture import config_of, known_models
from dsmath_lib.plan.standin import KINDS, standin_tokenizer, write_standin


@pytest.mark.parametrize("kind", KINDS)
def test_a_question_goes_into_the_template(kind):
    tokenizer = standin_tokenizer(kind)
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": "2 + 2?"}], add_generation_prompt=True, tokenize=False
    )
    assert "2 + 2?" in asked and "ssistant" in asked[-12:]
    ids = tokenizer(asked, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=False) == asked
    assert (tokenizer.bos_token is None) == (kind == "qwen2")
    assert tokenizer.eos_token_id != tokenizer.unk_token_id is None


def test_a_standin_has_the_architecture_of_its_model(tmp_path):
    name = "Qwen/Qwen2.5-0.5B-Instruct"
    folder = write_standin(name, tmp_path)
    small, large = AutoConfig.from_pretrained(folder), config_of(name)
    assert small.model_type == large.model_type and small.tie_word_embeddings
    assert small.num_key_value_heads < small.num_attention_heads
    assert small.vocab_size > len(AutoTokenizer.from_pretrained(folder))


def test_names_that_nothing_stands_for(tmp_path):
    with pytest.raises(ParamsError, match="no row"):
        write_standin("nobody/nothing", tmp_path)
    with pytest.raises(ParamsError, match="known: qwen2"):
        standin_tokenizer("morse")


def test_every_known_model_is_pinned_and_has_a_kind():
    for name, row in known_models().items():
        assert len(row["commit"]) == 40 and row["tokenizer"] in KINDS, name
