"""math-verify as a second opinion, in the killable process of ``symbolic.py``."""

from typing import NamedTuple

from dsmath_lib.engines.grader import symbolic
from dsmath_lib.engines.grader.choice import gold_letters
from dsmath_lib.engines.grader.verdict import gold_answers

TIMEOUT = 10.0  # math-verify's own limits are 5 s for each of its stages


class PeerVerdict(NamedTuple):
    """``correct`` is None where math-verify gave no verdict in time."""

    correct: bool | None
    extracted: str
    reason: str


def math_verify(gold: object, completion: str, question: str = "") -> PeerVerdict:
    """math-verify's verdict, the gold answer in an environment, as its users are told to call it."""
    answer = gold_answers(gold, question)[0]
    request = {
        "task": "peer",
        "gold": answer,
        "pred": completion,
        "letter": bool(gold_letters(answer)),
        "timeout": TIMEOUT,
    }
    try:
        reply = symbolic.ask(request, TIMEOUT)
    except OSError as err:
        return PeerVerdict(None, "", f"math-verify is not available: {err}")
    if "extracted" not in reply:
        return PeerVerdict(
            None, "", str(reply["reason"]).replace("symbolic comparison", "math-verify")
        )
    return PeerVerdict(reply["equal"], reply["extracted"], "")
