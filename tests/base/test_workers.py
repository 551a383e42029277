"""Workers: answers, time-outs, deaths, forks; a pool that starts and restarts them."""

import os
import sys
import threading
import time

import psutil
import pytest

from dsmath_lib.base.workers import PerProcess, Pool, Worker

ECHO = """
import json, sys, time
for line in sys.stdin:
    question = json.loads(line)
    time.sleep(question.get("sleep", 0))
    if "die" in question:
        sys.exit(1)
    print("no JSON" if "nonsense" in question else json.dumps(question), flush=True)
"""
PATIENT = 60.0


def echo() -> Worker:
    return Worker([sys.executable, "-I", "-c", ECHO])


@pytest.fixture
def pool():
    made = Pool(echo, 2)
    yield made
    made.close()


def ended(pid: int) -> bool:
    deadline = time.monotonic() + PATIENT
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.01)
    return False


def test_a_reply_or_none():
    worker = echo()
    assert worker.ask({"a": "é"}, PATIENT) == {"a": "é"}
    assert worker.ask({"nonsense": 1}, PATIENT) is None
    assert worker.ask({"die": 1}, PATIENT) is None
    assert worker.ask({"a": 1}, PATIENT) is None
    worker.kill()
    worker = echo()
    assert worker.ask({"sleep": 30}, 0.1) is None
    worker.kill()
    assert worker.proc.returncode == -9


def test_a_worker_that_died_is_replaced(pool):
    first = pool.take(PATIENT)
    assert pool.ask(first, {"die": 1}, PATIENT) is None and pool.count == 0
    second = pool.take(PATIENT)
    assert second is not first and pool.ask(second, {"a": 1}, PATIENT) == {"a": 1}
    assert pool.take(PATIENT) is second


def test_an_interrupted_question_kills_its_worker(pool, monkeypatch):
    def interrupted(question, seconds):
        raise KeyboardInterrupt

    worker = pool.take()
    monkeypatch.setattr(worker, "ask", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pool.ask(worker, {}, PATIENT)
    assert worker.proc.returncode == -9 and pool.count == 0


def test_no_more_than_its_size_and_a_wait_that_ends(pool):
    a, b = pool.take(PATIENT), pool.take(PATIENT)
    assert pool.take(0) is None and pool.take(0.05) is None and pool.count == 2
    threading.Timer(0.05, pool.give, [a]).start()
    assert pool.take(PATIENT) is a
    pool.give(a)
    pool.give(b)


def test_who_waits_for_the_last_worker_gets_a_new_one_when_it_dies():
    pool = Pool(echo, 1)
    busy = pool.take()
    threading.Thread(target=pool.ask, args=(busy, {"sleep": 0.2, "die": 1}, PATIENT)).start()
    got = pool.take()
    assert got is not busy and pool.ask(got, {"a": 1}, PATIENT) == {"a": 1}
    pool.close()


def test_a_first_worker_that_does_not_start_is_an_error_and_others_are_not(pool):
    def refuse():
        raise RuntimeError("no walls here")

    with pytest.raises(RuntimeError, match="no walls"):
        Pool(refuse, 2).take()
    worker = pool.take()
    pool.make = refuse
    assert pool.take(0.05) is None
    pool.give(worker)
    assert pool.take(PATIENT) is worker and pool.count == 1
    pool.give(worker)


def test_a_worker_ends_with_its_parent(tmp_path):
    """Killed, not closed: nothing of the parent runs any more."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(into, str(echo().proc.pid).encode())
        os.kill(os.getpid(), 9)
    os.waitpid(pid, 0)
    assert ended(int(os.read(out, 20)))


def test_a_fork_makes_its_own():
    made = []
    one = PerProcess(lambda: made.append(os.getpid()) or made[-1], made.remove)
    assert one.get() == one.get() == os.getpid() and len(made) == 1
    one.lock.acquire()  # as another thread of the parent may hold it
    pid = os.fork()
    if pid == 0:
        os._exit(0 if one.get() == os.getpid() else 1)
    one.lock.release()
    assert os.waitpid(pid, 0)[1] == 0
    one.close()
    one.close()
    assert made == [] and one.get() == os.getpid()


def test_a_fork_does_not_free_what_its_parent_made():
    """To free it would close what the two share: a poll, a pool's pipes."""
    out, into = os.pipe()

    class Shared:
        def __del__(self):
            os.write(into, b"freed by %d " % os.getpid())

    one = PerProcess(Shared, lambda _: None)
    one.get()
    pid = os.fork()
    if pid == 0:
        one.get()  # its own
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    one.close()
    assert os.read(out, 99) == b"freed by %d " % os.getpid()
