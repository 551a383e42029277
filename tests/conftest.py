"""Shared by all tests: a private reports folder, one torch thread, the folder of real data."""

import os
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"  # no test may touch a network
os.environ["MPLBACKEND"] = "agg"

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
settings.register_profile("dsmath", deadline=None, derandomize=True, database=None)
settings.load_profile("dsmath")


@pytest.fixture(autouse=True)
def reports(tmp_path_factory, monkeypatch) -> Path:
    """Tests write to a temporary reports root, never to the project's."""
    root = tmp_path_factory.mktemp("reports")
    monkeypatch.setenv("DSMATH_REPORTS", str(root))
    return root


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Real pages, questions and answers; skips where ``DSMATH_DATA`` or the default has none."""
    path = Path(os.environ.get("DSMATH_DATA") or ROOT / "../shared/data").resolve()
    if not path.is_dir():
        pytest.skip(f"no real data at {path}; set DSMATH_DATA")
    return path
