"""Code, text or nothing before mathematics, in two stages or mixed in one: Tables 4 and 6 to 9 in miniature."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dsmath_lib.base.prompts import bos_ids, plain_ids
from dsmath_lib.base.records import Problem
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.evaluation.metrics import Estimate
from dsmath_lib.lm.mixture import mixture_stream, tokenize_documents
from dsmath_lib.lm.packing import Example
from dsmath_lib.params.pretraining import PretrainingParams
from dsmath_lib.runs.nb02_pretraining import (
    Heldout,
    by_language,
    heldout_pages,
    heldout_problems,
    heldout_scores,
    mean_interval,
    pretrain,
    steps_of,
    stream_length,
)
from dsmath_lib.stage.folder import Stage
from dsmath_lib.world.corpora import corpus
from dsmath_lib.world.problems import sample_problems, tir
from dsmath_lib.world.riddles import riddle_pages, riddles
from dsmath_lib.world.scripts import script_files

SIDE_PAGES = 600  # of scripts, and of riddles
MEASURES = ("words", "programs", "tools", "code", "text", "riddles")
_CODE = {"code": 0.7, "scripts": 0.2, "riddles": 0.1}
_TEXT = {"text": 0.9, "riddles": 0.1}
_REST = {"code": 0.15, "scripts": 0.05, "riddles": 0.1}  # 20 % code, as in the paper's mixture


@dataclass(frozen=True)
class Arm:
    """One run: shares of tokens by corpus, how many tokens, and the run that it goes on from (empty: none)."""

    shares: Mapping[str, float]
    tokens: int
    start: str = ""


def arms(cfg: PretrainingParams) -> dict[str, Arm]:
    """The runs by name, each after the one that it goes on from; {} with ``start_tokens`` 0, and where the held-out
    text is not the world's.

    All that read the mined corpus read as much of it. ``code_keep`` and ``code_rest`` differ in one thing: 70 % of
    their tokens are mathematics, or general text.
    """
    first, math = cfg.start_tokens, cfg.start_math_tokens
    mixed = {name: share * first for name, share in _CODE.items()} | {"mined": math}
    out = {
        "text_start": Arm(_TEXT, first),
        "code_start": Arm(_CODE, first),
        "text_math": Arm({"mined": 1.0}, math, "text_start"),
        "code_math": Arm({"mined": 1.0}, math, "code_start"),
        "math_only": Arm({"mined": 1.0}, math),
        "mixed": Arm(mixed, first + math),
        "code_keep": Arm(_REST | {"mined": 0.7}, round(math / 0.7), "code_start"),
        "code_rest": Arm(_REST | {"text": 0.7}, round(math / 0.7), "code_start"),
        "text_arxiv": Arm({"arxiv": 1.0}, math, "text_start"),
    }
    return out if first and cfg.heldout_source == "world" else {}


def files_needed(cfg: PretrainingParams) -> list[str]:
    """The corpora of stage 01 that the arms read; scripts and riddles are drawn here."""
    read = dict.fromkeys(name for arm in arms(cfg).values() for name in arm.shares)
    return [name for name in read if name not in ("scripts", "riddles")]


# (the run with the higher loss if the paper is right, the other, measures): differences that the ledger reads
PAIRS = (
    ("text_math", "code_math", ("words", "programs")),
    ("math_only", "code_math", ("words",)),
    ("text_start", "code_start", ("programs",)),
    ("code_math", "mixed", ("code", "programs", "tools")),
    ("mixed", "math_only", ("words",)),
    ("code_keep", "code_start", ("code",)),
    ("code_math", "code_start", ("code",)),
    ("code_rest", "code_keep", ("riddles", "text")),
    ("text_start", "text_arxiv", ("words",)),
)
_MATH_ARMS = ("text_math", "code_math", "math_only")


def side_documents(
    tokenizer: PreTrainedTokenizerBase, seed: int, pages: int = SIDE_PAGES
) -> dict[str, list[np.ndarray]]:
    """Token arrays of the corpora that the mining stage does not write."""
    drawn = {"scripts": script_files(pages, seed), "riddles": riddle_pages(pages, seed)}
    return {n: tokenize_documents(tokenizer, [d.text for d in docs]) for n, docs in drawn.items()}


def heldout_pieces(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[Sequence[tuple[str, bool]]],
    langs: Sequence[str],
) -> Heldout:
    """Examples of pieces ``(text, does it carry loss)``; each piece is encoded alone. No eos."""
    flat = iter(plain_ids(tokenizer, [text for pieces in texts for text, _ in pieces]))
    examples, bos = [], bos_ids(tokenizer)
    for pieces in texts:
        ids, trained = [*bos], [False] * len(bos)
        for _, carries in pieces:
            part = next(flat)
            ids += part
            trained += [carries] * len(part)
        examples.append(Example(tuple(ids), tuple(trained)))
    return Heldout(examples, [], list(langs))


def heldout_programs(tokenizer: PreTrainedTokenizerBase, problems: Sequence[Problem]) -> Heldout:
    """Question, then the program that solves it, which carries the loss."""
    texts = [[(p.question + "\n", False), (p.program, True)] for p in problems]
    return heldout_pieces(tokenizer, texts, [p.lang for p in problems])


def heldout_tools(tokenizer: PreTrainedTokenizerBase, problems: Sequence[Problem]) -> Heldout:
    """Question, fenced program, its output, closing line; the output, which the tool writes, carries no loss."""
    texts = [[(p.question + "\n", False), *tir(p)] for p in problems]
    return heldout_pieces(tokenizer, texts, [p.lang for p in problems])


def measured(tokenizer: PreTrainedTokenizerBase, cfg: PretrainingParams) -> dict[str, Heldout]:
    """What every arm is measured on: ``MEASURES``, none of it in a training text."""
    n, seed = cfg.start_heldout, seed_for(cfg.seed, "starts-heldout")
    problems = sample_problems(n, split="val", seed=seed)
    new = riddles(n, split="val", seed=seed)
    asked = [[(r.question + "\n", False), (r.solution, True)] for r in new]
    code = [d.text for d in corpus("code", n // 2, seed)] + [
        d.text for d in script_files(n - n // 2, seed)
    ]
    text = [{"text": d.text, "lang": d.lang} for d in corpus("text", n, seed)]
    return {
        "words": heldout_problems(tokenizer, problems),
        "programs": heldout_programs(tokenizer, problems),
        "tools": heldout_tools(tokenizer, problems),
        "code": heldout_pages(tokenizer, [{"text": t, "lang": "en"} for t in code], cfg.context),
        "text": heldout_pages(tokenizer, text, cfg.context),
        "riddles": heldout_pieces(tokenizer, asked, [r.lang for r in new]),
    }


def run_arm(
    cfg: PretrainingParams,
    stage: Stage,
    name: str,
    arm: Arm,
    docs: Mapping[str, Sequence[np.ndarray]],
    tokenizer: PreTrainedTokenizerBase,
    heldout: Heldout,
    device: torch.device | str,
) -> tuple[PreTrainedModel, dict[str, float]]:
    """One arm, or its finished model; ``passes`` over the mined corpus go to its numbers. The warm-up takes a tenth of
    a short run."""
    stream = mixture_stream(docs, arm.shares, stream_length(cfg, arm.tokens), cfg.seed)
    warmup = min(cfg.warmup_steps, steps_of(cfg, arm.tokens) // 10)
    short = cfg.model_copy(update={"warmup_steps": warmup})
    start = stage.artifacts / arm.start if arm.start else None
    model, numbers = pretrain(
        stage, name, stream, tokenizer, heldout, device, cfg=short, start=start
    )
    return model, numbers | {"passes": stream.passes.get("mined", 0.0)}


def losses(
    model: PreTrainedModel, heldouts: Mapping[str, Heldout], cfg: PretrainingParams
) -> dict[str, np.ndarray]:
    """Measure -> loss of each example, nats per token."""
    batch, dtype = cfg.micro_batch, cfg.dtype
    return {m: heldout_scores(model, h, batch, dtype)["loss"] for m, h in heldouts.items()}


def start_metrics(
    scores: Mapping[str, Mapping[str, np.ndarray]], langs: Sequence[str]
) -> dict[str, Estimate]:
    """The numbers that the ledger reads. ``langs``: of the problems in words.

    ``start.mixed.code`` is a loss; ``diff.code_math-mixed.code`` the loss of the first minus that of the second, paired
    (``words`` also by language); ``next-mixed.tools`` that of the best other run with mathematics minus mixed.
    """
    out = {
        f"start.{a}.{m}": mean_interval(x) for a, found in scores.items() for m, x in found.items()
    }
    for a, b, names in PAIRS if scores else ():
        for m in names:
            d = scores[a][m] - scores[b][m]
            found = by_language({m: d}, langs) if m == "words" else {m: mean_interval(d)}
            out |= {f"diff.{a}-{b}.{k}": e for k, e in found.items()}
    for m in ("programs", "tools") if scores else ():
        best = min((scores[a][m] for a in _MATH_ARMS), key=np.mean)
        out[f"next-mixed.{m}"] = mean_interval(best - scores["mixed"][m])
    return out


SAID = {
    "text_start": "general text",
    "text_math": "… then mathematics",
    "text_arxiv": "… then arXiv",
    "code_start": "code",
    "code_math": "… then mathematics",
    "code_keep": "… then mathematics with 20 % code",
    "code_rest": "… then general text with 20 % code",
    "math_only": "mathematics alone",
    "mixed": "code and mathematics mixed",
}
# table of the paper -> (what is compared, metric): positive says that the first is better
COMPARED = {
    "table-6": (
        ("in words, English: code first / text first", "diff.text_math-code_math.words.en"),
        ("in words, English: code first / mathematics alone", "diff.math_only-code_math.words.en"),
        ("programs: code first / text first", "diff.text_math-code_math.programs"),
        ("programs, before any mathematics: code / text", "diff.text_start-code_start.programs"),
        ("programs: mixed / best of the others", "next-mixed.programs"),
        ("tool use: mixed / best of the others", "next-mixed.tools"),
        ("in words, English: mathematics alone / mixed", "diff.mixed-math_only.words.en"),
    ),
    "table-4": (
        ("code: before / after mathematics with 20 % code", "diff.code_keep-code_start.code"),
        ("code: before / after mathematics without", "diff.code_math-code_start.code"),
        ("riddles: 70 % mathematics / 70 % general text", "diff.code_rest-code_keep.riddles"),
    ),
    "table-8": (
        ("in words, English: after arXiv / before", "diff.text_start-text_arxiv.words.en"),
    ),
}


def arm_rows(
    cfg: PretrainingParams,
    scores: Mapping[str, Mapping[str, np.ndarray]],
    names: Sequence[str],
    measures: Sequence[str] = MEASURES,
) -> list[dict[str, object]]:
    """A row per run: its corpora in words, its tokens, and the mean loss of each measure with its interval."""
    found = arms(cfg)
    return [
        {"training": SAID[n], "tokens": found[n].tokens}
        | {m: mean_interval(scores[n][m]) for m in measures}
        for n in SAID
        if n in names
    ]


def reading(metrics: Mapping[str, Estimate], table: str) -> str:
    """What a table of ours says, a clause per comparison: who is better of two, by how many nats per token."""
    out = []
    for what, name in COMPARED[table]:
        about, _, pair = what.rpartition(": ")
        first, second = pair.split(" / ")
        e = metrics[name]
        who = first if e.low > 0 else second if e.high < 0 else "neither clearly"
        gain = f"{e.value:+.3f} [{e.low:+.3f}, {e.high:+.3f}]"
        out.append(f"{about}, {first} or {second}? {who}, {gain}")
    return (
        "which is better, by how many nats per token (below 0: the second)? " + "; ".join(out) + "."
    )
