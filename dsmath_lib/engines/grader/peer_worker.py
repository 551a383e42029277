"""The process behind ``peer.py``: run as a script, speaks JSON lines, imports nothing of this package."""

import json
import os
import resource
import sys

MEMORY = 4 << 30  # bytes of address space; a hostile expression may want more
WARM_UP = ("x^2-1", r"\frac{\sqrt{3}}{2}+\pi", "y=2x+1", r"(-\infty,2)\cup[3,4)", "x<3")


def verdict_of_peer(gold: str, pred: str, letter: bool) -> tuple[bool, str]:
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
    return bool(verify(a, b, timeout_seconds=None)), str(b[-1]) if b else ""


def reply_to(request: dict) -> dict:
    try:
        equal, extracted = verdict_of_peer(request["gold"], request["pred"], request["letter"])
    except (Exception, RecursionError, MemoryError) as err:
        return {"reason": f"math-verify failed: {type(err).__name__}"}
    return {"equal": equal, "extracted": extracted[:2000]}


def serve_lines() -> None:
    """Answer requests from standard input until it closes."""
    out = os.dup(1)
    # what a library prints must not reach the protocol
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    for text in WARM_UP:  # the parser builds its tables on first use
        verdict_of_peer(text, f"\\boxed{{{text}}}", False)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.write(out, b"ready\n")
    for line in sys.stdin.buffer:
        os.write(out, json.dumps(reply_to(json.loads(line))).encode() + b"\n")


if __name__ == "__main__":
    serve_lines()
