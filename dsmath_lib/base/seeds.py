"""Random streams as pure functions of a seed, a step and a purpose, so that a resumed run draws the same."""

import hashlib

import torch


def questions_of_step(n_questions: int, per_step: int, step: int, seed: int) -> list[int]:
    """Indices of the questions of a step (from 0): pass after pass over all, each in its own random order.

    A pure function, so a resumed run needs no cursor.
    """
    out = []
    for at in range(step * per_step, (step + 1) * per_step):
        epoch, i = divmod(at, n_questions)
        if not out or i == 0:
            order = torch.randperm(n_questions, generator=generator(seed, "questions", epoch))
        out.append(int(order[i]))
    return out


def seed_for(*parts: object) -> int:
    """A 63-bit seed from any parts (run seed, step, purpose), stable across processes and versions."""
    text = "\x1f".join(map(str, parts))
    return (
        int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")
        >> 1
    )


def generator(*parts: object, device: torch.device | str = "cpu") -> torch.Generator:
    """A torch generator seeded by ``seed_for``; own streams keep resume and replay exact."""
    return torch.Generator(device=device).manual_seed(seed_for(*parts))
