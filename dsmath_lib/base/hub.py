"""Models and tokenizers from a folder or the Hub: what is not read, and why, in one line."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transformers.utils import find_adapter_config_file

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.record_files import COMMIT

_PICKLES = (".bin", ".pt", ".pth", ".ckpt")
_NO_LINE = ("connection", "connect to", "offline", "timed out", "resolve", "unreachable", "network")
SAFE = (
    "has no safetensors weights; pickle weights could run code and are not read: convert them once, or name "
    "a commit that has safetensors"
)
NO_TOKENIZER = "has no tokenizer that can be read here: it needs a tokenizer.json"
CODE = (
    "needs code of its own (auto_map in its configuration), which is not run here: take a model whose "
    "architecture is part of transformers"
)


class ModelError(StageError, ValueError):
    """A model or a tokenizer cannot be read from where it is said to be; the message is one line."""


def pinned(name_or_path: str | Path, revision: str) -> str:
    """The revision to load: none needed for a local folder, a whole commit hash for a Hub name.

    Raises:
        ModelError: no such folder, a Hub name whose revision can move, or an adapter where a model should be.
    """
    name = str(name_or_path)
    if name and Path(name).is_dir():
        _no_adapter(name, "main")
        return "main"
    if not name or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise ModelError(f"no such model folder: {name}")
    if not re.fullmatch(COMMIT, revision):
        raise ModelError(
            f"'{name}' is not a local folder, so it names a Hub model: pin it with a "
            f"40-digit commit as revision (got '{revision}'), since a branch can change"
        )
    _no_adapter(name, revision)
    return revision


def _no_adapter(name: str, revision: str) -> None:
    """The library would load whatever base an adapter names, or put it on a merged model again."""
    if find_adapter_config_file(name, revision=revision):
        raise ModelError(
            f"{name} holds an adapter, not a model alone: give the folder of the merged model"
        )


@contextmanager
def reading(name_or_path: str | Path, what: str = "model") -> Iterator[None]:
    """Its body reads ``what`` of a model; an error there becomes a ``ModelError`` that names place and cause."""
    try:
        yield
    except StageError:
        raise
    except (OSError, ValueError, ImportError, KeyError, TypeError) as err:
        raise ModelError(f"{what} '{name_or_path}' {_why(err, Path(name_or_path))}") from err


def _why(err: Exception, folder: Path) -> str:
    text = " ".join(str(err).split())
    low = text.lower()
    if "trust_remote_code" in low or "custom code" in low:
        return CODE
    if "backend tokenizer" in low:
        return NO_TOKENIZER
    if "safetensors" in low and folder.is_dir():
        names = sorted(p.name for p in folder.iterdir() if p.suffix in _PICKLES)
        return f"{SAFE} (it has {', '.join(names[:3])})" if names else "has no safetensors weights"
    if any(word in low for word in _NO_LINE) or isinstance(err, ConnectionError):
        return (
            "is not in the local cache, and the Hub cannot be reached: run once with a network, or name a folder. "
            "Finished steps are kept"
        )
    if ("safetensors" in low and "no file" in low) or "does not appear to have a file named" in low:
        return SAFE
    if "gated" in low or "401" in low or "403" in low:
        return f"is not open on the Hub: accept its terms there, or name a folder ({text[:160]})"
    if "not a valid git identifier" in low or "404" in low or "not a local folder" in low:
        return f"is not on the Hub at this commit: check the name and the commit ({text[:160]})"
    return f"cannot be read: {text[:300] or type(err).__name__}"
