"""Peak memory of one step of PPO beside GRPO, each in a process of its own: the critic is what GRPO saves (§4.1.1).

    python -m dsmath_lib.runs.nb06_memory ppo --hidden 256 --layers 6

The model is new and its completions random: memory does not depend on what the weights are.
"""

import argparse
import json
import subprocess
import sys
from types import SimpleNamespace

import psutil
import torch

from dsmath_lib.base.machine import peak_memory_mb
from dsmath_lib.base.paths import ROOT
from dsmath_lib.lm.model import Shape, build_model, n_parameters
from dsmath_lib.params.rl import MethodNumbers
from dsmath_lib.rl.critic import Critic
from dsmath_lib.rl.experiment import Players
from dsmath_lib.rl.learn import (
    Cut,
    assign,
    clear_gradients,
    cut_rows,
    learn_values,
    log_probs,
    measure_before,
)
from dsmath_lib.rl.losses import Objective, policy_loss
from dsmath_lib.rl.rollouts import Rollouts
from dsmath_lib.rows.methods import METHODS

_VOCAB, PROMPT, COMPLETION, _ROWS = 1024, 16, 32, 8


def planned_mb(name: str, parameters: int) -> float:
    """Weights, gradients and AdamW's two averages in float32 (16 bytes a parameter), and a frozen reference (4).

    PPO has a second network of the same size that is trained as well. Activations are left out.
    """
    trained = 2 if name == "ppo" else 1
    return (16 * trained + 4) * parameters / 1e6


def peak_of(name: str, hidden: int, layers: int, device: str) -> dict[str, float]:
    """Run two updates of a method on random rollouts; peak memory in MB above what was in use before the models."""
    kind = "device" if device == "cuda" else "resident"
    warm = build_model(
        Shape(16, 1, 2, 2, 32, _VOCAB, 64)
    )  # libraries load their parts on first use
    warm(torch.zeros(1, 4, dtype=torch.long)).logits.sum().backward()
    torch.optim.AdamW(warm.parameters(), fused=True).step()
    # what is in use now, not its peak: loading libraries takes more for a moment than they hold
    before = psutil.Process().memory_info().rss / 1e6 if kind == "resident" else 0.0
    peak_before = peak_memory_mb()[kind]
    policy = build_model(Shape(hidden, layers, hidden // 16, hidden // 16, 4 * hidden, _VOCAB, 64))
    reference = build_model(
        Shape(hidden, layers, hidden // 16, hidden // 16, 4 * hidden, _VOCAB, 64)
    )
    policy, reference = policy.to(device), reference.to(device).requires_grad_(False)
    players = Players(policy, reference, Critic(policy) if METHODS[name].needs_critic else None)
    parameters = [p for network in players.trained for p in network.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, fused=True)
    g = torch.Generator().manual_seed(0)
    ids = torch.randint(3, _VOCAB, (_ROWS, PROMPT + COMPLETION), generator=g).tolist()
    rollouts = Rollouts(
        [r[:PROMPT] for r in ids],
        [r[PROMPT:] for r in ids],
        [[0.0] * COMPLETION] * _ROWS,
        ["eos"] * _ROWS,
        torch.zeros(_ROWS, dtype=torch.long),
        [""] * _ROWS,
    )
    objective = Objective(beta=0.04 if METHODS[name].kl == "loss" else 0.0)
    cfg = SimpleNamespace(temperature=1.0, dtype="float32", numbers=MethodNumbers())
    batches = cut_rows(rollouts, objective, Cut(PROMPT + COMPLETION, device=device))
    if players.critic is not None:
        measure_before(players, batches, cfg, (_ROWS, COMPLETION), reference=True)
    advantages = torch.randn(_ROWS, COMPLETION, generator=g)
    assign(batches, advantages, advantages)
    for _ in range(2):
        clear_gradients(players)
        for b in batches:
            logp, _ = log_probs(players, b, cfg, objective)
            loss, _ = policy_loss(logp, b.advantages, b.mask, b.weights, objective)
            loss.backward()
        learn_values(players, batches, cfg)
        optimizer.step()
    n = n_parameters(policy)
    peak = peak_memory_mb()[kind]
    return {
        "parameters": n,
        "peak_mb": round(peak - before, 1) if peak > peak_before else 0.0,
        "planned_mb": round(planned_mb(name, n), 1),
    }


def compare_memory(
    hidden: int,
    layers: int,
    device: torch.device | str,
    names: tuple[str, ...] = ("grpo-os", "ppo"),
) -> dict[str, dict[str, float]]:
    """``peak_of`` of each method in a process of its own: a peak is only a peak in a fresh process.

    Raises:
        RuntimeError: a process failed; its last line.
        ValueError: the model is so small that loading the libraries took more.
    """
    out = {}
    for name in names:
        command = [sys.executable, "-m", __spec__.name, name, "--hidden", str(hidden)]
        command += ["--layers", str(layers), "--device", torch.device(device).type]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"memory of {name}: {(done.stderr.splitlines() or ['?'])[-1]}")
        out[name] = json.loads(done.stdout.splitlines()[-1])
        if out[name]["peak_mb"] <= 0:
            raise ValueError("too small to be measured: raise memory_hidden or memory_layers")
    return out


def measure_memory() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("method")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--device", default="cpu")
    a = parser.parse_args()
    print(json.dumps(peak_of(a.method, a.hidden, a.layers, a.device)))


if __name__ == "__main__":
    measure_memory()
