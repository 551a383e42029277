r"""Exact value of plain arithmetic such as ``12 + 3 \times (4 - 1)``: a small parser, no ``eval``.

Numbers, + - * /, ``\times``, ``\cdot``, ``\div``, ``\frac`` and brackets; anything else is not read. So most
unfinished answers of a model that computes are decided here, exactly, and not by a clock.
"""

import re
from fractions import Fraction

MAX_TOKENS = 80
_TOKEN = re.compile(
    r"\s*(\d{1,40}(?:\.\d{1,40})?|\\(?:frac|times|cdot|div)(?![A-Za-z])|[-+*/(){}])"
)
_ADD, _MULTIPLY = ("+", "-"), ("*", "/", r"\times", r"\cdot", r"\div")


class _Parser:
    """Recursive descent over tokens; depth is bounded by their number. Raises ValueError where it cannot go on."""

    def __init__(self, tokens: list[str]):
        self.tokens, self.at = tokens, 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, *wanted: str) -> str:
        token = self.peek()
        if not token or (wanted and token not in wanted):
            raise ValueError(token)
        self.at += 1
        return token

    def sum(self) -> Fraction:
        value = self.product()
        while self.peek() in _ADD:
            sign = 1 if self.take() == "+" else -1
            value += sign * self.product()
        return value

    def product(self) -> Fraction:
        value = self.factor()
        while self.peek() in _MULTIPLY:
            divide = self.take() in ("/", r"\div")
            factor = self.factor()
            value = value / factor if divide else value * factor
        return value

    def factor(self) -> Fraction:
        token = self.take()
        if token in _ADD:
            return self.factor() if token == "+" else -self.factor()
        if token in "({":
            value = self.sum()
            self.take(")" if token == "(" else "}")
            return value
        if token == r"\frac":
            parts = []
            for _ in range(2):
                self.take("{")
                parts.append(self.sum())
                self.take("}")
            return parts[0] / parts[1]
        if not token[0].isdigit():
            raise ValueError(token)
        return Fraction(token)


def arithmetic(text: str) -> Fraction | None:
    """The value, or None if ``text`` is not plain arithmetic (or divides by zero)."""
    tokens, at = [], 0
    text = text.strip()
    while at < len(text):
        m = _TOKEN.match(text, at)
        if m is None or len(tokens) == MAX_TOKENS:
            return None
        tokens.append(m[1])
        at = m.end()
    parser = _Parser(tokens)
    try:
        value = parser.sum()
    except (ValueError, ZeroDivisionError):
        return None
    return value if parser.at == len(tokens) else None
