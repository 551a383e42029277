"""A config that names a kernel of the Hub loads no code, with or without the package that would fetch it."""

import json
import sys
import types

import pytest

from dsmath_lib.base.hub import ModelError
from dsmath_lib.base.model_configs import ConfigRefused, refuse_kernels
from dsmath_lib.lm.model import load_model
from dsmath_lib.rewards.models import load_reward_model
from tests.lm.conftest import tiny_model

KERNEL = "someone/kernel"
ASKS = [
    {"_attn_implementation": KERNEL},
    {"attn_implementation": KERNEL},
    {"attn_implementation": f"paged|{KERNEL}"},
    {"_attn_implementation": f"{KERNEL}@main:function"},
    {"_attn_implementation": {"": "sdpa", "text_config": KERNEL}},
    {"_attn_implementation_internal": KERNEL},
    {"experts_implementation": KERNEL},
    {"_experts_implementation": [KERNEL]},
    {"text_config": {"_attn_implementation": KERNEL}},
    {"parts": [{"deep": {"attn_implementation": KERNEL}}]},
    {"kernel_config": {"kernel_mapping": {"RMSNorm": f"{KERNEL}:RMSNorm"}}},
]


@pytest.fixture
def fetched(monkeypatch):
    """What the package ``kernels`` was asked for; it stands in where it is not installed."""
    asked: list[str] = []

    def get(name, *args, **kwargs):
        asked.append(name)
        raise RuntimeError("code of the Hub would run now")

    fake = types.ModuleType("kernels")
    for name in ("get_kernel", "load_kernel", "get_local_kernel"):
        setattr(fake, name, get)
    monkeypatch.setitem(sys.modules, "kernels", fake)
    return asked


def saved(folder, **changes):
    tiny_model().save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    return folder


@pytest.mark.parametrize("changes", ASKS)
@pytest.mark.parametrize("load", [load_model, load_reward_model])
def test_no_kernel_is_fetched(changes, load, tmp_path, fetched):
    with pytest.raises(ConfigRefused, match=KERNEL) as err:
        load(saved(tmp_path, **changes))
    assert "\n" not in str(err.value) and not fetched


@pytest.mark.parametrize(
    "changes", [{}, {"_attn_implementation": "eager"}, {"_name_or_path": "a/b"}, {"note": KERNEL}]
)
def test_other_configs_are_loaded(changes, tmp_path, fetched):
    assert load_model(saved(tmp_path, **changes)).config.hidden_size == 16
    assert not fetched


@pytest.mark.parametrize("text", ["[1]", "5", "null", '"x"', "{", ""])
def test_a_config_of_another_shape_is_an_error_of_one_kind(text, tmp_path):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises((ModelError, OSError)):
        refuse_kernels(tmp_path)
    with pytest.raises(OSError):
        refuse_kernels(tmp_path / "none")
