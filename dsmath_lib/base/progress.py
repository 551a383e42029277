"""A progress bar in a notebook, a line now and then elsewhere."""

import os
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

_T = TypeVar("_T")


LINE_EVERY_S = 10.0  # a log wants a line now and then, not a bar


def interactive() -> bool:
    """True in JupyterLab's kernels; False under papermill, the runner and plain Python."""
    return "JPY_SESSION_NAME" in os.environ and not os.environ.get("DSMATH_BATCH")


def progress(iterable: Iterable[_T], desc: str, total: int | None = None) -> Iterator[_T]:
    """Yield from ``iterable``: a bar in JupyterLab, else a line every 10 s and one at the end.

    ``total`` is the number of items when ``iterable`` has no length.
    """
    if total is None and hasattr(iterable, "__len__"):
        total = len(iterable)
    if interactive():
        from tqdm.auto import tqdm

        yield from tqdm(iterable, desc=desc, total=total)
    else:
        yield from _lines(iterable, desc, total)


def _lines(iterable: Iterable[_T], desc: str, total: int | None) -> Iterator[_T]:
    start = last = time.monotonic()
    n = 0
    for n, item in enumerate(iterable, 1):
        yield item
        now = time.monotonic()
        if now - last >= LINE_EVERY_S:
            last = now
            print(
                f"{desc}: {n}{'' if total is None else f'/{total}'} ({now - start:.0f} s)",
                flush=True,
            )
    print(f"{desc}: {n} done in {time.monotonic() - start:.1f} s", flush=True)
