r"""Read one mathematical expression, LaTeX or plain, into a small tree. A whitelist parser: no ``eval``, no SymPy.

``parse(r"\frac{x+1}{2}")`` is ``("/", ("+", ("x",), 1), 2)``-like nested tuples. What is not in the grammar (limits,
relations, prose) is not read at all: the result is None, never a part of the text.
"""

from fractions import Fraction
from functools import lru_cache

from dsmath_lib.engines.grader.grammar import AROUND, BRACKETS, GREEK, VARIANTS, Grammar
from dsmath_lib.engines.grader.tokens import FUNCTIONS, Unread, tokens
from dsmath_lib.engines.grader.tree import MAX_HEIGHT, Expr, height

_MAX_CHARS = 400
_INVERSE = ("sin", "cos", "tan", "cot", "sec", "csc")
_SHORT = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}


class _Parser(Grammar):
    """The grammar with LaTeX's commands and the names of functions."""

    def command(self, name: str) -> Expr:
        if name == "pi":
            return ("pi",)
        if name in ("frac", "cfrac"):
            return self.fraction()
        if name in ("sum", "prod"):
            return self.repeated(name)
        if name == "int":
            return self.integral()
        if name in ("binom", "dbinom", "tbinom"):
            return ("binom", self.group(), self.group())
        if name in ("sqrt", "cbrt"):
            index: Expr = ("num", Fraction(2 if name == "sqrt" else 3))
            if self.peek() == "[":
                self.take()
                index = self.inside("]")
            return ("root", self.group() if self.peek() != "(" else self.atom(), index)
        if name in ("vec", "hat", "bar", "mathbf", "boldsymbol", "bold", "overrightarrow"):
            start = self.at
            self.group()
            inside = "".join(t for t in self.tokens[start : self.at] if t not in "{}")
            return ("var", name.replace("overrightarrow", "vec") + " " + inside)
        if name in FUNCTIONS:
            return self.function(name)
        if name in GREEK:
            return ("var", VARIANTS.get(name, name) + self.subscript())
        raise Unread(name)

    def between(self, start: int) -> list[str]:
        return [t for t in self.tokens[start : self.at] if t not in "{}"]

    def fraction(self) -> Expr:
        r"""A quotient; ``\frac{d}{dx}`` is the derivative of what follows, ``\frac{dy}{dx}`` is not read."""
        start = self.at
        above, middle = self.group(), self.at
        below = self.group()
        top, bottom = self.tokens[start:middle], self.between(middle)
        top = [t for t in top if t not in "{}"]
        if top[:1] == bottom[:1] == ["d"] and len(bottom) == 2:
            if len(top) > 1:
                raise Unread("a derivative of a name")
            return ("derivative", self.variable(bottom[1]), self.product())
        return ("/", above, below)

    @staticmethod
    def variable(token: str) -> str:
        if not (token.isalpha() or token[1:] in GREEK):
            raise Unread(token)
        return token.strip("\\")

    def bound(self, mark: str) -> Expr:
        self.take(mark)
        return self.group() if self.peek() != "-" else self.exponent()

    def repeated(self, name: str) -> Expr:
        r"""``\sum_{k=1}^{n} k^2``: the sum binds the product that follows."""
        self.take("_")
        self.take("{")
        index = self.variable(self.take())
        self.take("=")
        low = self.inside("}")
        return (name, index, low, self.bound("^"), self.product())

    def integral(self) -> Expr:
        r"""``\int_0^1 x dx``; without limits it is not read."""
        low, high = self.bound("_"), self.bound("^")
        ends = [i for i in range(self.at, len(self.tokens) - 1) if self.tokens[i] == "d"]
        if not ends:
            raise Unread("an integral without its variable")
        name = self.variable(self.tokens[ends[-1] + 1])
        inner = _Parser(self.tokens[self.at : ends[-1]] or ["1"])
        body = inner.sum()
        if inner.at != len(inner.tokens):
            raise Unread("integrand")
        self.at = ends[-1] + 2
        return ("integral", name, low, high, body)

    def function(self, name: str) -> Expr:
        base: Expr | None = None
        power: Expr | None = None
        while self.peek() in ("_", "^"):
            mark = self.take()
            if mark == "_":
                base = self.group()
            else:
                power = self.exponent()
        if self.peek() in ("(", "{", "|", "[") or self.peek() in AROUND:
            arguments = self.arguments() if name in ("max", "min", "gcd", "lcm") else [self.atom()]
            arguments = [self.postfix(arguments[0])] if len(arguments) == 1 else arguments
            if self.peek() == "^" and power is None:  # sin(x)^2
                self.take()
                power = self.exponent()
        else:
            arguments = [self.bare_argument()]
        if power == ("neg", ("num", Fraction(1))) and name in _INVERSE:
            name, power = "arc" + name, None
        name = _SHORT.get(name, name)
        tree: Expr = (name, *arguments) if base is None else ("logbase", base, *arguments)
        if base is not None and name not in ("log", "lg"):
            raise Unread("subscript of a function")
        return tree if power is None else ("^", tree, power)

    def arguments(self) -> list[Expr]:
        close = BRACKETS[self.take()]
        out = [self.sum()]
        while self.peek() == ",":
            self.take()
            out.append(self.sum())
        self.take(close)
        return out

    def bare_argument(self) -> Expr:
        r"""``\sin 2x`` takes the product ``2x``, ``\sin x \cos x`` only ``x``."""
        tree = self.unary()
        while True:
            token = self.peek()
            known = token[:1] == "\\" and (
                token[1:] in FUNCTIONS and token not in (r"\sqrt", r"\cbrt")
            )
            if token == "/" and self.at + 1 < len(self.tokens):
                self.take()
                tree = ("/", tree, self.power())
            elif token and not known and token not in ("(", "[", "|") and self.starts_atom(token):
                tree = ("*", tree, self.power())
            else:
                return tree


@lru_cache(maxsize=1024)
def parse(text: str) -> Expr | None:
    """The tree of a normalised text, or None if any part of it is outside the grammar."""
    if not text or len(text) > _MAX_CHARS:
        return None
    try:
        parser = _Parser(tokens(text))
        tree = parser.sum()
    except (ValueError, RecursionError):
        return None
    return tree if parser.at == len(parser.tokens) and height(tree) <= MAX_HEIGHT else None
