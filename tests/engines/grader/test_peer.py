"""math-verify in its process: verdicts, and a process that is killed or hangs."""

import pytest

from dsmath_lib.engines.grader import peer

ROW = {"gold": "2", "pred": "\\boxed{1+1}", "letter": False}


@pytest.fixture(scope="module", autouse=True)
def _one_worker():
    """A single worker of these tests' own."""
    peer.close_peer()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(peer, "MAX_WORKERS", 1)
        yield
        peer.close_peer()


def test_a_verdict_and_what_was_read():
    assert peer.ask_peer(ROW, 60.0) == {"equal": True, "extracted": "1+1"}
    assert not peer.ask_peer(ROW | {"gold": "3"}, 60.0)["equal"]


def test_a_worker_that_died_or_hangs_is_replaced():
    assert peer.ask_peer(ROW, 60.0)["equal"]
    worker = peer._pool.get().idle[-1].proc
    worker.kill()
    worker.wait()
    worker.stdin.write(b"not yet sent")  # cannot be flushed any more
    assert peer.ask_peer(ROW, 60.0)["equal"]
    hang = ROW | {"pred": "$9^{9^{9^{9}}}$", "gold": "9^{9^{9^{8}}}"}
    assert "equal" not in peer.ask_peer(hang, 0.2)
    assert peer.ask_peer(ROW, 60.0)["equal"]
