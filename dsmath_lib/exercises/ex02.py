"""Exercises of 02_pretraining: schedule, passes, padding, cost of a run, bits."""

import math

from dsmath_lib.exercises.kinds import function, number, open_question


def lr_at(step: int, peak: float, warmup: int, total: int) -> float:
    """The paper's multi-step schedule; steps count from 0, the warm-up is linear from peak / warmup."""
    if step < warmup:
        return peak * (step + 1) / warmup
    if step >= 0.9 * total:
        return peak * 0.10
    if step >= 0.8 * total:
        return peak * 0.316
    return peak


function(
    "02.1",
    lr_at,
    [(s, 1.0, 10, 100) for s in (0, 9, 10, 79, 80, 89, 90, 99)]
    + [(s, 5.3e-4, 2000, 37_500) for s in (0, 1999, 2000, 29_999, 30_000, 33_750, 37_499)],
    (
        "Four cases: before the warm-up ends, then up to 80 %, up to 90 %, and the rest.",
        "Warm-up: peak · (step + 1) / warmup. Then peak, peak · 0.316 from 80 %, peak · 0.10 from 90 %.",
    ),
)

number(
    "02.2",
    0.56 * 500 / 120.2,
    (
        "How many of the 500B tokens came from the corpus?",
        "0.56 · 500B = 280B tokens were drawn from a corpus of 120.2B.",
    ),
    "0.56 · 500 / 120.2 = 2.33 passes",
    tol=0.02,
    near={500 / 120.2: "only 56 % of the 500B tokens came from the corpus"},
    otherwise="tokens taken from the corpus over tokens in the corpus",
)


def padding_share(lengths: list[int], context: int) -> float:
    """Share of positions that are padding when every document has its own row of ``context`` tokens."""
    return 1 - sum(lengths) / (len(lengths) * context)


function(
    "02.3",
    padding_share,
    [([3, 5], 8), ([8], 8), ([1, 1, 2], 10)],
    (
        "How many positions are there in all rows, and how many hold a token?",
        "1 − sum(lengths) / (rows · context).",
    ),
)

number(
    "02.4",
    6 * 1.3e9 * 150e9,
    (
        "Forward takes 2 operations for each weight and token, backward 4.",
        "6 · 1.3e9 weights · 150e9 tokens.",
    ),
    "6 · 1.3e9 · 150e9 = 1.17e21 operations",
    tol=0.05 * 6 * 1.3e9 * 150e9,
    near={2 * 1.3e9 * 150e9: "that is the forward pass alone; backward costs twice as much again"},
    otherwise="6 times weights times tokens; 1.3B weights and 150B tokens",
)

number(
    "02.5",
    2.0 / math.log(2) / 4,
    (
        "A nat is 1/ln 2 = 1.443 bits. And each token covers some bytes.",
        "2.0 nats · 1.443 bits a nat = 2.885 bits a token; divide by 4 bytes a token.",
    ),
    "2.0 / ln 2 / 4 = 0.721 bits per byte",
    tol=2e-3,
    near={
        2.0 / math.log(2): "that is bits per token; divide by the bytes of a token",
        0.5: "that is nats per byte; a bit is ln 2 nats",
    },
)


def packed_rows(lengths: list[int], context: int) -> list[list[int]]:
    """Rows of lengths: each goes to the first row with room, or opens a new one."""
    rows: list[list[int]] = []
    for n in lengths:
        row = next((r for r in rows if sum(r) + n <= context), None)
        if row is None:
            rows.append([n])
        else:
            row.append(n)
    return rows


function(
    "02.6",
    packed_rows,
    [([30, 50, 20, 14], 64), ([5], 8), ([4, 4, 4], 8), ([6, 3, 2, 5], 8), ([], 8)],
    (
        "Keep a list of rows; look for the first with sum(row) + n <= context.",
        "next((r for r in rows if sum(r) + n <= context), None); None: open a new row.",
    ),
    gives="a list of rows, each a list of lengths",
)

open_question(
    "02",
    """At a tenth no corpus is repeated, so what counts is how near its text is to the test; at ten times the small
    seed-like corpus is read again and again while the mined one still brings new pages. If its curve flattens
    there, it falls behind by repetition, not by quality. To test quality alone, cut all corpora to the size of the
    smallest and read each equally often: the corpus "equal" does that for one pair, and in one language.""",
)
