"""Kept completions: one gzipped file per model, benchmark and kind, and beside it the scores it was last given.

``<model>/<benchmark>-<kind>.jsonl.gz`` holds a header (benchmark, kind, rule, prompt and sampler settings, model
digest) and one row per question: prompt, its token ids, and every completion with ids, text and how it ended.
``<benchmark>-<kind>.scores.json`` holds grader version, rule, scores and the verdict of every greedy completion.
"""

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dsmath_lib.base.files import read_json, write_atomic
from dsmath_lib.evaluation.metrics import Estimate

SUFFIX = ".jsonl.gz"
_Row = dict[str, Any]


def write_file(path: Path, header: Mapping[str, Any], rows: Sequence[_Row]) -> None:
    """Atomic, and the same bytes for the same rows (no time in the gzip header)."""
    text = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in (header, *rows))
    write_atomic(path, gzip.compress(text.encode("utf-8", "surrogatepass"), mtime=0))


def read_file(path: Path) -> tuple[_Row, list[_Row]] | None:
    """Header and rows of a completions file; None if it is missing or damaged."""
    try:
        lines = gzip.decompress(path.read_bytes()).decode("utf-8", "surrogatepass").split("\n")
        header, *rows = [json.loads(line) for line in lines if line]
    except (OSError, EOFError, ValueError, zlib.error, RecursionError):
        return None
    return (header, rows) if all(isinstance(r, dict) for r in (header, *rows)) else None


def rows_made_with(path: Path, digest: str = "") -> list[_Row] | None:
    """The rows of a completions file; None if it is missing, damaged, or made with other settings than ``digest``."""
    found = read_file(path)
    if found is None or (digest and found[0].get("digest") != digest):
        return None
    return found[1]


def scores_path(path: Path) -> Path:
    """Where the scores of a completions file are kept."""
    return path.with_name(path.name.removesuffix(SUFFIX) + ".scores.json")


def write_scores(path: Path, scores: Mapping[str, Any]) -> None:
    """Keep the scores of the completions file ``path``."""
    text = json.dumps(
        scores, ensure_ascii=False, indent=1, sort_keys=True, default=Estimate.as_json
    )
    write_atomic(scores_path(path), text + "\n")


def read_scores(path: Path) -> _Row:
    """The scores kept for the completions file ``path``; {} if there are none."""
    return read_json(scores_path(path))
