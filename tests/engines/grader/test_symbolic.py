"""The workers of symbolic comparison: several threads, each within its own budget."""

import pytest

from dsmath_lib.engines.grader import symbolic


@pytest.fixture
def one_worker(monkeypatch):
    """A single worker of the test's own, started."""
    symbolic.close_symbolic()
    monkeypatch.setattr(symbolic, "MAX_WORKERS", 1)
    assert symbolic.symbolic_equal("a+a", "2a", 60.0)[0]
    yield
    symbolic.close_symbolic()


def test_waiting_for_a_busy_worker_counts(one_worker):
    busy = symbolic._pool.get().take(60.0)
    assert symbolic.symbolic_equal("b+b", "2b", 0.2) == (False, symbolic.TIMEOUT)
    symbolic._pool.get().give(busy)
    assert symbolic.symbolic_equal("b+b", "2b", 60.0)[0]  # and was not remembered


def test_more_workers_start_in_the_background():
    assert symbolic.symbolic_equal("a+a", "2a", 60.0)[0]
    busy = symbolic._pool.get().take(60.0)
    assert symbolic.symbolic_equal("x+x+x+y", "3x+y", 60.0) == (True, "symbolic")
    symbolic._pool.get().give(busy)
    assert 1 <= symbolic._pool.get().count <= symbolic.MAX_WORKERS
    symbolic.close_symbolic()
    assert symbolic.symbolic_equal("x+x+y", "2x+y", 60.0)[0]
