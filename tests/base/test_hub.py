"""Models that are not read: each says in one line why, and what to do."""

import json

import pytest

from dsmath_lib.base.hub import ModelError
from dsmath_lib.lm.model import load_model
from dsmath_lib.lm.tokenizer import load_tokenizer
from dsmath_lib.rewards.models import load_reward_model
from tests.lm.conftest import tiny_model

COMMIT = "a" * 40


def said(read, *args, **kw) -> str:
    with pytest.raises(ModelError) as err:
        read(*args, **kw)
    assert "\n" not in str(err.value) and len(str(err.value)) < 500
    return str(err.value)


@pytest.mark.parametrize("read", [load_model, load_tokenizer, load_reward_model])
def test_a_hub_name_needs_a_commit_and_a_network(read):
    assert "pin it with a 40-digit commit" in said(read, "Qwen/Qwen2.5-0.5B")
    assert "got 'main'" in said(read, "Qwen/Qwen2.5-0.5B", revision="main")
    assert "Hub cannot be reached" in said(read, "Qwen/Qwen2.5-0.5B", revision=COMMIT)
    assert "no such model folder" in said(read, "/nowhere/at/all")
    assert "no such model folder" in said(read, "")


@pytest.mark.parametrize("read", [load_model, load_reward_model])
def test_code_of_the_model_is_not_run(read, tmp_path):
    config = {
        "model_type": "odd",
        "auto_map": {"AutoConfig": "odd.C", "AutoModelForCausalLM": "odd.M"},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "odd.py").write_text("raise SystemExit('this ran')")
    assert "auto_map" in said(read, tmp_path)


def test_pickle_weights_are_not_read(tmp_path):
    tiny_model().config.save_pretrained(tmp_path)
    assert said(load_model, tmp_path).endswith("has no safetensors weights")
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    assert "pickle weights could run code" in said(load_model, tmp_path)
    assert "(it has pytorch_model.bin)" in said(load_model, tmp_path)


def test_a_folder_without_a_tokenizer(tmp_path):
    tiny_model().save_pretrained(tmp_path)
    assert "needs a tokenizer.json" in said(load_tokenizer, tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"model_type": "no-such-model"}'])
def test_a_damaged_configuration(text, tmp_path):
    tiny_model().save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(text)
    assert str(tmp_path) in said(load_model, tmp_path)
