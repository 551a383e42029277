import math
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from dsmath_lib.engines.memory import Form, hidden_states
from dsmath_lib.lm.packing import IGNORE, Example, model_inputs, pack_rows
from dsmath_lib.lm.train import (
    NonFiniteLoss,
    TrainSettings,
    loss_and_backward,
    make_optimizer,
    score_examples,
    train_model,
)
from dsmath_lib.runs.kept import Kept, decided_by
from tests.rounding import assert_same

from .conftest import tiny_model

pytestmark = pytest.mark.numeric
EXACT = {"atol": 1e-12, "rtol": 1e-9}


def batch_of(step: int, rows: int = 6, isolate: bool = True, pad: int = 2, width: int = 20):
    """A random packed batch that depends on the step alone."""
    rng = np.random.default_rng(step)
    groups = []
    for _ in range(rows):
        lengths = rng.integers(3, 9, size=2)
        ids = [(*rng.integers(3, 64, n).tolist(), 1) for n in lengths]
        groups.append([Example(i, (False, *[True] * (len(i) - 1))) for i in ids])
    return pack_rows(groups, width, isolate=isolate, pad=pad)


def gradient(model, batch, micro_batch):
    model.zero_grad()
    loss = loss_and_backward(model, batch, micro_batch, "float32")
    return loss, torch.cat([p.grad.flatten() for p in model.parameters()]).clone()


@pytest.mark.parametrize("isolate", [True, False])
def test_loss_is_the_mean_over_targets(model, isolate):
    batch = batch_of(0, isolate=isolate)
    loss, _ = gradient(model, batch, 6)
    logits = model.lm_head(hidden_states(model.model, **model_inputs(batch))).detach()
    expected = F.cross_entropy(
        logits.flatten(0, 1), batch["targets"].flatten(), ignore_index=IGNORE
    )
    assert loss == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize("micro_batch", [1, 2, 4, 5])
def test_micro_batches_change_nothing(model, micro_batch):
    batch = batch_of(1)
    loss, grad = gradient(model, batch, 6)
    part_loss, part_grad = gradient(model, batch, micro_batch)
    assert part_loss == pytest.approx(loss, rel=1e-9)
    torch.testing.assert_close(part_grad, grad, **EXACT)


@pytest.mark.parametrize("isolate", [True, False])
def test_padding_and_pad_equal_eos_change_nothing(model, isolate):
    loss, grad = gradient(model, batch_of(2, isolate=isolate), 6)
    for other in (batch_of(2, isolate=isolate, pad=1), batch_of(2, isolate=isolate, width=33)):
        assert (other["targets"] == 1).sum() == 12  # eos keeps its loss
        other_loss, other_grad = gradient(model, other, 6)
        assert other_loss == pytest.approx(loss, rel=1e-9)
        torch.testing.assert_close(other_grad, grad, **EXACT)


@pytest.mark.numeric(dtype="float32")
def test_bfloat16_is_near_float32(model):
    exact, _ = gradient(model, batch_of(3), 6)
    model.zero_grad()
    assert loss_and_backward(model, batch_of(3), 6, "bfloat16") == pytest.approx(exact, rel=0.02)
    assert all(p.grad.dtype == torch.float32 for p in model.parameters())


def test_weight_decay_spares_norms_and_on_request_embeddings():
    for decay_embeddings in (True, False):
        model = tiny_model(tie=False)
        settings = TrainSettings(1, lambda _: 1.0, decay_embeddings=decay_embeddings)
        opt = make_optimizer(model, settings)
        decayed = {id(p) for p in opt.param_groups[0]["params"]}
        assert opt.param_groups[0]["weight_decay"] == 0.1
        assert opt.param_groups[1]["weight_decay"] == 0.0
        names = {n for n, p in model.named_parameters() if id(p) not in decayed}
        assert all("norm" in n or "embed" in n for n in names)
        assert ("model.embed_tokens.weight" in names) != decay_embeddings


SETTINGS = dict(lr=lambda step: 1e-2 / (step + 1), micro_batch=3, log_every=2, checkpoint_every=3)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize("kill_at", [2, 3, 7, 8])
def test_a_resumed_run_equals_a_straight_one(stage, kill_at):
    settings = TrainSettings(steps=10, eval_every=4, **SETTINGS)
    evaluate = lambda m: {"heldout": gradient_free_loss(m)}  # noqa: E731
    straight = tiny_model()
    numbers = train_model(straight, batch_of, settings, stage, "straight", evaluate)

    def killed(step):
        if step == kill_at:
            raise KeyboardInterrupt
        return batch_of(step)

    with pytest.raises(KeyboardInterrupt):
        train_model(tiny_model(), killed, settings, stage, "resumed", evaluate)
    resumed = tiny_model(seed=9)  # weights come from the checkpoint, if there is one
    if kill_at < 3:
        resumed = tiny_model()
    again = train_model(resumed, batch_of, settings, stage, "resumed", evaluate)
    assert_same(weights(resumed), weights(straight))
    kept = ("loss", "tokens", "eval.heldout")
    assert_same([again[k] for k in kept], [numbers[k] for k in kept])
    for kind in ("", ".eval"):
        drop = lambda row: {k: v for k, v in row.items() if k not in ("kind", "tokens_per_s")}  # noqa: E731
        a, b = ([drop(r) for r in stage.read_log(run + kind)] for run in ("straight", "resumed"))
        assert a
        assert_same(b, a)


@pytest.mark.parametrize("isolate", [True, False])
def test_layers_computed_again_change_no_number(stage, isolate):
    batches, found = partial(batch_of, isolate=isolate), []
    for again in (False, True):
        model = tiny_model()
        settings = TrainSettings(steps=3, form=Form(layer_checkpointing=again), **SETTINGS)
        numbers = train_model(model, batches, settings, stage, f"again-{again}")
        found.append((numbers["loss"], weights(model)))
        assert all(p.grad is None for p in model.parameters())  # gradients hold no memory
    assert_same(found[1], found[0])


def test_an_evaluation_cannot_take_the_name_of_a_number_of_the_training(stage, model):
    """Both measure a ``loss``: the numbers of the evaluation are told apart by their front."""
    settings = TrainSettings(steps=10, **SETTINGS)
    numbers = train_model(
        model, batch_of, settings, stage, "two", lambda m: {"loss": 99.0, "seconds": -1.0}
    )
    logged = stage.read_log("two")[-1]["loss"]
    assert numbers["loss"] == logged  # the last tenth of ten steps is the last one
    assert (numbers["eval.loss"], numbers["eval.seconds"]) == (99.0, -1.0)
    assert numbers["seconds"] >= 0 and stage.read_log("two.eval")[-1]["loss"] == 99.0


def gradient_free_loss(model):
    with torch.no_grad():
        return float(model(torch.arange(3, 20)[None]).logits.logsumexp(-1).mean())


def test_it_learns(stage, model):
    settings = TrainSettings(steps=30, lr=lambda _: 1e-2, micro_batch=6, weight_decay=0.0)
    numbers = train_model(model, lambda _: batch_of(0), settings, stage, "learn")
    first = stage.read_log("learn")[0]
    assert numbers["loss"] < 0.5 * math.log(64) and numbers["loss"] < first["loss"]
    assert numbers["tokens"] == 30 * 6 * 20


def test_non_finite_loss_stops_saves_the_batch_and_keeps_the_checkpoint(stage, model):
    def batches(step):
        if step == 4:
            with torch.no_grad():
                model.model.norm.weight[0] = math.nan
        return batch_of(step)

    with pytest.raises(NonFiniteLoss, match="step 5 has loss nan"):
        train_model(model, batches, TrainSettings(steps=10, **SETTINGS), stage, "bad")
    saved = load_file(stage.dir / "bad_batch.safetensors")
    assert torch.equal(saved["inputs"], batch_of(4)["inputs"])
    assert (stage.dir / "checkpoints/bad/step-000003").is_dir()
    again = tiny_model(seed=3)
    train_model(again, batch_of, TrainSettings(steps=10, **SETTINGS), stage, "bad")
    assert torch.isfinite(weights(again)).all()


def test_scores_by_hand(model):
    examples = [
        Example((0, 5, 6, 7, 1), (False, False, True, True, True)),
        Example((0, 8, 1), (False, True, True)),
    ]
    s = score_examples(model, examples, batch_size=2)
    for k, e in enumerate(examples):
        with torch.no_grad():
            logp = model(torch.tensor([e.ids])).logits[0].log_softmax(-1)
        at = [t for t in range(1, len(e.ids)) if e.trained[t]]
        expected = [-float(logp[t - 1, e.ids[t]]) for t in at]
        assert s.nll[k].tolist() == pytest.approx(expected, rel=1e-9)
        assert s.right[k].tolist() == [int(logp[t - 1].argmax()) == e.ids[t] for t in at]
    assert s.loss == pytest.approx(float(np.concatenate(s.nll).mean()))
    assert s.accuracy == pytest.approx(float(np.concatenate(s.right).mean()))


def once(stage, tokenizer, made_of, make):
    """Made, or read if it was made of the same."""
    kept = Kept(stage, "run", made_of, "dsmath_lib.lm.train")
    return kept.found("cpu") or kept.keep(make(), tokenizer, {"loss": 1.0})


def test_a_finished_run_is_loaded_and_other_settings_train_anew(stage, tokenizer):
    calls = []

    def make():
        calls.append(1)
        return tiny_model(len(calls))

    first, numbers = once(stage, tokenizer, {"lr": 1.0}, make)
    again, same = once(stage, tokenizer, {"lr": 1.0}, make)
    assert len(calls) == 1 and numbers == same
    assert torch.equal(weights(first), weights(again))
    other, _ = once(stage, tokenizer, {"lr": 2.0}, make)
    assert len(calls) == 2 and not torch.equal(weights(other), weights(first))
    (stage.artifacts / "run/done.json").unlink()
    once(stage, tokenizer, {"lr": 2.0}, make)
    assert len(calls) == 3


def test_checkpoints_of_other_settings_are_not_continued(stage, tokenizer):
    settings = TrainSettings(steps=5, **SETTINGS)

    def dies(step):
        if step == 4:
            raise KeyboardInterrupt
        return batch_of(step)

    def make(batches):
        model = tiny_model()
        train_model(model, batches, settings, stage, "run")
        return model

    seen = []
    with pytest.raises(KeyboardInterrupt):
        once(stage, tokenizer, {"a": 1}, lambda: make(dies))
    once(stage, tokenizer, {"a": 2}, lambda: make(lambda k: seen.append(k) or batch_of(k)))
    assert seen == [0, 1, 2, 3, 4]


def test_what_is_saved_or_run_beside_it_decides_no_run():
    from tests.rl.conftest import grpo_params

    made_of = decided_by(grpo_params())
    assert made_of == decided_by(grpo_params(checkpoint_every=7, threads=3, compare_steps=2))
    assert made_of != decided_by(grpo_params(lr=7e-3)) != decided_by(grpo_params(seed=5))
