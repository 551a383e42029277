"""What is known about the machine: memory of this process, the commit."""

import subprocess
import sys

import numpy as np

from dsmath_lib.base.machine import environment, peak_memory_mb


def test_peak_memory_is_that_of_this_process_not_of_its_parent():
    """The parent holds more than the child ever does."""
    block = np.ones(1_200_000_000, np.uint8)
    code = "from dsmath_lib.base.machine import peak_memory_mb; print(peak_memory_mb()['resident'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < peak_memory_mb()["resident"] - 500
    assert block[0] == 1


def test_a_machine_without_git_has_no_commit(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    made = environment()
    assert made["git_commit"] is None and made["versions"]["torch"]
