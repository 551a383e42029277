"""The paper's fastText classifier (section 2.1): is a page of the seed's kind, or a page of the crawl?"""

import os
import random
import re
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from dsmath_lib.base.files import replaced
from dsmath_lib.base.record_files import whole
from dsmath_lib.engines.fasttext_file import check_model_file
from dsmath_lib.engines.index import spaced

POSITIVE, NEGATIVE_LABEL = "__label__math", "__label__other"
_BATCH = 2_000  # pages per predict call
_THEIRS = {
    "word_ngrams": "wordNgrams", "min_count": "minCount", "epochs": "epoch", "threads": "thread",
}  # fmt: skip

BROKEN = """fastText is not usable here: {found}.
The builds fasttext 0.9.3, fasttext-numpy2 and fasttext-community before 0.11.9 train from uninitialised memory, with
NaN or other results in every run. Install the fixed one alone: pip uninstall -y {others}; pip install
'fasttext-community>=0.11.9'"""


@dataclass(frozen=True)
class FastTextSettings:
    """fastText settings. The paper gives dim 256, lr 0.1, 3-grams, min count 3, 3 epochs; the rest is ours."""

    dim: int
    lr: float
    word_ngrams: int
    min_count: int
    epochs: int
    bucket: int  # rows for hashed n-grams; memory is 4 * dim * (words + bucket) bytes
    threads: int  # 1 is bit-reproducible, more are not
    seed: int


def load_fasttext() -> Any:
    """The ``fasttext`` module of a build that initialises its whole input matrix.

    Raises:
        ImportError: no build, or a broken one, is installed; says which and what to do.
    """
    builds = ("fasttext", "fasttext-wheel", "fasttext-numpy2", "fasttext-numpy2-wheel")
    others = [n for n in builds if _version(n)]
    version = _version("fasttext-community")
    if version is None or _numbers(version) < (0, 11, 9) or others:
        versions = ((n, _version(n)) for n in [*others, "fasttext-community"])
        found = ", ".join(f"{n} {v}" for n, v in versions if v) or "not installed"
        raise ImportError(BROKEN.format(found=found, others=" ".join(others) or "fasttext"))
    import fasttext

    return fasttext


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(x) for x in re.findall(r"\d+", version)[:3])


def one_line(text: str) -> str:
    """Text as fastText reads it: one line, lower case, punctuation and CJK characters as words of their own.

    Our choice: the paper does not state its normalisation. fastText splits at spaces alone, so without it a Chinese
    page would be a few very long words.
    """
    return spaced(whole(text)).replace("__label__", "label")


def train_classifier(
    positives: Iterable[str], negatives: Iterable[str], settings: FastTextSettings, folder: Path
) -> Any:
    """Train on lines made by ``one_line``; the order is a shuffle that depends on the seed alone.

    The lines go to a file one by one, so both sides may be larger than the memory.

    Raises:
        ValueError: one of the classes is empty.
    """
    folder.mkdir(parents=True, exist_ok=True)
    spool, path = (folder / f"{name}-{os.getpid()}.txt" for name in ("lines", "train"))
    try:
        starts, counts = array("q"), []
        with spool.open("wb") as f:
            for label, lines in ((POSITIVE, positives), (NEGATIVE_LABEL, negatives)):
                before = len(starts)
                for text in lines:
                    starts.append(f.tell())
                    f.write(f"{label} {text}\n".encode())
                counts.append(len(starts) - before)
        if not all(counts):
            raise ValueError(
                "the classifier needs both classes: {} positives, {} negatives".format(*counts)
            )
        random.Random(settings.seed).shuffle(starts)
        with spool.open("rb") as f, path.open("wb") as out:
            for start in starts:
                f.seek(start)
                out.write(f.readline())
        spool.unlink()
        given = {_THEIRS.get(k, k): v for k, v in asdict(settings).items()}
        return load_fasttext().train_supervised(input=str(path), verbose=0, **given)
    finally:
        spool.unlink(missing_ok=True)
        path.unlink(missing_ok=True)


def compact(model: Any) -> Any:
    """The same classifier with one number per row and label in place of ``dim``: faster, and a hundredth of the size.

    fastText is linear up to its softmax: the logits are the mean of the input rows times the output matrix, so the
    product of both matrices can stand for them. Scores are equal up to float32 rounding. The model given is changed;
    one that this does not hold for (quantised, hierarchical softmax) stays as it is.
    """
    if model.is_quantized() or model.f.getArgs().loss.name in ("hs", "ns"):
        return model
    rows, labels = (np.asarray(m) for m in (model.f.getInputMatrix(), model.f.getOutputMatrix()))
    if len(labels) >= rows.shape[1]:
        return model
    logits = rows @ labels.T
    del rows  # a view of memory that the model gives up
    model.set_matrices(logits, np.eye(len(labels), dtype=np.float32))
    return model


def load(path: str) -> Any:
    """A saved model to score with (``compact``); a process keeps the one it used last.

    Raises:
        ValueError: missing, or not a fastText model; names the file.
    """
    try:
        return _load(path, os.stat(path).st_mtime_ns)
    except OSError as err:
        raise ValueError(f"{path}: {err.strerror or err}") from None


@lru_cache(maxsize=1)
def _load(path: str, changed: int) -> Any:
    try:
        check_model_file(Path(path))  # the C++ reader trusts what it reads
        return compact(load_fasttext().load_model(path))
    except (ValueError, MemoryError) as err:
        raise ValueError(f"{path}: not a fastText model ({err})") from None


def save(model: Any, path: Path) -> None:
    """Write a model, whole or not at all."""
    with replaced(path) as tmp:
        model.save_model(str(tmp))


def score_lines(model: Any, lines: Sequence[str]) -> np.ndarray:
    """P(math) of each line, shape (n,), float64 in [0, 1]. A line without a known word gets 0.5."""
    out = np.full(len(lines), 0.5)
    for start in range(0, len(lines), _BATCH):
        labels, probs = model.predict(list(lines[start : start + _BATCH]), k=2)
        for i, (names, p) in enumerate(zip(labels, probs, strict=True), start):
            for name, value in zip(names, p, strict=True):
                if name == POSITIVE:  # fastText's softmax can exceed 1 a little
                    out[i] = min(max(float(value), 0.0), 1.0)
    return out
