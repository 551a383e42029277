"""AsciiMath (pattern M3) to LaTeX: ``sum_(i=1)^n i^2/2`` becomes ``\\sum_{i=1}^{n} \\frac{i^{2}}{2}``.

The grammar of asciimath.org without matrices: symbols, unary and binary functions, brackets, scripts, fractions.
"""

import re

_TOKEN = re.compile(r'"[^"]*"|[a-zA-Z]+|\d+(?:\.\d+)?|[<>!]=|->|=>|\+-|\*\*|\(:|:\)|\S')
_SYMBOLS = {
    "<=": r"\le", ">=": r"\ge", "!=": r"\ne", "->": r"\to", "=>": r"\Rightarrow", "+-": r"\pm",
    "*": r"\cdot", "**": r"\ast", "xx": r"\times", "oo": r"\infty", "in": r"\in", "del": r"\partial",
    "grad": r"\nabla", "(:": r"\langle", ":)": r"\rangle", "RR": r"\mathbb{R}", "NN": r"\mathbb{N}",
    "ZZ": r"\mathbb{Z}", "QQ": r"\mathbb{Q}", "CC": r"\mathbb{C}", "uu": r"\cup", "nn": r"\cap",
    "and": r"\text{and}", "or": r"\text{or}", "if": r"\text{if}",
}  # fmt: skip
_NAMES = sorted(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi chi "
    "psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega sum prod int sin cos tan cot sec csc "
    "log ln exp lim max min det dim gcd infty dots cdots".split(),
    key=len,
    reverse=True,
)
_UNARY = {"sqrt": r"\sqrt", "hat": r"\hat", "bar": r"\bar", "vec": r"\vec", "dot": r"\dot"}
_WORDS = [w for w in (*_UNARY, "frac", "root", "text", *_SYMBOLS, *_NAMES) if w.isalpha()]
_PIECE = re.compile("|".join([*sorted(_WORDS, key=len, reverse=True), "."]), re.DOTALL)
_OPEN, _CLOSE = {"(": ")", "[": "]", "{": "}"}, {")", "]", "}"}
_MAX_DEPTH = 40


def asciimath_to_latex(source: str) -> str:
    """LaTeX of one AsciiMath expression; what is not understood is copied."""
    stack, parts = _tokens(source), []
    while stack:
        parts.append(_sequence(stack, 0))
        if stack:  # an unmatched closing bracket: copy it and go on
            parts.append(stack.pop())
    return " ".join(p for p in parts if p).strip()


def is_asciimath(source: str) -> bool:
    """Does a text between backticks read as a formula? Signs, digits, one letter or known names, not words."""
    words = re.findall(r"[A-Za-z]{2,}", re.sub(r'"[^"]*"|text\([^()]*\)', "", source))
    known = all(_known(w) for w in words)
    return known or bool(
        re.search(r"[=^_/+*<>]|\d", source) and sum(map(_known, words)) * 2 >= len(words)
    )


def _known(word: str) -> bool:
    """Is a word made of names and at most three letters of its own?"""
    return sum(len(t) == 1 for t in _split_word(word)) <= 3


def _tokens(source: str) -> list[str]:
    out: list[str] = []
    for t in _TOKEN.findall(source):
        out.extend(_split_word(t) if t.isalpha() else [t])
    return out[::-1]  # a stack: the next token is the last


def _split_word(word: str) -> list[str]:
    """Longest known names first, single letters otherwise: ``xsin`` is ``x`` and ``sin``."""
    return _PIECE.findall(word) if len(word) > 1 else [word]


def _sequence(stack: list[str], depth: int) -> str:
    parts = []
    while stack and stack[-1] not in _CLOSE:
        left = _scripted(stack, depth)
        if stack and stack[-1] == "/":
            stack.pop()
            left = rf"\frac{{{_bare(left)}}}{{{_bare(_scripted(stack, depth))}}}"
        parts.append(left)
    return " ".join(parts)


def _scripted(stack: list[str], depth: int) -> str:
    base = _simple(stack, depth)
    while stack and stack[-1] in ("^", "_"):
        mark = stack.pop()
        base += f"{mark}{{{_bare(_simple(stack, depth))}}}"
    return base


def _simple(stack: list[str], depth: int) -> str:
    if not stack or stack[-1] in _CLOSE:
        return ""
    t = stack.pop()
    if depth > _MAX_DEPTH:
        return t
    if t in _UNARY:
        return f"{_UNARY[t]}{{{_bare(_simple(stack, depth + 1))}}}"
    if t in ("frac", "root"):
        a, b = _bare(_simple(stack, depth + 1)), _bare(_simple(stack, depth + 1))
        return rf"\frac{{{a}}}{{{b}}}" if t == "frac" else rf"\sqrt[{a}]{{{b}}}"
    if t.startswith('"'):
        return rf"\text{{{t.strip(chr(34))}}}"
    if t in _OPEN:
        inner = _sequence(stack, depth + 1)
        close = stack.pop() if stack else ""
        return f"{t}{inner}{close}"
    return _SYMBOLS.get(t) or ("\\" + t if t in _NAMES else t)


def _bare(x: str) -> str:
    """Drop one pair of brackets that only grouped an argument."""
    return x[1:-1] if len(x) > 1 and x[0] in _OPEN and x[-1] == _OPEN[x[0]] else x
