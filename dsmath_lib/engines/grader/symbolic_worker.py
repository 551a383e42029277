"""The process behind ``symbolic.py``: run as a script, speaks JSON lines, imports nothing of this package.

The supervisor imports math-verify once and then only forks, forwards and kills. The child compares. A failed parse is
"not equal": a number inside what could not be parsed is never used.
"""

import json
import os
import re
import resource
import select
import signal
import sys

_MEMORY = 512 << 20  # bytes the child may add; more takes long to give back when it is killed
_NOT_LETTERS = re.compile(r"\\(?:begin|end)\s*\{\w+\}|\\[A-Za-z]+")
WARM_UP = (
    "x^2-1",
    r"\frac{\sqrt{3}}{2}+\pi",
    "y=2x+1",
    r"(-\infty,2)\cup[3,4)",
    r"\begin{pmatrix}1\\2\end{pmatrix}",
    "x<3",
)


def compare_latex(gold: str, pred: str) -> tuple[bool, str]:
    """Parse both as LaTeX and compare; runs in the child."""
    from math_verify import verify

    a, b = _parse(gold), _parse(pred)
    if a is None or b is None:
        return False, "not readable as mathematics"
    if not verify([a], [b], timeout_seconds=None, strict=True):
        return False, "symbolic"
    return _relatively_close(a, b), "symbolic"


def peer(gold: str, pred: str, letter: bool) -> tuple[bool, str, str]:
    """math-verify's own extraction and verdict on a completion, in its default configuration."""
    from math_verify import (
        ExprExtractionConfig,
        LatexExtractionConfig,
        StringExtractionConfig,
        parse,
        verify,
    )

    config = [LatexExtractionConfig(), ExprExtractionConfig()]
    if letter:
        config = [StringExtractionConfig(), *config]
    a = parse(gold if letter else "\\boxed{" + gold + "}", config, parsing_timeout=None)
    b = parse(pred, config, parsing_timeout=None)
    return bool(verify(a, b, timeout_seconds=None)), str(b[-1]) if b else "", ""


def _parse(text: str):
    from math_verify import LatexExtractionConfig, parse
    from sympy import Basic, MatrixBase

    if "..." in text or "dots" in text or "…" in text:
        return None
    config = [LatexExtractionConfig(boxed_match_priority=0)]
    found = parse(
        "\\boxed{" + text + "}",
        extraction_config=config,
        fallback_mode="no_fallback",
        parsing_timeout=None,
    )
    expressions = [e for e in found if isinstance(e, Basic | MatrixBase)]
    if not expressions or not _letters(text) <= set(str(expressions[0]).lower()):
        return None  # a letter of the text is not in the expression: it was read only in part
    return expressions[0]


def _letters(text: str) -> set[str]:
    return set(re.sub(r"[^a-z]", "", _NOT_LETTERS.sub(" ", text).lower()))


def _relatively_close(a, b) -> bool:
    """math-verify rounds to 6 digits after the point; 1/2^99 and 1/2^98 must differ."""
    try:
        if not (a.is_number and b.is_number) or a == b:
            return True
        x, y = a.evalf(20), b.evalf(20)
        return bool(abs(x - y) <= 1e-6 * abs(x))
    except (AttributeError, TypeError, ValueError):
        return True


def _address_space() -> int:
    """Bytes of address space in use now; 1 GB where the system does not tell."""
    try:
        with open("/proc/self/statm") as f:
            return int(f.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 1 << 30


def _child(requests: int, replies: int) -> None:
    limit = _address_space() + _MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with os.fdopen(requests, "rb") as lines:
        for line in lines:
            try:
                request = json.loads(line)
                reply = reply_to(request)
            except (Exception, RecursionError, MemoryError) as err:
                reply = {
                    "equal": False,
                    "reason": f"symbolic comparison failed: {type(err).__name__}",
                }
            os.write(replies, json.dumps(reply).encode() + b"\n")


def reply_to(request: dict) -> dict:
    """The reply to one request: a comparison, or the peer's verdict on a completion."""
    if request.get("task") == "peer":
        names = ("equal", "extracted", "reason")
        reply = dict(
            zip(names, peer(request["gold"], request["pred"], request["letter"]), strict=True)
        )
        return reply | {"extracted": reply["extracted"][:2000]}
    return dict(
        zip(("equal", "reason"), compare_latex(request["gold"], request["pred"]), strict=True)
    )


def _fork() -> tuple[int, int, int]:
    request_r, request_w = os.pipe()
    reply_r, reply_w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(request_w)
        os.close(reply_r)
        # what a library prints must not reach the protocol
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        try:
            _child(request_r, reply_w)
        finally:
            os._exit(0)
    os.close(request_r)
    os.close(reply_w)
    return pid, request_w, reply_r


def serve_forked() -> None:
    """Serve requests from standard input until it closes."""
    for text in WARM_UP:  # the parser builds its tables on first use; every child inherits them
        compare_latex(text, text)
        compare_latex(text, "1")
    out = os.dup(1)
    os.write(out, b"ready\n")
    child = None
    for line in sys.stdin.buffer:
        child = child or _fork()
        pid, to, back = child
        reply = b""
        try:
            os.write(to, line)
            if select.select([back], [], [], json.loads(line)["timeout"])[0]:
                reply = os.read(back, 65536)
                reason = "crashed"
            else:
                reason = "timeout"
        except OSError:
            reason = "crashed"
        if not reply:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(to)
            os.close(back)
            child = None
            reply = (
                json.dumps({"equal": False, "reason": f"symbolic comparison: {reason}"}).encode()
                + b"\n"
            )
        os.write(out, reply)
    if child:
        os.kill(child[0], signal.SIGKILL)


if __name__ == "__main__":
    serve_forked()
