"""One run of RL, made once and kept, and the answers before and after it: the same in 05, 06 and 07."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dsmath_lib.base.seeds import seed_for
from dsmath_lib.engines.decode import Sampler
from dsmath_lib.engines.grader import grade
from dsmath_lib.engines.memory import Form
from dsmath_lib.engines.parallel import load_device, shard
from dsmath_lib.evaluation.metrics import Estimate, accuracy, paired_difference, sample_mean
from dsmath_lib.lm.train import autocast
from dsmath_lib.params.rl import RLParams
from dsmath_lib.rewards.ask import ASK_RULE, Answers, Sampling, ask, flat
from dsmath_lib.rewards.models import load_reward_model, reward_model_path
from dsmath_lib.rewards.questions import Questions
from dsmath_lib.rl.critic import Critic
from dsmath_lib.rl.experiment import Experiment, Players, RunId
from dsmath_lib.rl.loop import train_policy
from dsmath_lib.rl.reward_functions import Rewards, rewards_from
from dsmath_lib.rows.methods import Method
from dsmath_lib.runs.jobs import do_job
from dsmath_lib.runs.kept import Kept, Made, decided_by
from dsmath_lib.stage.folder import Stage

Evaluate = Callable[[Experiment, Sampler], dict[str, Any]]  # a validation


def load_rewards(
    cfg: RLParams, stage: Stage, tokenizer: PreTrainedTokenizerBase, device: torch.device | str
) -> Rewards:
    """The rewards the parameters ask for: rule, reward model and process model, each by its name.

    Raises:
        StageError: a model of stage 04 is asked for, and it has not run or did not make it.
    """
    models = [
        load_reward_model(reward_model_path(name, stage), device=device) if name else None
        for name in (cfg.reward_model, cfg.process_model)
    ]
    return rewards_from(cfg, tokenizer, *models)


def train_run(
    e: Experiment,
    method: Method,
    run: RunId,
    evaluate: Evaluate,
    at_start: Mapping[str, float] | None = None,
    measure: Callable[[PreTrainedModel], dict[str, Any]] | None = None,
) -> Made:
    """Train a policy from the experiment's start, or load the finished one if the same run was made before.

    Args:
        evaluate: the validation during the run; ``at_start``: its numbers at the start, if known.
        measure: policy -> the numbers that are kept with it; None: those of the last validation.
    """
    made_of = decided_by(e.cfg, method=repr(method), run_seed=run.seed, also=run.also)
    kept = Kept(e.stage, run.name, made_of, getattr(evaluate, "func", evaluate).__module__)
    if found := kept.found(e.device):
        return found
    how = {"method": method, "run": run, "evaluate": evaluate, "at_start": at_start}
    policy, numbers = do_job(policy_job, e.stage, e.device, fresh=e.policy, e=e, **how)
    return kept.keep(policy, e.tokenizer, measure(policy) if measure else numbers)


def policy_job(
    stage: Stage,
    device: torch.device | str,
    *,
    e: Experiment,
    method: Method,
    run: RunId,
    evaluate: Evaluate,
    at_start: Mapping[str, float] | None,
) -> Made:
    """The training of ``train_run``, by this process or by all ranks: the policy and its last validation."""
    loaded = replace(e, device=load_device(device))
    policy = loaded.policy()
    critic = Critic(policy) if method.needs_critic else None
    for network in (policy, critic):
        if network is not None:
            Form.of(e.cfg).apply(network)  # before it is parted
    policy, critic = shard(policy), shard(critic)
    reference = shard(loaded.reference(policy)) if method.needs_reference(e.cfg.beta) else None
    players = Players(policy, reference, critic)
    numbers = train_policy(e, method, players, run, partial(evaluate, e), at_start)
    return players.policy, numbers


def greedy(cfg: RLParams) -> Sampling:
    """One greedy answer to each question."""
    return Sampling(cfg.max_new_tokens, stop=cfg.stops)


def sampled(cfg: RLParams, n: int | None = None) -> Sampling:
    """``n`` answers to each question at the temperature of the sampled accuracy (None: ``eval_samples``)."""
    n = cfg.eval_samples if n is None else n
    return Sampling(cfg.max_new_tokens, n, cfg.eval_temperature, stop=cfg.stops)


def both_ways(
    e: Experiment, model: PreTrainedModel, stream: str, rule: str = ASK_RULE
) -> dict[str, Answers]:
    """Greedy and sampled answers to the validation questions; every model gets the random numbers of ``stream``."""
    sampler, seed = e.sampler(model), seed_for(e.cfg.seed, stream)
    ways = {"greedy": greedy(e.cfg), "sampled": sampled(e.cfg)}
    with autocast(model.device, e.cfg.dtype):
        return {k: ask(sampler, e.validation, how, seed, rule) for k, how in ways.items()}


def share_right(correct: Sequence[Sequence[bool]]) -> Estimate:
    """Accuracy of one answer to each question, or mean of several."""
    return accuracy(flat(correct)) if len(correct[0]) == 1 else sample_mean(correct)


def other_readings(asked: Questions, before: Answers, after: Answers) -> dict[str, Any]:
    """The same answers read in two other ways, and what was cut: a gain of the form alone shows here.

    Returns:
        ``strict_*`` (the form that was asked for: a box or nothing) and ``lenient_*`` (the last statement of any
        kind), each before, after and the paired gain; ``truncated_*``: share of the answers that ran out of tokens.
    """
    out: dict[str, Any] = {}
    for rule in ("strict", "lenient"):
        right = {
            when: [
                [grade(p.answer, t, rule, p.question).correct for t in texts]
                for p, texts in zip(asked.problems, a.texts, strict=True)
            ]
            for when, a in (("before", before), ("after", after))
        }
        shares = {when: [sum(r) / len(r) for r in rows] for when, rows in right.items()}
        out |= {f"{rule}_{when}": share_right(rows) for when, rows in right.items()}
        out[f"{rule}_gain"] = paired_difference(shares["after"], shares["before"])
    for when, a in (("before", before), ("after", after)):
        cut = [f == "length" for row in a.finish for f in row]
        out[f"truncated_{when}"] = sum(cut) / len(cut)
    return out


def moved(policy: torch.nn.Module, start: torch.nn.Module) -> float:
    """Relative distance of the weights, ‖θ − θ_0‖ / ‖θ_0‖: a run that learns has one above 0."""
    pairs = zip(policy.parameters(), start.parameters(), strict=True)
    with torch.no_grad():
        sums = [((p - q).square().sum(), q.square().sum()) for p, q in pairs]
    return float((sum(a for a, _ in sums) / sum(b for _, b in sums)).sqrt())
