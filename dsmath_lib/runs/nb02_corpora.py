"""Corpora compared at equal tokens (Table 1, Figure 3), cut to equal size, and against a larger model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dsmath_lib.base.seeds import seed_for
from dsmath_lib.evaluation.metrics import Estimate
from dsmath_lib.params.pretraining import PretrainingParams
from dsmath_lib.runs.nb02_pretraining import by_language, mean_interval
from dsmath_lib.stage.folder import Stage

CUTS = ("few", "equal")  # parts of the mined corpus
LARGER = "web-large"  # the run of the larger model on the unfiltered web
Rows = Sequence[Mapping[str, str]]


def files_needed(cfg: PretrainingParams) -> list[str]:
    """The corpora to read for the comparison; cuts come from ``mined``, and ``equal`` has the size of ``seed``."""
    out = dict.fromkeys(n for n in cfg.compare_corpora if n not in CUTS)
    out |= dict.fromkeys(["mined"] if set(CUTS) & set(cfg.compare_corpora) else [])
    out |= dict.fromkeys(["seed"] if "equal" in cfg.compare_corpora else [])
    out |= dict.fromkeys(["web"] if cfg.large_hidden else [])
    return list(out)


def cut_documents(docs: Sequence[np.ndarray], n_tokens: int, seed: int) -> list[np.ndarray]:
    """Documents drawn without replacement until they hold ``n_tokens``; all of them if they hold fewer."""
    order = np.random.default_rng(seed_for(seed, "cut")).permutation(len(docs))
    out, left = [], n_tokens
    for i in order.tolist():
        if left <= 0:
            break
        out.append(docs[i])
        left -= len(docs[i])
    return out


def add_cuts(
    docs: Mapping[str, list[np.ndarray]], corpora: Mapping[str, Rows], cfg: PretrainingParams
) -> dict[str, list[np.ndarray]]:
    """``docs`` and the cuts that are compared.

    ``few``: ``few_tokens`` of the mined corpus, so that it is read again and again. ``equal``: its English pages, cut
    to the size of the seed corpus, which is English: equal tokens, language and passes.
    """
    out = dict(docs)
    if "few" in cfg.compare_corpora:
        out["few"] = cut_documents(docs["mined"], cfg.few_tokens, cfg.seed)
    if "equal" in cfg.compare_corpora:
        filled = [r for r in corpora["mined"] if r["text"]]  # as tokenize_documents leaves out
        english = [d for d, r in zip(docs["mined"], filled, strict=True) if r["lang"] == "en"]
        out["equal"] = cut_documents(english, sum(map(len, docs["seed"])), cfg.seed)
    return out


def larger(cfg: PretrainingParams) -> PretrainingParams:
    """The parameters with a model of width ``large_hidden``, feed-forward layer in proportion."""
    wide = cfg.intermediate_size * cfg.large_hidden // cfg.hidden_size
    return cfg.model_copy(update={"hidden_size": cfg.large_hidden, "intermediate_size": wide})


@dataclass(frozen=True)
class EvalCurves:
    """Held-out loss over tokens read, one list of estimates per run; ``late``: run -> the fall of each example's loss
    over the second half."""

    tokens: list[int]
    values: dict[str, list[Estimate]]
    late: dict[str, np.ndarray]


def eval_curves(
    stage: Stage, runs: Sequence[str], lang: str = "", langs: Sequence[str] = ()
) -> EvalCurves:
    """The curves of runs of equal length that noted each example; ``lang``: of the examples in this language."""
    rows = {run: stage.read_log(f"{run}.eval") for run in runs}
    chosen = np.array([not lang or x == lang for x in langs]) if lang else slice(None)
    each = {run: [np.array(r["each"])[chosen] for r in logged] for run, logged in rows.items()}
    tokens = [r["tokens"] for r in rows[runs[0]]]
    middle = (len(tokens) - 1) // 2
    values = {run: [mean_interval(x) for x in looks] for run, looks in each.items()}
    return EvalCurves(tokens, values, {run: x[middle] - x[-1] for run, x in each.items()})


def late_gains(late: Mapping[str, np.ndarray]) -> dict[str, Estimate]:
    """``mined.late_gain`` … and, paired, ``late.mined-few``: how much more the loss fell on mined than on few."""
    out = {f"{run}.late_gain": mean_interval(x) for run, x in late.items()}
    if "mined" in late:
        pairs = {run: late["mined"] - x for run, x in late.items() if run != "mined"}
        out |= {f"late.mined-{run}": mean_interval(x) for run, x in pairs.items()}
    return out


def compare_corpora(
    scores: Mapping[str, Mapping[str, np.ndarray]], langs: Sequence[str], reference: str
) -> dict[str, Estimate]:
    """Paired differences with 95 % intervals, all signed so that positive means ``reference`` is better.

    Names: ``diff.web-mined.loss`` is the loss of web minus that of mined, ``diff.mined-web.answer`` the share of right
    answers of mined minus that of web; each also per language (``….loss.zh``).
    """
    out = {}
    for run in scores:
        if run == reference or reference not in scores:
            continue
        for name, x in scores[run].items():
            if name not in scores[reference]:
                continue
            better = scores[reference][name]
            pair, d = (
                (f"{reference}-{run}", better - x)
                if name == "answer"
                else (f"{run}-{reference}", x - better)
            )
            out |= {f"diff.{pair}.{k}": v for k, v in by_language({name: d}, langs).items()}
    return out


def lead_over_next(
    scores: Mapping[str, Mapping[str, np.ndarray]], langs: Sequence[str], reference: str = "mined"
) -> dict[str, Estimate]:
    """``lead.en``, ``lead.zh``: loss of the best other whole corpus minus the reference's; {} without another."""
    others = [n for n in scores if n not in (reference, LARGER, *CUTS)]
    out = {}
    for lang in sorted(set(langs)) if others and reference in scores else ():
        chosen = np.array(langs) == lang
        best = min((scores[n]["loss"][chosen] for n in others), key=np.mean)
        out[f"lead.{lang}"] = mean_interval(best - scores[reference]["loss"][chosen])
    return out


def cost_line(piece: str, runs: int, tokens: int, weight: float, tokens_per_s: float) -> str:
    """What a piece will take, said before it starts. ``weight``: work per token, the base model's being 1."""
    minutes = tokens * weight / max(tokens_per_s, 1e-9) / 60
    return (
        f"{piece}: {runs} runs, {tokens:,} tokens, about {minutes:.0f} minutes at the base model's "
        f"{tokens_per_s:,.0f} tokens/s (finished runs are read, not made again)"
    )
