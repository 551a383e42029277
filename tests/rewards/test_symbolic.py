"""The workers of symbolic comparison: several threads, each within its own budget."""

import threading
import time

import pytest

from dsmath_lib.rewards import symbolic

HANG = r"\sum_{{n=1}}^{{10^{{9}}}} \sin(n)^{{{}}}"


@pytest.fixture
def one_worker(monkeypatch):
    """A single worker of the test's own, started."""
    monkeypatch.setattr(symbolic, "MAX_CLIENTS", 1)
    monkeypatch.setattr(symbolic, "_workers", symbolic._Workers())
    assert symbolic.symbolic_equal("a+a", "2a", 60.0)[0]
    yield
    symbolic.close()


def hang(seconds: float) -> threading.Thread:
    request = {"gold": HANG.format(3), "pred": "1"}
    thread = threading.Thread(target=symbolic.ask, args=(request, seconds))
    thread.start()
    return thread


def test_waiting_for_a_busy_worker_counts(one_worker):
    other = hang(3.0)
    while not symbolic._workers.idle.empty():  # until the only worker is taken
        time.sleep(0.01)
    start = time.monotonic()
    assert symbolic.symbolic_equal("b+b", "2b", 0.2) == (False, symbolic.TIMEOUT)
    assert time.monotonic() - start < 2.5  # did not wait for the other's three seconds
    other.join()
    assert symbolic.symbolic_equal("b+b", "2b", 60.0)[0]  # and was not remembered


def test_more_workers_start_in_the_background():
    assert symbolic.symbolic_equal("a+a", "2a", 60.0)[0]
    other = hang(4.0)
    assert symbolic.symbolic_equal("x+x+x+y", "3x+y", 60.0) == (True, "symbolic")
    other.join()
    assert 1 <= symbolic._workers.count <= symbolic.MAX_CLIENTS
    symbolic.close()
    assert symbolic.symbolic_equal("x+x+y", "2x+y", 60.0)[0]
