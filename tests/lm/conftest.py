"""A stage in a temporary folder, a tiny model and a tiny tokenizer for the language-model tests."""

import pytest

from dsmath_lib.lm.model import Shape, build_model
from dsmath_lib.lm.tokenizer import train_tokenizer
from dsmath_lib.params.base import Params
from dsmath_lib.stage.folder import Stage


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """A stage whose folder is temporary; ``resume`` is on."""
    monkeypatch.setenv("DSMATH_REPORTS", str(tmp_path))
    cfg = Params(scale="test", seed=0, device="cpu", threads=1, resume=True, artifacts_dir="")
    return Stage(cfg, "02_pretraining")


def tiny_model(seed: int = 0, vocab: int = 64, tie: bool = True):
    """Two layers of 16: enough for every formula."""
    return build_model(Shape(16, 2, 2, 1, 32, vocab, 64), tie=tie, seed=seed, init_std=0.3)


@pytest.fixture
def model():
    return tiny_model()


@pytest.fixture(scope="session")
def tokenizer():
    texts = [
        "Tom has 12 apples and buys 3 more. 12+3=15. The answer is \\boxed{15}.",
        "小明有12个苹果，又买了3个。12+3=15。答案是\\boxed{15}。",
        "\\frac{1}{2} + \\frac{1}{2} = 1",
    ] * 20
    return train_tokenizer(texts, 400)
