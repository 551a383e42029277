"""Program-of-thought: from a completion to a program that prints the answer (facts §9.3). Nothing is run here."""

import re
from collections.abc import Callable

from dsmath_lib.engines.sandbox import fenced_blocks, joined_program

_DEF = re.compile(r"^def +solution *\( *\)", re.MULTILINE)


def _function(text: str) -> str:
    """GSM8K: a function ``solution`` without arguments; its value is the answer."""
    found = _DEF.search(text)
    return text.strip("\n") + "\n\nprint(solution())\n" if found else ""


def _answer(text: str) -> str:
    """MATH: exactly two fenced blocks, the main code and then its imports; the variable ``answer`` is the answer."""
    blocks = fenced_blocks(text, bare=True)
    if len(blocks) != 2:
        return ""
    code, imports = (b.code for b in blocks)
    return f"{imports}\n{code}\nprint(answer)\n"


STYLES: dict[str, Callable[[str], str]] = {
    "function": _function,
    "answer": _answer,
    "print": joined_program,  # fenced programs that print; the toy's form
}


def to_program(style: str, text: str) -> str:
    """The program to run for a completion, "" if it has none in the style's form.

    Raises:
        ValueError: unknown style; lists the known ones.
    """
    if style not in STYLES:
        raise ValueError(f"unknown program style '{style}' (known: {', '.join(STYLES)})")
    return STYLES[style](text)
