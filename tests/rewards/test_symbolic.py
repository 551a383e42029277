"""The workers of symbolic comparison: several threads, each within its own budget."""

import threading
import time

from dsmath_lib.rewards import symbolic

HANG = r"\sum_{{n=1}}^{{10^{{9}}}} \sin(n)^{{{}}}"


def test_waiting_for_a_busy_worker_counts(monkeypatch):
    monkeypatch.setattr(symbolic, "_slots", threading.BoundedSemaphore(1))
    assert symbolic.symbolic_equal("a+a", "2a", 60.0)[0]  # a worker is up
    hang = threading.Thread(target=symbolic.ask, args=({"gold": HANG.format(3), "pred": "1"}, 3.0))
    hang.start()
    while symbolic._slots._value:  # until the only place is taken
        time.sleep(0.01)
    start = time.monotonic()
    assert symbolic.symbolic_equal("b+b", "2b", 0.2) == (False, symbolic.TIMEOUT)
    assert time.monotonic() - start < 2.5  # did not wait for the other's three seconds
    hang.join()
    assert symbolic.symbolic_equal("b+b", "2b", 60.0)[0]  # and was not remembered


def test_a_hang_leaves_a_second_worker_free():
    hang = threading.Thread(target=symbolic.ask, args=({"gold": HANG.format(5), "pred": "1"}, 2.0))
    hang.start()
    assert symbolic.symbolic_equal("x+x+x+y", "3x+y", 60.0) == (True, "symbolic")
    hang.join()
    assert 1 <= len(symbolic._idle) <= symbolic.MAX_CLIENTS
