"""Code, text or nothing before mathematics: what each run reads, what is measured, which differences are taken."""

import numpy as np
import pytest

from dsmath_lib.lm.mixture import tokenize_documents
from dsmath_lib.runs import nb02_starts as S
from dsmath_lib.stage.folder import Stage
from dsmath_lib.world.problems import final, sample_problems
from tests.lm import conftest as fixtures
from tests.runs.test_nb02_pretraining import config

stage, tokenizer = fixtures.stage, fixtures.tokenizer
pytestmark = pytest.mark.numeric


def test_each_run_reads_what_it_should():
    cfg = config(start_tokens=400, start_math_tokens=210)
    arms = S.arms(cfg)
    assert set(arms) == set(S.SAID) and S.arms(config(start_tokens=0)) == {}
    assert S.arms(config(heldout_source="corpus")) == {}
    names = list(arms)
    for i, (name, arm) in enumerate(arms.items()):
        assert not arm.start or arm.start in names[:i], name
        whole = sum(arm.shares.values())
        if mined := arm.shares.get("mined"):
            assert arm.tokens * mined / whole == pytest.approx(210), name
    keep, rest = arms["code_keep"], arms["code_rest"]
    assert keep.shares["code"] + keep.shares["scripts"] == pytest.approx(0.2)
    assert keep.tokens == rest.tokens and keep.start == rest.start
    assert keep.shares["riddles"] == rest.shares["riddles"], "they differ in mathematics alone"
    assert arms["mixed"].tokens == 610
    compared = len(cfg.compare_corpora) + bool(cfg.large_hidden)
    read = sum(a.tokens for a in arms.values())
    assert cfg.tokens_in_all == cfg.tokens + compared * cfg.compare_tokens + read
    assert set(S.files_needed(cfg)) == {"mined", "code", "text", "arxiv"}


def test_programs_and_tool_use_carry_loss_where_the_model_writes(tokenizer):
    problems = sample_problems(4, split="val", seed=1)
    both = S.heldout_programs(tokenizer, problems), S.heldout_tools(tokenizer, problems)
    for p, program, tool in zip(problems, *(h.examples for h in both), strict=True):
        written = [
            tokenizer.decode([i for i, t in zip(e.ids, e.trained, strict=True) if t])
            for e in (program, tool)
        ]
        assert written[0] == p.program
        assert written[1] == f"```python\n{p.program}\n```\n" + final(p.answer, p.lang)
        assert tokenizer.decode(tool.ids[1:]).startswith(p.question + "\n```python")
        assert f"```output\n{p.answer}\n```" in tokenizer.decode(tool.ids)


def test_an_arm_goes_on_from_its_start_and_is_read_again(stage, tokenizer):
    cfg = config(start_tokens=320, start_math_tokens=320, start_heldout=4, warmup_steps=30)
    docs = {
        n: tokenize_documents(tokenizer, ["12 apples and 3 more. 12+3=15"] * 9)
        for n in ("mined", "code", "text")
    }
    docs |= S.side_documents(tokenizer, 0, pages=3)
    held = S.measured(tokenizer, cfg)
    assert list(held) == list(S.MEASURES) and all(len(h.examples) == 4 for h in held.values())
    st, arms = Stage(cfg, "02_pretraining"), S.arms(cfg)
    made = {
        n: S.run_arm(cfg, st, n, arms[n], docs, tokenizer, held["words"], "cpu")
        for n in ("code_start", "code_math", "math_only")
    }
    found = {n: S.losses(m, held, cfg)["words"].mean() for n, (m, _) in made.items()}
    assert found["code_math"] < found["math_only"], "ten steps more"
    assert made["code_math"][1]["passes"] > 1 and made["code_start"][1]["passes"] == 0
    rows = len(st.read_log("code_math"))
    again = S.run_arm(
        cfg, st, "code_math", arms["code_math"], docs, tokenizer, held["words"], "cpu"
    )
    assert again[1] == made["code_math"][1] and len(st.read_log("code_math")) == rows


def test_differences_have_the_sign_of_the_claim():
    rng = np.random.default_rng(0)
    scores = {n: {m: rng.random(6) for m in S.MEASURES} for n in S.SAID}
    out = S.start_metrics(scores, ["en"] * 3 + ["zh"] * 3)
    d = scores["code_math"]["code"] - scores["mixed"]["code"]
    assert out["diff.code_math-mixed.code"].value == pytest.approx(d.mean())
    words = scores["mixed"]["words"] - scores["math_only"]["words"]
    assert out["diff.mixed-math_only.words.zh"].value == pytest.approx(words[3:].mean())
    others = [scores[n]["tools"] for n in ("text_math", "code_math", "math_only")]
    best = min(x.mean() for x in others)
    assert out["next-mixed.tools"].value == pytest.approx(best - scores["mixed"]["tools"].mean())
    assert S.start_metrics({}, []) == {}
    named = {name for rows in S.COMPARED.values() for _, name in rows}
    assert named <= set(out)


def test_a_reading_names_the_better_one():
    names = [name for _, name in S.COMPARED["table-4"]]
    e = [S.Estimate(v, v - 0.1, v + 0.1, 9) for v in (0.3, -0.3, 0.05)]
    text = S.reading(dict(zip(names, e, strict=True)), "table-4")
    assert "code, before or after mathematics with 20 % code? before, +0.300" in text
    assert "after mathematics without? after mathematics without, -0.300" in text
    assert "riddles, 70 % mathematics or 70 % general text? neither clearly, +0.050" in text


def test_rows_show_the_runs_asked_for_in_the_order_of_the_paper():
    scores = {n: {m: np.zeros(3) for m in S.MEASURES} for n in S.SAID}
    rows = S.arm_rows(config(start_tokens=400), scores, ["mixed", "code_math"], ["words"])
    assert [r["training"] for r in rows] == ["… then mathematics", "code and mathematics mixed"]
    assert set(rows[0]) == {"training", "tokens", "words"}
