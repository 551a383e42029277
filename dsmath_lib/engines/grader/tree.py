"""Expression trees: nested tuples, and what is in them."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

# ("num", Fraction), ("var", name), (operator or function, child, …); sums and integrals hold the name they bind
Expr = tuple[Any, ...]
MAX_HEIGHT = 150


def _children(tree: Expr) -> list[Expr]:
    return [t for t in tree[1:] if isinstance(t, tuple)]


def height(tree: Expr) -> int:
    height, row = 0, [tree]
    while row and height <= MAX_HEIGHT:
        height, row = height + 1, [c for t in row for c in _children(t)]
    return height


def walk(tree: Expr) -> Iterator[Expr]:
    """Every node of a tree."""
    todo = [tree]
    while todo:
        yield (here := todo.pop())
        todo += _children(here)


def operators(tree: Expr) -> frozenset[str]:
    """Names of the operations in a tree."""
    return frozenset(t[0] for t in walk(tree))


@lru_cache(maxsize=1024)
def variables(tree: Expr) -> frozenset[str]:
    """Names of the free variables in a tree."""
    if tree[0] == "var":
        return frozenset((tree[1],))
    found = [variables(t) for t in _children(tree)]
    if tree[0] in ("sum", "prod", "integral"):
        found[-1] -= {tree[1]}
    if tree[0] == "derivative":
        found.append(frozenset((tree[1],)))
    return frozenset().union(*found)
