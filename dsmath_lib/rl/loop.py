"""GRPO with outcome supervision (paper §4.1, Algorithm 1 with one outer iteration): explore, score, compare, learn."""

import math
import time
from collections.abc import Callable

import torch
from safetensors.torch import save_file

from dsmath_lib import checkpoint
from dsmath_lib.lm.sampler import HFSampler
from dsmath_lib.lm.schedule import constant
from dsmath_lib.lm.train import NonFiniteLoss, autocast, make_optimizer
from dsmath_lib.params.grpo import GRPOParams
from dsmath_lib.rl.advantages import group_advantages, zero_variance
from dsmath_lib.rl.explore import RewardFunction, explore, questions_of_step, rollout_seed
from dsmath_lib.rl.learn import MicroBatch, Objective, prepare, update
from dsmath_lib.rl.questions import Questions
from dsmath_lib.rl.records import Rollouts
from dsmath_lib.stage import Stage

RUN = "grpo"
KINDS = (RUN, f"{RUN}.timing", f"{RUN}.eval", f"{RUN}.alarm")


def objective_of(cfg: GRPOParams) -> Objective:
    """The objective that the parameters ask for."""
    return Objective(
        clip_low=cfg.clip_low,
        clip_high=cfg.clip_high,
        beta=cfg.beta,
        kl_estimator=cfg.kl_estimator,
        kl_ratio=cfg.kl_ratio,
        norm=cfg.loss_norm,
        max_length=cfg.max_new_tokens,
        temperature=cfg.temperature,
    )


def train_grpo(
    cfg: GRPOParams,
    stage: Stage,
    policy,
    reference,
    tokenizer,
    questions: Questions,
    reward_function: RewardFunction,
    evaluate: Callable[[HFSampler], dict[str, float]] | None = None,
) -> dict[str, float]:
    """Train ``policy`` in place; continue from the stage's checkpoint if there is one.

    Rows of the log: ``grpo`` (every diagnostic of the step), ``grpo.timing``, ``grpo.eval``, ``grpo.alarm``.

    Args:
        reference: the frozen policy of the KL term; not used (may be None) when ``beta`` is 0.
        evaluate: sampler -> numbers, before the first step, every ``eval_every`` steps and after the last.

    Returns:
        the last evaluation.

    Raises:
        NonFiniteLoss: names the step and where the batch was saved; the weights are those before the step.
        RewardError: the reward function failed.
    """
    from dsmath_lib.reporting.notebook import progress

    folder = stage.dir / "checkpoints" / RUN
    optimizer = make_optimizer(
        policy,
        betas=(cfg.adam_beta1, cfg.adam_beta2),
        weight_decay=cfg.weight_decay,
        decay_embeddings=True,
    )
    state = checkpoint.load_latest(folder, policy, optimizer) if cfg.resume else None
    start = state["step"] if state else 0
    for kind in KINDS:
        stage.truncate_log(start if state else -1, kind)
    policy.eval()  # no dropout: sampler, policy, old policy and reference must agree
    sampler = HFSampler(policy, tokenizer, max_rows=cfg.sampler_rows)

    def validate(step: int) -> dict[str, float]:
        numbers = evaluate(sampler) if evaluate else {}
        stage.log(f"{RUN}.eval", step, **numbers)
        return numbers

    last = validate(0) if start == 0 else {}
    for step in progress(range(start, cfg.steps), desc="GRPO", total=cfg.steps - start):
        lr = constant(step, peak=cfg.lr, warmup=cfg.warmup_steps)
        for g in optimizer.param_groups:
            g["lr"] = lr
        row, timing = one_step(
            cfg, stage, step, policy, reference, optimizer, sampler, questions, reward_function
        )
        done = step + 1
        stage.log(RUN, done, **row, lr=lr)
        stage.log(f"{RUN}.timing", done, **timing)
        if done == cfg.steps or (cfg.eval_every and done % cfg.eval_every == 0):
            last = validate(done)
        if cfg.checkpoint_every and done % cfg.checkpoint_every == 0 and done < cfg.steps:
            checkpoint.save(folder, done, policy, optimizer)
    return last


def one_step(
    cfg, stage, step, policy, reference, optimizer, sampler, questions: Questions, reward_function
) -> tuple[dict[str, float], dict[str, float]]:
    """Explore, score, compare, learn.

    Returns:
        the step's diagnostics and its timing; both speeds count completion tokens only.
    """
    begun = time.perf_counter()
    device = next(policy.parameters()).device
    index = questions_of_step(len(questions), cfg.questions_per_step, step, cfg.seed)
    with autocast(device, cfg.dtype):
        rollouts = explore(
            sampler,
            [questions.prompts[i] for i in index],
            [questions.problems[i].answer for i in index],
            reward_function,
            group_size=cfg.group_size,
            temperature=cfg.temperature,
            top_p=cfg.top_p,
            max_new_tokens=cfg.max_new_tokens,
            seed=rollout_seed(cfg.seed, step),
        )
    reward = rollouts.total_reward(dict(zip(cfg.reward_names, cfg.reward_weights, strict=True)))
    advantages = group_advantages(
        reward,
        rollouts.group,
        ddof=cfg.std_ddof,
        eps=cfg.std_eps,
        scale=cfg.scale_by_std,
        leave_one_out=cfg.leave_one_out,
    )
    flat = zero_variance(reward, rollouts.group)
    if flat.all():
        value = sorted(set(reward.tolist()))
        why = f"no group has rewards that differ (values {value[:5]}): nothing to learn from"
        stage.log(f"{RUN}.alarm", step + 1, message=why)
    explored = time.perf_counter()

    objective = objective_of(cfg)
    keep = ~flat if cfg.skip_zero_variance or not cfg.beta else None
    batches = prepare(
        rollouts,
        advantages,
        objective,
        micro_tokens=cfg.micro_tokens,
        share_prompt=cfg.share_prompt,
        device=device,
        keep=keep,
    )
    row: dict[str, float] = {}
    for k in range(cfg.updates_per_exploration):
        stats = update(policy, reference, batches, objective, cfg.dtype)
        norm = float(torch.nn.utils.clip_grad_norm_(policy.parameters(), cfg.grad_clip or math.inf))
        if not (math.isfinite(stats["loss"]) and math.isfinite(norm)):
            raise _non_finite(stage, step, stats["loss"], norm, batches)
        optimizer.step()
        first = {"mismatch": row["mismatch"]} if k else {}
        row = stats | {"grad_norm": norm} | first  # of the last update, where the clip may act
    learnt = time.perf_counter()
    tokens = int(rollouts.lengths.sum())
    return row | summary(rollouts, reward, flat), {
        "rollout_seconds": explored - begun,
        "learn_seconds": learnt - explored,
        "rollout_tokens_per_s": tokens / (explored - begun),
        "learn_tokens_per_s": sum(int(b.tokens.lengths.sum()) for b in batches)
        / (learnt - explored),
    }


def summary(rollouts: Rollouts, reward: torch.Tensor, flat: torch.Tensor) -> dict[str, float]:
    """What the rollouts of a step looked like. ``flat`` (B,): rows of groups without signal."""
    lengths = rollouts.lengths.float()
    out = {
        "reward": reward.mean(),
        "reward_std": reward.std(),
        "zero_variance": flat.float().mean(),
        "length": lengths.mean(),
        "truncated": rollouts.truncated.float().mean(),
        **{f"reward.{name}": values.mean() for name, values in rollouts.rewards.items()},
    }
    if "accuracy" in rollouts.rewards:
        out["accuracy"] = (rollouts.rewards["accuracy"] > 0).float().mean()
    return {name: float(value) for name, value in out.items()}


def _non_finite(
    stage: Stage, step: int, loss: float, norm: float, batches: list[MicroBatch]
) -> NonFiniteLoss:
    path = stage.dir / "bad_batch.safetensors"
    parts = {}
    for i, b in enumerate(batches):
        row = {
            "ids": b.tokens.ids,
            "row": b.tokens.row,
            "start": b.tokens.start,
            "lengths": b.tokens.lengths,
            "advantages": b.advantages,
            "old_logprobs": b.old,
        }
        parts |= {f"{i}.{k}": v.cpu().contiguous() for k, v in row.items() if v is not None}
    save_file(parts, path)
    return NonFiniteLoss(
        f"GRPO step {step + 1} has loss {loss} and gradient norm {norm}. The batch is in {path}, the last "
        f"checkpoint is kept. A smaller lr often helps."
    )
