"""The live panel: renewed in JupyterLab, drawn once elsewhere; samples are escaped."""

import matplotlib as mpl
import pytest

from dsmath_lib.base.paths import PARAMS_DIR
from dsmath_lib.params.base import read_yaml
from dsmath_lib.params.grpo import GRPOParams
from dsmath_lib.report import live
from dsmath_lib.stage.folder import Stage

mpl.use("Agg")


@pytest.fixture
def stage():
    folder = PARAMS_DIR / "smoke"
    values = read_yaml(folder / "common.yaml") | read_yaml(folder / "05_grpo.yaml")
    return Stage(GRPOParams.check(values, "test"), "05_grpo")


def step(stage, k, **more):
    row = {
        "reward": 0.1 * k,
        "entropy": 1.0,
        "length": 20.0,
        "zero_variance": 0.5,
        "grad_norm": 1.0,
    }
    stage.log("grpo.samples", k, texts=["<b>1</b> $x$", "no"], rewards=[1.0, -0.5])
    stage.log("grpo", k, **row | more)
    stage.log("other", k, reward=9.0)


class Handle:
    def __init__(self):
        self.shown = []

    def update(self, data):
        self.shown.append(data.data)


def test_headless_draws_once_at_the_end(stage, monkeypatch):
    shown = []
    monkeypatch.setattr(live, "interactive", lambda: False)
    monkeypatch.setattr(live, "show", lambda fig, alt: shown.append(alt))
    monkeypatch.setattr(live, "display", lambda data: shown.append(data.data))
    with live.panel(stage, "grpo"):
        step(stage, 1)
        step(stage, 2, kl=0.01)
        assert not shown
    assert shown[0].startswith("Step 2: mean reward 0.2,") and "KL" in shown[0]
    assert "&lt;b&gt;1&lt;/b&gt;" in shown[1] and "<b>" not in shown[1] and "-0.50" in shown[1]
    assert not stage.watchers
    shown.clear()
    with live.panel(stage, "grpo", static=False):
        step(stage, 3)
    with live.panel(stage, "nothing"):
        pass
    assert not shown


def test_jupyter_renews_in_place(stage, monkeypatch):
    handle = Handle()
    first = []
    monkeypatch.setattr(live, "interactive", lambda: True)
    monkeypatch.setattr(live, "display", lambda data, display_id: first.append(data.data) or handle)
    monkeypatch.setattr(live, "EVERY_S", 0.0)
    with pytest.raises(KeyboardInterrupt), live.panel(stage, "grpo"):
        step(stage, 1)
        raise KeyboardInterrupt
    assert "No step is done yet" in first[0]
    assert len(handle.shown) == 2  # the step, and what an interrupt leaves
    assert 'alt="grpo: Step 1: ' in handle.shown[-1] and "data:image/png" in handle.shown[-1]
    assert "Samples of step 1" in handle.shown[-1]
    assert not stage.watchers


def test_it_does_not_draw_more_often_than_it_may(stage, monkeypatch):
    handle = Handle()
    monkeypatch.setattr(live, "interactive", lambda: True)
    monkeypatch.setattr(live, "display", lambda data, display_id: handle)
    monkeypatch.setattr(live, "EVERY_S", 1e9)
    with live.panel(stage, "grpo") as p:
        for k in range(1, 6):
            step(stage, k)
    assert len(handle.shown) == 1 and [r["step"] for r in p.rows] == [1, 2, 3, 4, 5]


def test_repeated_steps_replace_old_ones(stage):
    for k in (1, 2, 3):
        step(stage, k)
    p = live.Panel(stage, ["grpo"])
    p.feed({"kind": "grpo", "step": 2, "reward": 7.0})
    assert [(r["step"], r["reward"]) for r in p.rows] == [(1, 0.1), (2, 7.0)]


def test_it_follows_the_run_that_runs_now(stage):
    p = live.Panel(stage, ["grpo", "ppo.0"])
    stage.watchers.append(p.feed)
    step(stage, 1)
    assert p.run == "grpo" and p.samples["step"] == 1
    stage.log("ppo.0.eval", 0, accuracy=0.25)
    assert p.run == "ppo.0" and not p.rows and p.samples is None
    stage.log("ppo.0", 1, reward=0.5)
    assert [r["reward"] for r in p.rows] == [0.5] and p.evals[0]["accuracy"] == 0.25
    assert "validation accuracy 0.25 at step 0" in live.in_words(p.rows, p.evals)
