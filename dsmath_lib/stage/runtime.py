"""Device, seeds and threads: the first call of every notebook after its parameters."""

import torch

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.base.machine import keep_memory, need_peft, need_vllm
from dsmath_lib.params.base import Params


def setup(cfg: Params) -> torch.device:
    """Apply device, threads and seed of a stage; returns the device.

    Raises:
        ParamsError: ``device`` is ``cuda`` and no GPU is there; ``processes`` are more than the GPUs; ``sampler`` is
            ``vllm``, or ``lora_rank`` above 0, and the extra is not installed.
    """
    if cfg.device == "cuda" and not torch.cuda.is_available():
        raise ParamsError(
            "parameter 'device' = 'cuda', but torch sees no GPU here; use 'auto' or 'cpu'"
        )
    gpu = cfg.device == "cuda" or (cfg.device == "auto" and torch.cuda.is_available())
    each, gpus = getattr(cfg, "processes", 1), torch.cuda.device_count()
    if gpu and each > gpus:
        raise ParamsError(
            f"parameter 'processes' = {each}, but this machine has {gpus} GPU(s), one for each process; "
            f"use processes {gpus}, or device 'cpu'"
        )
    if getattr(cfg, "sampler", "hf") == "vllm":
        need_vllm()
    if getattr(cfg, "lora_rank", 0):
        need_peft()
    if cfg.threads:
        torch.set_num_threads(cfg.threads)
    keep_memory()
    torch.manual_seed(cfg.seed)
    return torch.device("cuda" if gpu else "cpu")
