"""A tiny tokenizer, a tiny language model on disk, and a stage with reward-model parameters."""

import pytest

from dsmath_lib.base.paths import PARAMS_DIR
from dsmath_lib.lm.model import Shape, build_model
from dsmath_lib.lm.tokenizer import train_tokenizer
from dsmath_lib.params.base import read_yaml
from dsmath_lib.params.reward_model import RewardModelParams
from dsmath_lib.rewards.labels import Solution
from dsmath_lib.rewards.steps import step_ends
from dsmath_lib.stage.folder import Stage

TEXTS = [
    "Tom has 12 apples.\n12+3=15\nThe answer is \\boxed{15}.",
    "小明有12个苹果。\n12+3=15\n",
] * 10


@pytest.fixture(scope="session")
def tokenizer():
    return train_tokenizer(TEXTS, 320)


@pytest.fixture(scope="session")
def lm_folder(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lm") / "lm"
    build_model(Shape(16, 2, 2, 1, 32, 320, 256), seed=1, init_std=0.3).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def reward_params(**changes) -> RewardModelParams:
    folder = PARAMS_DIR / "smoke"
    values = read_yaml(folder / "common.yaml") | read_yaml(folder / "04_reward_model.yaml")
    return RewardModelParams.check(values | {"device": "cpu"} | changes, "test")


@pytest.fixture
def stage():
    return Stage(reward_params(), "04_reward_model")


def made_solution(tokenizer, question: str, right: bool, text: str = "", steps=()) -> Solution:
    """A solution of ``question`` in the tokenizer's ids; right ones say 7, wrong ones 8."""
    text = text or f" 3+4={7 if right else 8}\nThe answer is {7 if right else 8}."
    prompt = [tokenizer.bos_token_id, *tokenizer(question, add_special_tokens=False)["input_ids"]]
    completion = tokenizer(text, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    ends = step_ends(completion, tokenizer)
    answer = "7" if right else "8"
    return Solution(question, "7", prompt, completion, ends, "eos", answer, right, tuple(steps))
