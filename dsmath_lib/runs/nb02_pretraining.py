"""What 02_pretraining is made of: read corpora, keep text back, mix, train one run."""

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.files import read_json
from dsmath_lib.base.prompts import bos_ids, plain_ids
from dsmath_lib.base.records import Problem
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.evaluation.metrics import Estimate, Z, standard_error
from dsmath_lib.lm.mixture import Mixture
from dsmath_lib.lm.model import Shape, build_model, load_model
from dsmath_lib.lm.packing import Example, stream_batch
from dsmath_lib.lm.schedule import multi_step
from dsmath_lib.lm.tokenizer import load_tokenizer, train_tokenizer
from dsmath_lib.lm.train import TrainSettings, score_examples
from dsmath_lib.params.pretraining import PretrainingParams
from dsmath_lib.rows.prompts import make_prompt
from dsmath_lib.runs.jobs import do_job, train_job
from dsmath_lib.runs.kept import Kept, decided_by
from dsmath_lib.stage.folder import Stage
from dsmath_lib.world.problems import cot

# parameter -> corpus file of stage 01
MIXTURE = {
    "mix_math": "mined",
    "mix_math_code": "math_code",
    "mix_arxiv": "arxiv",
    "mix_code": "code",
    "mix_text": "text",
}
_FRAMES = ("deepseek-cot", "deepseek-tir", "toy-cot", "toy-program", "toy-tir")
HELDOUT_SHARE = 0.05  # of pages, when pages are kept back


def mixture_shares(cfg: PretrainingParams) -> dict[str, float]:
    """Corpus -> share of tokens, for the corpora with a share above 0; shares are scaled to sum to 1."""
    shares = {name: getattr(cfg, key) for key, name in MIXTURE.items() if getattr(cfg, key)}
    return {name: s / sum(shares.values()) for name, s in shares.items()}


def read_corpus(folder: Path, name: str) -> list[dict]:
    """Rows ``{url, text, lang}`` of ``folder/name.jsonl.gz``.

    Raises:
        StageError: the file is not there or a row is damaged.
    """
    path = folder / f"{name}.jsonl.gz"
    if not path.exists():
        raise StageError(
            f"no corpus '{name}' ({path}). The mining stage writes it only when the toy world is its source; "
            f"set its share in the mixture to 0, or take it out of compare_corpora"
        )
    try:
        with gzip.open(path, "rt", encoding="utf-8") as f:
            return [json.loads(line) for line in f]
    except (OSError, EOFError, ValueError) as err:
        raise StageError(f"{path} is damaged ({err}); run 01_corpus_mining again") from None


def kept_back(row: Mapping[str, str]) -> bool:
    """Whether a page is held out: 5 % by a hash of its address, the same in every corpus."""
    h = hashlib.sha256(row["url"].encode()).digest()
    return int.from_bytes(h[:4], "big") < HELDOUT_SHARE * 2**32


@dataclass(frozen=True)
class Heldout:
    """Held-out examples and the language of each. ``answers`` (same order) is where, among the tokens with loss,
    the final answer lies: ``(start, stop)``; it is empty when pages, not problems, are held out.
    """

    examples: list[Example]
    answers: list[tuple[int, int]]
    langs: list[str]


def heldout_problems(tokenizer: PreTrainedTokenizerBase, problems: Sequence[Problem]) -> Heldout:
    """Question, then the step-by-step solution, which carries the loss. No eos: on a web page text may go on."""
    texts = []
    for p in problems:
        before, _, after = cot(p).rpartition(p.answer + "}")
        texts += [p.question + "\n", before, p.answer, "}" + after]
    ids, bos = plain_ids(tokenizer, texts), bos_ids(tokenizer)
    examples, answers = [], []
    for question, before, answer, after in zip(*(ids[k::4] for k in range(4)), strict=True):
        solution = [*before, *answer, *after]
        prompt = [*bos, *question]
        trained = [False] * len(prompt) + [True] * len(solution)
        examples.append(Example((*prompt, *solution), tuple(trained)))
        answers.append((len(before), len(before) + len(answer)))
    return Heldout(examples, answers, [p.lang for p in problems])


def heldout_pages(
    tokenizer: PreTrainedTokenizerBase, rows: Sequence[Mapping[str, str]], context: int
) -> Heldout:
    """The first ``context`` tokens of each page; every token but the first carries loss."""
    ids, bos = plain_ids(tokenizer, [r["text"] for r in rows]), bos_ids(tokenizer)
    whole = [(*bos, *i)[:context] for i in ids]
    examples = [Example(w, (False, *[True] * (len(w) - 1))) for w in whole]
    return Heldout(examples, [], [r["lang"] for r in rows])


def heldout_scores(
    model: PreTrainedModel, heldout: Heldout, batch_size: int, dtype: str = "float32"
) -> dict[str, np.ndarray]:
    """Per example, ``(N,)``: ``loss`` in nats per token and, for problems, ``answer`` (1: every token right).

    Both are teacher-forced: the model sees the true text before each token. So ``answer`` is an easier question than
    solving the problem alone.
    """
    s = score_examples(model, heldout.examples, batch_size=batch_size, dtype=dtype)
    out = {"loss": np.array([x.mean() for x in s.nll])}
    if heldout.answers:
        spans = zip(s.right, heldout.answers, strict=True)
        out["answer"] = np.array([float(right[a:b].all()) for right, (a, b) in spans])
    return out


def by_language(scores: Mapping[str, np.ndarray], langs: Sequence[str]) -> dict[str, Estimate]:
    """Means and 95 % intervals: ``loss``, ``loss.en``, ``loss.zh``, ``answer`` … (languages that occur)."""
    lang = np.array(langs)
    out = {}
    for name, x in scores.items():
        out[name] = mean_interval(x)
        for code in sorted(set(langs)):
            out[f"{name}.{code}"] = mean_interval(x[lang == code])
    return out


def mean_interval(x: np.ndarray) -> Estimate:
    """Mean of any numbers (losses, differences) with a normal 95 % interval over ``n`` examples."""
    mean, half = float(np.mean(x)), Z * standard_error(x.tolist())
    return Estimate(mean, mean - half, mean + half, len(x))


def new_model(
    cfg: PretrainingParams, vocab_size: int, device: torch.device | str
) -> PreTrainedModel:
    """The model a run starts from: ``cfg.init_model``, or a new one of the named sizes (seeded)."""
    if cfg.init_model:
        return load_model(cfg.init_model, revision=cfg.init_revision, device=device)
    sizes = {k: getattr(cfg, k) for k in Shape._fields if k != "vocab_size"}
    shape = Shape(vocab_size=vocab_size, **sizes)
    model = build_model(shape, cfg.tie_embeddings, cfg.seed, cfg.init_std, cfg.rope_theta)
    return model.to(device)


def make_tokenizer(
    cfg: PretrainingParams, corpora: Mapping[str, Sequence[Mapping[str, str]]], shares: Mapping
) -> PreTrainedTokenizerBase:
    """The tokenizer of ``cfg.init_model``, or a new one from ``tokenizer_chars`` characters of the mixture."""
    if cfg.init_model:
        return load_tokenizer(cfg.init_model, cfg.init_revision)
    texts = []
    for name, share in shares.items():
        rows = corpora[name]
        order = np.random.default_rng(seed_for(cfg.seed, "tokenizer", name)).permutation(len(rows))
        left = share * cfg.tokenizer_chars
        for i in order.tolist():
            if left <= 0:
                break
            texts.append(rows[i]["text"])
            left -= len(texts[-1])
    return train_tokenizer(texts + _frames(), cfg.vocab_size)


def _frames() -> list[str]:
    """What stands round every question and program: no web page has it, and later stages repeat it endlessly."""
    fences = " ```python\nprint()\n```\n```output\n```\n"
    both = [(name, lang) for name in _FRAMES for lang in ("en", "zh")]
    return [make_prompt(name, "", lang).text + fences for name, lang in both] * 50


def steps_of(cfg: PretrainingParams, tokens: int) -> int:
    """Whole steps in a token budget, at least 1."""
    return max(1, tokens // (cfg.batch_size * cfg.context))


def stream_length(cfg: PretrainingParams, tokens: int) -> int:
    """Tokens the stream of a run must hold: all inputs and the last target."""
    return steps_of(cfg, tokens) * cfg.batch_size * cfg.context + 1


def pretrain(
    stage: Stage,
    run: str,
    mixture: Mixture,
    tokenizer: PreTrainedTokenizerBase,
    heldout: Heldout,
    device: torch.device | str,
    *,
    cfg: PretrainingParams | None = None,
    start: Path | None = None,
    each: bool = False,
) -> tuple[PreTrainedModel, dict[str, float]]:
    """One run with the paper's schedule on one stream, or its finished model.

    Args:
        cfg: settings of this run, where they are not the stage's.
        start: folder of the finished run of this stage that it goes on from; None: ``new_model``.
        each: the looks also note the loss of each held-out example.

    Returns:
        the model and the numbers of ``train``; log rows ``run`` and ``run.eval`` hold the curves.
    """
    cfg = cfg or stage.cfg
    steps = steps_of(cfg, len(mixture.tokens) - 1)
    eos = tokenizer.eos_token_id if cfg.isolate_documents else None
    made_of = decided_by(cfg, run=run, stream=mixture.digest)
    if start:
        made_of["start"] = read_json(start / "done.json")["digest"]
    kept = Kept(stage, run, made_of, __name__)
    if found := kept.found(device):
        return found
    lr = partial(multi_step, peak=cfg.peak_lr, warmup=cfg.warmup_steps, total=steps)
    rows = {"batch_size": cfg.batch_size, "context": cfg.context, "eos": eos}
    model, numbers = do_job(
        train_job, stage, device,
        model=partial(load_model, start) if start else partial(new_model, cfg, len(tokenizer)),
        batches=partial(stream_batch, mixture.tokens, **rows),
        settings=TrainSettings.of(cfg, steps, lr),
        run=run,
        tokenizer=tokenizer,
        evaluate=partial(
            heldout_each if each else heldout_means, heldout, cfg.micro_batch, cfg.dtype
        ),
    )  # fmt: skip
    return kept.keep(model, tokenizer, numbers)


def heldout_means(
    heldout: Heldout, batch_size: int, dtype: str, model: PreTrainedModel
) -> dict[str, float]:
    """What a run looks at now and then: means of ``heldout_scores``, also by language."""
    scores = heldout_scores(model, heldout, batch_size, dtype)
    return {k: v.value for k, v in by_language(scores, heldout.langs).items()}


def heldout_each(
    heldout: Heldout, batch_size: int, dtype: str, model: PreTrainedModel
) -> dict[str, Any]:
    """As ``heldout_means``, and ``each``: the loss of each example, for paired differences between looks."""
    scores = heldout_scores(model, heldout, batch_size, dtype)
    means = {k: v.value for k, v in by_language(scores, heldout.langs).items()}
    return means | {"each": [round(x, 4) for x in scores["loss"].tolist()]}
