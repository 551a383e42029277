"""A tiny chain of two stages, written into a temporary folder, run by the real runner."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from dsmath_lib.params import registry
from dsmath_lib.rows.stages import Spec

MODELS = """
from dsmath_lib.params.base import Params, par


class FirstParams(Params):
    lr: float = par(0.5, "learning rate", ge=0, le=1)
    steps: int = par(3, "steps", ge=1, le=100)


class SecondParams(Params):
    lr: float = par(0.5, "learning rate", ge=0, le=1)
"""
HEAD = """
from {module} import {model}
from dsmath_lib.stage.folder import Stage
cfg = {model}.take(globals())
stage = Stage(cfg, "{stage}")
"""


@dataclass
class Chain:
    """Folders of the tiny chain, and the module of its parameter models."""

    root: Path
    notebooks: Path
    params: Path
    module: str

    def write(self, stage: str, *cells: str) -> None:
        """Write a notebook: parameters cell, head cell, then ``cells``."""
        own = "\nsteps: int = 3  # steps" if stage == "01_first" else ""
        common = (
            'scale: str = "tiny"  # scale\nseed: int = 0  # seed\ndevice: str = "cpu"  # device\n'
            'threads: int = 1  # threads\nresume: bool = True  # resume\nartifacts_dir: str = ""  # where\n'
            'world: str = "normal"  # world\n'
            f"lr: float = 0.5  # learning rate{own}"
        )
        model = "FirstParams" if stage == "01_first" else "SecondParams"
        head = HEAD.format(module=self.module, model=model, stage=stage)
        sources = [common, head, *cells]
        nb = {
            "cells": [
                {
                    "cell_type": "code",
                    "id": f"{stage.replace('_', '-')}-{i:03d}",
                    "metadata": {"tags": ["parameters"]} if i == 0 else {},
                    "source": text,
                    "execution_count": None,
                    "outputs": [],
                }
                for i, text in enumerate(sources)
            ],
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        (self.notebooks / f"{stage}.ipynb").write_text(json.dumps(nb))


@pytest.fixture
def chain(tmp_path, monkeypatch) -> Chain:
    module = "tiny_chain_params"
    (tmp_path / f"{module}.py").write_text(MODELS)
    for name in ("notebooks", "params/tiny"):
        (tmp_path / name).mkdir(parents=True)
    common = 'scale: tiny\nseed: 0\ndevice: cpu\nthreads: 1\nresume: true\nartifacts_dir: ""\n'
    (tmp_path / "params/tiny/common.yaml").write_text(common)
    (tmp_path / "params/tiny/01_first.yaml").write_text("lr: 0.5\nsteps: 3\n")
    (tmp_path / "params/tiny/02_second.yaml").write_text("lr: 0.25\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # for the notebooks' processes
    stages = {
        "01_first": Spec(f"{module}:FirstParams"),
        "02_second": Spec(f"{module}:SecondParams", ("01_first",)),
    }
    monkeypatch.setattr(registry, "STAGES", stages)
    monkeypatch.setattr("dsmath_lib.report.index.STAGES", stages)
    made = Chain(tmp_path, tmp_path / "notebooks", tmp_path / "params", module)
    made.write("01_first", 'stage.done({"value": cfg.lr * cfg.steps}, headline=["value"])')
    made.write(
        "02_second",
        'print("hello from the second")\n'
        'up = stage.upstream_results("01_first")["metrics"]["value"]\n'
        'stage.done({"value": up + cfg.lr})',
    )
    return made
