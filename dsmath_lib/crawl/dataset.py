"""Hugging Face data sets as a source: files that ``save_to_disk`` wrote, and data sets of the Hub, streamed.

A data set of the Hub is named ``hub:owner/name[:config]@COMMIT[#split]``; the split is ``train`` unless named. It is
read in pieces, one for each of its files, so a job over it is cut and resumed like one over files.
"""

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from dsmath_lib.crawl import plain_rows as rows
from dsmath_lib.stage.data import HUB

_SPEC = re.compile(
    r"hub:(?P<name>[^@#:]+)(?::(?P<config>[^@#]+))?(?:@(?P<commit>[0-9a-f]{40}))?(?:#(?P<split>.+))?"
)
ROWS = 1_000  # of an Arrow batch that are plain data at a time


class BadDataset(ValueError):
    """A data set that cannot be read; the message names it and says why."""


def is_hub(source: str | Path) -> bool:
    """Is this the name of a data set of the Hub, and not a path?"""
    return str(source).startswith(HUB)


@lru_cache(maxsize=2)
def _stream(spec: str) -> Any:
    m = _SPEC.fullmatch(spec)
    if not m:
        raise BadDataset(f"{spec}: not of the form hub:owner/name[:config]@COMMIT[#split]")
    local = Path(m["name"]).is_dir()
    if not (m["commit"] or local):
        raise BadDataset(f"{spec}: needs a commit (@ and 40 hex digits), because a branch can move")
    import datasets  # slow to import, and only this path needs it

    try:
        return datasets.load_dataset(
            m["name"], m["config"], split=m["split"] or "train", revision=m["commit"], streaming=True
        )  # fmt: skip
    except Exception as err:  # no network, no such data set, no such split: many types, one meaning
        raise BadDataset(f"{spec}: {_line(err)}") from None


def n_pieces(spec: str) -> int:
    """Into how many pieces a data set of the Hub is cut.

    Raises:
        BadDataset: no such data set, split or commit, or no network.
    """
    return _stream(spec).num_shards


def hub_records(spec: str, piece: int) -> Iterator[dict[str, Any]]:
    """The rows of one piece.

    Raises:
        BadDataset: as ``n_pieces``, or the stream broke off; rows before that were yielded.
    """
    stream = _stream(spec)
    try:
        yield from stream.shard(num_shards=stream.num_shards, index=piece)
    except Exception as err:  # a lost connection or a broken file, through many libraries
        raise BadDataset(f"{spec}, piece {piece}: {_line(err)}") from None


def arrow_records(path: Path, counts: Counter) -> Iterator[dict[str, Any]]:
    """The rows of an Arrow file (stream format), as ``save_to_disk`` writes them, a batch at a time.

    Raises:
        BadDataset: not such a file, or it ends early.
        OSError: it cannot be opened.
    """
    import pyarrow as pa

    try:
        with path.open("rb") as f, pa.ipc.open_stream(f) as stream:
            for batch in stream:
                for start in range(0, batch.num_rows, ROWS):
                    yield from rows.of_batch(batch.slice(start, ROWS), counts)
    except pa.ArrowException as err:
        raise BadDataset(f"{path}: not readable as Arrow ({_line(err)})") from None


def _line(err: Exception) -> str:
    return str(err).splitlines()[0] if str(err) else type(err).__name__
