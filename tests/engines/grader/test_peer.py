"""The workers of the peer: several threads, each within its own time."""

import pytest

from dsmath_lib.engines.grader import peer

ROW = {"gold": "2", "pred": "\\boxed{1+1}", "letter": False}


@pytest.fixture
def one_worker(monkeypatch):
    """A single worker of the test's own, started."""
    peer.close_peer()
    monkeypatch.setattr(peer, "MAX_WORKERS", 1)
    assert peer.ask_peer(ROW, 60.0)["equal"]
    yield
    peer.close_peer()


def test_waiting_for_a_busy_worker_counts(one_worker):
    busy = peer._pool.get().take(60.0)
    assert peer.ask_peer(ROW, 0.2) == {"reason": peer.TIMEOUT}
    peer._pool.get().give(busy)
    assert peer.ask_peer(ROW, 60.0)["equal"]


def test_a_worker_that_died_is_replaced():
    assert peer.ask_peer(ROW, 60.0)["equal"]
    worker = peer._pool.get().idle[-1].proc
    worker.kill()
    worker.wait()
    worker.stdin.write(b"not yet sent")  # cannot be flushed any more
    assert not peer.ask_peer(ROW | {"gold": "3"}, 60.0)["equal"]


def test_a_hang_costs_its_time_only():
    hang = ROW | {"pred": "$9^{9^{9^{9}}}$"}
    peer.ask_peer(hang, 0.3)
    assert peer.ask_peer(ROW, 60.0)["equal"]
