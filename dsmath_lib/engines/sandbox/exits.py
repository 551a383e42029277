"""Ways to end a program that Monty lacks: ``sys.exit``, ``exit``, ``quit``, ``SystemExit(3)``, as CPython has them."""

import io
import re
import tokenize
from collections.abc import Iterator

_MAY_END = re.compile(r"\b(?:exit|quit|SystemExit)\b")
_SKIPPED = {tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT}
# an empty text is an error too, as in CPython; Monty shows the clean end by no text at all
PRELUDE = """def system_exit(code=None, *more):
    if code is None or code == 0:
        return SystemExit()
    return SystemExit(str(code) or " ")
def exit(code=None, *more):
    raise system_exit(code)
exit_program = quit = exit
"""
_Edit = tuple[
    tokenize.TokenInfo, tokenize.TokenInfo, str
]  # first and last token, what stands there now


def with_exits(code: str) -> str:
    """The program with the prelude's functions where it ends itself; as it is where it does not."""
    if not _MAY_END.search(code):
        return code
    tokens: list[tokenize.TokenInfo] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type not in _SKIPPED:
                tokens.append(token)
    except (tokenize.TokenError, SyntaxError):
        pass  # the rest does not parse; the interpreter will say so
    lines = code.split("\n")
    for first, last, text in reversed(list(_edits(tokens))):
        (row, a), (end, b) = first.start, last.end
        lines[row - 1 : end] = [lines[row - 1][:a] + text + lines[end - 1][b:]]
    return PRELUDE + "\n".join(lines)


def _edits(tokens: list[tokenize.TokenInfo]) -> Iterator[_Edit]:
    words = [t.string for t in tokens]
    modules = {"sys"} | {
        words[i + 3] for i in range(len(words) - 3) if words[i : i + 3] == ["import", "sys", "as"]
    }
    for i, word in enumerate(words):
        before = words[i - 1] if i else ""
        if word in modules and words[i + 1 : i + 3] == [".", "exit"] and before != ".":
            yield tokens[i], tokens[i + 2], "exit_program"
        elif word == "SystemExit" and words[i + 1 : i + 2] == ["("] and before != "class":
            yield tokens[i], tokens[i], "system_exit"
        elif words[i : i + 3] == ["from", "sys", "import"]:
            n = next((k for k, t in enumerate(tokens[i:]) if t.type == tokenize.NEWLINE), 0)
            if n and (text := _import(words[i + 3 : i + n])):
                yield tokens[i], tokens[i + n - 1], text


def _import(words: list[str]) -> str:
    """``from sys import …`` without ``exit``; "" if that is not among the names."""
    if ";" in words:
        return ""
    items = " ".join(w for w in words if w not in "()").split(",")
    names = [item.split() for item in items if item.strip()]
    ours = [n[-1] for n in names if n[0] == "exit"]
    others = ", ".join(" ".join(n) for n in names if n[0] != "exit")
    if not ours:
        return ""
    parts = [f"from sys import {others}"] if others else []
    return "; ".join(parts + [f"{name} = exit_program" for name in ours])
