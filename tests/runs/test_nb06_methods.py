"""What 06 shows of its runs, from rows of a log made by hand."""

from types import SimpleNamespace

from dsmath_lib.runs.nb06_methods import course, peaks


def stage_of(log: dict[str, list[dict]]):
    return SimpleNamespace(read_log=lambda kind: log.get(kind, []))


def test_course_pays_by_step_reward_and_averages_over_seeds():
    """Two seeds: the step reward rises from 0.3 to 0.9 while the validation falls from 0.4 to 0.1."""
    log = {}
    for seed, shift in ((0, -0.1), (1, 0.1)):
        log[f"grpo-ps.{seed}"] = [
            {
                "step": s,
                "reward": 0.0,
                "reward.steps": paid + shift,
                "truncated": cut,
                "entropy": 1.0,
            }
            for s, paid, cut in ((1, 0.3, 0.0), (15, 0.5, 0.0), (20, 0.9, 1.0), (29, 0.9, 0.5))
        ]
        log[f"grpo-ps.{seed}.eval"] = [
            {"step": 0, "accuracy": 0.4 + shift, "length": 20.0},
            {"step": 20, "accuracy": 0.1 + shift, "length": 60.0},
        ]
    first, last = course(stage_of(log), ["grpo-ps"], [0, 1])
    assert (first["step"], last["step"]) == (0, 20)
    assert abs(first["right"] - 0.4) < 1e-12 and abs(last["right"] - 0.1) < 1e-12
    assert abs(first["paid"] - 0.3) < 1e-12, "step 0 is read beside the first batch"
    assert abs(last["paid"] - 0.7) < 1e-12, "steps 15 and 20, not 29"
    assert last["truncated"] == 0.5 and last["length"] == 60.0 and "told apart" not in last
    (best,) = peaks([first, last]).values()
    assert best == (0, first["right"])


def test_course_of_pairs_and_of_a_run_without_rows():
    rows = [
        {"step": 5, "reward": 0.2, "pairs": 4, "preferred": 1},
        {"step": 6, "pairs": 12, "preferred": 11},
    ]
    rows.append({"step": 7, "pairs": 0})  # a batch without a pair
    log = {"dpo.0": rows, "dpo.0.eval": [{"step": 10, "accuracy": 0.5, "length": 9.0}]}
    (row,) = course(stage_of(log), ["dpo"], [0])
    assert row["told apart"] == 12 / 16 and row["paid"] == 0.2 and row["truncated"] is None
    assert course(stage_of({}), ["dpo"], [0]) == [] and peaks([]) == {}
