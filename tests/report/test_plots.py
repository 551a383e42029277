"""The plots: what is drawn is what was given, gaps stay gaps, nothing stays open in pyplot."""

import math

import matplotlib.pyplot as plt
import pytest

from dsmath_lib.evaluation.metrics import Estimate
from dsmath_lib.report import plots
from dsmath_lib.report.course import course_map, symbols, time_table

E = Estimate(0.5, 0.4, 0.7, 10)


def test_interval_of_numbers_estimates_and_nothing():
    assert plots.interval(0.5) == (0.5, 0.5, 0.5)
    assert plots.interval(E) == (0.5, 0.4, 0.7)
    assert all(map(math.isnan, plots.interval(None)))


def test_curves_skip_rows_without_the_column():
    rows = [{"step": 0, "a": 1.0}, {"step": 1, "b": 5.0}, {"step": 2, "a": 3.0, "b": None}]
    ax = plots.curves(rows, "step", {"a": "first", "b": "second"}, title="t", ylabel="nats").axes[0]
    first, second = ax.get_lines()
    assert list(first.get_xdata()) == [0, 2] and list(first.get_ydata()) == [1, 3]
    assert list(second.get_xdata()) == [1]
    assert (ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()) == ("t", "step", "nats")
    assert first.get_linestyle() != second.get_linestyle()


def test_smoothing_is_a_trailing_mean_and_keeps_the_raw_values():
    rows = [{"step": i, "a": v} for i, v in enumerate([0, 2, 4, 8])]
    raw, smooth = plots.curves(rows, "step", ["a"], smooth=2).axes[0].get_lines()
    assert list(raw.get_ydata()) == [0, 2, 4, 8]
    assert list(smooth.get_ydata()) == [0, 1, 3, 6]


def test_bars_draw_one_bar_per_estimate_and_leave_gaps():
    fig = plots.bars(["x", "y"], {"SFT": [0.2, None], "RL": [E, 0.4]}, percent=True)
    heights = sorted(round(p.get_height(), 6) for p in fig.axes[0].patches)
    assert heights == [0, 0, 20, 40, 50]  # two empty bars carry the legend
    assert [t.get_text() for t in fig.axes[0].get_legend().get_texts()] == ["SFT", "RL"]
    assert {t.get_text() for t in fig.axes[0].texts} == {"20", "50", "40"}


def test_lines_with_band_in_percent_on_powers_of_two():
    ax = plots.maj_pass([1, 4, 8], {"Maj": [0.1, E, 0.5], "Pass": [0.2, None, 0.9]}).axes[0]
    assert list(ax.get_lines()[0].get_ydata()) == [10, 50, 50]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "4", "8"]


def test_mining_rounds_leave_out_a_share_nobody_measured():
    rows = [{"round": 1, "recall": 0.5, "tokens": 10}, {"round": 2, "recall": 0.9, "tokens": 20}]
    left, right = plots.mining_rounds(rows).axes
    assert len(left.get_lines()) == 1 and list(right.get_lines()[0].get_ydata()) == [10, 20]


@pytest.mark.parametrize("rows", [[], [{"step": 0}]])
def test_empty_logs_draw_an_empty_figure(rows):
    plots.curves(rows, "step", ["a"]).savefig("/dev/null", format="png")


def test_nothing_stays_open_in_pyplot():
    plots.bars(["x"], [1.0])
    course_map()
    assert plt.get_fignums() == []


def test_course_pages_come_from_the_files():
    assert "π_θ" in symbols() or r"\pi_\theta" in symbols()
    assert not symbols().startswith("# ")
    row = {"seconds": 3.0, "peak_memory_mb": {"resident": 9.0}, "environment": {"device": "cpu"}}
    (line,) = time_table({"00_start_here": row})
    assert line["seconds"] == 3.0 and line["peak resident memory (MB)"] == 9.0
