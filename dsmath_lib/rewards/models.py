"""Reward models: a language model with a value head, scored at given tokens.

An *outcome* model gives one score to a solution, read at its last token; a *process* model one to each step, read at
the step's end. Both are the library's own classes (``…ForSequenceClassification``, ``…ForTokenClassification``), so the
weights open elsewhere too. Rows are right-padded and scores are read by length, never by looking for a pad id::

    model = load_reward_model(folder)
    rewards = score_completions(model, tokenizer, prompts, completions)
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from dsmath_lib.base.dtypes import at_least_float32
from dsmath_lib.base.hub import pinned, reading
from dsmath_lib.base.model_configs import refuse_kernels
from dsmath_lib.lm.model import WeightsError, load_weights
from dsmath_lib.lm.train import autocast
from dsmath_lib.rewards.steps import step_ends
from dsmath_lib.stage.folder import Stage

CLASSES = {
    "outcome": AutoModelForSequenceClassification,
    "process": AutoModelForTokenClassification,
}
SOLUTION_SCORES = ("min", "mean")


class RewardModelError(ValueError):
    """A reward model cannot score this: another vocabulary, another kind of model, rows that do not match."""


def new_reward_model(
    name_or_path: str | Path,
    kind: str,
    tokenizer: PreTrainedTokenizerBase,
    *,
    probability: bool = True,
    revision: str = "",
    device: torch.device | str = "cpu",
) -> PreTrainedModel:
    """A language model's weights with a new value head of zeros: every score starts at 0, every probability at 1/2.

    Args:
        kind: "outcome" or "process".
        tokenizer: the one whose ids will be scored; a digest of its vocabulary is kept in the config.
        probability: scores are sigmoid(logit) (trained with labels); False: the logit itself (trained on pairs).

    Raises:
        ValueError: unknown ``kind``; a Hub name without a pinned commit.
        WeightsError: the weights are not those of the model, its head aside.
        RewardModelError: the tokenizer has ids that the model has no embedding for.
    """
    if kind not in CLASSES:
        raise ValueError(f"unknown kind '{kind}' of reward model (known: {', '.join(CLASSES)})")
    config = _config(name_or_path, revision)
    config.num_labels = 1
    config.classifier_dropout = 0.0  # the library would drop a tenth of a process model's head
    heads = ("score.", "lm_head.")
    model = load_weights(CLASSES[kind], name_or_path, revision, config=config, replaced=heads)
    with torch.no_grad():
        for p in model.score.parameters():
            p.zero_()
    model.config.reward_probability = probability
    model.config.reward_vocabulary = vocabulary_digest(tokenizer)
    _check_vocabulary(model, tokenizer)
    return model.to(device).eval()


def load_reward_model(
    name_or_path: str | Path, *, revision: str = "", device: torch.device | str = "cpu"
) -> PreTrainedModel:
    """A reward model from a folder, or from the Hub at a pinned commit; safetensors only.

    A model that this library did not make has no digest of its vocabulary, and its scores are raw logits.

    Raises:
        RewardModelError: the weights have no value head of one output, or are not those of the model; says what.
        ValueError: a Hub name without a pinned commit.
    """
    config = _config(name_or_path, revision)
    name = (config.architectures or [""])[0]
    kinds = [k for k, c in CLASSES.items() if name.endswith(c.__name__.removeprefix("AutoModel"))]
    if not kinds or config.num_labels != 1:
        raise RewardModelError(
            f"{name_or_path} is no reward model: {name}, {config.num_labels} labels"
        )
    try:
        model = load_weights(CLASSES[kinds[0]], name_or_path, revision, config=config)
    except WeightsError as err:
        raise RewardModelError(str(err)) from None
    return model.to(device).eval()


def _config(name_or_path: str | Path, revision: str) -> PretrainedConfig:
    where = {"revision": pinned(name_or_path, revision), "trust_remote_code": False}
    with reading(name_or_path):
        refuse_kernels(name_or_path, where["revision"])
        return AutoConfig.from_pretrained(str(name_or_path), **where)


def kind_of(model: PreTrainedModel) -> str:
    """ "outcome" or "process"."""
    return "process" if type(model).__name__.endswith("ForTokenClassification") else "outcome"


def logits_at(model: PreTrainedModel, ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """The value head at some tokens, with gradient.

    A causal model never looks to the right, so right padding needs no mask and changes no score.

    Args:
        ids: (B, T), right-padded with any id.
        positions: (B, S) columns to read; negative ones are read at column 0 and mean nothing.

    Returns:
        (B, S), at least float32.
    """
    hidden = model.base_model(input_ids=ids, use_cache=False).last_hidden_state
    index = positions.clamp(min=0)[..., None].expand(-1, -1, hidden.shape[-1])
    return at_least_float32(model.score(hidden.gather(1, index)).squeeze(-1))


def score_completions(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts_ids: Sequence[list[int]],
    completion_ids: Sequence[list[int]],
    *,
    batch_size: int = 64,
    dtype: str = "float32",
) -> list[float]:
    """One score for each completion, r_φ(q, o), by an outcome model; read at the last token.

    A probability that the answer is right, or a raw score where only differences count (a model trained on pairs).
    A truncated completion is read at its last token too. An empty one is read at the end of its prompt.

    Args:
        tokenizer: the one that made the ids.
        prompts_ids, completion_ids: B rows each.

    Raises:
        RewardModelError: ``model`` is a process model, the vocabularies differ, or the rows do not match.
    """
    _check(model, tokenizer, "outcome", prompts_ids, completion_ids)
    rows = [[*p, *c] for p, c in zip(prompts_ids, completion_ids, strict=True)]
    scores = _scores(model, rows, [[len(r) - 1] for r in rows], batch_size, dtype)
    return [s[0] for s in scores]


def score_steps(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts_ids: Sequence[list[int]],
    completion_ids: Sequence[list[int]],
    *,
    ends: Sequence[list[int]] | None = None,
    **how,
) -> list[list[float]]:
    """One score for each step of each completion, by a process model; read at the step's last token.

    Args:
        ends: the steps' ends where they are known; None: ``step_ends`` finds them. how: batch_size, dtype.

    Returns:
        B lists; an empty list for an empty completion. The last step of a truncated completion ends where it was cut.

    Raises:
        RewardModelError: ``model`` is an outcome model, the vocabularies differ, or the rows do not match.
    """
    _check(model, tokenizer, "process", prompts_ids, completion_ids)
    ends = [step_ends(c, tokenizer) for c in completion_ids] if ends is None else ends
    rows = [[*p, *c] for p, c in zip(prompts_ids, completion_ids, strict=True)]
    at = [[len(p) + e for e in end] for p, end in zip(prompts_ids, ends, strict=True)]
    return _scores(model, rows, at, **how)


def solution_score(step_scores: Sequence[float], how: str) -> float:
    """One score from those of the steps: the worst ("min", as Math-Shepherd) or their "mean"; 0 without steps.

    Raises:
        ValueError: unknown ``how``.
    """
    if how not in SOLUTION_SCORES:
        raise ValueError(f"unknown solution score '{how}' (known: {', '.join(SOLUTION_SCORES)})")
    if not step_scores:
        return 0.0
    return min(step_scores) if how == "min" else sum(step_scores) / len(step_scores)


@torch.no_grad()
def _scores(
    model: PreTrainedModel,
    rows: list[list[int]],
    at: list[list[int]],
    batch_size: int = 64,
    dtype: str = "float32",
) -> list[list[float]]:
    """Scores of each row at its positions; rows of like length share a batch."""
    device = model.device
    out: list[list[float]] = [[] for _ in rows]
    order = sorted((i for i in range(len(rows)) if at[i]), key=lambda i: len(rows[i]))
    was_training = model.training
    model.eval()
    for i in range(0, len(order), batch_size):
        index = order[i : i + batch_size]
        ids = right_pad([rows[j] for j in index], 0).to(device)
        positions = right_pad([at[j] for j in index], -1).to(device)
        with autocast(device, dtype):
            logits = logits_at(model, ids, positions)
        values = logits.double()  # in float32 the best probabilities would all round to 1
        if getattr(model.config, "reward_probability", False):
            values = values.sigmoid()
        for j, v in zip(index, values.tolist(), strict=True):
            out[j] = v[: len(at[j])]
    model.train(was_training)
    return out


def right_pad(rows: Sequence[Sequence[int]], value: int) -> torch.Tensor:
    """(B, T) int64; shorter rows are filled up on the right."""
    width = max(map(len, rows))
    return torch.tensor([[*r, *[value] * (width - len(r))] for r in rows])


def vocabulary_digest(tokenizer: PreTrainedTokenizerBase) -> str:
    """SHA-256 of the pieces with their ids, in hex: equal for tokenizers whose ids mean the same."""
    return hashlib.sha256(json.dumps(sorted(tokenizer.get_vocab().items())).encode()).hexdigest()


def _check(model, tokenizer, kind: str, prompts_ids, completion_ids) -> None:
    if kind_of(model) != kind:
        raise RewardModelError(f"this is an {kind_of(model)} model, asked for {kind} scores")
    if len(prompts_ids) != len(completion_ids):
        raise RewardModelError(f"{len(prompts_ids)} prompts, {len(completion_ids)} completions")
    if not all(prompts_ids):
        raise RewardModelError("a prompt has no tokens")
    _check_vocabulary(model, tokenizer)


def _check_vocabulary(model, tokenizer) -> None:
    """Ids of another vocabulary would be scored without a complaint, and the scores would mean nothing."""
    known, size = getattr(model.config, "reward_vocabulary", None), model.config.vocab_size
    if known and known != vocabulary_digest(tokenizer):
        raise RewardModelError(
            "the reward model was made for another vocabulary than this tokenizer's: "
            "train one from a model that shares the policy's tokenizer"
        )
    if len(tokenizer) > size:
        raise RewardModelError(
            f"the tokenizer has {len(tokenizer)} ids, the reward model knows {size}"
        )


def reward_model_path(name: str, stage: Stage) -> Path:
    """A folder, or the artifact of this name of 04_reward_model."""
    return Path(name) if Path(name).is_dir() else stage.upstream("04_reward_model", name)
