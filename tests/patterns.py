"""Every regular expression of the library, and texts made to be slow for it.

A pattern is found in the source (a literal handed to ``re``) or on its module (compiled there). Texts are made from
its parse tree: for each loop what stands before it, then many rounds of the loop, then a sign that cannot follow; and
each beginning of the pattern over and over, as an opening bracket that is never closed.
"""

import ast
import dataclasses
import functools
import importlib
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dsmath_lib

ROOT = Path(dsmath_lib.__file__).parent
METHODS = ("match", "fullmatch", "search", "finditer", "findall", "sub", "subn", "split")
ANCHORED = frozenset({"match", "fullmatch"})
NOT_IMPORTED = {"dsmath_lib.engines.sandbox.worker"}  # a script that locks its process down
_parser, _c = re._parser, re._constants  # the standard library's own reader of patterns
LOOPS = (_c.MAX_REPEAT, _c.MIN_REPEAT, _c.POSSESSIVE_REPEAT)
SIGNS = " \na1A.,-=(){}[]\\$<>\"'*/_:#&;%|^!?+~@`é一，：\0"
MANY = 20  # a loop of fewer rounds is a constant


@dataclasses.dataclass(frozen=True)
class Found:
    """A pattern, the place where it stands, and the methods it is used with (all: ``finditer``)."""

    where: str
    pattern: re.Pattern
    methods: frozenset[str]


# -- where the patterns are --------------------------------------------------------------------------------------------
@functools.cache
def sources() -> dict[str, ast.Module]:
    """Module name -> tree, of the modules that use ``re``."""
    out = {}
    for path in sorted(ROOT.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imports = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        if "re" in imports:
            out[".".join(path.relative_to(ROOT.parent).with_suffix("").parts)] = tree
    return out


def _calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        f = node.func if isinstance(node, ast.Call) else None
        if isinstance(f, ast.Attribute) and isinstance(f.value, ast.Name) and f.value.id == "re":
            if f.attr in (*METHODS, "compile"):
                yield f.attr, node


def _flags(call: ast.Call) -> int:
    named = [n.attr for n in ast.walk(call) if isinstance(n, ast.Attribute) and n.attr.isupper()]
    return functools.reduce(lambda a, b: a | b, (getattr(re, n) for n in named), 0)


def literals() -> list[Found]:
    """Patterns that stand as a literal in a call of ``re``."""
    out = []
    for name, tree in sources().items():
        for method, call in _calls(tree):
            if isinstance(call.args[0], ast.Constant):
                if method != "compile" or name in NOT_IMPORTED:
                    pattern = re.compile(call.args[0].value, _flags(call))
                    out.append(Found(f"{name}:{call.lineno}", pattern, _kinds({method})))
    return out


def built_in_functions() -> list[str]:
    """``module:function`` of each call whose pattern is put together while the function runs."""
    out = set()
    for name, tree in sources().items():
        for f in ast.walk(tree):
            if isinstance(f, ast.FunctionDef):
                calls = [c for _, c in _calls(f) if not isinstance(c.args[0], ast.Constant)]
                out |= {f"{name}:{f.name}" for _ in calls}
    return sorted(out)


def compiled() -> list[Found]:
    """Patterns that a module holds, in a name, a table or a record."""
    out: dict[Any, Found] = {}
    for module in sorted(set(sources()) - NOT_IMPORTED):
        for name, value in vars(importlib.import_module(module)).items():
            for pattern in _patterns(value):
                found = Found(f"{module}.{name}", pattern, _kinds(_methods(module, name)))
                out.setdefault((pattern, found.methods), found)
    return list(out.values())


def _patterns(value: object) -> Iterator[re.Pattern]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, tuple | list | dict | frozenset | set):
        for part in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from _patterns(part)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from _patterns([getattr(value, f.name) for f in dataclasses.fields(value)])


@functools.cache
def _uses(module: str) -> tuple[frozenset[str], dict[str, set[str]]]:
    """Names a module imports from others, and for each name the methods called on it.

    ``finditer`` stands for a pattern that is itself handed on.
    """
    imported: set[str] = set()
    methods: dict[str, set[str]] = {}
    called: set[int] = set()
    nodes = list(ast.walk(sources()[module]))
    for n in nodes:
        if isinstance(n, ast.ImportFrom):
            imported |= {a.name for a in n.names}
        elif isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.attr in METHODS:
            methods.setdefault(n.value.id, set()).add(n.attr)
            called.add(id(n.value))
    for n in nodes:
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) and id(n) not in called:
            methods.setdefault(n.id, set()).add("finditer")
    return frozenset(imported), methods


def _methods(module: str, name: str) -> set[str]:
    """Methods that a name of a module is used with, there and where it is imported."""
    users = [m for m in sources() if m == module or name in _uses(m)[0]]
    return set().union(*(_uses(m)[1].get(name, set()) for m in users))


def _kinds(methods: set[str]) -> frozenset[str]:
    """A pattern that is searched anywhere is tried from every place of the text, and that covers the rest."""
    return frozenset(methods) if methods and methods <= ANCHORED else frozenset({"finditer"})


# -- texts that are slow to refuse -------------------------------------------------------------------------------------
_CATEGORIES = {
    _c.CATEGORY_DIGIT: str.isdigit,
    _c.CATEGORY_SPACE: str.isspace,
    _c.CATEGORY_WORD: lambda s: s.isalnum() or s == "_",
    _c.CATEGORY_NOT_DIGIT: lambda s: not s.isdigit(),
    _c.CATEGORY_NOT_SPACE: lambda s: not s.isspace(),
    _c.CATEGORY_NOT_WORD: lambda s: not (s.isalnum() or s == "_"),
}


def _accepts(items: list, sign: str) -> bool:
    """Whether a class ``[…]`` takes a sign."""
    hit = any(
        (op is _c.LITERAL and value == ord(sign))
        or (op is _c.RANGE and value[0] <= ord(sign) <= value[1])
        or (op is _c.CATEGORY and _CATEGORIES[value](sign))
        for op, value in items
    )
    return hit != (items[0][0] is _c.NEGATE)


def _signs(op: int, value: Any) -> list[str]:
    """Some signs that one place of a pattern takes, of every kind; a literal is itself."""
    if op is _c.LITERAL:
        return [chr(value)]
    if op is _c.NOT_LITERAL:
        return [s for s in SIGNS if ord(s) != value]
    if op is _c.ANY:
        return list(SIGNS.replace("\n", ""))
    named = [chr(v) for o, v in value if o is _c.LITERAL]
    named += [chr(v[0]) for o, v in value if o is _c.RANGE]
    return [s for s in dict.fromkeys([*SIGNS, *named]) if _accepts(value, s)]


def sample(tree: list, rng: random.Random, like: str = "") -> str:
    """A text that a parse tree matches, but for what it only looks at.

    ``like`` is the sign to take wherever a class has it: loops side by side can then share a run of it.
    """
    groups: dict[int, str] = {}

    def part(op: int, value: Any) -> str:
        if op in (_c.LITERAL, _c.NOT_LITERAL, _c.ANY, _c.IN):
            signs = _signs(op, value)
            return like if like in signs else rng.choice(signs)
        if op is _c.BRANCH:
            return whole(rng.choice(value[1]))
        if op in LOOPS:
            low, high, body = value
            rounds = low if rng.random() < 0.5 else min(low + 1, int(high))
            return "".join(whole(body) for _ in range(rounds))
        if op is _c.SUBPATTERN:
            groups[value[0]] = whole(value[3])
            return groups[value[0]]
        if op is _c.ATOMIC_GROUP:
            return whole(value)
        if op is _c.GROUPREF:
            return groups.get(value, "")
        assert op in (_c.ASSERT, _c.ASSERT_NOT, _c.AT), op
        return ""

    def whole(items: list) -> str:
        return "".join(part(op, value) for op, value in items)

    return whole(tree)


def _loops(tree: list, before: list) -> Iterator[tuple[list, list]]:
    """Each loop without a small bound, as what stands before it and its body."""
    for i, (op, value) in enumerate(tree):
        ahead = [*before, *tree[:i]]
        if op in LOOPS:
            if int(value[1]) >= MANY:
                yield ahead, list(value[2])
            yield from _loops(list(value[2]), ahead)
        elif op is _c.BRANCH:
            for branch in value[1]:
                yield from _loops(list(branch), ahead)
        elif op in (_c.SUBPATTERN, _c.ATOMIC_GROUP, _c.ASSERT, _c.ASSERT_NOT):
            inner = {_c.SUBPATTERN: 3, _c.ASSERT: 1, _c.ASSERT_NOT: 1}.get(op)
            yield from _loops(list(value if inner is None else value[inner]), ahead)


def _likes(tree: list) -> list[str]:
    """Signs that some class inside takes, at most eight."""
    out: dict[str, None] = {}
    for op, value in tree:
        if op in (_c.IN, _c.ANY, _c.NOT_LITERAL):
            out.update(dict.fromkeys(_signs(op, value)[:6]))
        elif op in LOOPS:
            out.update(dict.fromkeys(_likes(list(value[2]))))
        elif op is _c.SUBPATTERN:
            out.update(dict.fromkeys(_likes(list(value[3]))))
        elif op is _c.BRANCH:
            out.update(dict.fromkeys(s for branch in value[1] for s in _likes(list(branch))[:2]))
    return list(out)[:8]


def attacks(pattern: re.Pattern) -> list[tuple[str, str, str]]:
    """Texts as ``(head, unit, tail)``, the unit to be repeated; the same on every call."""
    text = pattern.pattern
    binary = isinstance(text, bytes)
    tree = list(_parser.parse(text, pattern.flags if binary else pattern.flags & ~re.UNICODE))
    rng = random.Random(text if binary else text.encode("utf-8", "surrogatepass"))
    out: dict[tuple[str, str, str], None] = {}
    for before, body in _loops(tree, []):
        for like in ["", "", "", *_likes(body)]:
            head, unit = sample(before, rng, like), sample(body, rng, like)
            if unit:
                out[head, unit, "\0"] = None
                out[head, unit, "a"] = None
                if head:
                    out["", head + unit, "\0"] = None
                    out["", head + unit * 8, "\0"] = None
    for cut in range(1, len(tree) + 1):
        for like in ("", ""):
            if unit := sample(tree[:cut], rng, like):
                out["", unit, "\0"] = None
    return list(out)
