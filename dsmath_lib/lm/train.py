"""Training: the steps that supervised learning and RL share, and the supervised loop with its next-token loss."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import PreTrainedModel

from dsmath_lib.base.dtypes import DTYPES, at_least_float32
from dsmath_lib.base.errors import StageError
from dsmath_lib.base.progress import progress
from dsmath_lib.engines.memory import Form, hidden_states, picked_logprobs
from dsmath_lib.engines.parallel import clip, parts, rank, spread, through_root, total
from dsmath_lib.lm.packing import IGNORE, Batch, Example, model_inputs, pack_rows
from dsmath_lib.stage import checkpoint
from dsmath_lib.stage.folder import Stage


class NonFiniteLoss(StageError):
    """The loss or the gradient is not a number; the batch was saved, the weights are those before the step."""


@dataclass(frozen=True)
class TokenScores:
    """Per example, in order: ``nll`` and ``right``, each a list of ``(n,)`` arrays over its targets.

    ``nll`` in nats; ``right`` says whether the target was the most probable token.
    """

    nll: list[np.ndarray]
    right: list[np.ndarray]

    @property
    def loss(self) -> float:
        """Mean over all targets of all examples, nats per token."""
        return float(np.concatenate(self.nll).mean())

    @property
    def accuracy(self) -> float:
        """Share of all targets predicted right."""
        return float(np.concatenate(self.right).mean())


def before_targets(model: PreTrainedModel, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Hidden state (n, H) and target (n,) of every position that has one, row by row."""
    hidden = hidden_states(model.get_decoder(), **model_inputs(batch))
    wanted = batch["targets"] != IGNORE
    return hidden[wanted], batch["targets"][wanted]


@through_root
def target_logits(model: PreTrainedModel, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (n, V), at least in float32, and target (n,) of every position that has one, row by row."""
    hidden, targets = before_targets(model, batch)
    return at_least_float32(model.get_output_embeddings()(hidden)), targets


@through_root
def target_logprobs(model: PreTrainedModel, batch: Batch) -> torch.Tensor:
    """Log-prob (n,) of every target, row by row."""
    return picked_logprobs(model.get_output_embeddings(), *before_targets(model, batch))[0]


def loss_and_backward(model: PreTrainedModel, batch: Batch, micro_batch: int, dtype: str) -> float:
    """Mean loss per target token of the whole batch; adds its gradient to the parameters.

    Each micro-batch is divided by the number of targets of the whole batch, so that the sum does not depend on
    how the rows are cut.
    """
    n = int((batch["targets"] != IGNORE).sum())
    device = batch["inputs"].device
    found = torch.zeros((), device=device)
    for part, counts in parts(batch, micro_batch):
        with autocast(device, dtype):
            loss = -target_logprobs(model, part).sum() * counts / max(n, 1)
        loss.backward()
        found += loss.detach()
    return float(total(found))


def autocast(device: torch.device, dtype: str) -> contextlib.AbstractContextManager:
    """Mixed precision: float32 weights, ``dtype`` arithmetic; nothing at all for float32."""
    if dtype == "float32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, DTYPES[dtype])


AS_ALWAYS = Form()


@dataclass(frozen=True)
class TrainSettings:
    """How one run is trained. ``lr`` maps a step (from 0) to its learning rate.

    ``micro_batch`` rows go through the model at once; it changes memory and speed, not the result. ``loss``: model,
    batch, micro-batch, dtype -> mean loss of the batch, its gradient added to the parameters.
    """

    steps: int
    lr: Callable[[int], float]
    micro_batch: int = 1
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.1
    decay_embeddings: bool = True
    grad_clip: float = 1.0
    dtype: str = "float32"
    log_every: int = 10
    eval_every: int = 0
    checkpoint_every: int = 0
    form: Form = AS_ALWAYS
    loss: Callable[[PreTrainedModel, Batch, int, str], float] = loss_and_backward

    @classmethod
    def of(cls, cfg, steps: int, lr: Callable[[int], float]) -> "TrainSettings":
        """From the parameters that pre-training and fine-tuning share; ``cfg.evals`` evaluations in all."""
        return cls(
            steps=steps,
            lr=lr,
            micro_batch=cfg.micro_batch,
            betas=(cfg.beta1, cfg.beta2),
            weight_decay=cfg.weight_decay,
            decay_embeddings=cfg.decay_embeddings,
            grad_clip=cfg.grad_clip,
            dtype=cfg.dtype,
            log_every=cfg.log_every,
            eval_every=max(1, steps // cfg.evals),
            checkpoint_every=cfg.checkpoint_every,
            form=Form.of(cfg),
        )


def make_optimizer(model: torch.nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """AdamW on what is trained, after ``model`` was brought into the form in which it is trained.

    Vectors (norms, biases) never decay, embedding tables only if asked (the paper is silent).
    """
    settings.form.apply(model)
    tables = {id(m.weight) for m in model.modules() if isinstance(m, torch.nn.Embedding)}
    decay, keep = [], []
    for p in (p for p in model.parameters() if p.requires_grad):
        decays = p.ndim >= 2 and (settings.decay_embeddings or id(p) not in tables)
        (decay if decays else keep).append(p)
    groups = [
        {"params": decay, "weight_decay": settings.weight_decay},
        {"params": keep, "weight_decay": 0.0},
    ]
    return settings.form.make([g for g in groups if g["params"]], settings.betas)


@dataclass
class Loop:
    """What a training has around its own middle: resume, learning rate, clip, step, looking, saving.

    The body of ``for step in loop.steps()`` adds gradients to the parameters and calls ``update``.

    run: kind of its rows in the log. modules: what a checkpoint holds. optimizer: the ``scale`` of a group, if it has
    one, multiplies the learning rate. look: step (from 1) -> None, measures and logs. state: JSON that goes with a
    checkpoint. after: steps of the log before this run's first. folder: its checkpoints (empty: as ``run``).
    """

    stage: Stage
    run: str
    modules: torch.nn.Module
    optimizer: torch.optim.Optimizer
    settings: TrainSettings
    look: Callable[[int], None] = lambda step: None
    state: dict[str, Any] = field(default_factory=dict)
    after: int = 0
    folder: str = ""
    begin: int = field(init=False, default=0)  # steps that are done
    looking: float = field(init=False, default=0.0)  # seconds
    norms: list[float] = field(init=False, default_factory=list)  # of the last update, unclipped

    def __post_init__(self) -> None:
        self.path = self.stage.dir / "checkpoints" / (self.folder or self.run)
        found = None
        if self.stage.cfg.resume:
            needs = tuple(self.state)
            found = checkpoint.load_latest(self.path, self.modules, self.optimizer, needs)
        if found:
            self.begin = found["step"]
            self.state |= {name: found[name] for name in self.state}
        last = self.after + self.begin if found or self.after else -1
        for kind in ("", ".eval", ".timing", ".alarm", ".samples"):
            self.stage.truncate_log(last, self.run + kind)

    def steps(self) -> Iterator[int]:
        """The steps that are left, from 0."""
        s = self.settings
        for step in progress(range(self.begin, s.steps), desc=self.run, total=s.steps - self.begin):
            for g in self.optimizer.param_groups:
                g["lr"] = s.lr(step) * g.get("scale", 1.0)
            self.done = step + 1
            yield step
            if self.done == s.steps or (s.eval_every and self.done % s.eval_every == 0):
                before = time.perf_counter()
                self.look(self.done)
                self.looking += time.perf_counter() - before
            every = s.checkpoint_every
            if every and self.done % every == 0 and self.done < s.steps:
                checkpoint.save(self.path, self.done, self.modules, self.optimizer, **self.state)

    def update(
        self,
        networks: Sequence[torch.nn.Module],
        losses: Sequence[float],
        batch: Callable[[], Mapping[str, torch.Tensor]],
    ) -> None:
        """Clip the gradients of each network and step.

        Raises:
            NonFiniteLoss: a loss or a gradient is not a number; ``batch()`` is saved and the weights stay.
        """
        self.settings.form.check(networks)
        self.norms = [clip(n, self.settings.grad_clip) for n in networks]
        if not all(map(math.isfinite, [*losses, *self.norms])):
            which = f"-rank{rank()}" if rank() else ""
            path = self.stage.dir / f"bad_batch{which}.safetensors"
            save_file({k: v.cpu().contiguous() for k, v in batch().items()}, path)
            raise NonFiniteLoss(
                f"{self.run}: step {self.after + self.done} has loss {losses[0]} and gradient norm "
                f"{self.norms[0]}. The batch is in {path}, the last checkpoint is kept. A smaller lr or grad_clip "
                f"often helps."
            )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)  # no memory for them until the next ones come


def train_model(
    model: PreTrainedModel,
    batches: Callable[[int], Batch],
    settings: TrainSettings,
    stage: Stage,
    run: str,
    evaluate: Callable[[PreTrainedModel], dict[str, float]] | None = None,
) -> dict[str, float]:
    """Train ``model`` in place for ``settings.steps`` steps; continue from the run's checkpoint if there is one.

    Logs rows of kind ``run`` (loss, lr, grad_norm, tokens, tokens_per_s) and of kind ``run + ".eval"``.

    Args:
        batches: step -> batch on the CPU, a pure function: with it a resumed run equals a straight one (to the bit
            on the same machine with one thread, to rounding elsewhere).
        run: names the run in the log and in ``checkpoints/``.
        evaluate: model -> numbers, called every ``eval_every`` steps and after the last.

    Returns:
        ``loss`` (in training, mean over the last tenth of the steps), ``tokens`` (inputs read) and the last evaluation,
        each of its numbers with ``eval.`` before its name; ``seconds`` and ``tokens_per_s`` count this process only.

    Raises:
        NonFiniteLoss: names the step (from 1, as in the log) and where the batch was saved.
    """
    s, state, last = settings, {"tokens": 0, "tail": []}, {}
    device = next(model.parameters()).device

    def look(done: int) -> None:
        if evaluate:
            model.eval()
            last.update(evaluate(model))
            model.train()
            stage.log(f"{run}.eval", done, tokens=state["tokens"], **last)

    loop = Loop(stage, run, model, make_optimizer(model, s), s, look, state)
    begun, begun_tokens = time.perf_counter(), state["tokens"]
    clock, seen = begun, begun_tokens
    model.train()
    for step in loop.steps():
        batch = {k: v.to(device) for k, v in batches(step).items()}
        value = s.loss(model, batch, s.micro_batch, s.dtype)
        loop.update([model], [value], batch.copy)
        state["tokens"] += batch["inputs"].numel()
        if loop.done > s.steps - max(1, s.steps // 10):
            state["tail"].append(value)
        if loop.done % s.log_every == 0 or loop.done == s.steps:
            now = time.perf_counter() - loop.looking
            speed = {
                "tokens": state["tokens"],
                "tokens_per_s": (state["tokens"] - seen) / (now - clock),
            }
            clock, seen = now, state["tokens"]
            stage.log(run, loop.done, loss=value, lr=s.lr(step), grad_norm=loop.norms[0], **speed)
    seconds = time.perf_counter() - loop.looking - begun
    model.eval()
    return {
        "loss": float(np.mean(state["tail"])),
        "tokens": state["tokens"],
        **{f"eval.{name}": number for name, number in last.items()},
        "seconds": seconds,
        "tokens_per_s": (state["tokens"] - begun_tokens) / max(seconds, 1e-9),
    }


@torch.no_grad()
def score_examples(
    model: PreTrainedModel, examples: Sequence[Example], *, batch_size: int, dtype: str = "float32"
) -> TokenScores:
    """Loss of each example's trained tokens, given all tokens before them (teacher forcing)."""
    device = next(model.parameters()).device
    nll: list = [None] * len(examples)
    hits: list = [None] * len(examples)
    order = sorted(range(len(examples)), key=lambda i: len(examples[i].ids))

    def scores(index: list[int]) -> list[list[list]]:
        longest = len(examples[index[-1]].ids)
        batch = pack_rows([[examples[i]] for i in index], longest, isolate=False, pad=0)
        counts = (batch["targets"] != IGNORE).sum(1).tolist()
        batch = {k: v.to(device) for k, v in batch.items()}
        with autocast(device, dtype):
            logits, targets = target_logits(model, batch)
        losses = F.cross_entropy(logits, targets, reduction="none")
        right = logits.argmax(-1) == targets
        return [[x.tolist() for x in t.split(counts)] for t in (losses.double(), right)]

    chunks = [order[at : at + batch_size] for at in range(0, len(order), batch_size)]
    for index, (losses, right) in zip(chunks, spread(model, chunks, scores), strict=True):
        for i, loss, hit in zip(index, losses, right, strict=True):
            nll[i], hits[i] = np.array(loss, float), np.array(hit, bool)
    return TokenScores(nll, hits)
