"""What a run's parameters mean: models by name, jobs, and errors before anything is loaded."""

import json
from types import SimpleNamespace

import pytest

from dsmath_lib.base.errors import ParamsError, StageError
from dsmath_lib.base.files import write_atomic
from dsmath_lib.base.paths import PARAMS_DIR
from dsmath_lib.params.base import read_yaml
from dsmath_lib.params.evaluation import EvaluationParams
from dsmath_lib.rows.prompts import make_prompt
from dsmath_lib.runs.nb08_evaluation import run
from dsmath_lib.runs.nb08_evaluation.contamination import SIMPLERL, refused
from dsmath_lib.runs.nb08_evaluation.evaluate import Graded, prompt_of
from dsmath_lib.runs.nb08_evaluation.scores import BenchmarkScores
from dsmath_lib.runs.nb08_evaluation.store import read_file
from dsmath_lib.stage.folder import Stage
from tests.lm import conftest as fixtures

tokenizer = fixtures.tokenizer


def params(**changes):
    values = read_yaml(PARAMS_DIR / "smoke/common.yaml") | read_yaml(
        PARAMS_DIR / "smoke/08_evaluation.yaml"
    )
    return EvaluationParams.check(values | changes, "test")


def test_jobs_of_the_chain():
    """Few-shot models get text and programs, the others text and tools, where the benchmark has the form."""
    cfg = params(benchmarks=["toy-gsm", "gsm8k@" + "a" * 40, "sat", "mgsm-zh"], n_items=[1] * 4)
    assert [j.name for j in run.jobs(cfg)] == [
        "base0.toy-gsm.page", "zero.toy-gsm.page",
        "base.toy-gsm.cot", "base.toy-gsm.pot", "base.gsm8k.cot", "base.gsm8k.pot", "base.sat.cot",
        "sft.toy-gsm.cot", "sft.toy-gsm.tir", "sft.toy-gsm.shots", "sft.gsm8k.cot", "sft.gsm8k.tir",
        "sft.mgsm-zh.cot", "sft.mgsm-zh.tir",
        "policy.toy-gsm.cot", "policy.toy-gsm.tir", "policy.toy-gsm.shots", "policy.gsm8k.cot",
        "policy.gsm8k.tir",
        "policy.mgsm-zh.cot", "policy.mgsm-zh.tir",
    ]  # fmt: skip
    plain = run.jobs(params(tools=False, programs=False, side_items=0))
    assert plain and all(j.kind == "cot" for j in plain)
    assert {"shots"} == {j.kind for j in run.jobs(params(tuned_shots=0))} ^ {
        j.kind for j in run.jobs(params())
    }
    assert all(j.benchmark != "toy-gsm" for j in run.jobs(params(), refused=["toy-gsm"]))
    with pytest.raises(StageError, match="nothing to run"):
        run.jobs(params(models=["03_sft/sft"], benchmarks=["sat"], n_items=[1]))


def test_the_parameters_prompt_takes_the_place_of_the_benchmarks():
    cfg = params(question_template="chat", system_prompt="Be brief.")
    found = {j.kind: run.job_settings(cfg, j) for j in run.jobs(cfg) if not j.few_shot}
    assert (found["cot"].template, found["tir"].template) == ("chat", "chat-tir")
    assert {found[k].system for k in ("cot", "tir", "shots")} == {"Be brief."}
    assert (found["page"].template, found["page"].system) == ("toy-page", "")


def test_settings_follow_the_kind_of_model():
    cfg = params(shots=-1)
    names = ("base.toy-gsm.cot", "base.toy-gsm.pot", "sft.toy-gsm.cot", "sft.toy-gsm.tir")
    base, pot, cot, tir = (run.job_settings(cfg, j) for j in run.jobs(cfg) if j.name in names)
    assert (base.shots, pot.shots, cot.shots, tir.shots) == (2, 2, 0, 0)
    few = next(j for j in run.jobs(cfg) if j.few_shot)
    assert run.job_settings(params(shots=1), few).shots == 1
    assert (base.template, pot.template) == ("toy-qa", "toy-qa-program")
    assert (pot.program, base.program, cot.stop) == ("print", "", ())
    assert (cot.n, pot.n, tir.n) == (cfg.samples, cfg.tool_samples, cfg.tool_samples)
    assert tir.tools and tir.template == "toy-tir"


def test_examples_stand_in_the_turn_of_a_tuned_model(tokenizer):
    cfg = params(tuned_shots=2, side_items=3)
    job = next(j for j in run.jobs(cfg) if j.name == "sft.toy-gsm.shots")
    how, asked = run.job_settings(cfg, job), run.asked_of(cfg, job, run.questions(cfg)["toy-gsm"])
    assert (how.shots, how.n, len(asked)) == (2, 0, 3)
    text, _ = prompt_of(tokenizer, asked[0], how)
    assert text.count("Question:") == 3 and text.index(asked[0].question) > text.index("Answer:")
    room = len(prompt_of(tokenizer, asked[0], how)[1]) - 1
    shorter, ids = prompt_of(tokenizer, asked[0], how, room)  # the first example is left out
    assert shorter.count("Question:") == 2 and len(ids) <= room
    page = next(j for j in run.jobs(cfg) if j.name == "zero.toy-gsm.page")
    how = run.job_settings(cfg, page)
    text, _ = prompt_of(tokenizer, asked[0], how)
    assert text == make_prompt("toy-page", asked[0].question).text and how.stop == ("\n\n",)


@pytest.mark.numeric
def test_gains_from_examples():
    def graded(*right):
        return [Graded(SimpleNamespace(correct=r), []) for r in right]

    results = BenchmarkScores()
    job = run.EvalJob
    results.graded = {
        job("sft", "toy-gsm", "cot"): graded(True, True, False),
        job("sft", "toy-gsm", "shots"): graded(False, True),  # the first two questions
        job("base0", "toy-gsm", "page"): graded(False, False),
        job("zero", "toy-gsm", "page"): graded(True, True),
    }
    assert results.shot_gains()["diff.shots-cot.sft.toy-gsm.greedy"].value == -0.5
    assert "diff.shots-cot.zero.toy-gsm.greedy" not in results.shot_gains()


def test_rules_follow_the_kind_of_prompt():
    rule = lambda few, kind, b="gsm8k": run.EvalJob("m", b, kind, few).rule  # noqa: E731
    assert (rule(True, "cot"), rule(True, "pot")) == ("gsm8k-few-shot", "program")
    assert (rule(False, "cot"), rule(False, "tir")) == ("paper", "paper")
    assert rule(False, "cot", "math") == "all-boxes" and rule(False, "cot", "aime24") == "simplerl"


def test_a_leaked_benchmark_is_refused(reports, tmp_path):
    toy = run.questions(params())
    leaked = [{"text": "A page. " + p.question + " It goes on."} for p in toy["toy-gsm"][:4]]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, leaked)))
    cfg = params(trained_on=["train.jsonl"], data_dir=str(tmp_path))
    found = run.overlaps(cfg, Stage(cfg, "08_evaluation"), toy)
    assert [o.inside for o in found] == [4, 0, 0, 0] and found[0].share == pytest.approx(1 / 3)
    why = refused(found, cfg.max_leak)
    assert why == {"toy-gsm": "4 of 12 questions are in the training data"}
    assert "toy-gsm" not in {j.benchmark for j in run.jobs(cfg, why)}
    assert run.overlaps(params(trained_on=[]), Stage(cfg, "08_evaluation"), toy) == []


def test_after_training_on_simplerls_8k_the_math_test_gets_no_score(data_dir):
    """From parameters to jobs: 2,936 of 5,000 are known (two more inside longer texts), so only MATH-500 is asked."""
    cfg = params(
        benchmarks=["math", "math-500"],
        n_items=[0, 0],
        trained_on=[SIMPLERL],
        data_dir=str(data_dir),
    )
    problems = run.questions(cfg)
    found = run.overlaps(cfg, Stage(cfg, "08_evaluation"), problems)
    assert [(o.items, o.same, len(o.leaked)) for o in found] == [(5000, 2936, 2938), (500, 0, 0)]
    why = refused(found, cfg.max_leak)
    assert why == {"math": "2,938 of 5,000 questions are in the training data"}
    assert {j.benchmark for j in run.jobs(cfg, why)} == {"math-500"}


def test_minif2f_prompts_are_written_and_nothing_is_scored(tmp_path, data_dir):
    cfg = params(benchmarks=["minif2f-test"], n_items=[3], data_dir=str(data_dir), shots=-1)
    (job,) = run.jobs(cfg)
    assert job.name == "base.minif2f-test.proof"
    problems = run.questions(cfg)["minif2f-test"]
    prompts = run.write_prompts(run.completions_path(tmp_path, job), job, problems, cfg)
    for p, text in zip(problems, prompts, strict=True):
        assert text.endswith(p.question) and "Formal:\ntheorem" in p.question
        assert text.count("Informal:") == (8 if "numbertheory" in p.question else 7)
    header, rows = read_file(run.completions_path(tmp_path, job))
    assert header["not_run"] and [r["prompt"] for r in rows] == prompts


def test_the_tool_counts_only_where_it_is_used():
    a, b = params(), params(executor="cpython", tool_protocol="qwen", tool_seconds=9.0)
    pairs = [(run.job_settings(a, j), run.job_settings(b, j), j.kind) for j in run.jobs(a)]
    assert all((x == y) == (kind not in ("pot", "tir")) for x, y, kind in pairs)


def test_an_executor_that_cannot_run_is_a_stage_error(monkeypatch):
    assert run.tool(params()).startswith("monty") and run.tool(
        params(tools=False, programs=False)
    ).startswith("no programs")

    def refuse(*_):
        raise RuntimeError("no walls here; use executor 'monty'")

    monkeypatch.setattr(run, "describe", refuse)
    with pytest.raises(StageError, match="monty"):
        run.tool(params(executor="cpython"))


def test_models_by_name(reports):
    stage = Stage(params(), "08_evaluation")
    hub = run.subject("owner/some-model@" + "b" * 40, stage)
    assert (hub.label, hub.source, hub.revision) == ("some-model", "owner/some-model", "b" * 40)
    with pytest.raises(StageError, match="dsmath run smoke 01 02 03"):
        run.subject("03_sft/sft", stage)
    write_atomic(reports / "smoke/03_sft/artifacts/sft/config.json", "{}")
    write_atomic(reports / "smoke/03_sft/results.json", "{}")
    assert run.subject("03_sft/sft as mine", stage).label == "mine"
    found = run.subject("03_sft/sft", stage)
    assert found.label == "sft" and found.digest and "03_sft/sft" in stage.inputs


def test_a_hub_model_without_a_commit_is_refused(reports):
    stage = Stage(params(), "08_evaluation")
    with pytest.raises(StageError, match="owner/model"):
        run._load(run.subject("owner/model", stage), params(), "cpu")


def test_rules_about_several_parameters():
    with pytest.raises(ParamsError, match=r"^test: n_items needs one number"):
        params(n_items=[1])
    with pytest.raises(ParamsError, match=r"^test: every K in ks"):
        params(ks=[64])
    with pytest.raises(StageError, match=r"same label \['sft'\]"):
        run.jobs(params(models=["03_sft/sft", "elsewhere/sft"]))
