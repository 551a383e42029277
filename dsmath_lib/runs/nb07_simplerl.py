"""What 07_simplerl_zero is made of: runs as rows (start, method, reward, prompt), and how their models behave."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dsmath_lib.base.files import write_atomic
from dsmath_lib.base.records import Problem, Sample
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.engines.decode import Sampler, make_sampler
from dsmath_lib.evaluation.behaviour import behaviour, reflections
from dsmath_lib.evaluation.metrics import accuracy, clustered, paired_difference
from dsmath_lib.lm.mixture import mixture_stream, tokenize_documents
from dsmath_lib.lm.model import load_model
from dsmath_lib.lm.packing import PackedExamples, stream_batch, tokenize_samples
from dsmath_lib.lm.schedule import constant_then_low
from dsmath_lib.lm.train import TrainSettings, autocast, train
from dsmath_lib.params.simplerl import SimpleRLParams
from dsmath_lib.rewards.reward import reward
from dsmath_lib.rl.advantages import group_advantages
from dsmath_lib.rl.critic import Critic
from dsmath_lib.rl.explore import explore, rule_reward
from dsmath_lib.rl.loop import Players, Rewards, train_policy
from dsmath_lib.rl.questions import Questions, as_prompts
from dsmath_lib.rl.rollouts import Rollouts
from dsmath_lib.rows.methods import METHODS
from dsmath_lib.rows.prompts import chat_prompt
from dsmath_lib.rows.zero_runs import RUNS, Run
from dsmath_lib.runs.kept import train_once
from dsmath_lib.runs.nb02_pretraining import kept_back, read_corpus
from dsmath_lib.runs.nb05_grpo import frozen, settings_of
from dsmath_lib.stage.folder import Stage
from dsmath_lib.world.reflection import long_cot

ROWS = 8  # rows of a training step before RL


@dataclass(frozen=True)
class Look:
    """Answers to Q validation questions: greedy ones, and n sampled ones of each (row by row)."""

    greedy: list[bool]
    sampled: list[list[bool]]
    texts: list[str]  # the greedy ones
    behaviour: dict[str, float | None]  # of the sampled ones
    reflecting: list[list[bool]]  # has a sampled one a reflection word?

    @property
    def shares(self) -> list[float]:
        """Share of right samples of each question."""
        return [sum(r) / len(r) for r in self.sampled]


class Group(NamedTuple):
    """A question with its rollouts; rewards and advantages (B,) of the batch it was drawn in."""

    problem: Problem
    rollouts: Rollouts
    rewards: torch.Tensor
    advantages: torch.Tensor
    index: int  # of the group in the batch


def graded_by(run: Run) -> str:
    """The rule whose ``accuracy`` says if an answer of a run is right; the same for all that answer in words."""
    return run.reward if run.reward in ("program", "r1") else "simplerl-zoo"


def answers(
    cfg: SimpleRLParams, sampler: Sampler, questions: Questions, rule: str, n: int, t: float
) -> tuple[list[list[bool]], Any]:
    """``n`` answers to each question at temperature ``t``: which are right, row per question, and the completions."""
    done = sampler.sample(
        questions.prompts, n=n, temperature=t, max_new_tokens=cfg.max_new_tokens,
        seed=seed_for(cfg.seed, "zero"), stop=cfg.stops,
    )  # fmt: skip
    right = [
        reward(rule, questions.problems[i // n].answer, text, done.finish[i])["accuracy"] > 0
        for i, text in enumerate(done.texts)
    ]
    return [right[i : i + n] for i in range(0, len(right), n)], done


def look(
    cfg: SimpleRLParams,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    questions: Questions,
    rule: str,
) -> Look:
    """Greedy and sampled answers of a model; the same random numbers for every model."""
    sampler = make_sampler(cfg, model, tokenizer)
    with autocast(model.device, cfg.dtype):
        greedy, first = answers(cfg, sampler, questions, rule, 1, 0.0)
        sampled, done = answers(
            cfg, sampler, questions, rule, cfg.eval_samples, cfg.eval_temperature
        )
    flat = [c for row in sampled for c in row]
    how = behaviour(done.texts, flat, done.finish, [len(i) for i in done.ids])
    n = cfg.eval_samples
    words = [reflections(t) > 0 for t in done.texts]
    words = [words[i : i + n] for i in range(0, len(words), n)]
    return Look([row[0] for row in greedy], sampled, first.texts, how, words)


def validation_of(cfg: SimpleRLParams, questions: Questions, rule: str) -> Callable:
    """The validation during a run: sampled accuracy and behaviour, one answer to each question."""

    def evaluate(sampler: Sampler) -> dict[str, float | None]:
        right, done = answers(cfg, sampler, questions, rule, 1, cfg.eval_temperature)
        flat = [r[0] for r in right]
        numbers = behaviour(done.texts, flat, done.finish, [len(i) for i in done.ids])
        return {"accuracy": sum(flat) / len(flat)} | numbers

    return evaluate


def rewards_of_run(cfg: SimpleRLParams, run: Run) -> Rewards:
    """The run's own rule with all its named parts at weight 1, or the rule and the weights of the parameters."""
    if cfg.reward_rule:
        weights = dict(zip(cfg.reward_names, cfg.reward_weights, strict=True))
        return Rewards(rule_reward(cfg.reward_rule), weights)
    return Rewards(rule_reward(run.reward), dict.fromkeys(reward(run.reward, "0", "", "eos"), 1.0))


# -- starts ---------------------------------------------------------------------------------------


def settings_for(cfg: SimpleRLParams, steps: int, lr: float) -> TrainSettings:
    """Supervised training before RL: constant rate, a tenth of it in the last fifth."""
    low = steps // 5
    return TrainSettings(
        steps=steps,
        lr=lambda k: constant_then_low(
            k, peak=lr, warmup=cfg.warmup_steps, total=steps, low=low
        ),
        micro_batch=ROWS,
        dtype=cfg.dtype,
        checkpoint_every=20 if cfg.checkpoint_every else 0,
    )  # fmt: skip


def make_base(
    cfg: SimpleRLParams, stage: Stage, tokenizer: PreTrainedTokenizerBase, device
) -> Path | str:
    """The base model of the runs: ``cfg.sft_model`` or that of stage 02, and, if asked for, more pre-training.

    That is plain next-token training on mined math pages in the languages of the questions (the way from Qwen2.5 to
    Qwen2.5-Math); no question is put into a prompt, no answer is marked, so what follows is still RL from a base model.
    """
    source = stage.source(cfg.sft_model, "02_pretraining", "base")
    if not cfg.math_tokens:
        return source

    def make():
        model = load_model(source, revision=cfg.sft_revision, device=device)
        width = model.config.max_position_embeddings
        steps = max(1, cfg.math_tokens // (ROWS * width))
        rows = read_corpus(stage.upstream("01_corpus_mining", "corpora"), "mined")
        texts = [r["text"] for r in rows if r["lang"] in cfg.langs and not kept_back(r)]
        pages = {"mined": tokenize_documents(tokenizer, texts)}
        stream = mixture_stream(pages, {"mined": 1.0}, steps * ROWS * width + 1, cfg.seed).tokens

        def batches(step: int):
            return stream_batch(stream, step, ROWS, width, bos=tokenizer.bos_token_id)

        return model, train(model, batches, settings_for(cfg, steps, cfg.math_lr), stage, "base")

    stage.upstream("01_corpus_mining", "corpora")
    made_of = settings_of(cfg)
    train_once(stage, "base", _only(made_of, "math_", "sft_", "langs", "seed", "warmup"),
               tokenizer, make, device)  # fmt: skip
    return stage.artifacts / "base"


def _only(settings: Mapping[str, Any], *starts: str) -> dict[str, Any]:
    return {k: v for k, v in settings.items() if k.startswith(starts)}


def long_samples(cfg: SimpleRLParams, problems: Sequence[Problem], n: int) -> list[Sample]:
    """Long solutions of the first ``n`` RL questions: the toy world's, or the lines of the data set."""
    out = []
    for p in problems[:n]:
        rng = Random(seed_for(cfg.seed, "long", p.id, p.question))
        text = long_cot(p, rng) if p.family else "\n".join([*p.steps, f"\\boxed{{{p.answer}}}"])
        prompt = chat_prompt(cfg.question_template, p.question, p.lang)
        out.append(Sample(prompt, ((" " * prompt.endswith(":") + text, True),), {"form": "long"}))
    return out


def make_warm(
    cfg: SimpleRLParams,
    stage: Stage,
    base: Path | str,
    tokenizer: PreTrainedTokenizerBase,
    problems: Sequence[Problem],
    device,
) -> Path:
    """The base model after supervised training on long solutions of the RL questions (SimpleRL's first step)."""

    def make():
        model = load_model(base, revision=cfg.sft_revision, device=device)
        width = model.config.max_position_embeddings
        examples = tokenize_samples(tokenizer, long_samples(cfg, problems, cfg.warm_samples))
        packed = PackedExamples(
            examples, width, cfg.warm_steps * ROWS, cfg.seed, isolate=True,
            pad=tokenizer.pad_token_id,
        )  # fmt: skip
        settings = settings_for(cfg, cfg.warm_steps, cfg.warm_lr)
        return model, train(model, lambda k: packed.batch(k, ROWS), settings, stage, "warm")

    made_of = settings_of(cfg)
    keys = ("warm", "math_", "sft_", "langs", "levels", "seed", "question", "data_")
    train_once(stage, "warm", _only(made_of, *keys), tokenizer, make, device)
    return stage.artifacts / "warm"


# -- the runs -------------------------------------------------------------------------------------


def run_zero(
    cfg: SimpleRLParams,
    stage: Stage,
    name: str,
    start: Path | str,
    tokenizer: PreTrainedTokenizerBase,
    train_problems: Sequence[Problem],
    val_problems: Sequence[Problem],
    device,
) -> tuple[PreTrainedModel, Look, Look]:
    """One row of ``RUNS``: train (or load what was trained before), and look at start and end.

    Returns:
        the policy, the look at the start and the look at the policy. Log rows: ``name``, ``name.eval``, ….
    """
    run = RUNS[name]
    template = run.template or cfg.question_template
    if name != cfg.runs[0]:
        cfg = cfg.model_copy(update={"steps": cfg.compare_steps})
    revision = cfg.sft_revision if str(start) == cfg.sft_model else ""
    model = frozen(load_model(start, revision=revision, device=device))
    room = model.config.max_position_embeddings - cfg.max_new_tokens
    asked = as_prompts(tokenizer, train_problems, template, room)
    validation = as_prompts(tokenizer, val_problems, template, room)
    rule, method = graded_by(run), METHODS[run.method]

    def make():
        policy = load_model(start, revision=revision, device=device)
        critic = Critic(policy) if method.needs_critic else None
        reference = model if cfg.beta and method.needs_reference else None
        train_policy(
            cfg, method, stage, name, Players(policy, reference, tokenizer, critic), asked,
            rewards_of_run(cfg, run), validation_of(cfg, validation, rule), seed=cfg.seed,
        )  # fmt: skip
        return policy, {"after": asdict(look(cfg, policy, tokenizer, validation, rule))}

    settings = {k: v for k, v in settings_of(cfg).items() if k not in ("runs", "compare_steps")}
    settings |= {"run": repr(run), "method": repr(method)}
    policy, numbers = train_once(stage, name, settings, tokenizer, make, device)
    before = look_at_start(cfg, stage, start, model, tokenizer, validation, rule, template)
    return policy, before, Look(**numbers["after"])


def look_at_start(
    cfg, stage: Stage, start, model, tokenizer, validation: Questions, rule: str, template: str
) -> Look:
    """The look at a start, taken once for all runs that share it, their prompt and their rule."""
    path = stage.artifacts / "looks" / f"{Path(start).name}-{template}-{rule}.json"
    if not path.exists():
        done = look(cfg, model, tokenizer, validation, rule)
        write_atomic(path, json.dumps(asdict(done), ensure_ascii=False))
    return Look(**json.loads(path.read_text(encoding="utf-8")))


def one_group(
    cfg: SimpleRLParams,
    policy: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    problems: Sequence[Problem],
    name: str,
    tries: int = 8,
) -> Group:
    """A group with a signal, among those of the first ``tries`` questions (else the first): what learning would see.

    Uses GRPO's advantages, also where the run's method has a critic.
    """
    run = RUNS[name]
    room = policy.config.max_position_embeddings - cfg.max_new_tokens
    asked = as_prompts(tokenizer, problems[:tries], run.template or cfg.question_template, room)
    rewards = rewards_of_run(cfg, run)
    seen = explore(
        make_sampler(cfg, policy, tokenizer), asked.prompts, asked.golds, rewards.outcome,
        group_size=cfg.group_size, temperature=cfg.temperature, top_p=cfg.top_p,
        max_new_tokens=cfg.max_new_tokens, seed=seed_for(cfg.seed, "browser"), stop=cfg.stops,
    )  # fmt: skip
    total = seen.total_reward(rewards.weights)
    a = group_advantages(total, seen.group, ddof=cfg.std_ddof, eps=cfg.std_eps)
    best = next((int(g) for g, x in zip(seen.group, a.tolist(), strict=True) if x), 0)
    return Group(asked.problems[best], seen, total, a, best)


def result_row(name: str, before: Look, after: Look) -> dict[str, Any]:
    """Accuracy before and after with intervals, the paired gain, length and reflection words of the samples."""
    return {
        "run": RUNS[name].title,
        "greedy before": accuracy(before.greedy),
        "greedy after": accuracy(after.greedy),
        "sampled before": clustered(before.shares),
        "sampled after": clustered(after.shares),
        "sampled gain": paired_difference(after.shares, before.shares),
        "length": f"{before.behaviour['length']:.0f} → {after.behaviour['length']:.0f}",
        "reflecting": f"{before.behaviour['reflecting']:.2f} → {after.behaviour['reflecting']:.2f}",
    }
