"""Training speed of the toy model, as a share of the machine's measured float32 matrix-product rate.

    python bench/training.py --threads 2 --out training.json

One step is what notebook 02 does: packed rows, loss on every token, gradient, clipping, AdamW. The rate is the best of
several runs of a square matrix product in the same process; steps and products alternate, so both see the same machine.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from dsmath_lib.base.machine import environment, keep_memory
from dsmath_lib.lm.model import Shape, build_model, n_parameters
from dsmath_lib.lm.packing import stream_batch
from dsmath_lib.lm.train import TrainSettings, loss_and_backward, make_optimizer
from dsmath_lib.params.pretraining import PretrainingParams
from dsmath_lib.runs.nb02_flops import flops_per_token, matmul_rate, mfu


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--device", default="cpu")
    args.add_argument("--threads", type=int, default=0)
    args.add_argument("--steps", type=int, default=10)
    args.add_argument("--repeats", type=int, default=3)
    args.add_argument("--out", default="")
    a = args.parse_args()
    if a.threads:
        torch.set_num_threads(a.threads)
    keep_memory()
    p = PretrainingParams().model_dump()
    model = build_model(Shape(**{k: p[k] for k in Shape._fields}), tie=p["tie_embeddings"])
    model.to(a.device)
    how = {"betas": (p["beta1"], p["beta2"]), "weight_decay": p["weight_decay"]}
    optimizer = make_optimizer(model, TrainSettings(1, lambda step: 1e-3, **how))
    n = p["batch_size"] * p["context"]
    stream = np.random.default_rng(0).integers(3, p["vocab_size"], n + 1)
    stream[:: p["context"] // 2 + 1] = 0  # documents of half a row
    batch = stream_batch(
        stream, 0, p["batch_size"], p["context"], eos=0 if p["isolate_documents"] else None
    )

    batch = {k: v.to(a.device) for k, v in batch.items()}

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        loss_and_backward(model, batch, p["micro_batch"], "float32")
        torch.nn.utils.clip_grad_norm_(model.parameters(), p["grad_clip"])
        optimizer.step()

    step()
    rates, speeds = [], []
    for _ in range(a.repeats):
        rates.append(matmul_rate(a.device))
        start = time.perf_counter()
        for _ in range(a.steps):
            step()
        torch.cuda.synchronize() if a.device == "cuda" else None
        speeds.append(a.steps * n / (time.perf_counter() - start))
    work = flops_per_token(model, p["context"])
    share = mfu(max(speeds), work, max(rates))
    result = {
        "bench": "training",
        "settings": {k: v for k, v in vars(a).items() if k != "out"},
        "parameters": n_parameters(model),
        "tokens_per_s": max(speeds),
        "flops_per_token": work,
        "matmul_flops_per_s": max(rates),
        "share": share,
    }
    print({k: v for k, v in result.items() if k != "settings"})
    print(f"training reaches {share:.1%} of the matrix-product rate")
    if a.out:
        result["environment"] = environment()
        Path(a.out).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
