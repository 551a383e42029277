"""The one loop of the whole family: draw, reward, compare, learn (Algorithm 1, inside).

What a method is stands in its row (``dsmath_lib.rows.methods``); nothing here asks for a method by name.
"""

from collections.abc import Callable
from dataclasses import replace

import torch

from dsmath_lib.base.seeds import questions_of_step
from dsmath_lib.engines.decode import Sampler
from dsmath_lib.engines.memory import Form
from dsmath_lib.lm.schedule import constant
from dsmath_lib.lm.train import Loop, TrainSettings, make_optimizer
from dsmath_lib.params.rl import RLParams
from dsmath_lib.rewards.questions import Questions
from dsmath_lib.rl.coefficients import coefficients
from dsmath_lib.rl.diagnostics import Watch
from dsmath_lib.rl.experiment import Experiment, Players, RunId
from dsmath_lib.rl.explore import explore, rollout_seed, sampling_of, source_of
from dsmath_lib.rl.learn import (
    batches_of,
    clear_gradients,
    learn_values,
    log_probs,
    objective_of,
    weigh,
    weighed,
)
from dsmath_lib.rl.losses import LOSSES
from dsmath_lib.rl.reward_functions import Rewards
from dsmath_lib.rows.methods import Method


def one_step(
    e: Experiment, method: Method, players: Players, watch: Watch, asked: Questions, seed: int
) -> None:
    """Draw, reward, compare, learn: the inside of Algorithm 1, and of every method of the table."""
    objective = objective_of(e.cfg, method)
    rollouts = explore(players.source, asked, sampling_of(e.cfg), e.rewards, seed)
    watch.explored(rollouts)
    scored = weigh(e, method, players, rollouts)  # rewards (B,)
    advantages = coefficients(scored, method)  # (B,) or (B, T)
    batches = batches_of(e, method, players, scored, advantages)
    watch.compared(scored, batches)
    for _ in range(e.cfg.updates_per_exploration):
        clear_gradients(players)
        for b in batches:
            logp, entropy = log_probs(players, b, e.cfg, objective)  # (b, T)
            advantages = weighed(b, method, e.cfg)
            loss, stats = LOSSES[method.loss](logp, advantages, b.mask, b.weights, objective)
            loss.backward()
            watch.add(b, loss, stats, entropy)
        watch.update(players, batches, learn_values(players, batches, e.cfg))


def train_policy(
    e: Experiment,
    method: Method,
    players: Players,
    run: RunId,
    evaluate: Callable[[Sampler], dict[str, float]] | None = None,
    at_start: dict[str, float] | None = None,
) -> dict[str, float]:
    """Train the policy in place for ``cfg.steps`` steps; continue from the run's checkpoint if there is one.

    Rows of the log: ``run`` (every diagnostic of the step), and ``run.timing``, ``.eval``, ``.alarm``, ``.samples``.

    Args:
        evaluate: sampler -> numbers, before the first step, every ``eval_every`` steps and after the last.
        at_start: the evaluation before the first step, if it is known: many runs may have one start.

    Returns:
        the last evaluation.

    Raises:
        NonFiniteLoss: names the step (from 1, as in the log) and where the batch was saved; the weights are those
            before the step.
        RewardError: the reward function failed. SamplerError: the sampler failed.
    """
    cfg, last = e.cfg, {}

    def look(done: int, known: dict[str, float] | None = None) -> None:
        numbers = known
        if numbers is None:
            numbers = evaluate(sampler) if evaluate else {}
            sampler.rest()
        last.update(numbers)
        e.stage.log(f"{run.rows}.eval", run.after + done, **numbers)

    settings = train_settings(cfg)
    optimizer = optimizer_of(cfg, players, settings)
    loop = Loop(
        e.stage, run.rows, players.modules(), optimizer, settings, look,
        after=run.after, folder=run.name,
    )  # fmt: skip
    loop.modules.eval()  # no dropout: sampler, policy, old policy and reference must agree
    sampler = e.sampler(players.policy)
    players = replace(players, source=source_of(e, method, players, sampler))
    e = replace(e, rewards=paid_by(e, method))
    watch = Watch(loop, method, cfg, sampler)
    if loop.begin == run.after == 0:
        look(0, at_start)
    for step in loop.steps():
        at = run.after + step
        watch.begin()
        rows = questions_of_step(len(e.questions), cfg.questions_per_step, at, run.seed)
        one_step(e, method, players, watch, e.questions[rows], rollout_seed(run.seed, at))
        watch.log(lr=settings.lr(step))
    return last


def paid_by(e: Experiment, method: Method) -> Rewards | None:
    """The rewards that a method asks for: none for written solutions, those of steps with process supervision only."""
    if method.data == "set":
        return None
    return e.rewards if method.by_steps else replace(e.rewards, steps=None)


def train_settings(cfg: RLParams) -> TrainSettings:
    """How the parameters say that a policy is trained."""
    return TrainSettings(
        steps=cfg.steps,
        lr=lambda step: constant(step, peak=cfg.lr, warmup=cfg.warmup_steps),
        betas=(cfg.adam_beta1, cfg.adam_beta2),
        weight_decay=cfg.weight_decay,
        grad_clip=cfg.grad_clip,
        eval_every=cfg.eval_every,
        checkpoint_every=cfg.checkpoint_every,
        form=Form.of(cfg),
    )


def optimizer_of(cfg: RLParams, players: Players, settings: TrainSettings) -> torch.optim.Optimizer:
    """AdamW for the policy, and for the critic at its own rate: ``scale`` of a group multiplies the policy's rate."""
    optimizer = make_optimizer(players.policy, settings)
    for g in optimizer.param_groups:
        g["scale"] = 1.0
    if players.critic is not None:
        for g in make_optimizer(players.critic, settings).param_groups:
            optimizer.add_param_group(g | {"scale": (cfg.numbers.critic_lr or cfg.lr) / cfg.lr})
    return optimizer
