"""What a model's ``config.json`` may not ask for: values for which transformers would run code of the Hub.

``attn_implementation: owner/kernel`` and its kin make transformers fetch the kernel and run it, where the package
``kernels`` is installed, whatever the caller passes and without asking for ``trust_remote_code``.
"""

import re
from pathlib import Path
from typing import Any

from transformers import PretrainedConfig

from dsmath_lib.base.hub import ModelError

_RUNS = re.compile("implementation|kernel")


class ConfigRefused(ModelError):
    """A config asks for code from elsewhere, or is none; one line, for the user."""


def refuse_kernels(name_or_path: str | Path, revision: str = "main") -> None:
    """Read a model's config as plain data, before anything acts on it.

    Raises:
        ConfigRefused: it names a kernel of the Hub, or is no JSON object; names the key.
        OSError: there is none.
    """
    try:
        found, _ = PretrainedConfig.get_config_dict(str(name_or_path), revision=revision)
    except (TypeError, AttributeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ConfigRefused(f"{name_or_path}: its config.json is no JSON object")
    if bad := _kernel(found):
        key, value = bad
        raise ConfigRefused(
            f"{name_or_path}: its config.json asks for {key} {value!r:.100}, code of the Hub that would be run; "
            "take that line out to use the model"
        )


def _kernel(found: Any) -> tuple[str, str] | None:
    """The first key that names an implementation and a value with a slash, at any depth."""
    todo = [("", found)]
    while todo:
        key, value = todo.pop()
        if isinstance(value, dict):
            # one implementation for each part of the model is a dict under the same key
            todo += [(key if _RUNS.search(key) else str(k), v) for k, v in value.items()]
        elif isinstance(value, list):
            todo += [(key, v) for v in value]
        elif _RUNS.search(key) and isinstance(value, str) and "/" in value:
            return key, value
    return None
