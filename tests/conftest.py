"""Shared by all tests: a private reports folder, threads, float64 to compare numbers, the folder of real data."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # ``make test-portable`` sets it to 2
os.environ["MKL_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"]
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"  # no test may touch a network
os.environ["MPLBACKEND"] = "agg"

import pytest
from hypothesis import settings

from tests.chain import frozen, smoke  # noqa: F401 (fixtures)

ROOT = Path(__file__).resolve().parents[1]
CHAIN, CHAIN_LIMIT_S = "tests/notebooks/", 1500  # seconds of a test; others: pyproject.toml
settings.register_profile("dsmath", deadline=None, derandomize=True, database=None)
settings.load_profile("dsmath")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """A file stays whole, and those in the folder of the chain, which go on in it, stay in one process."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return CHAIN if nodeid.startswith(CHAIN) else nodeid.split("::")[0]

    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The chain begins: others wait for a copy of it."""
    items.sort(key=lambda item: not item.nodeid.startswith(CHAIN))
    for item in items:
        if {"smoke", "frozen"} & set(item.fixturenames):
            item.add_marker(pytest.mark.timeout(CHAIN_LIMIT_S))


@pytest.fixture(autouse=True)
def reports(tmp_path_factory, monkeypatch) -> Path:
    """Tests write to a temporary reports root, never to the project's."""
    root = tmp_path_factory.mktemp("reports")
    monkeypatch.setenv("DSMATH_REPORTS", str(root))
    return root


@pytest.fixture(autouse=True, scope="session")
def threads() -> None:
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


@pytest.fixture(autouse=True)
def float64(request, monkeypatch) -> Iterator[None]:
    """Tests marked ``numeric`` compute in float64, also what the library calls float32.

    The order in which a sum is taken hangs on the processor, on threads, on shapes and on addresses. In float64 its
    rounding is far below any real difference, so tolerances can be tight. ``numeric(dtype="float32")`` leaves it out.
    """
    mark = request.node.get_closest_marker("numeric")
    if mark is None or mark.kwargs.get("dtype") == "float32":
        yield
        return
    import torch
    from transformers.models.llama import modeling_llama as llama

    from dsmath_lib.base.dtypes import DTYPES

    def norm(self, x):  # transformers' own passes through float32, whatever the model's dtype
        return torch.nn.functional.rms_norm(
            x, self.weight.shape, self.weight, self.variance_epsilon
        )

    def angles(self, x, position_ids):  # and so does this
        half = position_ids[..., None] * self.inv_freq.double()
        whole = torch.cat((half, half), dim=-1)
        return whole.cos().to(x.dtype), whole.sin().to(x.dtype)

    monkeypatch.setattr(llama.LlamaRMSNorm, "forward", norm)
    monkeypatch.setattr(llama.LlamaRotaryEmbedding, "forward", angles)
    monkeypatch.setitem(DTYPES, "float32", torch.float64)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Real pages, questions and answers; skips where ``DSMATH_DATA`` or the default has none."""
    path = Path(os.environ.get("DSMATH_DATA") or ROOT / "../shared/data").resolve()
    if not path.is_dir():
        pytest.skip(f"no real data at {path}; set DSMATH_DATA")
    return path


class Hang(BaseException):
    """No ``Exception``: what is tested may catch those."""


@pytest.fixture
def processor_seconds():
    """``processor_seconds(run, tries)``: the best processor time of ``run()``; inf past 1 s, so a hang ends."""
    if not hasattr(signal, "setitimer"):
        pytest.skip("no timer on this system")

    def stop(*_):
        raise Hang

    def measure(run: Callable[[], object], tries: int = 2) -> float:
        best = float("inf")
        for _ in range(tries):
            try:
                signal.setitimer(signal.ITIMER_VIRTUAL, 1.0)
                start = time.thread_time()
                run()
                best = min(best, time.thread_time() - start)
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            except Hang:
                return float("inf")
        return best

    old = signal.signal(signal.SIGVTALRM, stop)
    yield measure
    signal.signal(signal.SIGVTALRM, old)
