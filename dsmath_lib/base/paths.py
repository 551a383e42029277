"""Where the project, its parameter files and its reports lie."""

import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: no lock
    fcntl = None
ROOT = Path(__file__).resolve().parents[2]


PARAMS_DIR = ROOT / "params"


def reports_root() -> Path:
    """Where reports go: ``DSMATH_REPORTS`` if set (the tests set it), else ``reports/`` of the project."""
    return Path(os.environ.get("DSMATH_REPORTS") or ROOT / "reports").absolute()


def artifacts_folder(artifacts_dir: str, scale: str, stage: str) -> Path:
    """Where a stage's weights and corpora go (parameter ``artifacts_dir``; empty: in the stage folder)."""
    if artifacts_dir:
        return Path(artifacts_dir).expanduser().absolute() / scale / stage
    return reports_root() / scale / stage / "artifacts"
