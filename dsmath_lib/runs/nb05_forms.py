"""The forms of GRPO in 05: outcome and process supervision side by side, and rounds with a renewed reward model."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from dsmath_lib.base.files import digest_of, file_digest
from dsmath_lib.base.seeds import questions_of_step, seed_for
from dsmath_lib.engines.memory import Form
from dsmath_lib.evaluation.metrics import Estimate, paired_difference
from dsmath_lib.lm.schedule import constant
from dsmath_lib.lm.train import TrainSettings, autocast
from dsmath_lib.params.grpo import GRPOParams
from dsmath_lib.rewards.ask import ask
from dsmath_lib.rewards.labels import (
    NoSignal,
    Solution,
    mix_replay,
    read_solutions,
    shepherd_labels,
    solutions_of,
    write_solutions,
)
from dsmath_lib.rewards.models import kind_of, load_reward_model, reward_model_path
from dsmath_lib.rewards.training import label_loss_and_backward, step_batches, training_rows
from dsmath_lib.rl.diagnostics import mean
from dsmath_lib.rl.experiment import Experiment
from dsmath_lib.rl.explore import sampling_of
from dsmath_lib.rl.reward_functions import Rewards, rewards_from, rule_reward
from dsmath_lib.runs.jobs import do_job, train_job
from dsmath_lib.runs.kept import Kept, decided_by
from dsmath_lib.runs.nb05_grpo import Renew, make_policy, weights_digest
from dsmath_lib.runs.nb05_truth import truth_steps
from dsmath_lib.runs.policy_run import greedy, load_rewards
from dsmath_lib.stage.folder import Stage

# what a form changes in the parameters
FORMS = {
    "outcome": {"supervision": "outcome", "iterations": 1},
    "process": {"supervision": "process", "iterations": 1},
    "rounds": {"supervision": "outcome", "iterations": 2},
}
# paid by the models of ``compare_models``, as in the paper; ``rounds-kept`` has the same rounds, the model stays
LEARNED = {
    "outcome-model": FORMS["outcome"],
    "process-model": FORMS["process"],
    "rounds-model": FORMS["rounds"],
    "rounds-kept": FORMS["rounds"],
}
TRUTH = "process-truth-"
# metric -> the two forms whose greedy answers it compares
DIFFERENCES = {
    "rounds_minus_one": ("rounds", "outcome"),
    "process_minus_outcome": ("process", "outcome"),
    "model_process_minus_outcome": ("process-model", "outcome-model"),
    "model_rounds_minus_one": ("rounds-model", "outcome-model"),
    "model_renewed_minus_kept": ("rounds-model", "rounds-kept"),
}
RENEW_BATCH = 16  # solutions, or pairs, per step of the renewal


def compare_forms(e: Experiment) -> dict[str, dict[str, float]]:
    """Outcome supervision, process supervision and two rounds, each with ``compare_steps`` steps from one start.

    With ``compare_models`` all of them once more, paid by these models, which the rounds renew (``rounds-kept``: not).

    Returns:
        per form the last validation; {} if ``compare_steps`` is 0. The log has the rows of each form under its name.
    """
    out = {}
    for name in form_names(e.cfg):
        paid = form_of(e, name)
        renew = None if name == "rounds-kept" else renewal(paid, run=f"{name}-")
        _, numbers = make_policy(paid, run=f"form-{name}", log=name, renew=renew)
        out[name] = {k: numbers[k] for k in ("accuracy", "length")}
    return out


def form_names(cfg: GRPOParams) -> list[str]:
    """The forms that the parameters ask for; ``process-truth-X``: the truth pays the steps, a share X of it wrong."""
    learned = LEARNED if cfg.compare_models else ()
    truth = [f"{TRUTH}{x:g}" for x in cfg.compare_wrong]
    return [*FORMS, *learned, *truth] if cfg.compare_steps else []


def form_of(e: Experiment, name: str) -> Experiment:
    """The experiment of a form: the same but for its supervision, its rounds, and who pays."""
    truth = name.startswith(TRUTH)
    change = dict(FORMS["process" if truth else name] if truth or name in FORMS else LEARNED[name])
    change |= {"steps": e.cfg.compare_steps // change["iterations"], "eval_every": 0}
    if truth:
        return _paid_by_truth(e, e.cfg.model_copy(update=change), float(name.removeprefix(TRUTH)))
    if name in FORMS:
        return replace(e, cfg=e.cfg.model_copy(update=change))
    outcome, process = e.cfg.compare_models
    if change["supervision"] == "process":
        change |= {"process_model": process, "reward_names": ["accuracy"]}
    else:
        change |= {"reward_model": outcome, "reward_names": ["model"]}
    change["reward_weights"] = [1.0]
    cfg = e.cfg.model_copy(update=change)
    return replace(e, cfg=cfg, rewards=load_rewards(cfg, e.stage, e.tokenizer, e.device))


def _paid_by_truth(e: Experiment, cfg: GRPOParams, wrong: float) -> Experiment:
    rule = rule_reward(cfg.reward_rule, cfg.seed)
    steps = truth_steps(e.questions, e.tokenizer, rule, wrong, cfg.seed)
    return replace(e, cfg=cfg, rewards=Rewards(rule, {"accuracy": 1.0}, steps, {"steps": 1.0}))


def form_gains(e: Experiment) -> dict[str, Estimate]:
    """What the forms bring, after ``compare_forms``: differences of greedy accuracy, paired by question.

    Returns:
        ``form_X_gain``: form X minus the start; the differences of ``DIFFERENCES``; for rounds (Figure 6), by a rule
        and by a renewed model, ``first_minus_second_round`` and ``model_first_minus_second_round``: the gain of the
        first round minus that of the second, −2 to 2 per question. {} if ``compare_steps`` is 0.
    """
    made, names = e.stage.artifacts, form_names(e.cfg)
    if not names:
        return {}
    folders = {"start": e.start} | {n: made / f"form-{n}" for n in names}
    rounds = [n for n in ("rounds", "rounds-model") if n in names]
    folders |= {f"{n}-round1": made / f"form-{n}-round1" for n in rounds}
    right = {}
    for name, folder in folders.items():
        model = replace(e, start=folder).reference()
        with autocast(model.device, e.cfg.dtype):
            right[name] = ask(e.sampler(model), e.validation, greedy(e.cfg), seed=0).shares
    out = {f"form_{n}_gain": paired_difference(right[n], right["start"]) for n in names}
    against = {f"{n}_minus_outcome": (n, "outcome") for n in names if n.startswith(TRUTH)}
    for name, (a, b) in (DIFFERENCES | against).items():
        out |= {name: paired_difference(right[a], right[b])} if a in right and b in right else {}
    for n in rounds:
        front = "model_" if n.endswith("-model") else ""
        ends = right["start"], right[f"{n}-round1"], right[n]
        out[f"{front}first_minus_second_round"] = _first_minus_second(*ends)
    return out


def _first_minus_second(start: list[float], first: list[float], second: list[float]) -> Estimate:
    """(first − start) − (second − first) = 2 (first − (start + second) / 2), paired."""
    middle = [(a + b) / 2 for a, b in zip(start, second, strict=True)]
    half = paired_difference(first, middle)
    return replace(half, value=2 * half.value, low=2 * half.low, high=2 * half.high)


def paid_and_right(log: Sequence[Mapping[str, Any]], window: int = 10) -> list[dict[str, Any]]:
    """What the reward pays beside what is right, over the steps of a form: means over ``window`` steps.

    Returns:
        rows with ``step``, ``paid`` (the step reward if it was learnt from, else the reward) and ``right``, the share
        of right answers among the same rollouts.
    """
    out = []
    for at in range(0, len(log), window):
        part = log[at : at + window]
        paid = "reward.steps" if any("reward.steps" in r for r in part) else "reward"
        row = {"step": part[-1]["step"], "paid": mean(part, paid), "right": mean(part, "accuracy")}
        out.append(row)
    return out


def renewal(e: Experiment, run: str = "") -> Renew | None:
    """What happens to the reward models between two rounds (Algorithm 1), or None if there is no reward model.

    The policy answers ``renew_questions`` questions, a rule labels the answers (and completions label the steps of a
    process model's data), old data joins with ``replay_share``, and each model goes on training. A model whose new data
    has nothing to tell apart (all answers wrong, say) stays as it is, with a warning.

    ``run`` goes before the names of what is kept, where more than one policy of a stage is trained in rounds.
    """
    cfg, stage = e.cfg, e.stage
    names = {"reward_model": cfg.reward_model, "process_model": cfg.process_model}
    names = {k: v for k, v in names.items() if v}
    if not names:
        return None
    paths = {k: reward_model_path(v, stage) for k, v in names.items()}
    old = _old_data(names, stage)

    def renew(i: int, policy: PreTrainedModel, rewards: Rewards) -> Rewards:
        new = _new_data(e, i, policy, run)
        mixed = mix_replay(new, old, cfg.replay_share, seed_for(cfg.seed, "replay", i))
        models = {}
        for key in names:
            name = f"{run}{key}-round{i}"
            try:
                models[key] = _train_on(e, name, paths[key], mixed)
                paths[key] = stage.artifacts / name
            except NoSignal as err:
                warnings.warn(f"round {i} keeps its {key} as it is: {err}", stacklevel=2)
                models[key] = load_reward_model(paths[key], device=e.device)
        old.extend(new)
        both = models.get("reward_model"), models.get("process_model")
        return rewards_from(cfg, e.tokenizer, *both)

    return renew


def _old_data(names: Mapping[str, str], stage: Stage) -> list[Solution]:
    """The data of stage 04, where one of the models comes from it."""
    if all(Path(n).is_dir() for n in names.values()):
        return []
    return read_solutions(stage.upstream("04_reward_model", "data/train.jsonl.gz"))


def _new_data(e: Experiment, i: int, policy: PreTrainedModel, run: str) -> list[Solution]:
    """Labelled answers of the policy after round ``i``; kept, so that a resumed run does not draw again."""
    cfg = e.cfg
    name = f"{run}renewal-data-round{i}-{weights_digest(policy)[:12]}.jsonl.gz"
    path = e.stage.artifacts / name
    if path.exists():
        return read_solutions(path)
    sampler, how, seed = e.sampler(policy), sampling_of(cfg), seed_for(cfg.seed, "renewal", i)
    n = min(cfg.renew_questions, len(e.questions))
    asked = e.questions[questions_of_step(len(e.questions), n, 0, seed)]
    with autocast(policy.device, cfg.dtype):
        answers = ask(sampler, asked, how, seed, cfg.reward_rule)
        new = solutions_of(asked, answers, e.tokenizer, cfg.reward_rule)
        if cfg.process_model:
            how = replace(how, n=cfg.renew_completions)
            new = shepherd_labels(sampler, e.tokenizer, new, how, seed, cfg.reward_rule)
    sampler.rest()  # the reward models train next
    write_solutions(path, new)
    return new


def _train_on(e: Experiment, run: str, start: Path, mixed: list[Solution]) -> PreTrainedModel:
    """A reward model trained further on the mix; the finished one of the same run is loaded."""
    cfg, seed = e.cfg, seed_for(e.cfg.seed, run)
    data = digest_of([asdict(s) for s in mixed])
    made_of = decided_by(cfg, start=file_digest(Path(start)), solutions=data)
    kept = Kept(e.stage, run, made_of, __name__, load_reward_model)
    if found := kept.found(e.device):
        return found[0].eval()
    model = load_reward_model(start, device=e.device)
    name = "process_hard"
    if kind_of(model) == "outcome":
        name = "pointwise" if model.config.reward_probability else "pairwise"
    rows = training_rows(name, mixed, model.config.max_position_embeddings, 4, seed)
    settings = TrainSettings(
        steps=cfg.renew_steps,
        lr=partial(constant, peak=cfg.renew_lr),
        micro_batch=RENEW_BATCH,
        dtype=cfg.dtype,
        checkpoint_every=cfg.checkpoint_every,
        form=Form.of(cfg),
        loss=label_loss_and_backward,
    )
    model, numbers = do_job(
        train_job, e.stage, e.device, load_reward_model,
        model=partial(load_reward_model, start),
        batches=step_batches(rows, RENEW_BATCH, seed),
        settings=settings,
        run=run,
    )  # fmt: skip
    return kept.keep(model.eval(), e.tokenizer, {"loss": numbers["loss"]})[0]
