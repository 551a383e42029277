"""Cuts of a corpus, curves of each example, late gains and leads: by hand."""

import numpy as np
import pytest

from dsmath_lib.params.pretraining import PretrainingParams
from dsmath_lib.runs import nb02_corpora as C
from tests.lm import conftest as fixtures

stage = fixtures.stage


def config(**changes):
    return PretrainingParams.check(changes, "test")


def test_only_what_is_compared_is_read():
    plain = config(compare_corpora=["web"], large_hidden=0)
    assert C.files_needed(plain) == ["web"]
    assert C.files_needed(config(compare_corpora=["equal"])) == ["mined", "seed"]
    assert C.files_needed(config(compare_corpora=["few"], large_hidden=256)) == ["mined", "web"]


def test_a_cut_stops_at_its_size_and_equal_is_english():
    docs = {"mined": [np.full(10, i) for i in range(9)], "seed": [np.full(10, 7)] * 3}
    rows = [{"text": "x", "lang": "en" if i % 2 else "zh"} for i in range(9)]
    corpora = {"mined": [{"text": "", "lang": "en"}, *rows], "seed": []}
    cfg = config(compare_corpora=["few", "equal"], few_tokens=25)
    cut = C.add_cuts(docs, corpora, cfg)
    assert [sum(map(len, cut[n])) for n in ("few", "equal")] == [30, 30]
    assert {int(d[0]) % 2 for d in cut["equal"]} == {1}
    assert len({int(d[0]) for d in cut["few"]}) == 3, "no document twice"
    again = C.add_cuts(docs, corpora, cfg)
    assert [d.tolist() for d in again["few"]] == [d.tolist() for d in cut["few"]]
    assert set(C.add_cuts(docs, corpora, config(compare_corpora=["mined"]))) == {"mined", "seed"}


def test_the_larger_model_is_larger_in_proportion():
    big = C.larger(config(hidden_size=128, intermediate_size=384, large_hidden=192))
    assert (big.hidden_size, big.intermediate_size) == (192, 576)


def test_curves_and_late_gains_are_of_each_example(stage):
    looks = {
        "mined": ([4.0, 3.0], [3.0, 2.0], [1.0, 1.0]),
        "few": ([4.0, 4.0], [3.0, 3.0], [3.0, 2.0]),
    }
    for run, each in looks.items():
        for k, losses in enumerate(each):
            stage.log(f"{run}.eval", k + 1, tokens=10 * (k + 1), each=losses)
    curve = C.eval_curves(stage, ["mined", "few"])
    assert curve.tokens == [10, 20, 30]
    assert [e.value for e in curve.values["mined"]] == [3.5, 2.5, 1.0]
    assert curve.late["mined"].tolist() == [2.0, 1.0]
    out = C.late_gains(curve.late)
    assert out["late.mined-few"].value == pytest.approx(1.0)  # (2 - 0 + 1 - 1) / 2
    assert out["few.late_gain"].value == pytest.approx(0.5)
    zh = C.eval_curves(stage, ["mined"], "zh", ["en", "zh"])
    assert [e.value for e in zh.values["mined"]] == [3.0, 2.0, 1.0]


def test_the_lead_is_over_the_best_other_whole_corpus():
    def loss(*x):
        return {"loss": np.array(x)}

    scores = {"mined": loss(1.0, 2.0), "seed": loss(0.5, 4.0), "web": loss(3.0, 3.0)}
    scores |= {"few": loss(0.1, 0.1), "web-large": loss(0.1, 0.1)}
    lead = C.lead_over_next(scores, ["en", "zh"])
    assert {k: e.value for k, e in lead.items()} == {"lead.en": -0.5, "lead.zh": 1.0}
    assert C.lead_over_next({"mined": loss(1.0, 2.0)}, ["en", "zh"]) == {}


def test_the_cost_is_said_before_a_piece():
    line = C.cost_line("size", 1, 600_000, 2.0, 5_000)
    assert "1 runs, 600,000 tokens, about 4 minutes" in line
