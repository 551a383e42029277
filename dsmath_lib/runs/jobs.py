"""One training, here or by many processes: the same call.

    made = do_job(train_job, stage, device, model=partial(load_model, start), batches=…, settings=…, run="sft")

With ``processes: 1`` the function is called. With more, its arguments are written as JSON and arrays below the
stage's folder, each process reads them and calls the same function (``dsmath_lib.runs.rank``), and the trained weights
come back as a folder. What may be in a job stands in ``ALLOWED``; nothing else is imported by name, nothing is pickled.
"""

import importlib
import json
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.files import read_json, write_atomic
from dsmath_lib.base.vocabulary import fit_vocabulary
from dsmath_lib.engines import parallel
from dsmath_lib.lm.model import load_model
from dsmath_lib.lm.tokenizer import load_tokenizer
from dsmath_lib.lm.train import TrainSettings, train_model
from dsmath_lib.params.base import Params
from dsmath_lib.params.registry import params_model
from dsmath_lib.rewards.models import load_reward_model
from dsmath_lib.rl.experiment import Experiment
from dsmath_lib.rl.reward_functions import Rewards, rewards_from
from dsmath_lib.runs.kept import Made
from dsmath_lib.stage.folder import Stage
from dsmath_lib.stage.ranks import LogTail

_LIB = "dsmath_lib."
# functions and records that a job may name
ALLOWED = frozenset(
    _LIB + name
    for name in (
        "base.prompts:AnswerForm",
        "base.records:Problem",
        "engines.memory.form:Form",
        "lm.model:load_model",
        "lm.packing:Example",
        "lm.packing:PackedExamples",
        "lm.packing:PackedExamples.batch",
        "lm.packing:stream_batch",
        "lm.schedule:constant",
        "lm.schedule:constant_then_low",
        "lm.schedule:multi_step",
        "lm.train:TrainSettings",
        "lm.train:loss_and_backward",
        "rewards.labels:Solution",
        "rewards.models:load_reward_model",
        "rewards.models:new_reward_model",
        "rewards.questions:Questions",
        "rewards.training:RewardExample",
        "rewards.training:label_loss_and_backward",
        "rewards.training:step_batch",
        "rl.experiment:Experiment",
        "rl.experiment:RunId",
        "rl.reward_functions:Rewards",
        "rl.reward_functions:rewards_from",
        "rows.methods:Method",
        "runs.jobs:train_job",
        "runs.nb02_pretraining:Heldout",
        "runs.nb02_pretraining:heldout_each",
        "runs.nb02_pretraining:heldout_means",
        "runs.nb02_pretraining:new_model",
        "runs.nb03_sft:heldout_loss",
        "runs.nb03_sft:sft_start",
        "runs.nb04_assess:solutions_auc",
        "runs.nb05_grpo:greedy_accuracy",
        "runs.nb06_methods:sampled_accuracy",
        "runs.nb07_bases:empty_base",
        "runs.nb07_simplerl:sampled_behaviour",
        "runs.policy_run:policy_job",
    )
)
TRAINED = "trained.safetensors"
_PLAIN = (str, int, float, bool, type(None))


def train_job(
    stage: Stage,
    device: torch.device | str,
    *,
    model: Callable[..., PreTrainedModel],
    batches: Callable[[int], Any],
    settings: TrainSettings,
    run: str,
    evaluate: Callable[[PreTrainedModel], dict[str, float]] | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
) -> Made:
    """A supervised training: ``model(device=…)`` is trained as ``train_model`` says; the model and its numbers.

    Args:
        tokenizer: of a language model, see ``fit_vocabulary``.
    """
    net = model(device=parallel.load_device(device))
    if tokenizer is not None:
        fit_vocabulary(net, tokenizer)
    settings.form.apply(net)  # before it is parted
    net = parallel.shard(net)
    return net, train_model(net, batches, settings, stage, run, evaluate)


def do_job(
    function: Callable[..., Made],
    stage: Stage,
    device: torch.device | str,
    load: Callable[..., PreTrainedModel] = load_model,
    fresh: Callable[[], PreTrainedModel] | None = None,
    **arguments: Any,
) -> Made:
    """``function(stage, device, **arguments)``, by as many processes as the stage's parameters say.

    Args:
        load: opens the folder of the trained model.
        fresh: the model as it was, for one of which only a part is trained; None: the job's ``model``.
        arguments: ``run``, a name or a ``RunId``, names the job.

    Raises:
        RankError: a process failed or was killed; names it and the cause. All have ended.
        StageError: an argument cannot be handed to another process.
    """
    cfg, run = stage.cfg, arguments["run"]
    if getattr(cfg, "processes", 1) * getattr(cfg, "nodes", 1) == 1:
        return function(stage, device, **arguments)
    folder = stage.dir / "ranks" / getattr(run, "name", run)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    address = f"{socket.getfqdn()}:{parallel.free_port()}" if cfg.nodes > 1 else ""
    job = {
        "function": name_of(function),
        "arguments": {k: freeze(v, folder) for k, v in arguments.items()},
        "cfg": freeze(cfg, folder),
        "stage": stage.name,
        "dir": str(stage.dir),
        "artifacts": str(stage.artifacts),
        "device": torch.device(device).type,
        "address": address,
    }
    write_atomic(folder / "job.json", json.dumps(job))
    if address:
        print(f"{stage.name}: waits for the other nodes: {join_command(stage)}", flush=True)
    run_ranks(folder, cfg, address, watch=LogTail(stage).feed)
    numbers = read_json(folder / "made" / "numbers.json")["numbers"]
    part = folder / "made" / TRAINED
    if part.exists():
        model = fresh() if fresh else arguments["model"](device=device)
        model.load_state_dict(load_file(part), strict=False)
    else:
        model = load(folder / "made", device=device)
    model.eval()
    shutil.rmtree(folder, ignore_errors=True)
    return model, numbers


def run_ranks(folder: Path, cfg: Params, address: str = "", node: int = 0, **how: Any) -> None:
    """This machine's processes of the job that lies in ``folder``."""
    command = [sys.executable, "-m", "dsmath_lib.runs.rank", str(folder / "job.json")]
    size = {"processes": cfg.processes, "nodes": cfg.nodes, "node": node}
    parallel.launch(command, folder, **size, address=address, **how)


def join_command(stage: Stage) -> str:
    """What starts the processes of another node, which must see the same disk."""
    return f"{Path(sys.executable).name} -m dsmath_lib.runs.rank {stage.dir} --node 1"


def save_made(folder: Path, made: Made) -> None:
    """Called by all ranks: the first writes whole weights and numbers to ``folder/made``.

    Of a model with an adapter only what was trained: nothing is merged here.
    """
    model, numbers = made
    trained = {n for n, p in model.named_parameters() if p.requires_grad}
    all_of_it = len(trained) == len(list(model.parameters()))
    weights = {n: t for n, t in model.state_dict().items() if all_of_it or n in trained}
    weights = parallel.whole_tensors(weights)

    def write() -> None:
        (folder / "made").mkdir()
        if all_of_it:
            plain = model.whole[0] if parallel.sharded(model) else model
            plain.save_pretrained(folder / "made", state_dict=weights)
        else:
            save_file(weights, folder / "made" / TRAINED)
        write_atomic(folder / "made" / "numbers.json", json.dumps({"numbers": numbers}))

    parallel.agreed(write)


# -- arguments as files ---------------------------------------------------------------------------


def name_of(thing: Any) -> str:
    """``module:name`` of a function or class that a job may name.

    Raises:
        StageError: it is none of them.
    """
    name = f"{getattr(thing, '__module__', '')}:{getattr(thing, '__qualname__', '')}"
    if name not in ALLOWED:
        what = getattr(thing, "__qualname__", type(thing).__qualname__)
        raise StageError(
            f"'{what}' cannot be handed to another process; with processes above 1 a training uses the library's own "
            "functions and rewards. Set processes: 1"
        )
    return name


def job_part(name: str) -> Any:
    """The function or class of a name in ``ALLOWED``.

    Raises:
        StageError: the name is not there.
    """
    if name not in ALLOWED:
        raise StageError(f"a job names '{name}', which is none of the library's jobs")
    module, _, path = name.partition(":")
    found = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


def freeze(x: Any, folder: Path) -> Any:
    """JSON of an argument; arrays, tokenizers and long lists of examples become files in ``folder``.

    Raises:
        StageError: it is something that a job may not name.
    """
    if isinstance(x, _PLAIN):
        return x
    if isinstance(x, Path):
        return {"path": str(x)}
    if isinstance(x, np.ndarray):
        return {"array": _saved(x, folder)}
    if isinstance(x, list | tuple):
        if all(type(v) in _PLAIN for v in x):
            rows: list = list(x)
        elif all(type(v) is list and all(type(i) is int for i in v) for v in x):
            return {
                "rows": [_saved(_flat(x), folder), _saved(np.array([len(v) for v in x]), folder)]
            }
        else:
            rows = [freeze(v, folder) for v in x]
        return rows if isinstance(x, list) else {"tuple": rows}
    if isinstance(x, dict):
        return {"dict": {k: freeze(v, folder) for k, v in x.items()}}
    if isinstance(x, PreTrainedTokenizerBase):
        x.save_pretrained(folder / "tokenizer")
        return {"tokenizer": "tokenizer"}
    if isinstance(x, Params):
        return {"params": x.stage, "values": x.model_dump(mode="json")}
    if isinstance(x, partial):
        return {
            "partial": name_of(x.func),
            "args": [freeze(v, folder) for v in x.args],
            "keywords": {k: freeze(v, folder) for k, v in x.keywords.items()},
        }
    if isinstance(x, type) or hasattr(x, "__qualname__"):
        return {"named": name_of(x)}
    if isinstance(x, Stage | torch.device):
        return {"here": "stage" if isinstance(x, Stage) else "device"}
    if isinstance(x, PreTrainedModel):
        return {"call": name_of(load_reward_model), "args": [x.name_or_path]}
    if isinstance(x, Rewards) and x.made_of:
        args = [freeze(v, folder) for v in x.made_of]
        return {"call": name_of(rewards_from), "args": args}
    if isinstance(x, Experiment):
        x = replace(x, device=torch.device(x.device))
    return {
        "record": name_of(type(x)),
        "fields": {k: freeze(v, folder) for k, v in _fields(x).items()},
    }


def thaw(x: Any, folder: Path, **here: Any) -> Any:
    """What ``freeze`` froze; ``here``: ``stage`` and ``device`` of this process."""
    if isinstance(x, _PLAIN):
        return x
    if isinstance(x, list):
        return [thaw(v, folder, **here) for v in x]
    kind = next(iter(x))
    if kind == "path":
        return Path(x[kind])
    if kind == "array":
        return np.load(folder / x[kind], mmap_mode="r", allow_pickle=False)
    if kind == "tuple":
        return tuple(thaw(x[kind], folder, **here))
    if kind == "rows":
        flat, sizes = (np.load(folder / name, allow_pickle=False) for name in x[kind])
        return (
            [part.tolist() for part in np.split(flat, np.cumsum(sizes)[:-1])] if len(sizes) else []
        )
    if kind == "dict":
        return {k: thaw(v, folder, **here) for k, v in x[kind].items()}
    if kind == "tokenizer":
        return load_tokenizer(folder / x[kind])
    if kind == "params":
        return params_model(x[kind]).model_validate(x["values"])
    if kind == "here":
        return here[x[kind]]
    if kind == "named":
        return job_part(x[kind])
    if kind == "call":
        more = {"device": here["device"]} if job_part(x[kind]) is load_reward_model else {}
        return job_part(x[kind])(*thaw(x["args"], folder, **here), **more)
    if kind == "partial":
        args = thaw(x["args"], folder, **here)
        keywords = {k: thaw(v, folder, **here) for k, v in x["keywords"].items()}
        return partial(job_part(x[kind]), *args, **keywords)
    record = object.__new__(job_part(x["record"]))
    record.__dict__.update({k: thaw(v, folder, **here) for k, v in x["fields"].items()})
    return record


def _fields(x: Any) -> dict[str, Any]:
    """What a record was made of; what it computed and kept since is computed again."""
    return {f.name: getattr(x, f.name) for f in fields(x)} if is_dataclass(x) else vars(x)


def _flat(rows: Any) -> np.ndarray:
    return np.array([i for r in rows for i in r], dtype=np.int64)


def _saved(x: np.ndarray, folder: Path) -> str:
    """Written below ``folder``; its file's name."""
    name = f"array-{len(list(folder.glob('array-*')))}.npy"
    np.save(folder / name, x, allow_pickle=False)
    return name
