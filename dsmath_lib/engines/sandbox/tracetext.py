"""The short form of a trace, for both executors. Standard library only: the worker uses it too."""

from collections.abc import Sequence

LINES = 10  # kept at each end of a long trace
LATE, FLOOD = "TimeoutError: more than {:g} s", "OverflowError: more than {} characters printed"
FAILED = "SandboxError: "  # starts the error when not the program but the sandbox failed


def concise(frames: Sequence[tuple[str, str]], last: str) -> str:
    """A trace as the paper's evaluation shows it: function names, no line numbers, no paths of this machine.

    Args:
        frames: ``(path, function)`` from the outermost in; module level is left out, and so is every path's part
            before ``site-packages``.
        last: type and message.
    """
    lines = []
    for path, function in frames:
        if function != "<module>":
            _, packages, rest = path.partition("site-packages")
            lines.append(
                f'File "{packages}{rest}", in {function}' if packages else f"in {function}"
            )
    if len(lines) > 2 * LINES:
        lines[LINES:-LINES] = [f"[{len(lines) - 2 * LINES} more]"]
    return "\n".join([*lines, last.strip()])
