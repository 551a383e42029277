"""The forms of GRPO in 05: outcome and process supervision side by side, and rounds with a renewed reward model."""

import warnings
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from transformers import PreTrainedModel

from dsmath_lib.base.files import digest_of, file_digest
from dsmath_lib.base.seeds import questions_of_step, seed_for
from dsmath_lib.engines.memory import Form
from dsmath_lib.evaluation.metrics import Estimate, paired_difference
from dsmath_lib.lm.schedule import constant
from dsmath_lib.lm.train import TrainSettings, autocast
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
from dsmath_lib.rl.experiment import Experiment
from dsmath_lib.rl.explore import sampling_of
from dsmath_lib.rl.reward_functions import Rewards, rewards_from
from dsmath_lib.runs.jobs import do_job, train_job
from dsmath_lib.runs.kept import Kept, decided_by
from dsmath_lib.runs.nb05_grpo import Renew, make_policy, weights_digest
from dsmath_lib.runs.policy_run import greedy
from dsmath_lib.stage.folder import Stage

FORMS = {
    "outcome": {"supervision": "outcome", "iterations": 1},
    "process": {"supervision": "process", "iterations": 1},
    "rounds": {"supervision": "outcome", "iterations": 2},
}
RENEW_BATCH = 16  # solutions, or pairs, per step of the renewal


def compare_forms(e: Experiment, renew: Renew | None = None) -> dict[str, dict[str, float]]:
    """Outcome supervision, process supervision and two rounds, each with ``compare_steps`` steps from one start.

    Args:
        renew: ``renewal`` with a ``run`` of its own, for the second of the two rounds.

    Returns:
        per form the last validation; {} if ``compare_steps`` is 0. The log has the rows of each form under its name.
    """
    out = {}
    for name, change in FORMS.items() if e.cfg.compare_steps else ():
        steps = e.cfg.compare_steps // change["iterations"]
        cfg = e.cfg.model_copy(update=change | {"steps": steps, "eval_every": 0})
        _, out[name] = make_policy(replace(e, cfg=cfg), run=f"form-{name}", log=name, renew=renew)
    return out


def round_gains(e: Experiment) -> dict[str, Estimate]:
    """What rounds bring (Figure 6), after ``compare_forms``: differences of greedy accuracy, paired by question.

    Returns:
        ``rounds_minus_one``: two rounds minus one of as many steps. ``first_minus_second_round``: the gain of the first
        round minus that of the second, −2 to 2 per question. {} if ``compare_steps`` is 0.
    """
    if not e.cfg.compare_steps:
        return {}
    made = e.stage.artifacts
    folders = {"start": e.start} | {n: made / f"form-{n}" for n in ("outcome", "rounds")}
    folders["first"] = made / "form-rounds-round1"
    right = {}
    for name, folder in folders.items():
        model = replace(e, start=folder).reference()
        with autocast(model.device, e.cfg.dtype):
            right[name] = ask(e.sampler(model), e.validation, greedy(e.cfg), seed=0).shares
    middle = [(a + b) / 2 for a, b in zip(right["start"], right["rounds"], strict=True)]
    half = paired_difference(right["first"], middle)  # (f − s) − (r − f) = 2 (f − (s + r) / 2)
    first = replace(half, value=2 * half.value, low=2 * half.low, high=2 * half.high)
    return {
        "rounds_minus_one": paired_difference(right["rounds"], right["outcome"]),
        "first_minus_second_round": first,
    }


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
