"""The grammar of expressions: sums, products, powers, brackets, atoms. LaTeX commands are in ``expression.py``."""

from fractions import Fraction

from dsmath_lib.engines.grader.tokens import CROSS, Unread
from dsmath_lib.engines.grader.tree import Expr

_MAX_DEPTH = 40  # of brackets
_MAX_MARKS = 3  # of !!!
_CONSTANTS = {"pi": ("pi",), "e": ("e",), "i": ("i",)}
GREEK = frozenset(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho sigma tau "
    "upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Sigma Phi Psi Omega ell hbar".split()
)
VARIANTS = {"varphi": "phi", "varepsilon": "epsilon", "vartheta": "theta"}
_TIMES = frozenset(("*", r"\times", r"\cdot", r"\ast", CROSS))
_NOT_ATOM = _TIMES | frozenset((r"\div", r"\rfloor", r"\rceil", r"\rvert", r"\}", r"\choose"))
_DIVIDE = frozenset(("/", r"\div"))
BRACKETS = {"(": ")", "[": "]", "{": "}", r"\{": r"\}"}
AROUND = {
    r"\lfloor": (r"\rfloor", "floor"),
    r"\lceil": (r"\rceil", "ceil"),
    r"\lvert": (r"\rvert", "abs"),
    "|": ("|", "abs"),
}


class Grammar:
    """Recursive descent; ``bars`` counts open ``|`` so that the next one closes."""

    def __init__(self, tokens: list[str]):
        self.tokens, self.at, self.depth, self.bars = tokens, 0, 0, 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise Unread(token)
        self.at += 1
        return token

    def sum(self) -> Expr:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise Unread("too deep")
        tree = self.product()
        while self.peek() in ("+", "-"):
            op = self.take()
            tree = (op, tree, self.product())
        self.depth -= 1
        return tree

    def product(self) -> Expr:
        tree = self.unary()
        while True:
            token = self.peek()
            if token in _TIMES or token in _DIVIDE:
                self.take()
                op = "/" if token in _DIVIDE else "cross" if token == CROSS else "*"
                tree = (op, tree, self.unary())
            elif self.starts_atom(token):
                if tree[0] == "num" and token[0] in "0123456789.":
                    raise Unread("two numbers side by side")
                before = self.tokens[self.at - 1]
                right = self.power()
                tree = ("+" if self.mixed(before, tree, token, right) else "*", tree, right)
            else:
                return tree

    @staticmethod
    def mixed(before: str, tree: Expr, token: str, right: Expr) -> bool:
        r"""``1\frac12`` is 3/2, not 1/2."""
        return (
            token == r"\frac"
            and tree[0] == "num"
            and before.isdigit()
            and right[0] == "/"
            and right[1][0] == right[2][0] == "num"
            and 0 < right[1][1] < right[2][1]
            and tree[1].denominator == right[1][1].denominator == 1
        )

    def unary(self) -> Expr:
        sign = 1
        while self.peek() in ("+", "-"):
            sign = -sign if self.take() == "-" else sign
        tree = self.power()
        return tree if sign == 1 else ("neg", tree)

    def starts_atom(self, token: str) -> bool:
        if token == "|":
            return self.bars == 0
        return bool(token) and (
            token[0].isalnum()
            or token in BRACKETS
            or token[0] == "."
            or (token[0] == "\\" and token not in _NOT_ATOM)
        )

    def power(self) -> Expr:
        tree = self.postfix(self.atom())
        if self.peek() == "^":
            self.take()
            tree = self.postfix(("^", tree, self.exponent()))
        return tree

    def postfix(self, tree: Expr) -> Expr:
        first = self.at
        while self.peek() in ("!", "%", "‰", "'", "degrees"):
            mark = self.take()
            if self.at - first > _MAX_MARKS:
                raise Unread(mark)
            if mark == "‰":
                tree = ("/", tree, ("num", Fraction(1000)))
            elif mark == "'":
                if tree[0] != "var":
                    raise Unread(mark)
                tree = ("var", tree[1] + "'")
            else:
                tree = (mark, tree)
        return tree

    def exponent(self) -> Expr:
        if self.peek() == "-":
            self.take()
            return ("neg", self.exponent())
        if self.peek() == "+":
            self.take()
        tree = self.atom()
        if self.peek() == "^":  # 2^3^2 is 2^(3^2)
            self.take()
            tree = ("^", tree, self.exponent())
        return tree

    def group(self) -> Expr:
        """What one LaTeX argument holds: ``{…}``, or a single token; of a number only its first digit."""
        token = self.peek()
        if token == "{":
            return self.atom()
        if token.isdigit() and len(token) > 1:
            self.tokens[self.at : self.at + 1] = [token[0], token[1:]]
        return self.atom()

    def subscript(self) -> str:
        if self.peek() != "_":
            return ""
        self.take()
        if self.peek() != "{":
            return "_" + self.take().strip("\\")
        self.take()
        out = "_"
        while self.peek() != "}":
            out += self.take()
        self.take("}")
        return out

    def atom(self) -> Expr:
        token = self.take()
        if token[0].isdigit() or token[0] == ".":
            return ("num", Fraction(token))
        if token in BRACKETS:
            tree = self.inside(BRACKETS[token])
            if token == "{" and self.peek() == "" and not tree:
                raise Unread(token)
            return tree
        if token in AROUND:
            close, name = AROUND[token]
            bars, self.bars = self.bars, self.bars + (token == "|")
            tree = self.sum()
            self.take(close)
            self.bars = bars
            return (name, tree)
        if token[0] == "\\":
            return self.command(token[1:])
        if token.isalpha():
            sub = self.subscript()
            if not sub and token in _CONSTANTS:
                return _CONSTANTS[token]
            name = token + sub
            if token in "CAP" and sub[1:].isdigit() and (chosen := self.chosen(token, sub)):
                return chosen
            if name in ("C", "P") and self.peek() == "(" and (chosen := self.counted(token)):
                return chosen
            if self.peek() == "(" and (token in "fgFG" or token.isupper() or token == "h"):
                start = self.at
                argument = self.atom()
                if token in "fgFG" or argument[0] == "num":  # f(x), I(0); h(b+c) is a product
                    return ("call", name, argument)
                self.at = start
            return ("var", name)
        raise Unread(token)

    def chosen(self, token: str, sub: str) -> Expr | None:
        """``C_{10}^3``, and ``A_5^2`` for permutations, as Chinese textbooks write them; None for a plain power."""
        rest = [t for t in self.tokens[self.at : self.at + 4] if t not in "{}"]
        if len(rest) < 2 or rest[0] != "^" or not rest[1].isdigit() or int(rest[1]) > int(sub[1:]):
            return None
        self.take("^")
        n, k = ("num", Fraction(sub[1:])), self.exponent()
        return ("binom", n, k) if token == "C" else ("*", ("binom", n, k), ("!", k))

    def counted(self, token: str) -> Expr | None:
        """``C(10, 2)`` and ``P(5, 2)``; None if no two whole numbers follow."""
        rest = self.tokens[self.at : self.at + 5]
        if len(rest) < 5 or not (
            rest[1].isdigit() and rest[3].isdigit() and rest[2::2] == [",", ")"]
        ):
            return None
        self.at += 5
        n, k = (("num", Fraction(t)) for t in rest[1:4:2])
        return ("binom", n, k) if token == "C" else ("*", ("binom", n, k), ("!", k))

    def inside(self, close: str) -> Expr:
        bars, self.bars = self.bars, 0
        tree = self.sum()
        if self.peek() == r"\choose":
            self.take()
            tree = ("binom", tree, self.sum())
        self.take(close)
        self.bars = bars
        return tree

    def command(self, name: str) -> Expr:
        """A LaTeX command, whose backslash was taken."""
        raise NotImplementedError
