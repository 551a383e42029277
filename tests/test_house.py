"""The house: imports go down only, engines are entered by their door, the core stays small."""

import ast
from functools import cache
from pathlib import Path

import pytest

from dsmath_lib.base.paths import ROOT

LIB = ROOT / "dsmath_lib"
# from the ground up; rooms of one floor do not import each other
FLOORS = (
    ("base",), ("rows",), ("params",), ("engines",), ("stage",), ("world",),
    ("lm", "corpus", "evaluation"), ("rewards",), ("rl",), ("crawl", "plan"), ("runs",), ("report",),
    ("exercises",), ("app",),
)  # fmt: skip
FLOOR = {room: i for i, rooms in enumerate(FLOORS) for room in rooms}
CORE = ("rows", "lm", "corpus", "evaluation", "rewards", "rl")
CORE_LINES, CORE_ARGUMENTS = 6_000, 6
ENGINES = sorted(p.name for p in (LIB / "engines").iterdir() if p.name != "__pycache__")


@cache
def imports(path: Path) -> set[tuple[str, ...]]:
    """Every library module that a file imports, also inside functions: ``("rl", "losses")``."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dsmath_lib"):
            parts = tuple(node.module.split(".")[1:])
            found |= {
                (*parts, a.name) if is_module((*parts, a.name)) else parts for a in node.names
            }
        elif isinstance(node, ast.Import):
            found |= {
                tuple(a.name.split(".")[1:]) for a in node.names if a.name.startswith("dsmath_lib.")
            }
    return found


def is_module(parts: tuple[str, ...]) -> bool:
    path = LIB.joinpath(*parts)
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


@cache
def files() -> dict[tuple[str, ...], Path]:
    """Parts of a module's name -> its file."""
    out = {p.relative_to(LIB).with_suffix("").parts: p for p in sorted(LIB.rglob("*.py"))}
    return {
        tuple(x for x in parts if x != "__init__"): p
        for parts, p in out.items()
        if parts != ("__init__",)
    }


def test_every_room_has_a_floor():
    rooms = {p.name for p in LIB.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert rooms == set(FLOOR)


@pytest.mark.parametrize("room", FLOOR)
def test_imports_go_down_only(room):
    for here, path in files().items():
        for there in imports(path) if here[:1] == (room,) else ():
            name = f"{'.'.join(here)} imports {'.'.join(there)}"
            if there[0] == room:
                assert room != "engines" or there[1] == here[1], (
                    f"{name}: engines know no other engine"
                )
            else:
                assert FLOOR[there[0]] < FLOOR[room], f"{name}, which is not below it"
                assert room != "engines" or there[0] == "base", (
                    f"{name}: an engine stands on base alone"
                )


def test_no_circles():
    known = files()
    graph = {here: imports(path) & known.keys() - {here} for here, path in known.items()}
    done: set = set()

    def visit(module, above):
        assert module not in above, f"circle: {[*above[above.index(module) :], module]}"
        if module not in done:
            for other in sorted(graph[module]):
                visit(other, [*above, module])
            done.add(module)

    for module in graph:
        visit(module, [])


@pytest.mark.parametrize("engine", ENGINES)
def test_engines_are_entered_by_their_door(engine):
    for here, path in files().items():
        if here[:2] != ("engines", engine):
            past = [t for t in imports(path) if t[:2] == ("engines", engine) and len(t) > 2]
            assert not past, f"{'.'.join(here)} imports {past}"


def public_names(path: Path) -> set[str]:
    """Functions, classes and variables that a module binds, without an underscore; ``main`` is a script's."""
    found = set()
    for n in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(n, ast.FunctionDef | ast.ClassDef):
            found.add(n.name)
        elif isinstance(n, ast.Assign | ast.AnnAssign):
            targets = n.targets if isinstance(n, ast.Assign) else [n.target]
            found |= {x.id for t in targets for x in ast.walk(t) if isinstance(x, ast.Name)}
    return {x for x in found if not x.startswith("_")} - {"main"}


def test_a_public_name_stands_for_one_thing():
    """Fewer than 2 % of the public names are bound in two files or more, and no file's name in two rooms."""
    places: dict[str, list[str]] = {}
    for here, path in files().items():
        for name in public_names(path):
            places.setdefault(name, []).append(".".join(here))
    twice = {n: p for n, p in places.items() if len(p) > 1}
    assert len(twice) < 0.02 * len(places), twice


def core() -> dict[tuple[str, ...], Path]:
    return {m: p for m, p in files().items() if m[0] in CORE}


def test_the_core_can_be_read_in_an_evening():
    lines = sum(len(p.read_text(encoding="utf-8").splitlines()) for p in core().values())
    assert lines <= CORE_LINES


def test_core_functions_have_few_arguments():
    for module, path in core().items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names = [
                    a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
                ]
                n = len([a for a in names if a not in ("self", "cls")])
                assert n <= CORE_ARGUMENTS, f"{'.'.join(module)}.{node.name} has {n} arguments"
