"""Pairs of answers, written from the definitions of the notations: the same in two spellings, and different ones.

One pair a line, ``gold ~ answer``, under headings; backslashes are LaTeX's own.
"""

from pathlib import Path


def read(name: str) -> list[tuple[str, str]]:
    """The pairs of a file beside this one."""
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    pairs = [line.split(" ~ ") for line in lines if not line.startswith("# ")]
    return [(a, b) for a, b in pairs]


EQUAL = read("equal_pairs.txt")
DIFFERENT = read("different_pairs.txt")
