"""What 05_grpo is made of: the policy kept as an artifact, answers before and after, what they show."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dsmath_lib.base.seeds import seed_for
from dsmath_lib.engines.decode import Sampler, make_sampler
from dsmath_lib.evaluation.metrics import accuracy, paired_difference, sample_mean
from dsmath_lib.lm.model import load_model
from dsmath_lib.lm.train import autocast
from dsmath_lib.params.grpo import GRPOParams
from dsmath_lib.params.rl import RLParams
from dsmath_lib.rewards.ask import Answers, ask
from dsmath_lib.rewards.models import load_reward_model, reward_model_path
from dsmath_lib.rl.explore import rule_reward, together
from dsmath_lib.rl.loop import Players, Rewards, train_policy
from dsmath_lib.rl.questions import Questions
from dsmath_lib.rl.reward_functions import model_reward, model_steps, rule_steps
from dsmath_lib.rows.methods import Method, method
from dsmath_lib.runs.kept import train_once
from dsmath_lib.stage.folder import Stage


def answer(sampler: Sampler, questions: Questions, **how) -> Answers:
    """Answer every question and grade it; ``how`` as in ``ask``: n, temperature, max_new_tokens, seed."""
    return ask(sampler, questions.problems, questions.prompts, **how)


def greedy_accuracy(cfg: RLParams, questions: Questions):
    """The validation of ``train_policy``: sampler -> greedy accuracy and mean length."""

    def evaluate(sampler: Sampler) -> dict[str, float]:
        a = answer(
            sampler, questions, n=1, temperature=0.0, max_new_tokens=cfg.max_new_tokens, seed=0
        )
        lengths = [n for row in a.lengths for n in row]
        return {"accuracy": sum(a.shares) / len(a.shares), "length": sum(lengths) / len(lengths)}

    return evaluate


def method_of(cfg: GRPOParams) -> Method:
    """The row of GRPO with the choices of 05's parameters."""
    return replace(
        method("grpo-ps" if cfg.supervision == "process" else "grpo-os"),
        norm=cfg.loss_norm,
        scale_by_std=cfg.scale_by_std,
        leave_one_out=cfg.leave_one_out,
    )


def rewards_of(cfg: RLParams, stage: Stage, tokenizer, device) -> Rewards:
    """The rewards the parameters ask for: rule, reward model and process model, each by its name.

    Raises:
        StageError: a model of stage 04 is asked for, and it has not run or did not make it.
    """
    models = [
        load_reward_model(reward_model_path(name, stage), device=device) if name else None
        for name in (cfg.reward_model, cfg.process_model)
    ]
    return rewards_from(cfg, tokenizer, *models)


def rewards_from(
    cfg: RLParams,
    tokenizer,
    outcome: PreTrainedModel | None,
    process: PreTrainedModel | None,
) -> Rewards:
    """Rewards made of the rule, and of reward models where there are some."""
    functions = [rule_reward(cfg.reward_rule)]
    if outcome is not None:
        functions.append(model_reward(outcome, tokenizer, cfg.dtype))
    return Rewards(
        outcome=together(*functions),
        weights=dict(zip(cfg.reward_names, cfg.reward_weights, strict=True)),
        steps=rule_steps(tokenizer, cfg.reward_rule)
        if process is None
        else model_steps(process, tokenizer, cfg.dtype),
        step_weights=dict(zip(cfg.step_names, cfg.step_weights, strict=True)),
    )


def make_policy(
    cfg: GRPOParams,
    stage: Stage,
    start: Path | str,
    tokenizer: PreTrainedTokenizerBase,
    questions: Questions,
    validation: Questions,
    rewards: Rewards,
    *,
    device: torch.device | str = "cpu",
    run: str = "policy",
    log: str = "grpo",
    renew: Callable[[int, PreTrainedModel, Rewards], Rewards] | None = None,
) -> tuple[PreTrainedModel, dict[str, float]]:
    """GRPO in ``cfg.iterations`` rounds (Algorithm 1), or the finished policy if the same run was made before.

    Each round starts where the one before ended; that policy is its reference, too. Every finished round is kept in
    ``artifacts/``, the last one under ``run``. The optimiser starts anew with each round (not stated in the paper).

    Args:
        start: folder or Hub name of the first policy.
        log: kind of the log's rows; steps go on counting over the rounds.
        renew: (round, policy, rewards) -> the rewards of the next round, with a renewed reward model.
    """
    rounds = [f"{run}-round{i}" for i in range(1, cfg.iterations)] + [run]
    before: dict[str, str] = {}  # what a round starts from, when that is the round before
    policy = None
    for i, name in enumerate(rounds):
        if i and renew is not None:
            rewards = renew(i, policy, rewards)
        source = start if i == 0 else stage.artifacts / rounds[i - 1]
        policy, numbers = _round(
            cfg, stage, source, tokenizer, questions, validation, rewards, name, log,
            i * cfg.steps, before, device,
        )  # fmt: skip
        before = {"start": weights_digest(policy)}
    return policy, numbers


def _round(
    cfg, stage, source, tokenizer, questions, validation, rewards, run, log, after, made_of, device
) -> tuple[PreTrainedModel, dict[str, float]]:
    revision = cfg.sft_revision if str(source) == cfg.sft_model else ""

    def make():
        policy = load_model(source, revision=revision, device=device)
        reference = None
        if cfg.beta:
            reference = frozen(load_model(source, revision=revision, device=device))
        numbers = train_policy(
            cfg,
            method_of(cfg),
            stage,
            log,
            Players(policy, reference, tokenizer),
            questions,
            rewards,
            greedy_accuracy(cfg, validation),
            seed=cfg.seed,
            after=after,
            folder=run,
        )
        return policy, numbers

    return train_once(stage, run, settings_of(cfg) | made_of, tokenizer, make, device)


def settings_of(cfg: RLParams) -> dict[str, Any]:
    """The parameters that decide a result: not where it is kept, how often it is saved, or how rows are batched."""
    return cfg.model_dump(
        exclude={"resume", "artifacts_dir", "scale", "threads", "checkpoint_every", "sampler_rows",
                 "sampler_cache_gb"}
    )  # fmt: skip


def weights_digest(model: torch.nn.Module) -> str:
    """SHA-256 of all weights, in hex."""
    h = hashlib.sha256()
    for p in model.parameters():
        h.update(p.detach().float().cpu().numpy().tobytes())
    return h.hexdigest()


def both_ways(
    cfg: RLParams,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    questions: Questions,
    stream: str = "before and after",
) -> dict[str, Answers]:
    """Greedy and sampled answers of a model; the same random numbers (of this ``stream``) for every model."""
    sampler = make_sampler(cfg, model, tokenizer)
    seed = seed_for(cfg.seed, stream)
    out = {}
    with autocast(model.device, cfg.dtype):
        for name, n, temperature in (
            ("greedy", 1, 0.0),
            ("sampled", cfg.eval_samples, cfg.eval_temperature),
        ):
            out[name] = answer(
                sampler,
                questions,
                n=n,
                temperature=temperature,
                max_new_tokens=cfg.max_new_tokens,
                seed=seed,
            )
    return out


def before_after(before: Mapping[str, Answers], after: Mapping[str, Answers]) -> dict[str, Any]:
    """Metrics of the comparison: accuracy before, after and the paired difference, greedy and sampled."""
    out: dict[str, Any] = {}
    for way in before:
        for when, a in (("before", before[way]), ("after", after[way])):
            greedy = len(a.correct[0]) == 1
            out[f"{way}_{when}"] = (
                accuracy([c[0] for c in a.correct]) if greedy else sample_mean(a.correct)
            )
        out[f"{way}_gain"] = paired_difference(after[way].shares, before[way].shares)
    lengths = {
        when: [n for r in a["sampled"].lengths for n in r]
        for when, a in (("before", before), ("after", after))
    }
    return out | {f"length_{when}": sum(n) / len(n) for when, n in lengths.items()}


def samples_table(
    questions: Questions, columns: Mapping[str, Answers], rows: Sequence[int]
) -> list[dict[str, str]]:
    """Rows for ``table``: the question, its answer, and each model's first answer marked ✓ or ✗."""
    out = []
    for i in rows:
        p = questions.problems[i]
        row = {"question": p.question, "answer": p.answer}
        for name, a in columns.items():
            row[name] = f"{'✓' if a.correct[i][0] else '✗'} {a.texts[i][0].strip()}"
        out.append(row)
    return out


def frozen(model: PreTrainedModel) -> PreTrainedModel:
    """The reference policy: no gradient, no dropout."""
    return model.requires_grad_(False).eval()


def moved(policy: torch.nn.Module, start: torch.nn.Module) -> float:
    """Relative distance of the weights, ‖θ − θ_0‖ / ‖θ_0‖: a run that learns has one above 0."""
    pairs = zip(policy.parameters(), start.parameters(), strict=True)
    with torch.no_grad():
        sums = [((p - q).square().sum(), q.square().sum()) for p, q in pairs]
    return float((sum(a for a, _ in sums) / sum(b for _, b in sums)).sqrt())
