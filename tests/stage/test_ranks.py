"""The stage of the ranks: one writes, all agree; and who started them follows the log."""

import json

from dsmath_lib.engines import parallel
from dsmath_lib.stage.folder import Stage
from dsmath_lib.stage.ranks import LogTail, RankStage
from tests.ranks import on_ranks
from tests.rl.conftest import grpo_params


def test_the_first_rank_writes_and_all_read():
    cfg = grpo_params()
    opened = Stage(cfg, "05_grpo")

    def work():
        stage = RankStage(cfg, "05_grpo", opened.dir, opened.artifacts)
        stage.log("grpo", 1, rank=parallel.rank())
        made = []

        def make():
            made.append(1)
            return {"of": parallel.total(parallel.rank())}

        first = stage.kept("x", make)
        again = stage.kept("x", make)
        return first, again, len(made)

    assert on_ranks(2, work) == [({"of": 1}, {"of": 1}, 1)] * 2
    assert [(r["step"], r["rank"]) for r in opened.read_log("grpo")] == [(1, 0)]


def test_the_log_of_another_process_is_followed():
    stage = Stage(grpo_params(), "05_grpo")
    stage.log("grpo", 1, reward=0.1)
    stage.log("other", 1)
    writer = RankStage(stage.cfg, "05_grpo", stage.dir, stage.artifacts)
    seen, tail = [], LogTail(stage)
    stage.watchers.append(lambda row: seen.append((row["kind"], row["step"])))
    tail.feed()
    assert seen == []
    writer.log("grpo", 2, reward=0.2)
    tail.feed()
    tail.feed()
    assert seen == [("grpo", 2)]
    with stage.log_path.open("a") as f:  # half a line waits for its end
        f.write('{"kind": "grpo", "step"')
        f.flush()
        tail.feed()
        assert len(seen) == 1
        f.write(": 3}\n")
    tail.feed()
    assert seen[1:] == [("grpo", 3)]
    writer.truncate_log(1, "grpo")  # a resumed loop begins after its checkpoint
    writer.log("grpo", 2, reward=0.3)
    tail.feed()
    assert seen[2:] == [("grpo", 2)]
    assert json.loads(stage.log_path.read_text().splitlines()[-1])["reward"] == 0.3


def test_a_stage_without_a_log_has_nothing_to_follow():
    stage = Stage(grpo_params(), "05_grpo")
    stage.log_path.unlink(missing_ok=True)
    tail = LogTail(stage)
    tail.feed()
    stage.log("grpo", 1)
    seen = []
    stage.watchers.append(seen.append)
    tail.feed()
    assert [r["step"] for r in seen] == [1]
