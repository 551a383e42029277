"""The sandbox's door: programs that a model wrote, run without files and network.

Only this module is imported from outside; the engine stands on ``base`` and third parties alone.
"""

from dsmath_lib.engines.sandbox.fences import ends_with_program, fenced_blocks
from dsmath_lib.engines.sandbox.python_tool import (
    ToolResult,
    cut,
    describe,
    extract_programs,
    join_programs,
    joined_program,
    run_program,
    run_programs,
)

__all__ = [
    "ToolResult",
    "cut",
    "describe",
    "ends_with_program",
    "extract_programs",
    "fenced_blocks",
    "join_programs",
    "joined_program",
    "run_program",
    "run_programs",
]
