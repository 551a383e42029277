"""Rows of real data, from a local folder or from the Hub, through one call.

``read_rows("gsm8k/test.jsonl", data_dir="../shared/data/math")`` reads a file;
``read_rows("hub:openai/gsm8k:main", revision="<commit>", split="test")`` goes through ``datasets``, pinned.
"""

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.paths import ROOT
from dsmath_lib.base.record_files import COMMIT, HUB, BadFile, Part, loads, of_line, read_records

_COMMIT = re.compile(COMMIT)
MAX_UNPACKED = 500_000_000  # bytes of a .gz file
SET_IT = "set the folder with '-p data_dir PATH' or in params/<scale>/*.yaml"


def data_folder(data_dir: str) -> Path:
    """The folder of real data; a relative ``data_dir`` starts at the project root.

    Raises:
        StageError: it is empty or not there.
    """
    folder = (ROOT / Path(data_dir).expanduser()).resolve()
    if not data_dir or not folder.is_dir():
        raise StageError(f"data_dir '{data_dir}' is not a folder ({folder}): {SET_IT}")
    return folder


def data_path(source: str, data_dir: str) -> Path:
    """The file ``source`` below ``data_dir``.

    Raises:
        StageError: ``data_dir`` is empty or not there, or the file (with or without ``.gz``) is not in it.
    """
    if not data_dir and not Path(source).is_absolute():
        raise StageError(f"'{source}' needs a data folder, and data_dir is empty: {SET_IT}")
    if ".." in Path(source).parts:
        raise StageError(f"'{source}' leads out of data_dir '{data_dir}': {SET_IT}")
    folder = Path() if Path(source).is_absolute() else data_folder(data_dir)
    for name in (source, source + ".gz"):
        if (folder / name).is_file():
            return folder / name
    raise StageError(f"no file '{source}' in data_dir '{data_dir}' ({folder}): {SET_IT}")


def read_rows(
    source: str,
    *,
    data_dir: str = "",
    revision: str = "",
    split: str = "train",
    fields: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """All rows of a data source, as dicts.

    Args:
        source: ``hub:owner/name`` or ``hub:owner/name:config``; anything else is a file below ``data_dir``
            (.jsonl, .json, .parquet, .tsv; .gz of these). A .tsv has no header: its fields are "0", "1", …
        revision: commit hash of the Hub data set; required for ``hub:``, because a branch can move.
        split: split of the Hub data set; files hold one split.
        fields: names every row must have.

    Raises:
        StageError: something is missing or unreadable; one line that says what, where and how to set it.
    """
    if source.startswith(HUB):
        rows = _read_hub(source.removeprefix(HUB), revision, split)
    else:
        rows = _read_file(data_path(source, data_dir))
    if not rows:
        raise StageError(f"'{source}' holds no rows")
    for i, row in enumerate(rows):
        missing = [f for f in fields if f not in row]
        if missing:
            raise StageError(
                f"'{source}' row {i + 1} has no field {missing} (it has: {', '.join(row)})"
            )
    return rows


def _read_hub(name: str, revision: str, split: str) -> list[dict[str, Any]]:
    if not _COMMIT.fullmatch(revision):
        raise StageError(
            f"'{HUB}{name}' needs a pinned revision: the 40-digit commit hash of the data set, "
            f"got '{revision}' (a branch can move)"
        )
    path, _, config = name.partition(":")
    from datasets import load_dataset  # slow to import, and only this path needs it

    try:
        return load_dataset(path, config or None, split=split, revision=revision).to_list()
    except Exception as err:  # no network, no such data set, no such split: many types, one meaning
        reason = str(err).splitlines()[0] if str(err) else type(err).__name__
        raise StageError(f"'{HUB}{name}' at {revision[:8]}, split '{split}': {reason}") from err


def _read_file(path: Path) -> list[dict[str, Any]]:
    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    try:
        if kind == "parquet":
            counts: Counter = Counter()
            rows = list(read_records(Part(str(path)), counts))
            for what in counts:
                raise StageError(f"{path}: not readable: {what.removeprefix('skipped: ')}")
            return rows
        data = _unpacked(path) if path.suffix == ".gz" else path.read_bytes()
        text = data.decode("utf-8-sig")
    except BadFile as err:
        raise StageError(str(err)) from err
    except (OSError, EOFError, ValueError, zlib.error) as err:
        raise StageError(f"{path}: not readable: {err}") from err
    if kind == "tsv":
        lines = [line.removesuffix("\r") for line in text.split("\n")]
        return [{str(i): c for i, c in enumerate(line.split("\t"))} for line in lines if line]
    if kind == "json":
        return _json_rows(path, data)
    if kind == "jsonl":
        return _json_lines(path, data)
    raise StageError(
        f"{path}: unknown kind of file (known: .jsonl, .json, .parquet, .tsv, and .gz of these)"
    )


def _unpacked(path: Path) -> bytes:
    """The bytes of a gzip file, up to a bound: a few bytes can unpack to many.

    Raises:
        ValueError: past the bound.
    """
    with gzip.open(path) as f:
        data = f.read(MAX_UNPACKED + 1)
    if len(data) > MAX_UNPACKED:
        raise ValueError(f"it unpacks to more than {MAX_UNPACKED / 1e6:,.0f} MB; unpack it first")
    return data


def _json_rows(path: Path, text: bytes) -> list[dict[str, Any]]:
    """A list of objects, an object that holds exactly one such list, or one object per line."""
    try:
        data = loads(text)
    except ValueError:
        return _json_lines(path, text)
    if isinstance(data, dict):
        lists = [v for v in data.values() if isinstance(v, list)]
        data = lists[0] if len(lists) == 1 else data
    if not isinstance(data, list) or not all(isinstance(r, dict) for r in data):
        raise StageError(f"{path}: expected a list of objects")
    return data


def _json_lines(path: Path, text: bytes) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(text.split(b"\n"), start=1):
        if line.strip():
            try:
                rows.append(of_line(line))
            except ValueError as err:
                raise StageError(f"{path}, line {number}: {err}") from None
    return rows
