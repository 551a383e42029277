"""Evaluation: the tool loop on a scripted sampler, kept completions, few-shot prompts, scores of a run."""

import gzip
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from dsmath_lib.base.records import Problem
from dsmath_lib.engines.decode.sampler import HFSampler
from dsmath_lib.engines.sandbox.python_tool import ToolResult
from dsmath_lib.evaluation import tir
from dsmath_lib.evaluation.metrics import Estimate
from dsmath_lib.lm.model import Shape, build_model
from dsmath_lib.lm.tokenizer import encode, train_tokenizer
from dsmath_lib.runs.nb08_evaluation.evaluate import (
    EvalSettings,
    complete_all,
    grade_rows,
    prompt_of,
)
from dsmath_lib.runs.nb08_evaluation.formats import Demonstration, few_shot_prompt
from dsmath_lib.runs.nb08_evaluation.published import SYSTEMS, agreement, rules_differ
from dsmath_lib.runs.nb08_evaluation.run import EvalJob, sampled_tokens
from dsmath_lib.runs.nb08_evaluation.scores import BenchmarkScores, score_line, scores_of
from dsmath_lib.runs.nb08_evaluation.store import read_scores, rows_made_with

SETTINGS = EvalSettings("toy-cot", 0, False, 3, 0.7, 1.0, 12, 0)
PROBLEMS = [Problem(f"p{i}", f"What is {i} + 1?", str(i + 1)) for i in range(4)]


@pytest.fixture(scope="module")
def tokenizer():
    question = "User: What is 1 + 2?\n\nAssistant:"
    text = question + " ```python\nprint(1 + 2)\n```\n```output\n3\n```\nThe answer is \\boxed{3}."
    return train_tokenizer([text, "答案是 \\boxed{3}。 Question: Answer:"] * 30, 400)


class Scripted:
    """Answers each prompt with the next text of a script; ends at a stop string like the real sampler."""

    def __init__(self, tokenizer, *turns):
        self.tokenizer, self.turns, self.calls = tokenizer, list(turns), []
        self.model = SimpleNamespace(config=SimpleNamespace(max_position_embeddings=512))

    def sample(self, prompts, *, n, stop=(), **options):
        self.calls.append({"prompts": prompts, "n": n, **options})
        texts, finish = [], []
        for text in (self.turns.pop(0) * (len(prompts) * n))[: len(prompts) * n]:
            ends = [text.find(s) + len(s) for s in stop if s in text]
            texts.append(text[: min(ends)] if ends else text)
            finish.append("stop" if ends else "eos")
        ids = [encode(self.tokenizer, t) for t in texts]
        return SimpleNamespace(ids=ids, texts=texts, finish=finish)


COURSE, DEEPSEEK, QWEN = (tir.PROTOCOLS[name] for name in ("course", "deepseek", "qwen"))
PROGRAM = " ```python\nprint(6 * 7)\n```\n"


def generate(tokenizer, *turns, **options):
    sampler = Scripted(tokenizer, *turns)
    defaults = {"n": 1, "temperature": 0.0, "max_new_tokens": 64, "seed": 0}
    drawn = tir.Sampling(**defaults)
    return sampler, tir.generate_with_tools(sampler, tokenizer, [[5]], drawn, **options)


def test_the_output_is_inserted_and_not_marked_as_sampled(tokenizer):
    sampler, (g,) = generate(tokenizer, [PROGRAM + "garbage"], ["The answer is \\boxed{42}."])
    assert g.text == PROGRAM + "```output\n42\n```\nThe answer is \\boxed{42}."
    assert g.finish == "eos" and g.tool_errors == 0
    hidden = [i for i, s in zip(g.ids, g.sampled, strict=True) if not s]
    assert tokenizer.decode(hidden) == "```output\n42\n```\n"
    assert sampler.calls[1]["prompts"] == [[5, *g.ids[: g.sampled.index(False) + len(hidden)]]]


def test_an_opened_fence_is_used(tokenizer):
    _, (g,) = generate(tokenizer, [" ```python\nprint(1)\n``` ```output"], [" So 1."])
    assert g.text == " ```python\nprint(1)\n``` ```output\n1\n```\n So 1."


def test_rounds_are_limited_and_the_last_program_is_run_too(tokenizer):
    sampler, (g,) = generate(tokenizer, [PROGRAM], [PROGRAM])
    assert len(sampler.calls) == 2 and g.finish == "stop"
    assert g.text.count("```output\n42\n") == 2 and g.tool_runs == 2
    _, (one,) = generate(tokenizer, [PROGRAM], protocol=replace(COURSE, rounds=1))
    assert one.text.endswith("```output\n42\n```\n")


def test_errors_are_shown_and_counted(tokenizer):
    _, (g,) = generate(tokenizer, [" ```python\n1 / 0\n```\n"], ["no"])
    assert "Error: ZeroDivisionError" in g.text and g.tool_errors == 1


def test_second_program_knows_the_first(tokenizer):
    first = " ```python\nx = 5\nprint(x)\n```\n"
    three = replace(COURSE, rounds=3)
    turns = ([first], ["```python\nprint(x + 1)\n```\n"], ["end"])
    _, (g,) = generate(tokenizer, *turns, protocol=three)
    assert g.text.endswith("```output\n6\n```\nend") and "```output\n5\n" in g.text


def test_eos_ends_even_after_a_program_and_a_stray_fence_runs_nothing(tokenizer):
    ran = []
    run = lambda codes: ran.extend(codes) or [ToolResult("", "", 0.0) for _ in codes]  # noqa: E731
    _, (a,) = generate(tokenizer, [" ```python\nprint(1)\n```"], run=run)
    _, (b,) = generate(tokenizer, [" text ```output"], run=run)
    assert (a.finish, b.finish) == ("eos", "stop") and ran == []


def test_prompts_and_shots(tokenizer):
    p = PROBLEMS[1]
    text, ids = prompt_of(tokenizer, p, SETTINGS)
    assert text == "User: What is 1 + 1?\n\nAssistant:" and ids == [
        tokenizer.bos_token_id,
        *encode(tokenizer, text),
    ]
    shots = [Demonstration("A?", "1", "1"), Demonstration("B?", "2", "2")]
    assert (
        few_shot_prompt("toy-qa", "C?", shots)
        == "Question: A?\nAnswer: 1\n\nQuestion: B?\nAnswer: 2\n\nQuestion: C?\nAnswer:"
    )
    few = replace(SETTINGS, template="toy-qa", shots=2, examples=tuple(shots))
    long, all_ids = prompt_of(tokenizer, p, few)
    assert long.count("Question:") == 3
    short, _ = prompt_of(tokenizer, p, few, room=len(all_ids) - 1)
    assert short.count("Question:") == 2 and "B?" in short  # dropped from the front


@pytest.fixture(scope="module")
def sampler(tokenizer):
    return HFSampler(
        build_model(Shape(16, 1, 2, 1, 32, len(tokenizer), 64), init_std=0.3).eval(), tokenizer
    )


def test_completions_are_kept_and_reused(tmp_path, sampler, tokenizer):
    path = tmp_path / "sft" / "b-cot.jsonl.gz"
    options = {"path": path, "about": {"model": "d"}}
    rows = complete_all(sampler, tokenizer, PROBLEMS, SETTINGS, **options)
    assert [r["id"] for r in rows] == ["p0", "p1", "p2", "p3"] and all(
        len(r["samples"]) == 3 for r in rows
    )
    assert rows[0]["prompt_ids"][0] == tokenizer.bos_token_id and set(rows[0]["greedy"]) == {
        "ids",
        "text",
        "finish",
    }
    first = path.read_bytes()
    never = Scripted(tokenizer)  # has nothing to say, so it would fail if asked
    assert complete_all(never, tokenizer, PROBLEMS, SETTINGS, **options) == rows
    header = json.loads(gzip.decompress(first).decode().split("\n")[0])
    assert header["settings"]["temperature"] == 0.7 and header["model"] == "d"
    path.unlink()
    complete_all(sampler, tokenizer, PROBLEMS, SETTINGS, **options)
    assert path.read_bytes() == first  # the same run gives the same bytes
    for change in (
        {"about": {"model": "e"}},
        {"settings": replace(SETTINGS, temperature=0.8)},
        {"problems": PROBLEMS[:3]},
    ):
        args = {"problems": PROBLEMS, "settings": SETTINGS, **options} | change
        with pytest.raises(IndexError):
            complete_all(never, tokenizer, args.pop("problems"), args.pop("settings"), **args)


def test_damaged_files_are_made_again(tmp_path, sampler, tokenizer):
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(b"half a fi")
    assert rows_made_with(path) is None
    assert len(complete_all(sampler, tokenizer, PROBLEMS, SETTINGS, path, {"model": "d"})) == 4
    path.write_bytes(path.read_bytes()[:-20])
    assert rows_made_with(path) is None


def test_with_tools_and_few_shot(tmp_path, tokenizer):
    sampler = Scripted(tokenizer, [PROGRAM], ["so \\boxed{42}"], [PROGRAM], ["so \\boxed{42}"])
    tools = replace(SETTINGS, tools=True, template="toy-tir", n=2)
    rows = complete_all(sampler, tokenizer, PROBLEMS[:1], tools, tmp_path / "t.gz", {"model": "d"})
    assert sampled_tokens(rows) == 3 * len(
        encode(tokenizer, PROGRAM) + encode(tokenizer, "so \\boxed{42}")
    )
    shown = (Demonstration("A?", "1", "1"),)
    few = replace(SETTINGS, template="toy-qa", shots=1, n=0, examples=shown)
    sampler = Scripted(tokenizer, [" 2.\n\nQuestion: next"])
    rows = complete_all(
        sampler,
        tokenizer,
        PROBLEMS[:1],
        few,
        tmp_path / "f.gz",
        {"model": "d"},
    )
    assert rows[0]["greedy"]["text"] == " 2." and rows[0]["prompt"].startswith("Question: A?")


def test_few_shot_programs_are_run_once_and_their_output_is_kept(tmp_path, tokenizer):
    pot = replace(SETTINGS, template="toy-qa-program", shots=0, n=0)
    texts = [
        PROGRAM + "\nQuestion: next",
        " no program",
        " ```python\n1 / 0\n```",
        " ```python\nwhile True:\n    pass\n```",
    ]
    options = {"path": tmp_path / "p.gz", "about": {"model": "d"}}
    rows = complete_all(Scripted(tokenizer, texts), tokenizer, PROBLEMS, pot, **options)
    assert [r["greedy"]["output"] for r in rows] == ["42\n", None, None, None]
    errors = [r["greedy"]["tool_error"] for r in rows]
    assert errors[0] == "" and "no program" in errors[1] and "ZeroDivision" in errors[2]
    assert errors[3].startswith("TimeoutError")
    rows[0]["answer"] = "42"
    results = BenchmarkScores()
    results.add(EvalJob("base", "toy-gsm", "pot", True), rows)
    scores = results.metrics()
    assert scores["base.toy-gsm.pot.greedy"].value == 0.25
    assert (
        scores["base.toy-gsm.pot.no_answer"] == 0.75 and scores["base.toy-gsm.pot.timeout"] == 0.25
    )
    assert "base.toy-gsm.pot.greedy-strict" not in scores


def row(i, greedy, samples):
    one = lambda t: {"ids": [1], "text": t, "finish": "eos"}  # noqa: E731
    return {
        "id": str(i),
        "question": "?",
        "answer": "4",
        "greedy": one(greedy),
        "samples": list(map(one, samples)),
    }


def test_scores_of_a_run(tmp_path):
    right, wrong, bare = "\\boxed{4}", "\\boxed{5}", "The answer is 4."
    results = BenchmarkScores(tmp_path, [1, 2])
    sft = EvalJob("sft", "toy-gsm", "cot")
    results.add(sft, [row(0, bare, [right, wrong]), row(1, wrong, [wrong, wrong])])
    results.add(
        EvalJob("policy", "toy-gsm", "cot"),
        [row(0, right, [right, right]), row(1, right, [right, wrong])],
    )
    results.add(EvalJob("policy", "toy-gsm", "tir"), [row(0, right, []), row(1, wrong, [])])
    results.add(EvalJob("base", "minif2f-test", "proof", True), [])
    scores = {k: v.value if isinstance(v, Estimate) else v for k, v in results.metrics().items()}
    assert (
        scores["sft.toy-gsm.cot.greedy"] == 0.5 and scores["sft.toy-gsm.cot.greedy-strict"] == 0.0
    )
    assert scores["sft.toy-gsm.cot.greedy-lenient"] == 0.5
    assert scores["sft.toy-gsm.cot.sampled"] == scores["sft.toy-gsm.cot.maj@1"] == 0.25
    assert scores["sft.toy-gsm.cot.pass@2"] == 0.5 and scores["policy.toy-gsm.cot.maj@2"] == 0.75
    assert scores["sft.toy-gsm.cot.truncated"] == 0 and "policy.toy-gsm.tir.sampled" not in scores
    d = results.differences("policy", "sft")
    assert set(d) == {
        f"diff.policy-sft.toy-gsm.cot.{h}" for h in ("greedy", "sampled", "maj@2", "pass@2")
    }
    assert d["diff.policy-sft.toy-gsm.cot.sampled"].value == pytest.approx(0.5)
    assert results.tool_gains()["diff.tir-cot.policy.toy-gsm.greedy"].value == -0.5
    three = BenchmarkScores(ks=[1, 3])  # two of three samples right: the vote is, a sample in 2/3
    three.add(sft, [row(0, bare, [right, wrong, right])])
    (gain,) = three.vote_gains().items()
    assert gain[0] == "diff.maj-sampled.sft.toy-gsm.cot.@3"
    assert gain[1].value == pytest.approx(1 / 3)
    assert list(results.not_run.values()) == ["not run: needs Isabelle with a PISA server"]
    assert not any("minif2f" in name for name in results.metrics())  # never a score
    (gain,) = results.before_after("sft", "policy")
    assert gain["strict"] == "0.0 → 100.0 %" and gain["lenient"] == "50.0 → 100.0 %"
    assert gain["gain"].value == 0.5 and gain["prompt"] == "cot"
    line = score_line(sft, results.rows[sft], results.metrics())
    assert {"n", "samples", "truncated", "no answer", "timeout", "strict", "lenient"} <= set(line)
    assert (line["rule"], line["n"], line["samples"]) == ("paper", 2, 2)
    kept = read_scores(tmp_path / "sft" / "toy-gsm-cot.jsonl.gz")
    assert kept["right"] == "10" and kept["scores"]["greedy"]["value"] == 0.5


def test_the_last_tool_output_is_a_score_of_its_own():
    r = row(0, "```python\nprint(5)\n```\n```output\n5\n```\nSo \\boxed{4}.", [])
    r["greedy"]["sampled"] = [1, 0, 1]
    results = BenchmarkScores()
    results.add(EvalJob("sft", "toy-gsm", "tir"), [r])
    scores = results.metrics()
    assert scores["sft.toy-gsm.tir.greedy"].value == 1.0
    assert scores["sft.toy-gsm.tir.greedy-program"].value == 0.0


def test_rules_that_disagree_are_shown():
    rows = [row(0, "The answer is 4.", []), row(1, "\\boxed{4}", [])]
    right, differ = rules_differ(rows, ["paper", "strict"])
    assert right == {"paper": 2, "strict": 1} and len(differ) == 1
    assert differ[0]["paper"] == "4 ✓" and differ[0]["strict"] == "none ✗"


def test_the_programs_output_is_scored_apart():
    text = "```python\nprint({})\n```\n```output\n{}\n```\n\\boxed{{{}}}"
    rows = [row(i, text.format(a, a, b), []) for i, (a, b) in enumerate([(4, 4), (4, 5), (5, 4)])]
    rows.append(row(3, "\\boxed{4}", []))  # no program: wrong as a program
    rows[2]["greedy"] |= {"tool_errors": 1, "tool_timeouts": 1}
    rows[0]["greedy"]["sampled"] = [1, 0]  # tool tokens: this is a run with tools
    scores = scores_of(rows, grade_rows(rows, "paper"), [])
    assert scores["greedy"].value == 0.75 and scores["greedy-program"].value == 0.5
    assert scores["tool_errors"] == scores["timeout"] == 0.25


def test_regrading_needs_no_model():
    rows = [row(0, "The answer is 4.", ["\\boxed{4}"])]
    assert (
        grade_rows(rows, "paper")[0].greedy.correct
        and not grade_rows(rows, "strict")[0].greedy.correct
    )


def test_labelled_gsm8k_solutions(data_dir):
    """1,319 x 4 published verdicts: over 99.5 % must agree."""
    score_line, differ = agreement("gsm8k-systems", data_dir=str(data_dir))
    assert [r["system"] for r in score_line] == [f"gsm8k-systems/{s}" for s in SYSTEMS] and all(
        r["solutions"] == 1319 for r in score_line
    )
    assert sum(r["agree"] for r in score_line) > 0.995 * 4 * 1319
    assert len(differ) == sum(r["right refused"] + r["wrong accepted"] for r in score_line)


@pytest.mark.parametrize("source", ["qwen-math-8x", "tora-gsm8k", "mathcoder-gsm8k", "tinyllama-gsm8k"])  # fmt: skip
def test_labelled_outputs_of_models(data_dir, source):
    """Labels come from the publishers' graders; over 99 % must agree."""
    score_line, differ = agreement(source, data_dir=str(data_dir))
    n = sum(r["solutions"] for r in score_line)
    assert n >= 552 and len(differ) < 0.01 * n


def test_a_prompt_that_fills_the_context_counts_as_wrong_and_loses_nothing(
    tmp_path, sampler, tokenizer, capsys
):
    problems = [PROBLEMS[0], replace(PROBLEMS[1], question="1 + 1? " * 40), PROBLEMS[2]]
    options = {"path": tmp_path / "b-cot.jsonl.gz", "about": {"model": "d"}}
    rows = complete_all(sampler, tokenizer, problems, SETTINGS, **options)
    assert [len(r["samples"]) for r in rows] == [3] * 3
    assert rows[1]["greedy"] == {"ids": [], "text": "", "finish": "length"}
    assert rows[0]["greedy"]["ids"] and rows[2]["greedy"]["ids"]
    assert "1 of 3 prompts fill the context of 64" in capsys.readouterr().out
    assert not grade_rows(rows, "lenient")[1].greedy.correct
