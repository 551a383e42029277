"""The one loop of the whole family: draw data, score it, turn rewards into coefficients, update (Algorithm 1, inside).

What a method is stands in its row (``dsmath_lib.rl.coefficients``); nothing here asks for a method by name.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from safetensors.torch import save_file

from dsmath_lib.engines.decode import Sampler, make_sampler
from dsmath_lib.lm.schedule import constant
from dsmath_lib.lm.train import NonFiniteLoss, autocast, make_optimizer
from dsmath_lib.params.rl import RLParams
from dsmath_lib.rl.coefficients import (
    COEFFICIENTS,
    Scored,
    overlong_penalty,
    pairs,
    returns_of,
    without_signal,
)
from dsmath_lib.rl.critic import Critic
from dsmath_lib.rl.diagnostics import measured
from dsmath_lib.rl.explore import RewardFunction, StepRewardFunction, batch_of_step
from dsmath_lib.rl.learn import MicroBatch, Objective, assign, gathered, measure, prepare, update
from dsmath_lib.rl.questions import Questions
from dsmath_lib.rl.rollouts import Rollouts
from dsmath_lib.rows.methods import Method
from dsmath_lib.stage import checkpoint
from dsmath_lib.stage.folder import Stage

# a row of so many times the hidden size spends as much on attention as on a layer's matrices
LONG_ROW = 6


@dataclass(frozen=True)
class Rewards:
    """How completions are scored: reward functions and the weights of their named rewards in the sum."""

    outcome: RewardFunction
    weights: dict[str, float]
    steps: StepRewardFunction | None = None
    step_weights: dict[str, float] | None = None


@dataclass
class Players:
    """The networks of a run. ``critic`` only with GAE; ``start`` draws offline data and is the reference."""

    policy: torch.nn.Module
    start: torch.nn.Module | None
    tokenizer: object
    critic: Critic | None = None

    def modules(self) -> torch.nn.Module:
        """What a checkpoint holds."""
        if self.critic is None:
            return self.policy
        return torch.nn.ModuleDict({"policy": self.policy, "critic": self.critic})


def objective_of(cfg: RLParams, method: Method) -> Objective:
    """The objective that the parameters and the method's row ask for."""
    beta = cfg.beta if method.kl == "loss" else 0.0
    return Objective(
        loss=method.loss,
        clip_low=cfg.clip_low,
        clip_high=cfg.clip_high if method.clip_high is None else method.clip_high,
        beta=cfg.numbers.dpo_beta if method.loss == "pair" else beta,
        kl_estimator=cfg.kl_estimator,
        kl_ratio=cfg.kl_ratio,
        ratio_of=method.ratio_of,
        norm=method.norm,
        max_length=cfg.max_new_tokens,
        temperature=cfg.temperature,
        value_clip=cfg.numbers.value_clip,
    )


def train_policy(
    cfg: RLParams,
    method: Method,
    stage: Stage,
    run: str,
    players: Players,
    questions: Questions,
    rewards: Rewards,
    evaluate: Callable[[Sampler], dict[str, float]] | None = None,
    *,
    seed: int,
    after: int = 0,
    folder: str = "",
    at_start: dict[str, float] | None = None,
) -> dict[str, float]:
    """Train the policy in place for ``cfg.steps`` steps; continue from the run's checkpoint if there is one.

    Rows of the log: ``run`` (every diagnostic of the step), and ``run.timing``, ``.eval``, ``.alarm``, ``.samples``.

    Args:
        run: names the run's rows in the log; ``folder`` its checkpoints (empty: the same name).
        evaluate: sampler -> numbers, before the first step, every ``eval_every`` steps and after the last.
        at_start: the evaluation before the first step, if it is known: many runs may have one start.
        after: steps of the log before this run's first (a later iteration of the same run).

    Returns:
        the last evaluation.

    Raises:
        NonFiniteLoss: names the step (from 1, as in the log) and where the batch was saved; the weights are those
            before the step.
        RewardError: the reward function failed. SamplerError: the sampler failed.
    """
    from dsmath_lib.base.progress import progress

    path = stage.dir / "checkpoints" / (folder or run)
    optimizer = optimizer_of(cfg, players)
    modules = players.modules()
    state = checkpoint.load_latest(path, modules, optimizer) if cfg.resume else None
    begin = state["step"] if state else 0
    for kind in (run, f"{run}.timing", f"{run}.eval", f"{run}.alarm", f"{run}.samples"):
        stage.truncate_log(after + begin if state or after else -1, kind)
    modules.eval()  # no dropout: sampler, policy, old policy and reference must agree
    sampler = make_sampler(cfg, players.policy, players.tokenizer)

    def validate(step: int) -> dict[str, float]:
        numbers = at_start if step == 0 and at_start is not None else None
        if numbers is None:
            numbers = evaluate(sampler) if evaluate else {}
        stage.log(f"{run}.eval", after + step, **numbers)
        return numbers

    last = validate(0) if begin == after == 0 else {}
    for step in progress(range(begin, cfg.steps), desc=run, total=cfg.steps - begin):
        lr = constant(step, peak=cfg.lr, warmup=cfg.warmup_steps)
        for g in optimizer.param_groups:
            g["lr"] = lr * g["scale"]
        row, timing = one_step(
            cfg, method, stage, run, after + step, players, optimizer, sampler, questions, rewards,
            seed,
        )  # fmt: skip
        done = step + 1
        stage.log(run, after + done, **row, lr=lr)
        stage.log(f"{run}.timing", after + done, **timing)
        if done == cfg.steps or (cfg.eval_every and done % cfg.eval_every == 0):
            last = validate(done)
        if cfg.checkpoint_every and done % cfg.checkpoint_every == 0 and done < cfg.steps:
            checkpoint.save(path, done, modules, optimizer)
    sampler.rest()
    return last


def optimizer_of(cfg: RLParams, players: Players) -> torch.optim.AdamW:
    """AdamW for the policy, and for the critic at its own rate: ``scale`` of a group multiplies the policy's rate."""
    kw = {
        "betas": (cfg.adam_beta1, cfg.adam_beta2),
        "weight_decay": cfg.weight_decay,
        "decay_embeddings": True,
    }
    optimizer = make_optimizer(players.policy, **kw)
    for g in optimizer.param_groups:
        g["scale"] = 1.0
    if players.critic is not None:
        for g in make_optimizer(players.critic, **kw).param_groups:
            optimizer.add_param_group(g | {"scale": (cfg.numbers.critic_lr or cfg.lr) / cfg.lr})
    return optimizer


def one_step(
    cfg, method: Method, stage, run, step, players: Players, optimizer, sampler, questions, rewards,
    seed,
) -> tuple[dict[str, float | None], dict[str, float]]:  # fmt: skip
    """Draw and score, compare, learn.

    Returns:
        the step's diagnostics, with the same keys at every step of a run (``diagnostics``), and its timing; both
        speeds count completion tokens only.
    """
    begun = time.perf_counter()
    device = next(players.policy.parameters()).device
    with autocast(device, cfg.dtype):
        rollouts = batch_of_step(
            cfg, method, stage, step, players, sampler, questions, rewards, seed
        )
    sampler.rest()  # the weights change below
    explored = time.perf_counter()
    scored, batches = compare(cfg, method, players, rollouts, rewards, device)
    stage.log(f"{run}.samples", step + 1, **samples(rollouts, scored.reward))
    flat = without_signal(method, scored)
    if not any(bool(b.advantages.any()) for b in batches):
        value = sorted(set(scored.reward.tolist()))
        why = f"no group has rewards that differ (values {value[:5]}): nothing to learn from"
        stage.log(f"{run}.alarm", step + 1, message=why)
    row: dict[str, float | None] = {}
    for _ in range(cfg.updates_per_exploration):
        row = update(
            players.policy, players.start, batches, objective_of(cfg, method), cfg.dtype,
            players.critic,
        )  # fmt: skip
        norms = [_clip_norm(m, cfg.grad_clip) for m in (players.policy, players.critic) if m]
        losses = measured([row], "loss") + measured([row], "value_loss")
        if not all(map(math.isfinite, [*losses, *norms])):
            raise _non_finite(stage, run, step + 1, row["loss"], norms[0], batches)
        optimizer.step()
        row["grad_norm"] = norms[0]  # of the last update, where the clip may act
    learnt = time.perf_counter()
    if method.data != "policy":
        row["mismatch"] = None  # the data is not the policy's
    tokens = int(rollouts.lengths.sum())
    return row | summary(rollouts, scored.reward, flat), {
        "rollout_seconds": explored - begun,
        "learn_seconds": learnt - explored,
        "rollout_tokens_per_s": tokens / (explored - begun),
        "learn_tokens_per_s": sum(int(b.tokens.lengths.sum()) for b in batches)
        / (learnt - explored),
    }


def compare(
    cfg: RLParams, method: Method, players: Players, rollouts: Rollouts, rewards: Rewards, device
) -> tuple[Scored, list[MicroBatch]]:
    """Rewards into gradient coefficients, and the rows that have one into micro-batches.

    Empty completions are in their group's baseline and have no tokens to learn from. Rows whose coefficient is 0 are
    left out where that changes nothing: no KL term in the loss, no critic.
    """
    lengths = rollouts.lengths
    reward = (
        rollouts.total_reward(rewards.weights) if rollouts.rewards else torch.ones(len(lengths))
    )
    if method.overlong:
        reward = reward + overlong_penalty(lengths, cfg.max_new_tokens)
    steps = rollouts.total_step_rewards(rewards.step_weights) if method.reward == "steps" else []
    mask = torch.arange(max(int(lengths.max()), 1)) < lengths[:, None]
    nothing = torch.zeros(mask.shape)
    x = Scored(
        rollouts, reward, steps, nothing, nothing, mask, cfg.std_ddof, cfg.std_eps,
        cfg.beta if method.kl == "reward" else 0.0, cfg.numbers,
    )  # fmt: skip
    objective = objective_of(cfg, method)
    keep = lengths > 0
    cut = {"micro_tokens": cfg.micro_tokens, "share_prompt": cfg.share_prompt, "device": device}
    cut["long_row"] = LONG_ROW * players.policy.config.hidden_size
    if method.kl == "reward" or method.needs_critic:
        batches = prepare(rollouts, None, objective, keep=keep, **cut)
        reference = players.start if method.kl == "reward" and cfg.beta else None
        measure(players.policy, reference, players.critic, batches, cfg.temperature, cfg.dtype)
        kl, values = gathered(batches, tuple(mask.shape))
        x = replace(x, kl=kl, values=values)
        advantages = COEFFICIENTS[method.coefficient](x, method)
        returns = returns_of(x) if method.needs_critic else None
        assign(batches, advantages, returns)
        return x, batches
    advantages = COEFFICIENTS[method.coefficient](x, method)
    flat = without_signal(method, x)
    if cfg.skip_zero_variance or not objective.beta or method.loss == "pair":
        keep = keep & (advantages if advantages.ndim == 1 else advantages.abs().sum(1)).bool()
    runs = None
    if method.loss == "pair":
        runs = list(zip(*pairs(reward, rollouts.group, lengths > 0), strict=True))
    counted = ~flat if method.drop_flat else None
    batches = prepare(rollouts, advantages, objective, keep=keep, counted=counted, runs=runs, **cut)
    return x, batches


def _clip_norm(module: torch.nn.Module, limit: float) -> float:
    return float(torch.nn.utils.clip_grad_norm_(module.parameters(), limit or math.inf))


def summary(
    rollouts: Rollouts, reward: torch.Tensor, flat: torch.Tensor
) -> dict[str, float | None]:
    """What the completions of a step looked like. ``flat`` (B,): rows of groups without signal.

    None: not measured, as the spread of one row or the step rewards of completions without a step.
    """
    lengths = rollouts.lengths.float()
    out = {
        "reward": reward.mean(),
        "reward_std": reward.std() if len(reward) > 1 else None,
        "zero_variance": flat.float().mean(),
        "length": lengths.mean(),
        "truncated": rollouts.truncated.float().mean(),
        "empty": (lengths == 0).float().mean(),
        **{f"reward.{name}": values.mean() for name, values in rollouts.rewards.items()},
    }
    for name, rows in rollouts.step_rewards.items():
        values = [v for r in rows for v in r]
        out[f"reward.{name}"] = sum(values) / len(values) if values else None
    if "accuracy" in rollouts.rewards:
        out["accuracy"] = (rollouts.rewards["accuracy"] > 0).float().mean()
    return {name: None if value is None else float(value) for name, value in out.items()}


def samples(rollouts: Rollouts, reward: torch.Tensor, most: int = 4) -> dict[str, list]:
    """The first completions of a step with their rewards, to be looked at while it runs."""
    return {"texts": rollouts.texts[:most], "rewards": reward[:most].tolist()}


def _non_finite(
    stage: Stage, run: str, step: int, loss: float, norm: float, batches: list[MicroBatch]
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
        f"{run}: step {step} has loss {loss} and gradient norm {norm}. The batch is in {path}, the last "
        f"checkpoint is kept. A smaller lr often helps."
    )
