"""Device, seeds and threads: the first call of every notebook after its parameters."""

import hashlib

import torch

from dsmath_lib.params.base import Params, ParamsError


def setup(cfg: Params) -> torch.device:
    """Apply device, threads and seed of a stage; returns the device.

    Raises:
        ParamsError: ``device`` is ``cuda`` and no GPU is there.
    """
    if cfg.device == "cuda" and not torch.cuda.is_available():
        raise ParamsError(
            "parameter 'device' = 'cuda', but torch sees no GPU here; use 'auto' or 'cpu'"
        )
    if cfg.threads:
        torch.set_num_threads(cfg.threads)
    torch.manual_seed(cfg.seed)
    gpu = cfg.device == "cuda" or (cfg.device == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if gpu else "cpu")


def seed_for(*parts: object) -> int:
    """A 63-bit seed from any parts (run seed, step, purpose), stable across processes and versions."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(*parts: object, device: torch.device | str = "cpu") -> torch.Generator:
    """A torch generator seeded by ``seed_for``; own streams keep resume and replay exact."""
    return torch.Generator(device=device).manual_seed(seed_for(*parts))
