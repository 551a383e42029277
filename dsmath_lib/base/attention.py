"""Which attention function a transformers model uses, for as long as a block lasts."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def attention_by(config: Any, name: str) -> Iterator[None]:
    """Let the model of ``config`` use another attention function; it reads the name at each call."""
    before = config._attn_implementation
    config._attn_implementation = name
    try:
        yield
    finally:
        config._attn_implementation = before
