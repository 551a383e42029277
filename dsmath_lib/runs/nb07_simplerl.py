"""What 07_simplerl_zero is made of: runs as rows (start, method, reward, prompt), and how their models behave."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dsmath_lib.base.records import Problem, Sample
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.engines.decode import Sampler
from dsmath_lib.engines.memory import Form
from dsmath_lib.evaluation.behaviour import behaviour, reflections
from dsmath_lib.evaluation.metrics import accuracy, clustered, paired_difference
from dsmath_lib.lm.mixture import mixture_stream, tokenize_documents
from dsmath_lib.lm.model import load_model
from dsmath_lib.lm.packing import PackedExamples, stream_batch, tokenize_samples
from dsmath_lib.lm.schedule import constant_then_low
from dsmath_lib.lm.train import TrainSettings
from dsmath_lib.params.simplerl import SimpleRLParams
from dsmath_lib.rewards.ask import Answers, ask, flat
from dsmath_lib.rewards.questions import as_prompts
from dsmath_lib.rl.advantages import group_advantages
from dsmath_lib.rl.experiment import Experiment, RunId
from dsmath_lib.rl.explore import explore, live, sampling_of
from dsmath_lib.rl.reward_functions import rewards_from
from dsmath_lib.rl.rollouts import Rollouts
from dsmath_lib.rows.methods import METHODS
from dsmath_lib.rows.prompts import make_prompt
from dsmath_lib.rows.zero_runs import RUNS, Run
from dsmath_lib.runs.changes import logged
from dsmath_lib.runs.jobs import do_job, train_job
from dsmath_lib.runs.kept import Kept
from dsmath_lib.runs.load_questions import load_problems
from dsmath_lib.runs.nb02_pretraining import kept_back, read_corpus
from dsmath_lib.runs.policy_run import both_ways, sampled, train_run
from dsmath_lib.stage.folder import Stage
from dsmath_lib.world.problems import cot
from dsmath_lib.world.reflection import long_cot

_ROWS = (
    8  # rows of a training step before RL: of the toy's context they fit into any machine's memory
)
# parameters that decide the starts: nothing of RL is among them
OF_THE_BASE = {
    "math_tokens",
    "math_lr",
    "sft_model",
    "sft_revision",
    "langs",
    "seed",
    "warmup_steps",
    "dtype",
}
OF_THE_WARM = OF_THE_BASE | {
    "warm_samples", "warm_steps", "warm_lr", "levels", "questions", "question_source",
    "question_template", "system_prompt", "data_dir", "data_revision", "eval_questions",
    "lora_rank", "lora_alpha", "lora_targets",
}  # fmt: skip
Problems = tuple[Sequence[Problem], Sequence[Problem]]


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


class ShownGroup(NamedTuple):
    """A question with its rollouts; rewards and advantages (B,) of the batch it was drawn in."""

    problem: Problem
    rollouts: Rollouts
    rewards: torch.Tensor
    advantages: torch.Tensor
    index: int  # of the group in the batch


def graded_by(run: Run) -> str:
    """The rule whose ``accuracy`` says if an answer of a run is right; the same for all that answer in words."""
    return run.reward if run.reward in ("program", "r1") else "simplerl-zoo"


def behaviour_of(a: Answers) -> dict[str, float | None]:
    """How answers behave: length, boxes, code, reflection words."""
    return behaviour(flat(a.texts), flat(a.correct), flat(a.finish), flat(a.lengths))


def look(e: Experiment, model: PreTrainedModel, rule: str) -> Look:
    """Greedy and sampled answers of a model; the same random numbers for every model."""
    found = both_ways(e, model, "zero", rule)
    greedy, drawn = found["greedy"], found["sampled"]
    words = [[reflections(t) > 0 for t in row] for row in drawn.texts]
    return Look(flat(greedy.correct), drawn.correct, flat(greedy.texts), behaviour_of(drawn), words)


# -- starts ---------------------------------------------------------------------------------------


def settings_for(cfg: SimpleRLParams, steps: int, lr: float) -> TrainSettings:
    """Supervised training before RL: constant rate, a tenth of it in the last fifth."""
    rates = {"peak": lr, "warmup": cfg.warmup_steps, "total": steps, "low": steps // 5}
    return TrainSettings(
        steps=steps,
        lr=partial(constant_then_low, **rates),
        micro_batch=_ROWS,
        dtype=cfg.dtype,
        checkpoint_every=20 if cfg.checkpoint_every else 0,
        form=Form.of(cfg),
    )


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
    new = partial(load_model, source, revision=cfg.sft_revision)
    return read_on(cfg, stage, tokenizer, device, "base", new, "mined")


def read_on(
    cfg: SimpleRLParams,
    stage: Stage,
    tokenizer: PreTrainedTokenizerBase,
    device: torch.device | str,
    run: str,
    new: partial,
    corpus: str,
) -> Path:
    """The model of ``new`` after ``math_tokens`` tokens of a corpus of stage 01; kept under the name ``run``."""
    folder = stage.upstream("01_corpus_mining", "corpora")
    kept = Kept(stage, run, cfg.model_dump(include=OF_THE_BASE) | {"corpus": corpus}, __name__)
    if not kept.found(device):
        width = new().config.max_position_embeddings
        steps = max(1, cfg.math_tokens // (_ROWS * width))
        rows = read_corpus(folder, corpus)
        texts = [r["text"] for r in rows if r["lang"] in cfg.langs and not kept_back(r)]
        pages = {corpus: tokenize_documents(tokenizer, texts)}
        stream = mixture_stream(pages, {corpus: 1.0}, steps * _ROWS * width + 1, cfg.seed).tokens

        rows_of = {"batch_size": _ROWS, "context": width, "eos": tokenizer.eos_token_id}
        batches = partial(stream_batch, stream, **rows_of)
        settings = settings_for(cfg, steps, cfg.math_lr)
        how = {"model": new, "batches": batches, "settings": settings, "run": run}
        model, numbers = do_job(train_job, stage, device, **how)
        kept.keep(model, tokenizer, numbers)
    return kept.folder


def long_samples(
    cfg: SimpleRLParams, problems: Sequence[Problem], n: int, form: str = "long"
) -> list[Sample]:
    """Solutions of the first ``n`` RL questions: the world's, ``long`` or ``short``, or the lines of the data set."""
    out = []
    for p in problems[:n]:
        rng = Random(seed_for(cfg.seed, "long", p.id, p.question))
        text = "\n".join([*p.steps, f"\\boxed{{{p.answer}}}"])
        if p.family:
            text = long_cot(p, rng) if form == "long" else cot(p)
        prompt = make_prompt(cfg.style, p.question, p.lang)
        out.append(Sample(prompt, ((text, True),), {"form": form}))
    return out


def make_start(e: Experiment, name: str, problems: Sequence[Problem]) -> Path | str:
    """The start of runs by its name: ``base``, or the base after supervised training on solutions of the RL questions:
    ``warm``, long ones (SimpleRL's first step), ``short``, short ones (Zoo's cold start)."""
    cfg, tokenizer = e.cfg, e.tokenizer
    if name == "base":
        return e.start
    kept = Kept(e.stage, name, cfg.model_dump(include=OF_THE_WARM), __name__)
    if not kept.found(e.device):
        width = e.policy().config.max_position_embeddings
        form = "long" if name == "warm" else "short"
        samples = long_samples(cfg, problems, cfg.warm_samples, form)
        examples = tokenize_samples(tokenizer, samples)
        packed = PackedExamples(
            examples, width, cfg.warm_steps * _ROWS, cfg.seed, isolate=True,
            pad=tokenizer.pad_token_id,
        )  # fmt: skip
        settings = settings_for(cfg, cfg.warm_steps, cfg.warm_lr)
        how = {
            "model": partial(load_model, e.start, revision=e.revision),
            "batches": partial(PackedExamples.batch, packed, batch_size=_ROWS),
            "settings": settings,
            "run": name,
            "tokenizer": tokenizer,
        }
        model, numbers = do_job(train_job, e.stage, e.device, **how)
        kept.keep(model, tokenizer, numbers)
    return kept.folder


# -- the runs -------------------------------------------------------------------------------------


def of_run(
    e: Experiment, name: str, start: Path | str, problems: Problems, room: int
) -> Experiment:
    """The experiment of a row of ``RUNS``: its start, its prompt, its rule; all but the first take ``compare_steps``.

    Args:
        problems: to train on and to validate on, as they were loaded. room: tokens of the longest prompt.
    """
    run, cfg = RUNS[name], e.cfg
    if name != cfg.runs[0]:
        cfg = cfg.model_copy(update={"steps": cfg.compare_steps})
    if run.levels:
        problems = load_problems(cfg.model_copy(update={"levels": [*run.levels]}))[0], problems[1]
    style = run.template or cfg.style
    asked, validation = (as_prompts(e.tokenizer, p, style, room) for p in problems)
    # a rule of the parameters is that of all runs
    rewards = rewards_from(cfg, e.tokenizer, rule="" if cfg.reward_rule else run.reward)
    return replace(e, cfg=cfg, start=start, questions=asked, validation=validation, rewards=rewards)


def run_zero(
    e: Experiment, name: str, start: Path | str, problems: Problems, room: int, title: str = ""
) -> tuple[PreTrainedModel, Look, Look]:
    """One row of ``RUNS``: train (or load what was trained before), and look at start and end; see ``of_run``.

    Args:
        title: of the run and its log rows, where it is another run of the same row; it takes ``compare_steps``.

    Returns:
        the policy, the look at the start and the look at the policy. Log rows: ``name``, ``name.eval``, ….
    """
    run = RUNS[name]
    e, rule = of_run(e, name, start, problems, room), graded_by(run)
    if title:
        e = replace(e, cfg=e.cfg.model_copy(update={"steps": e.cfg.compare_steps}))

    def after(policy: PreTrainedModel) -> dict[str, Any]:
        return asdict(look(e, policy, rule))

    this = RunId(title or name, e.cfg.seed, also=repr(run))
    evaluate = partial(sampled_behaviour, rule=rule)
    policy, numbers = train_run(e, METHODS[run.method], this, evaluate, measure=after)
    # once for all runs that share start, prompt and rule
    shared = f"{Path(start).name}-{run.template or e.cfg.question_template}-{rule}"
    before = e.stage.kept(f"look-{shared}", lambda: asdict(look(e, e.reference(), rule)))
    return policy, Look(**before), Look(**numbers)


def sampled_behaviour(e: Experiment, sampler: Sampler, rule: str) -> dict[str, Any]:
    """The validation during a run, one sampled answer to each question: accuracy, behaviour, ``changes.Work``, and of
    each answer whether it is ``right`` and its length in tokens."""
    seed = seed_for(e.cfg.seed, "zero")
    a = ask(sampler, e.validation, sampled(e.cfg, 1), seed, rule)
    works = logged(e.validation.problems, flat(a.texts), flat(a.correct))
    each = {"right": flat(a.correct), "lengths": flat(a.lengths)}
    return {"accuracy": a.summary()["accuracy"]} | behaviour_of(a) | each | works


def one_group(e: Experiment, policy: PreTrainedModel, tries: int = 8) -> ShownGroup:
    """A group with a signal, among those of the first ``tries`` questions (else the first): what learning would see.

    Uses GRPO's advantages, also where the run's method has a critic.

    Args:
        e: of a run, see ``of_run``.
    """
    asked, source = e.questions[:tries], live(e.sampler(policy))
    seed = seed_for(e.cfg.seed, "browser")
    seen = explore(source, asked, sampling_of(e.cfg), replace(e.rewards, steps=None), seed)
    total = seen.total_reward(e.rewards.weights)  # (B,)
    a = group_advantages(total, seen.group, ddof=e.cfg.std_ddof, eps=e.cfg.std_eps)
    best = next((int(g) for g, x in zip(seen.group, a.tolist(), strict=True) if x), 0)
    return ShownGroup(asked.problems[best], seen, total, a, best)


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
