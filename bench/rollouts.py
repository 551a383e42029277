"""Rollouts beside transformers' ``generate``: same model, same prompts, same lengths, one process.

    python bench/rollouts.py --threads 2 --out rollouts.json [--model reports/toy/03_sft/artifacts/sft]

Both draw 16 completions for each of 64 prompts, at temperature 1, until an end token or 96 tokens. ``generate`` runs
with its default arguments (a growing cache, all rows in one batch), but for ``top_k=0``, which makes it draw from the
same distribution. Runs alternate and the best of each is taken.
Only useful tokens count: those of a completion up to its end.
"""

import argparse
import json
import random
import time
from pathlib import Path

import torch

from dsmath_lib.base.machine import environment
from dsmath_lib.engines.decode import HFSampler, eos_ids
from dsmath_lib.lm.model import Shape, build_model, load_model
from dsmath_lib.lm.tokenizer import load_tokenizer, train_tokenizer
from dsmath_lib.rows.prompts import make_prompt
from dsmath_lib.world.problems import cot, sample_problems


def toy_model(path: str):
    """The model at ``path``, or a new one of the toy's size with 2 % end tokens, so that completions end as usual."""
    problems = sample_problems(500, split="train", seed=0)
    if path:
        return load_model(path), load_tokenizer(path), problems
    tokenizer = train_tokenizer([p.question + cot(p) for p in problems], 1024)
    model = build_model(Shape(128, 4, 4, 4, 384, 1024, 256), seed=0)
    model.generation_config.eos_token_id = [1, *range(1003, 1023)]
    return model, tokenizer, problems


def with_generate(model, tokenizer, prompts, n: int, max_new_tokens: int, seed: int) -> list[int]:
    """Lengths of the completions that ``generate`` makes."""
    torch.manual_seed(seed)
    width = max(map(len, prompts))
    where = model.device
    ids = torch.tensor(
        [[tokenizer.pad_token_id] * (width - len(p)) + p for p in prompts], device=where
    )
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=where)
    out = model.generate(
        ids,
        attention_mask=mask,
        do_sample=True,
        top_k=0,
        num_return_sequences=n,
        max_new_tokens=max_new_tokens,
        pad_token_id=tokenizer.pad_token_id,
    )
    ends = torch.isin(out[:, width:], torch.tensor(eos_ids(model, tokenizer), device=where))
    first = torch.where(ends.any(1), ends.int().argmax(1) + 1, ends.shape[1])
    return first.tolist()


def with_sampler(model, tokenizer, prompts, n: int, max_new_tokens: int, seed: int) -> list[int]:
    """Lengths of the completions that ``HFSampler`` makes."""
    out = HFSampler(model, tokenizer).sample(
        prompts, n=n, temperature=1.0, max_new_tokens=max_new_tokens, seed=seed
    )
    return [len(ids) for ids in out.ids]


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--model", default="")
    args.add_argument("--device", default="cpu")
    args.add_argument("--threads", type=int, default=0)
    args.add_argument("--prompts", type=int, default=64)
    args.add_argument("--n", type=int, default=16)
    args.add_argument("--max-new-tokens", type=int, default=96)
    args.add_argument("--repeats", type=int, default=3)
    args.add_argument("--out", default="")
    a = args.parse_args()
    if a.threads:
        torch.set_num_threads(a.threads)
    model, tokenizer, problems = toy_model(a.model)
    model.eval().to(a.device)
    chosen = random.Random(0).sample(problems, a.prompts)
    texts = [make_prompt("toy-cot", p.question, p.lang).text for p in chosen]
    prompts = [
        [tokenizer.bos_token_id, *tokenizer(t, add_special_tokens=False)["input_ids"]]
        for t in texts
    ]
    methods = {"sampler": with_sampler, "generate": with_generate}
    best: dict[str, dict] = {}
    for seed in range(a.repeats):
        for name, method in methods.items():
            start = time.perf_counter()
            lengths = method(model, tokenizer, prompts, a.n, a.max_new_tokens, seed)
            seconds = time.perf_counter() - start
            row = {
                "seconds": seconds,
                "tokens": sum(lengths),
                "mean_length": sum(lengths) / len(lengths),
                "tokens_per_s": sum(lengths) / seconds,
            }
            print(seed, name, {k: round(v, 1) for k, v in row.items()}, flush=True)
            if name not in best or row["tokens_per_s"] > best[name]["tokens_per_s"]:
                best[name] = row
    ratio = best["sampler"]["tokens_per_s"] / best["generate"]["tokens_per_s"]
    result = {
        "bench": "rollouts",
        "settings": {k: v for k, v in vars(a).items() if k != "out"},
        **best,
        "times_faster": ratio,
    }
    print(f"sampler is {ratio:.2f} times as fast")
    if a.out:
        result["environment"] = environment()
        Path(a.out).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
