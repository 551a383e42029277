"""Memory of a step: the plan by hand, and the units of a measurement (bench/rl.py sets both side by side)."""

import pytest

from dsmath_lib.runs.nb06_memory import compare_memory, planned_mb


def test_plan_by_hand():
    """A million parameters: weight, gradient, two averages and a reference of 4 bytes; PPO trains two networks."""
    assert planned_mb("grpo-os", 10**6) == 20.0
    assert planned_mb("ppo", 10**6) == 36.0


def test_a_measured_row_names_its_plan():
    row = compare_memory(320, 6, "cpu", names=("grpo-os",))["grpo-os"]
    assert row["planned_mb"] == pytest.approx(planned_mb("grpo-os", row["parameters"]), abs=0.1)
    assert row["peak_mb"] > 4 * row["parameters"] / 1e6, "the weights alone"
