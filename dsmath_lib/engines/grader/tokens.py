"""Tokens of a mathematical expression: numbers, LaTeX commands, known names, single letters, signs."""

import re

FUNCTIONS = frozenset(
    "cis sin cos tan cot sec csc arcsin arccos arctan arccot arcsec arccsc sinh cosh tanh ln log lg exp "
    "abs sqrt cbrt asin acos atan max min gcd lcm".split()
)
CROSS = r"\crossproduct"  # of two vectors
_TOKEN = re.compile(
    r"\s*(?:(\d+(?:\.\d+)?|\.\d+)|(\\[A-Za-z]+|\\[{}])|([A-Za-z]+)|(\*\*|[-+*/^_(){}\[\]|!%‰',=]))"
)
_NAME = re.compile("|".join(sorted(FUNCTIONS | {"pi"}, key=len, reverse=True)))


class Unread(ValueError):
    """The text is not in the grammar."""


def tokens(text: str) -> list[str]:
    out: list[str] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        m = _TOKEN.match(text, at)
        if m is None:
            raise Unread(text[at])
        at = m.end()
        if m[3]:
            out += _words(m[3])
        else:
            out.append("^" if m[4] == "**" else m[1] or m[2] or m[4])
    return out


def _words(run: str) -> list[str]:
    """A run of letters: known names in it are one token each, other letters are variables on their own."""
    if run == "degrees":
        return [run]
    out, at, plain = [], 0, 0
    while at < len(run):
        m = _NAME.match(run, at)
        if m:
            out.append("\\" + m[0])
            at, plain = m.end(), 0
        else:
            out.append(run[at])
            at, plain = at + 1, plain + 1
            if plain > 3:  # a word of prose, not a product of variables
                raise Unread(run)
    return out
