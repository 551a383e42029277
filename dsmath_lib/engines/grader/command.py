"""``dsmath grade``: a file of answers in, the same rows with verdicts out, and a page of disagreements with a peer.

Each verdict is written when it is given, to a file beside the output whose name holds a digest of the input and the
options; the output is there when it is whole. The same command goes on where another one was stopped.
"""

import json
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tqdm import tqdm

from dsmath_lib.base.errors import StageError, fcntl
from dsmath_lib.base.files import file_digest, key_of, write_atomic
from dsmath_lib.base.record_files import loads
from dsmath_lib.engines.grader import peer
from dsmath_lib.engines.grader.choice import gold_letters
from dsmath_lib.engines.grader.rules import DEFAULT_RULE, RULES
from dsmath_lib.engines.grader.verdict import VERSION, Verdict, gold_answers, grade, grade_answer

PEERS = ("math-verify",)
EMPTY = {"correct": None, "extracted": None}
PEER_SECONDS = 10.0  # math-verify's own limits are 5 s for each of its stages


class RowError(ValueError):
    """A row that cannot be graded; the message says why."""


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line that is not blank.

    Raises:
        StageError: the file is missing or is not UTF-8 text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as err:
        raise StageError(f"cannot read {path}: {err.strerror}") from err
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line


def checked_row(line: str) -> dict[str, Any]:
    """The row of a line.

    Raises:
        RowError: not JSON, or a field is missing or of the wrong kind.
    """
    try:
        row = loads(line.encode("utf-8"))
    except UnicodeEncodeError:
        raise RowError("not UTF-8 text") from None
    except ValueError as err:
        raise RowError(str(err)) from None
    if not isinstance(row, dict):
        raise RowError("not an object with fields")
    golds = row["gold"] if isinstance(row.get("gold"), list) else [row.get("gold")]
    if not golds or not all(map(_is_answer, golds)):
        raise RowError("no gold answer (field 'gold': text, a number, or a list of texts)")
    has = [name for name in ("completion", "pred") if row.get(name) is not None]
    if len(has) != 1:
        raise RowError(
            "needs one of the fields 'completion' and 'pred'" + (", has both" if has else "")
        )
    if not (isinstance(row[has[0]], str) or _is_answer(row[has[0]])):
        raise RowError(f"field '{has[0]}' is not text")
    if not isinstance(row.get("question") or "", str):
        raise RowError("field 'question' is not text")
    if not isinstance(row.get("choices") or [], list | dict):
        raise RowError("field 'choices' is not a list of texts")
    if str(row.get("rule") or DEFAULT_RULE) not in RULES:
        raise RowError(f"unknown rule '{row['rule']}' (known: {', '.join(RULES)})")
    return row


def _is_answer(x: Any) -> bool:
    """Text that says something, or a number."""
    if isinstance(x, float):
        return math.isfinite(x)
    return bool(x.strip()) if isinstance(x, str) else type(x) is int


def grade_row(row: dict[str, Any], rule: str) -> Verdict:
    """The verdict on a checked row; its own ``rule`` goes before the default."""
    choices = row.get("choices") or []
    question = row.get("question") or ""
    if row.get("pred") is not None:
        return grade_answer(row["gold"], row["pred"], question, choices=choices)
    return grade(
        row["gold"], str(row["completion"]), row.get("rule") or rule, question, choices=choices
    )


def second_opinion(row: dict[str, Any]) -> dict[str, Any]:
    """math-verify's verdict on a checked row, in the killable process of ``peer.py``; None where it gave none.

    The gold answer stands in an environment, as its users are told to call it.
    """
    question, text = row.get("question") or "", row.get("completion")
    answer = gold_answers(row["gold"], question)[0]
    request = {
        "gold": answer,
        "pred": "\\boxed{" + str(row["pred"]) + "}" if text is None else str(text),
        "letter": bool(gold_letters(answer)),
        "timeout": PEER_SECONDS,
    }
    try:
        reply = peer.ask_peer(request, PEER_SECONDS)
    except OSError as err:
        reply = {"reason": f"math-verify is not available: {err}"}
    if "extracted" in reply:
        return {"math_verify": reply["equal"], "math_verify_extracted": reply["extracted"]}
    return {"math_verify": None, "math_verify_extracted": str(reply["reason"])}


def grade_file(source: Path, out: Path, rule: str, compare: str, page: Path | None) -> int:
    """Grade ``source`` (JSON lines) into ``out``; 0, or 1 if some rows were malformed.

    Args:
        rule: extraction rule of the rows that name none.
        compare: "" or a peer of ``PEERS``, whose verdict is added.
        page: HTML page of the disagreements (with ``compare``).

    Raises:
        StageError: the file is missing, another command writes the output, or an unknown rule or peer is asked for.
    """
    if rule not in RULES:
        raise StageError(f"unknown rule '{rule}' (known: {', '.join(RULES)})")
    if compare and compare not in PEERS:
        raise StageError(f"unknown grader '{compare}' to compare with (known: {', '.join(PEERS)})")
    lines = list(read_lines(source))
    seconds: Counter[str] = Counter()
    part = _part(out, key_of(file_digest(source), rule, compare, VERSION)[:12])
    with _opened(part) as f:
        done = _finished(f)
        if done:
            print(f"{out}: {len(done)} rows were graded before, the rest follows", file=sys.stderr)
        rows = [(n, row) for (n, _), row in zip(lines, done, strict=False)]
        left = lines[len(rows) :]
        for number, line in tqdm(
            left, "grading", disable=len(left) < 500 or not sys.stderr.isatty()
        ):
            row = graded_row(line, rule, compare, seconds)
            if row["correct"] is None:
                print(f"{source}, line {number}: {row['reason']}", file=sys.stderr)
            rows.append((number, row))
            f.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
            f.flush()
        os.fsync(f.fileno())
        part.replace(out)
    bad = sum(r["correct"] is None for _, r in rows)
    _summary([r for _, r in rows], bad, rule, seconds)
    if compare and page:
        from dsmath_lib.engines.grader.disagreements import disagreements_page

        write_atomic(page, disagreements_page(rows, source.name, compare))
        print(f"disagreements: {page}")
    return 1 if bad else 0


def graded_row(line: str, rule: str, compare: str, seconds: Counter[str]) -> dict[str, Any]:
    """The row of a line with its verdict; ``correct`` is None, and ``reason`` says why, where it has none."""
    try:
        row = checked_row(line)
    except RowError as err:
        return _kept(line) | EMPTY | {"reason": f"malformed: {err}"}
    try:
        start = time.perf_counter()
        verdict = grade_row(row, rule)
        seconds["ours"] += time.perf_counter() - start
        row |= {"correct": verdict.correct, "extracted": verdict.extracted}
        row |= {"reason": verdict.reason, "version": verdict.version}
        if compare:
            start = time.perf_counter()
            row |= second_opinion(row)
            seconds[compare] += time.perf_counter() - start
    except Exception as err:  # one odd row never ends a run
        return row | EMPTY | {"reason": f"not graded: {type(err).__name__}"}
    return row


# -- the file that grows ---------------------------------------------------------------------------------------------
def _part(out: Path, key: str) -> Path:
    return out.with_name(f"{out.name}.{key}.part")


@contextmanager
def _opened(part: Path) -> Iterator[IO[bytes]]:
    """The file to read and append to, for this process alone.

    Raises:
        StageError: another process writes it.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(part, flags, 0o666), "r+b") as f:
        try:
            if fcntl:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StageError(f"another command is grading into {part.name}; wait for it") from None
        yield f


def _finished(f: IO[bytes]) -> list[dict[str, Any]]:
    """The rows that stand in the file; what follows them, half a line of a kill, is cut off."""
    rows, end = [], 0
    for line in f:
        try:
            row = loads(line) if line.endswith(b"\n") else None
        except ValueError:
            row = None
        if not isinstance(row, dict) or "correct" not in row:
            break
        rows.append(row)
        end += len(line)
    f.seek(end)
    f.truncate()
    return rows


def _kept(line: str) -> dict[str, Any]:
    """A malformed row as it was: its fields, or its text where it has none."""
    clean = line.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        row = loads(clean.encode())
    except ValueError:
        row = None
    return row if isinstance(row, dict) else {"line": clean}


def _summary(rows: list[dict[str, Any]], bad: int, rule: str, seconds: Counter[str]) -> None:
    graded = [r for r in rows if r["correct"] is not None]
    right = sum(r["correct"] for r in graded)
    silent = sum(r["extracted"] is None for r in graded)
    share = f" ({right / len(graded):.1%})" if graded else ""
    print(
        f"{len(graded)} rows graded (rule {rule}, grader version {VERSION}): {right} correct{share}, "
        f"{silent} without an answer"
        + (f"; {bad} malformed, kept with correct: null" if bad else "")
    )
    for name, total in seconds.items():
        print(f"  {name}: {1000 * total / max(1, len(graded)):.2f} ms per row")
