"""GRPO step side by side with TRL's GRPOTrainer, cost per token as G grows, and memory of PPO beside GRPO.

    pip install -c constraints.txt "trl==1.16.*"                                into an environment of its own
    python bench/rl.py --trl-python TRL_ENV/bin/python --out rl.json

    python bench/rl.py --trl-python TRL_ENV/bin/python --only real --model FOLDER   a real model, e.g. SmolLM2-135M

Both train the same model on the same prompts with the same G, lengths, reward and loss (TRL's options for the paper's
objective). Workloads: ``toy``, whose completions end as those of the toy's SFT model do, after some 20 of at most 96
tokens; ``full``, where hardly any completion ends before the limit of 64, so that nothing can be saved by leaving out
padding; and with ``--model`` ``real``, a pre-trained model whose completions all have 128 tokens. Each side runs in
processes of its own, in turns. TRL learns from ``--trl-rows`` completions at once. Seconds are CPU seconds of the
process with one thread, so that other work on the machine does not count. Without ``--trl-python`` only this project's
side runs.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

VOCAB = 512
# limit of a completion, and how many ids of the vocabulary end one: a new model draws them all about equally often
WORKLOADS = {"toy": (96, 23), "full": (64, 0), "real": (128, 0)}
# parameters of our side: what keeps the real workload below 4 GB
OURS: dict[str, dict] = {"toy": {}, "full": {}, "real": {"share_prompt": 4, "micro_tokens": 700}}
TRL_ROWS = {"toy": 0, "full": 0, "real": 8}
KEYS = {"step": "seconds", "rollout": "rollout", "learn": "learn"}


def reward_of(ids: list[int]) -> float:
    """The share of odd token ids: cheap, and never equal throughout a group."""
    return sum(i % 2 for i in ids) / max(len(ids), 1)


def make_workload(folder: Path, hidden: int, layers: int, ends: int) -> None:
    """A new model, its tokenizer and the prompts, saved in the library's form, so that both sides read the same files.

    Args:
        ends: number of ids that end a completion; 0: none does.
    """
    from dsmath_lib.lm.model import Shape, build_model
    from dsmath_lib.lm.tokenizer import train_tokenizer
    from dsmath_lib.rows.prompts import make_prompt
    from dsmath_lib.world.problems import cot, sample_problems

    problems = sample_problems(64, split="train", seed=0, levels=(1, 2), langs=("en",))
    tokenizer = train_tokenizer([p.question + cot(p) for p in problems] * 4, VOCAB)
    v = len(tokenizer)
    model = build_model(Shape(hidden, layers, hidden // 32, hidden // 32, 4 * hidden, v, 512))
    model.generation_config.eos_token_id = [1, *range(v - ends, v)] if ends else [v + 1]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    prompts = [make_prompt("toy-cot", p.question, p.lang).text for p in problems]
    (folder / "prompts.json").write_text(json.dumps(prompts), encoding="utf-8")


def real_workload(folder: Path, model: str) -> None:
    """The weights of ``model``, with an end token that is never drawn: all completions reach the limit."""
    from dsmath_lib.lm.tokenizer import load_tokenizer
    from dsmath_lib.rows.prompts import chat_prompt
    from dsmath_lib.world.problems import sample_problems

    folder.mkdir()
    for path in Path(model).iterdir():
        (folder / path.name).symlink_to(path.resolve())
    tokenizer = load_tokenizer(model)
    never = [t for t in tokenizer.added_tokens_decoder.values() if t.special][-1]
    tokenizer.eos_token = tokenizer.pad_token = never.content
    (folder / "generation_config.json").unlink(missing_ok=True)
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.eos_token_id}
    (folder / "generation_config.json").write_text(json.dumps(ends), encoding="utf-8")
    for path in folder.glob("*token*.json"):
        path.unlink()
    tokenizer.save_pretrained(folder)
    problems = sample_problems(64, split="train", seed=0, levels=(1, 2), langs=("en",))
    prompts = [chat_prompt("simplerl-chat", p.question, p.lang) for p in problems]
    (folder / "prompts.json").write_text(json.dumps(prompts), encoding="utf-8")


def run_ours(a: argparse.Namespace) -> dict:
    """Seconds and completion tokens of each step of this project's loop, and its memory before the first."""
    from dsmath_lib.base.records import Problem
    from dsmath_lib.lm.tokenizer import load_tokenizer
    from dsmath_lib.params.grpo import GRPOParams
    from dsmath_lib.rewards.questions import Questions
    from dsmath_lib.rl.experiment import Experiment, Players, RunId
    from dsmath_lib.rl.loop import train_policy
    from dsmath_lib.rl.reward_functions import Rewards
    from dsmath_lib.rows.methods import METHODS
    from dsmath_lib.stage.folder import Stage

    changes = {
        "device": "cpu",
        "questions_per_step": a.questions,
        "group_size": a.group,
        "max_new_tokens": a.length,
        "steps": a.steps,
        "lr": 1e-6,
        "warmup_steps": 0,
        "beta": 0.04,
        "eval_every": 0,
        "checkpoint_every": 0,
        "reward_names": ["odd"],
        **json.loads(a.params or "{}"),
    }
    cfg = GRPOParams.check(changes, "bench")
    tokenizer = load_tokenizer(a.folder)
    prompts = json.loads((Path(a.folder) / "prompts.json").read_text(encoding="utf-8"))
    questions = Questions(
        [Problem(str(i), p, "0") for i, p in enumerate(prompts)],
        [tokenizer.encode(p, add_special_tokens=False) for p in prompts],
    )
    rewards = Rewards(lambda r, golds: {"odd": [reward_of(c) for c in r.completions]}, {"odd": 1.0})
    stage = Stage(cfg, "05_grpo")
    e = Experiment(cfg, stage, tokenizer, a.folder, questions, questions, rewards)
    players = Players(e.policy(), e.reference())
    before = peak_mb()
    with mock.patch("time.perf_counter", time.process_time):  # the loop's clock counts CPU seconds
        train_policy(e, METHODS["grpo-os"], players, RunId("bench", 0))
    lengths = [r["length"] for r in stage.read_log("bench")]
    steps = [
        {
            "seconds": t["rollout_seconds"] + t["learn_seconds"],
            "rollout": t["rollout_seconds"],
            "learn": t["learn_seconds"],
            "tokens": n * a.questions * a.group,
        }
        for t, n in zip(stage.read_log("bench.timing"), lengths, strict=True)
    ]
    return {"steps": steps, "before_mb": before}


def run_trl(a: argparse.Namespace) -> dict:
    """The same of TRL's trainer, with the options that give the paper's objective."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    steps: list[dict[str, float]] = []
    seen: dict[str, float] = {}

    class Clock(TrainerCallback):
        def on_step_begin(self, *args, **kwargs):
            seen["begun"] = time.process_time()

        def on_step_end(self, *args, **kwargs):
            seconds = time.process_time() - seen["begun"]
            row = {"seconds": seconds, "rollout": seen["rollout"], "tokens": seen["tokens"]}
            steps.append(row | {"learn": seconds - seen["rollout"]})

    def reward(completion_ids, **kwargs):
        seen["tokens"] = sum(map(len, completion_ids))
        return [reward_of(c) for c in completion_ids]

    args = GRPOConfig(
        output_dir=a.folder + "/trl",
        use_cpu=True,
        bf16=False,
        report_to="none",
        save_strategy="no",
        gradient_checkpointing=a.trl_checkpointing,
        disable_tqdm=True,
        per_device_train_batch_size=a.trl_rows or a.questions * a.group,
        gradient_accumulation_steps=a.questions * a.group // a.trl_rows if a.trl_rows else 1,
        num_generations=a.group,
        max_completion_length=a.length,
        max_steps=a.steps,
        temperature=1.0,
        top_k=0,
        learning_rate=1e-6,
        lr_scheduler_type="constant",
        loss_type="grpo",
        beta=0.04,
        scale_rewards="group",
        num_iterations=1,
        use_bias_correction_kl=False,
        logging_strategy="no",
    )
    prompts = json.loads((Path(a.folder) / "prompts.json").read_text(encoding="utf-8"))
    trainer = GRPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(a.folder),
        reward_funcs=reward,
        args=args,
        train_dataset=Dataset.from_list([{"prompt": p} for p in prompts]),
        processing_class=AutoTokenizer.from_pretrained(a.folder),
        callbacks=[Clock()],
    )
    generate = trainer._generate

    def timed(*args, **kwargs):
        begun = time.process_time()
        out = generate(*args, **kwargs)
        seen["rollout"] = time.process_time() - begun
        return out

    trainer._generate = timed
    before = peak_mb()
    trainer.train()
    return {"steps": steps, "before_mb": before}


def peak_mb() -> float:
    """Largest resident memory of this process so far."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def child(a: argparse.Namespace) -> None:
    """One side in this process: its steps and its memory as the last line."""
    import torch

    torch.set_num_threads(1)
    out = (run_trl if a.side == "trl" else run_ours)(a)
    print(json.dumps(out | {"peak_mb": peak_mb()}))


def measure(a: argparse.Namespace, python: str, side: str, folder: str, q: int, g: int) -> dict:
    """Run one side once. Raises RuntimeError with its last line if it fails."""
    command = [python, __file__, "--side", side, "--folder", folder, "--length", str(a.length)]
    for name, value in (
        ("questions", q), ("group", g), ("steps", a.steps), ("trl-rows", a.trl_rows or 0), ("params", a.params or "{}"),
    ):  # fmt: skip
        command += [f"--{name}", str(value)]
    command += ["--trl-checkpointing"] if a.trl_checkpointing else []
    env = os.environ | {"OMP_NUM_THREADS": "1", "DSMATH_REPORTS": f"{folder}/reports-{q}-{g}"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        raise RuntimeError(f"{side}: {(done.stderr.splitlines() or ['?'])[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def summary(runs: list[dict]) -> dict[str, float]:
    """Medians over the steps (the first of each run, a warm-up, left out if there are more), and the largest memory.

    ``grown_mb``: what the training itself added to the process, libraries and models being there before.
    """
    steps = [s for r in runs for s in r["steps"][1:] or r["steps"]]
    return {
        **{f"{k}_seconds": statistics.median(s[v] for s in steps) for k, v in KEYS.items()},
        "us_per_token": 1e6 * statistics.median(s["seconds"] / s["tokens"] for s in steps),
        "tokens_per_completion": statistics.mean(s["tokens"] for s in steps) / runs[0]["rows"],
        "peak_mb": max(r["peak_mb"] for r in runs),
        "grown_mb": max(r["peak_mb"] - r["before_mb"] for r in runs),
    }


def compare(a: argparse.Namespace, sides: dict[str, str], folder: str) -> dict:
    """Both sides on one workload, in turns, and TRL's numbers as multiples of ours."""
    name = Path(folder).name
    a = argparse.Namespace(**vars(a))
    a.params = a.params or json.dumps(OURS[name])
    a.trl_rows = TRL_ROWS[name] if a.trl_rows is None else a.trl_rows
    runs: dict[str, list[dict]] = {s: [] for s in sides}
    for _ in range(a.repeats):
        for side, python in sides.items():
            done = measure(a, python, side, folder, a.questions, a.group)
            runs[side].append(done | {"rows": a.questions * a.group})
    out: dict = {s: summary(r) for s, r in runs.items()}
    if "trl" in out:
        keys = (*(f"{k}_seconds" for k in KEYS), "peak_mb", "grown_mb")
        out["ours_over_trl"] = {k: out["ours"][k] / out["trl"][k] for k in keys}
    return out


def by_group(a: argparse.Namespace, folder: str) -> dict[str, float]:
    """CPU microseconds of our step per completion token, with as many rows in groups of different size."""
    rows = a.questions * a.group
    out = {}
    for g in a.groups:
        q = max(1, rows // g)
        done = measure(a, sys.executable, "ours", folder, q, g)
        out[f"{g}"] = summary([done | {"rows": q * g}])["us_per_token"]
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trl-python", default="")
    parser.add_argument(
        "--trl-rows", type=int, help="0: all of a step at once; none given: as TRL_ROWS"
    )
    parser.add_argument("--trl-checkpointing", action="store_true")
    parser.add_argument("--model", default="", help="folder of the real workload's model")
    parser.add_argument("--only", choices=WORKLOADS, help="this workload alone")
    parser.add_argument(
        "--params", default="", help="JSON: parameters of our side; none given: as OURS"
    )
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--questions", type=int, default=8)
    parser.add_argument("--group", type=int, default=16)
    parser.add_argument("--groups", type=int, nargs="*", default=[4, 16, 64])
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--out", default="")
    # of a process that runs one side
    parser.add_argument("--side", choices=("ours", "trl"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", default="", help=argparse.SUPPRESS)
    parser.add_argument("--length", type=int, default=0, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.side:
        child(a)
        return
    from dsmath_lib.runs.nb06_memory import compare_memory

    sides = {"ours": sys.executable} | ({"trl": a.trl_python} if a.trl_python else {})
    hidden = ("trl_python", "out", "side", "folder", "length")
    result: dict = {
        "bench": "rl",
        "clock": "CPU seconds of the process, one thread",
        "settings": {k: v for k, v in vars(a).items() if k not in hidden},
        "workloads": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, (a.length, ends) in WORKLOADS.items():
            if (a.only and name != a.only) or (name == "real" and not a.model):
                continue
            if name == "real":
                real_workload(Path(folder) / name, a.model)
            else:
                make_workload(Path(folder) / name, a.hidden, a.layers, ends)
            result["workloads"][name] = compare(a, sides, f"{folder}/{name}")
            print(json.dumps({name: result["workloads"][name]}, indent=1), flush=True)
        if a.only:
            save(a, result)
            return
        a.length = WORKLOADS["toy"][0]
        result["us_per_token_by_group"] = by_group(a, f"{folder}/toy")
    memory = compare_memory(384, 8, "cpu")
    result["memory"] = memory | {
        f"ppo_over_grpo_{k}": memory["ppo"][f"{k}_mb"] / memory["grpo-os"][f"{k}_mb"]
        for k in ("peak", "planned")
    }
    print(json.dumps({k: v for k, v in result.items() if k != "settings"}, indent=1))
    save(a, result)


def save(a: argparse.Namespace, result: dict) -> None:
    """Write the result where ``--out`` says, with what it was measured on."""
    if a.out:
        from dsmath_lib.base.machine import environment

        result["environment"] = environment()
        Path(a.out).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
