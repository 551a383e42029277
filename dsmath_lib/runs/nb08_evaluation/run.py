"""The evaluation at scale: every model on every benchmark, without and with tools; finished files are kept."""

import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.files import file_digest
from dsmath_lib.base.names import below
from dsmath_lib.base.records import Problem
from dsmath_lib.engines.decode import Sampler, make_sampler
from dsmath_lib.engines.sandbox import describe
from dsmath_lib.lm.model import load_model
from dsmath_lib.lm.tokenizer import load_tokenizer
from dsmath_lib.params.evaluation import EvaluationParams, model_label
from dsmath_lib.rows.prompts import PromptStyle
from dsmath_lib.runs.nb08_evaluation import contamination
from dsmath_lib.runs.nb08_evaluation import load as benchmarks
from dsmath_lib.runs.nb08_evaluation.best_of import Ranker, ranked
from dsmath_lib.runs.nb08_evaluation.contamination import Overlap, Training
from dsmath_lib.runs.nb08_evaluation.evaluate import EvalSettings, complete_all
from dsmath_lib.runs.nb08_evaluation.store import SUFFIX, write_file
from dsmath_lib.stage.folder import Stage

_STAGE = re.compile(r"\d\d_\w+/[\w.-]+")


@dataclass(frozen=True)
class Subject:
    """A model under test. ``label`` names its scores; ``source`` is a folder or a Hub name at ``revision``."""

    label: str
    source: str
    revision: str
    digest: str


@dataclass(frozen=True)
class EvalJob:
    """One model on one benchmark; ``kind`` is one of the benchmark's forms."""

    model: str
    benchmark: str
    kind: str
    few_shot: bool = field(default=False, compare=False)

    @property
    def title(self) -> str:
        """The benchmark without ``@hub`` or ``@<commit>``."""
        return self.benchmark.partition("@")[0]

    @property
    def name(self) -> str:
        return f"{self.model}.{self.title}.{self.kind}"

    @property
    def rule(self) -> str:
        """Extraction rule of the main score."""
        return benchmarks.rule_of(self.benchmark, self.kind, self.few_shot)

    @property
    def ranked(self) -> bool:
        """Can a reward model score it? It was trained on chat prompts and chains of thought."""
        return self.kind == "cot" and not self.few_shot

    @property
    def prompt(self) -> str:
        """The kind of prompt, in words."""
        return f"few-shot {self.kind}" if self.few_shot else self.kind


def completions_path(folder: Path, job: EvalJob) -> Path:
    """Where a job's completions are kept below ``folder``."""
    return below(folder, job.model, f"{job.title}-{job.kind}{SUFFIX}")


def subject(name: str, stage: Stage) -> Subject:
    """What a name in ``models`` means: ``NN_stage/artifact`` of this scale, ``owner/name@commit``, or a folder; with
    `` as label`` after it, the name of its scores.

    Raises:
        StageError: the artifact is not there (names the command that makes it).
    """
    label, where = model_label(name), name.partition(" as ")[0]
    if _STAGE.fullmatch(where):
        folder = stage.upstream(*where.split("/"))
        return Subject(label, str(folder), "", file_digest(folder))
    source, _, revision = where.partition("@")
    return Subject(label, source, revision, where)


def jobs(cfg: EvaluationParams, refused: Collection[str] = ()) -> list[EvalJob]:
    """All (model, benchmark, kind) of a run, without refused benchmarks.

    Few-shot models are base models: they get the few-shot forms of a benchmark (text, programs, proofs), the others
    its zero-shot forms (text, tools, text after examples); ``page_models`` only that of a web page. A benchmark without
    a form for a model is left out for it, as in the paper.

    Raises:
        StageError: two models share a label, or nothing is left to run.
    """
    labels = [model_label(n) for n in cfg.all_models]
    pages = {model_label(n) for n in cfg.page_models}
    twice = {x for x in labels if labels.count(x) > 1}
    if twice:
        raise StageError(f"two models have the same label {sorted(twice)}; rename a folder")
    on = {"pot": cfg.programs, "tir": cfg.tools, "shots": cfg.tuned_shots and cfg.side_items}
    out = []
    for m in labels:
        few, page = m in cfg.few_shot, m in pages
        asked = on | {"page": page}
        for b in (b for b in cfg.benchmarks if b not in refused):
            kinds = benchmarks.get(b).few if few else benchmarks.get(b).zero
            kinds = [k for k in kinds if asked.get(k, True) and (k == "page" or not page)]
            out += [EvalJob(m, b, k, few) for k in kinds]
    if not out:
        raise StageError(
            "nothing to run: no benchmark has a form for these models, or all are refused"
        )
    return out


def job_settings(cfg: EvaluationParams, job: EvalJob) -> EvalSettings:
    """How a job is run; goes into the digest of its file."""
    row = benchmarks.get(job.benchmark)
    few = row.few[job.kind] if job.few_shot else None
    shots = cfg.tuned_shots if job.kind == "shots" else 0
    if few is not None:
        shots = few.shots if cfg.shots < 0 else cfg.shots
    ready = few is not None and few.demos != "toy" and cfg.demonstrations == "published"
    own = job.kind == "shots" or (few is not None and not ready)
    shown = "cot" if job.kind == "shots" else job.kind
    style = _style(cfg, job) if few is None else PromptStyle(few.format)
    return EvalSettings(
        template=style.template,
        system=style.system,
        shots=shots,
        tools=job.kind == "tir",
        n=cfg.samples if job.kind == "cot" else cfg.tool_samples,
        temperature=cfg.temperature,
        top_p=cfg.top_p,
        max_new_tokens=cfg.max_new_tokens,
        seed=cfg.seed,
        sampler=cfg.sampler,
        examples=tuple(benchmarks.shots(job.benchmark, shown, shots, seed=cfg.seed)) if own else (),
        published=benchmarks.published(few, cfg.data_dir) if ready else "",
        **(_tool_settings(cfg) if job.kind in ("pot", "tir", "proof") else {}),
    )


def _style(cfg: EvaluationParams, job: EvalJob) -> PromptStyle:
    """The zero-shot prompt of a job: the parameters', in the row of its kind, or the benchmark's own."""
    if not cfg.question_template or job.kind in ("shots", "page"):
        own = benchmarks.get(job.benchmark).zero[job.kind].template
        return PromptStyle(own, "" if job.kind == "page" else cfg.system_prompt)
    return PromptStyle(cfg.question_template, cfg.system_prompt).of_form(job.kind)


def _tool_settings(cfg: EvaluationParams) -> dict[str, Any]:
    return {
        "protocol": cfg.tool_protocol,
        "executor": cfg.executor,
        "allow_network": cfg.allow_network,
        "tool_seconds": cfg.tool_seconds,
    }


def tool(cfg: EvaluationParams) -> str:
    """The executor and its walls, in words for the report; starts it.

    Raises:
        StageError: it does not run on this system.
    """
    try:
        return (
            describe(cfg.executor, cfg.allow_network)
            if cfg.tools or cfg.programs
            else "no programs are run"
        )
    except RuntimeError as err:
        raise StageError(str(err)) from err


def questions(cfg: EvaluationParams) -> dict[str, list[Problem]]:
    """The problems of every benchmark of a run."""
    return {
        name: benchmarks.problems_of(name, n=n, seed=cfg.seed, data_dir=cfg.data_dir)
        for name, n in zip(cfg.benchmarks, cfg.n_items, strict=True)
    }


def overlaps(
    cfg: EvaluationParams, stage: Stage, problems: Mapping[str, Sequence[Problem]]
) -> list[Overlap]:
    """Every benchmark against everything in ``trained_on``; [] when nothing is named there."""
    sources = [
        contamination.training_texts(s, data_dir=cfg.data_dir, stage=stage, seed=cfg.seed)
        for s in cfg.trained_on
    ]
    if not sources:
        return []
    training = Training(text for texts in sources for text in texts)
    return [training.overlap(name, found) for name, found in problems.items()]


def run_jobs(
    cfg: EvaluationParams,
    stage: Stage,
    device: torch.device,
    problems: Mapping[str, Sequence[Problem]],
    refused: Collection[str] = (),
) -> Iterator[tuple[EvalJob, list[dict[str, Any]]]]:
    """Yield each job with its rows of completions, as it finishes; one policy is in memory at a time.

    With a ``reward_model``, the samples of ``ranked`` jobs carry its scores.

    A benchmark that cannot be scored here (miniF2F) gets its prompts written and yields no rows.
    """
    tool(cfg)  # say at once that it cannot run
    folder = stage.artifacts / "completions"
    todo = jobs(cfg, refused)
    ranker = Ranker(cfg.reward_model, stage, device, cfg.dtype) if cfg.reward_model else None
    for name in cfg.all_models:
        mine = [j for j in todo if j.model == model_label(name)]
        if not mine:
            continue
        who = subject(name, stage)
        sampler, tokenizer = _load(who, cfg, device)
        for job in mine:
            path = completions_path(folder, job)
            if benchmarks.get(job.benchmark).needs:
                write_prompts(path, job, problems[job.benchmark], cfg)
                yield job, []
                continue
            stage.carry(path, __name__, any_input=True)  # its header names the model
            start, before = time.monotonic(), _written(path)
            about = {"benchmark": job.benchmark, "kind": job.kind, "rule": job.rule}
            about |= {"label": job.model, "model": who.digest}
            asked, how = asked_of(cfg, job, problems[job.benchmark]), job_settings(cfg, job)
            rows = complete_all(sampler, tokenizer, asked, how, path, about)
            if job.ranked:
                rows = ranked(rows, path, ranker, tokenizer)
            if _written(path) != before:  # kept files tell nothing about speed
                seconds = round(time.monotonic() - start, 2)
                stage.log("job", 0, job=job.name, tokens=sampled_tokens(rows), seconds=seconds)
            yield job, rows


def asked_of(cfg: EvaluationParams, job: EvalJob, problems: Sequence[Problem]) -> Sequence[Problem]:
    """The questions of a job: all of the benchmark's, or the first ``side_items``."""
    return problems[: cfg.side_items] if job.kind in ("shots", "page") else problems


def write_prompts(
    path: Path, job: EvalJob, problems: Sequence[Problem], cfg: EvaluationParams
) -> list[str]:
    """The prompts of a benchmark that is not run here, kept where its completions would be."""
    prompts = []
    for p in problems:
        shots = benchmarks.shots(job.benchmark, job.kind, cfg.shots, question=p.question)
        prompts.append(benchmarks.prompt(job.benchmark, job.kind, p.question, shots))
    header = {"benchmark": job.benchmark, "kind": job.kind, "rule": job.rule, "not_run": True}
    rows = [{"id": p.id, "prompt": text} for p, text in zip(problems, prompts, strict=True)]
    write_file(path, header, rows)
    return prompts


def _written(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def _load(who: Subject, cfg: EvaluationParams, device: torch.device) -> tuple[Sampler, Any]:
    try:
        tokenizer = load_tokenizer(who.source, who.revision)
        model = load_model(who.source, revision=who.revision, device=device, dtype=cfg.dtype)
        return make_sampler(cfg, model.eval(), tokenizer), tokenizer
    except StageError:
        raise
    except (ValueError, OSError) as err:
        raise StageError(f"model '{who.source}': {str(err).splitlines()[0]}") from err


def sampled_tokens(rows: Sequence[dict[str, Any]]) -> int:
    """Tokens the model generated for these rows; tool output is not counted."""
    every = [c for r in rows for c in (r["greedy"], *r["samples"])]
    return sum(sum(c["sampled"]) if "sampled" in c else len(c["ids"]) for c in every)
