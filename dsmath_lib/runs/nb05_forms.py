"""The forms of GRPO in 05: outcome and process supervision side by side, and rounds with a renewed reward model."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dsmath_lib.base.files import digest_of, file_digest
from dsmath_lib.base.seeds import questions_of_step, seed_for
from dsmath_lib.engines.decode import make_sampler
from dsmath_lib.evaluation.metrics import Estimate, paired_difference
from dsmath_lib.lm.model import load_model
from dsmath_lib.lm.schedule import constant
from dsmath_lib.lm.train import TrainSettings, autocast
from dsmath_lib.params.grpo import GRPOParams
from dsmath_lib.rewards.labels import (
    NoSignal,
    Solution,
    mix_replay,
    read_solutions,
    rule_solution,
    shepherd_labels,
    write_solutions,
)
from dsmath_lib.rewards.models import kind_of, load_reward_model, reward_model_path
from dsmath_lib.rewards.training import fit, training_rows
from dsmath_lib.rl.explore import draw
from dsmath_lib.rl.loop import Rewards
from dsmath_lib.rl.questions import Questions
from dsmath_lib.runs.kept import train_once
from dsmath_lib.runs.nb05_grpo import answer, make_policy, rewards_from, settings_of, weights_digest
from dsmath_lib.stage.folder import Stage

Renew = Callable[[int, PreTrainedModel, Rewards], Rewards]
FORMS = {
    "outcome": {"supervision": "outcome", "iterations": 1},
    "process": {"supervision": "process", "iterations": 1},
    "rounds": {"supervision": "outcome", "iterations": 2},
}
RENEW_BATCH = 16  # solutions, or pairs, per step of the renewal


def compare_forms(
    cfg: GRPOParams,
    stage: Stage,
    start: Path | str,
    tokenizer: PreTrainedTokenizerBase,
    questions: Questions,
    validation: Questions,
    rewards: Rewards,
    *,
    device: torch.device | str,
    renew: Renew | None = None,
) -> dict[str, dict[str, float]]:
    """Outcome supervision, process supervision and two rounds, each with ``compare_steps`` steps from one start.

    Args:
        renew: ``renewal`` with a ``run`` of its own, for the second of the two rounds.

    Returns:
        per form the last validation; {} if ``compare_steps`` is 0. The log has the rows of each form under its name.
    """
    out = {}
    for name, change in FORMS.items() if cfg.compare_steps else ():
        steps = cfg.compare_steps // change["iterations"]
        form = cfg.model_copy(update=change | {"steps": steps, "eval_every": 0})
        _, out[name] = make_policy(
            form,
            stage,
            start,
            tokenizer,
            questions,
            validation,
            rewards,
            device=device,
            run=f"form-{name}",
            log=name,
            renew=renew,
        )
    return out


def round_gains(
    cfg: GRPOParams,
    stage: Stage,
    start: Path | str,
    tokenizer: PreTrainedTokenizerBase,
    validation: Questions,
    device: torch.device | str,
) -> dict[str, Estimate]:
    """What rounds bring (Figure 6), after ``compare_forms``: differences of greedy accuracy, paired by question.

    Returns:
        ``rounds_minus_one``: two rounds minus one of as many steps. ``first_minus_second_round``: the gain of the first
        round minus that of the second, −2 to 2 per question. {} if ``compare_steps`` is 0.
    """
    if not cfg.compare_steps:
        return {}
    folders = {"start": start} | {n: stage.artifacts / f"form-{n}" for n in ("outcome", "rounds")}
    folders["first"] = stage.artifacts / "form-rounds-round1"
    right = {}
    for name, folder in folders.items():
        revision = cfg.sft_revision if str(folder) == cfg.sft_model else ""
        model = load_model(folder, revision=revision, device=device)
        sampler = make_sampler(cfg, model, tokenizer)
        with autocast(model.device, cfg.dtype):
            how = {"temperature": 0.0, "max_new_tokens": cfg.max_new_tokens, "seed": 0}
            right[name] = answer(sampler, validation, n=1, **how).shares
    middle = [(a + b) / 2 for a, b in zip(right["start"], right["rounds"], strict=True)]
    half = paired_difference(right["first"], middle)  # (f − s) − (r − f) = 2 (f − (s + r) / 2)
    first = replace(half, value=2 * half.value, low=2 * half.low, high=2 * half.high)
    return {
        "rounds_minus_one": paired_difference(right["rounds"], right["outcome"]),
        "first_minus_second_round": first,
    }


def renewal(
    cfg: GRPOParams,
    stage: Stage,
    tokenizer: PreTrainedTokenizerBase,
    questions: Questions,
    device: torch.device | str,
    run: str = "",
) -> Renew | None:
    """What happens to the reward models between two rounds (Algorithm 1), or None if there is no reward model.

    The policy answers ``renew_questions`` questions, a rule labels the answers (and completions label the steps of a
    process model's data), old data joins with ``replay_share``, and each model goes on training. A model whose new data
    has nothing to tell apart (all answers wrong, say) stays as it is, with a warning.

    ``run`` goes before the names of what is kept, where more than one policy of a stage is trained in rounds.
    """
    names = {"reward_model": cfg.reward_model, "process_model": cfg.process_model}
    names = {k: v for k, v in names.items() if v}
    if not names:
        return None
    paths = {k: reward_model_path(v, stage) for k, v in names.items()}
    old = _old_data(names, stage)

    def renew(i: int, policy: PreTrainedModel, rewards: Rewards) -> Rewards:
        new = _new_data(cfg, stage, i, policy, tokenizer, questions, bool(cfg.process_model), run)
        mixed = mix_replay(new, old, cfg.replay_share, seed_for(cfg.seed, "replay", i))
        models = {}
        for key in names:
            name = f"{run}{key}-round{i}"
            try:
                models[key] = _train_on(cfg, stage, name, paths[key], tokenizer, mixed, device)
                paths[key] = stage.artifacts / name
            except NoSignal as err:
                warnings.warn(f"round {i} keeps its {key} as it is: {err}", stacklevel=2)
                models[key] = load_reward_model(paths[key], device=device)
        old.extend(new)
        return rewards_from(cfg, tokenizer, models.get("reward_model"), models.get("process_model"))

    return renew


def _old_data(names: Mapping[str, str], stage: Stage) -> list[Solution]:
    """The data of stage 04, where one of the models comes from it."""
    if all(Path(n).is_dir() for n in names.values()):
        return []
    return read_solutions(stage.upstream("04_reward_model", "data/train.jsonl.gz"))


def _new_data(
    cfg: GRPOParams, stage: Stage, i: int, policy, tokenizer, questions: Questions, steps: bool,
    run: str,
) -> list[Solution]:  # fmt: skip
    """Labelled answers of the policy after round ``i``; kept, so that a resumed run does not draw again."""
    name = f"{run}renewal-data-round{i}-{weights_digest(policy)[:12]}.jsonl.gz"
    path = stage.artifacts / name
    if path.exists():
        return read_solutions(path)
    sampler = make_sampler(cfg, policy, tokenizer)
    how = {
        "temperature": cfg.temperature,
        "top_p": cfg.top_p,
        "max_new_tokens": cfg.max_new_tokens,
        "seed": seed_for(cfg.seed, "renewal", i),
    }
    n = min(cfg.renew_questions, len(questions))
    index = questions_of_step(len(questions), n, 0, seed_for(cfg.seed, "renewal", i))
    with autocast(policy.device, cfg.dtype):
        done = draw(sampler, [questions.prompts[q] for q in index], n=cfg.group_size, **how)
    new = []
    for r, ids in enumerate(done.ids):
        q = index[r // cfg.group_size]
        p = questions.problems[q]
        new.append(
            rule_solution(
                p.question, p.answer, questions.prompts[q], ids, done.finish[r], tokenizer,
                cfg.reward_rule,
            )
        )  # fmt: skip
    if steps:
        with autocast(policy.device, cfg.dtype):
            new = shepherd_labels(
                sampler, tokenizer, new, n=cfg.renew_completions, rule=cfg.reward_rule, **how
            )
    sampler.rest()  # the reward models train next
    write_solutions(path, new)
    return new


def _train_on(
    cfg: GRPOParams, stage: Stage, run: str, start: Path, tokenizer, mixed, device
) -> PreTrainedModel:
    """A reward model trained further on the mix; the finished one of the same run is loaded."""

    def make() -> tuple[PreTrainedModel, dict[str, Any]]:
        model = load_reward_model(start, device=device)
        name = "process_hard"
        if kind_of(model) == "outcome":
            name = "pointwise" if model.config.reward_probability else "pairwise"
        rows = training_rows(
            name, mixed, model.config.max_position_embeddings, 4, seed_for(cfg.seed, run)
        )
        settings = TrainSettings(
            steps=cfg.renew_steps,
            lr=lambda step: constant(step, peak=cfg.renew_lr),
            micro_batch=RENEW_BATCH,
            dtype=cfg.dtype,
            checkpoint_every=cfg.checkpoint_every,
        )
        seed = seed_for(cfg.seed, run)
        numbers = fit(model, rows, settings, stage, run, batch_size=RENEW_BATCH, seed=seed)
        numbers = {k: numbers[k] for k in ("loss",)}
        return model.eval(), numbers

    made_of = {"start": file_digest(Path(start)), "data": digest_of([asdict(s) for s in mixed])}
    done = train_once(
        stage, run, settings_of(cfg) | made_of, tokenizer, make, device, load=load_reward_model
    )
    return done[0].eval()
