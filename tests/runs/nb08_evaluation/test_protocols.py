"""The paper's protocols (facts §9.1-9.4): shots, frames and extraction rules, on hand-made completions."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsmath_lib.base.errors import StageError
from dsmath_lib.engines.grader import RULES, find, grade, scripts
from dsmath_lib.engines.grader.scripts import from_python, split_parts
from dsmath_lib.rows.benchmarks import BENCHMARKS
from dsmath_lib.runs.nb08_evaluation import load as benchmarks
from dsmath_lib.runs.nb08_evaluation.formats import (
    FORMATS,
    Demonstration,
    few_shot_prompt,
    own_demonstrations,
    published_prompt,
)
from dsmath_lib.runs.nb08_evaluation.programs import STYLES, to_program

SHOTS = {  # facts §9.1; the paper's MATH program prompt is named 4-shot and holds 5
    ("gsm8k", "cot"): 8, ("gsm8k", "pot"): 8, ("math", "cot"): 4, ("math", "pot"): 5,
    ("math-500", "cot"): 4, ("math-500", "pot"): 5, ("ocw", "cot"): 4, ("sat", "cot"): 4,
    ("mmlu-stem", "cot"): 4, ("cmath", "cot"): 6, ("gaokao-cloze", "cot"): 5,
    ("gaokao-qa", "cot"): 5, ("minif2f-valid", "proof"): 7, ("minif2f-test", "proof"): 7,
}  # fmt: skip
REAL = [n for n, b in BENCHMARKS.items() if b.file]


def test_shots_of_every_few_shot_form():
    rows = {(n, k): f for n, b in BENCHMARKS.items() if b.file for k, f in b.few.items()}
    assert {key: f.shots for key, f in rows.items()} == SHOTS
    for (name, kind), few in rows.items():
        asked = "numbertheory" if few.demos == "minif2f" else ""
        assert len(benchmarks.shots(name, kind, question=asked)) == few.shots
        prompt = benchmarks.prompt(name, kind, "THE QUESTION", benchmarks.shots(name, kind))
        assert prompt.count(FORMATS[few.format].ask.split("{")[0][:4]) >= SHOTS[name, kind]
    assert len(benchmarks.shots("minif2f-test", "proof", question="algebra")) == 6
    assert len(benchmarks.shots("gsm8k", "cot", 3)) == 3


def test_zero_shot_sets_of_the_tuned_models():
    both = {"cot", "tir"}
    zero = {n for n, b in BENCHMARKS.items() if b.file and set(b.zero) == both}
    assert {"gsm8k", "math", "mgsm-zh", "cmath"} <= zero  # Table 5
    assert not BENCHMARKS["ocw"].zero and not BENCHMARKS["mgsm-zh"].few


def test_every_row_names_rules_layout_licence_and_source():
    for row in BENCHMARKS.values():
        forms = [*row.few.values(), *row.zero.values()]
        assert forms and all(f.rule in RULES for f in forms)
        assert all(f.format in FORMATS for f in row.few.values())
        assert row.licence and row.lang in ("en", "zh")
        assert len(row.revision) in (0, 40)
        if row.file and not row.revision:
            assert "Hub" in row.note or row.needs or row.name == "minerva"


@pytest.mark.parametrize("name", REAL)
def test_the_real_sets_have_the_papers_size(name, data_dir):
    problems = benchmarks.problems_of(name, data_dir=str(data_dir))
    assert len(problems) == BENCHMARKS[name].items
    assert all(p.question and p.answer and p.lang == BENCHMARKS[name].lang for p in problems)


def test_golds_of_the_real_sets(data_dir):
    first = lambda n: benchmarks.problems_of(n, n=1, data_dir=str(data_dir))[0]  # noqa: E731
    assert [first(n).answer for n in ("gsm8k", "cmath", "mgsm-zh", "ocw", "amc23")] == [
        "18", "18", "18", "1.6", "27"]  # fmt: skip
    assert first("sat").question.endswith("(C) $f(-6)=6$ (D) $f(0)=-6$")
    assert first("mmlu-stem").question.endswith("\n(A) 0, (B) 4, (C) 2, (D) 6")
    assert "从以下选项中选择:    (A)" in first("gaokao-qa").question
    every = benchmarks.problems_of("gaokao-qa", data_dir=str(data_dir))
    several = {p.answer for p in every if len(p.answer) > 1}
    assert {"AC", "AD", "CD", "ACD", "BCD"} < several and len(several) == 6
    bounded = [
        p for p in benchmarks.problems_of("olympiadbench", data_dir=str(data_dir)) if p.tolerance
    ]
    assert [(p.answer, p.tolerance) for p in bounded] == [("4.2", 0.1)]


@pytest.mark.parametrize("name", [n for n in REAL if not BENCHMARKS[n].needs])
def test_a_perfect_solution_scores(name, data_dir):
    """The gold answer in the form each rule reads must be accepted, for the first 40 questions."""
    say = {
        "gsm8k-few-shot": "So she has {}.", "math-few-shot": "The final answer is ${}$. I hope it is correct.",
        "ocw-few-shot": "Final answer: The final answer is ${}$. I hope it is correct.",
        "choice-few-shot": "Final Answer: The final answer is ({}). I hope it is correct.",
        "cmath-few-shot": "所以答案是：{}。", "gaokao-cloze-few-shot": "答案是 {}", "gaokao-qa-few-shot": "答案是 {}",
    }  # fmt: skip
    row = BENCHMARKS[name]
    for p in benchmarks.problems_of(name, n=40, data_dir=str(data_dir)):
        for kind, form in [*row.few.items(), *row.zero.items()]:
            text, output = say.get(form.rule, "\\boxed{{{}}}").format(p.answer), None
            if kind == "pot":
                output = p.answer + "\n"
            v = grade(p.answer, text, form.rule, p.question, output=output)
            assert v.correct, (form.rule, p.answer, v)


# -- extraction rules -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "rule, gold, text, right",
    [
        # few-shot GSM8K: the last number before the next question
        ("gsm8k-few-shot", "18", " 9 * 2 = 18. The answer is 18.\n\n\nQ: Tom has 5", True),
        ("gsm8k-few-shot", "18", " So $18 in 2 days.", False),
        ("gsm8k-few-shot", "1234", " The answer is 1,234.", True),
        ("gsm8k-few-shot", "18", " no number", False),
        # few-shot MATH: final phrase, else boxes, before the next problem
        ("math-few-shot", "24", "\\boxed{23} Final Answer: The final answer is $24$. I hope it is correct.", True),
        ("math-few-shot", "24", " so \\boxed{24}.\n\nProblem:\nWhat is \\boxed{7}?", True),
        # MATH: every box, the last n for n gold answers
        ("all-boxes", "1, 2", "\\boxed{5} or rather \\boxed{1} and \\boxed{2}", True),
        ("all-boxes", "2", "\\boxed{1} and \\boxed{2}", True),
        ("all-boxes", "1, 2", "only \\boxed{1}", False),
        # choice: the letter of the final-answer phrase, no stray capital
        ("choice-few-shot", "B", "A is false. Final Answer: The final answer is (B). I hope", True),
        ("choice-few-shot", "B", "the final answer is B", True),
        ("choice-few-shot", "A", "A good guess is (A).", False),
        ("choice-few-shot", "B", "The final answer is (C).\nProblem:\nThe final answer is (B).", False),
        # OCW: the final-answer sentence; numbers to 5 digits, units dropped
        ("ocw-few-shot", "2.75e11", "Final answer: The final answer is 2.75e11 erg/s. I hope it is correct.", True),
        ("ocw-few-shot", "36", "The final answer is $36 \\mathrm{~W}$. I hope it is correct.", True),
        ("ocw-few-shot", "36", "The final answer is 36.1. I hope it is correct.", False),
        ("ocw-few-shot", "36", "The answer is 36.", False),
        ("ocw-few-shot", "m \\alpha+b v=f", "The final answer is $m \\alpha+b v=f$. I hope it is correct.", True),
        # CMATH: the last number after the Chinese phrase, else the zero-shot rule
        ("cmath-few-shot", "18", "3*6=18。所以答案是：18小包。\n\n\n问题：还有5个", True),
        ("cmath-few-shot", "18", "一共\\boxed{18}包", True),
        ("cmath-few-shot", "18", "3*6=18。所以答案是：20。", False),
        # Gaokao cloze: all parts
        ("gaokao-cloze-few-shot", "$5$;$10$", "所以\n答案是 $5$;$10$\n\n\n问题 7.", True),
        ("gaokao-cloze-few-shot", "$5$;$10$", "答案是 5, 10", True),
        ("gaokao-cloze-few-shot", "$5$;$10$", "答案是 5", False),
        ("gaokao-cloze-few-shot", "$(0,1)$", "答案是 $(0,1)$。", True),
        ("gaokao-cloze-few-shot", "2", "\\boxed{2}", False),
        # Gaokao choice: letters after the phrase; several must all be there
        ("gaokao-qa-few-shot", "C", "(B) 不对。\n答案是 C\n", True),
        ("gaokao-qa-few-shot", "ACD", "答案是 A, C, D", True),
        ("gaokao-qa-few-shot", "ACD", "答案是 A", False),
        ("gaokao-qa-few-shot", "B", "选 B", False),
        # zero-shot order: phrase of Minerva, box, "the answer is", program output, last number
        ("paper", "7", "The final answer is $7$. I hope it is correct. \\boxed{8}", True),
        ("paper", "8", "The answer is 7, so \\boxed{8}", True),
        ("paper", "7", "```output\n8\n```\nThe answer is 7.", True),
        ("paper", "8", "```output\n8\n```\nin 3 steps", True),
        ("paper", "3", "there are 3", True),
        ("tool-output", "8", "```output\n8\n```\nso \\boxed{7}", True),
        ("tool-output", "8", "no output 8", False),
        ("proof", "proof", "by simp", False),
    ],
)  # fmt: skip
def test_rules_on_hand_made_completions(rule, gold, text, right):
    assert grade(gold, text, rule, "q").correct is right


def test_programs_answer_with_their_output():
    assert grade("7\\sqrt{2}", "", "program", output="noise\n7*sqrt(2)\n").correct
    assert grade("\\frac{1}{9}", "", "program", output="1/9\n").correct
    assert not grade("9", "answer = 9", "program", output=None).correct
    assert grade("9", "", "program", output=None).extracted is None


def test_error_bounds_of_a_question_are_honoured():
    assert grade("4.2", "\\boxed{4.25}", "paper", tolerance=0.1).correct
    assert not grade("4.2", "\\boxed{4.25}", "paper").correct
    assert not grade("4.2", "\\boxed{4.4}", "paper", tolerance=0.1).correct


@settings(max_examples=60)
@given(st.sampled_from(sorted(RULES)), st.text(max_size=80), st.text(max_size=20))
def test_judging_never_raises(rule, text, gold):
    assert grade(gold, text, rule, output=text, tolerance=0.1).correct in (True, False)


def test_unknown_rules_are_named():
    with pytest.raises(ValueError, match=r"unknown rule 'papr'.*gsm8k-few-shot"):
        grade("1", "1", "papr")


@pytest.mark.parametrize(
    "text, parts",
    [("5;10", ["5", "10"]), ("$5$;$10$", ["5", "10"]), ("(0,1)", ["(0,1)"]),
     ("1,\\frac{8}{9}", ["1", "\\frac{8}{9}"]), ("", []), ("[0,2];3", ["[0,2]", "3"])],
)  # fmt: skip
def test_parts(text, parts):
    assert split_parts(text) == parts


def test_python_values_as_latex():
    assert from_python("7*sqrt(2)") == "7 \\sqrt{2}"
    assert from_python("pi**2/6") == "\\pi^2/6"
    assert from_python("2**(1/3)") == "2^{1/3}"


# -- frames, demonstrations, programs -------------------------------------------------------------------------------
def test_frames():
    d = [Demonstration("Q1", "1", "S1", "P1")]
    ask = lambda name: few_shot_prompt(name, "Q2", d)  # noqa: E731
    assert ask("gsm8k-cot") == "Q: Q1\nA: S1\n\n\nQ: Q2\nA:"
    assert ask("math-cot") == "Problem:\nQ1\n\nSolution:\nS1\n\nProblem:\nQ2\n\nSolution:"
    assert ask("cmath-cot") == "问题：Q1\n答案：S1\n\n\n问题：Q2\n答案："
    assert ask("gaokao-cloze-cot").endswith("S1\n\n\n问题 2.   Q2\n问题 2的解析:")
    assert "P1" in ask("gsm8k-pot") and ask("gsm8k-pot").endswith("Q2\n\n# solution in Python:")
    assert ask("math-pot").endswith("numeric type or a SymPy object.")


def test_published_demonstrations_take_the_place_of_ours(data_dir):
    for name, b in BENCHMARKS.items():
        for few in (f for f in b.few.values() if FORMATS[f.format].published):
            text = published_prompt(few.format, str(data_dir))
            whole = few_shot_prompt(few.format, "THE QUESTION", (), published=text)
            assert whole.startswith(text) and "THE QUESTION" in whole[len(text) :], name
    with pytest.raises(StageError, match="no published"):
        published_prompt("minif2f", str(data_dir))


@pytest.mark.parametrize("name, kind", [
    (n, k) for n in ("gsm8k", "math", "ocw", "sat", "cmath", "gaokao-cloze", "gaokao-qa")
    for k in BENCHMARKS[n].few
])  # fmt: skip
def test_our_demonstrations_are_right(name, kind):
    few, shots = BENCHMARKS[name].few[kind], benchmarks.shots(name, kind)
    outputs = [None] * len(shots)
    if kind == "pot":  # our own text, so plain Python may run it, one program after the other
        style = FORMATS[few.format].program
        code = "\n".join(to_program(style, d.program) for d in shots)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        outputs = done.stdout.splitlines()
    for d, output in zip(shots, outputs, strict=True):
        assert grade(d.answer, d.solution, few.rule, d.question, output=output).correct, d


def test_our_demonstrations_are_in_no_benchmark(data_dir):
    from dsmath_lib.runs.nb08_evaluation.contamination import Training

    names = {f.demos for b in BENCHMARKS.values() if b.file for f in b.few.values()}
    ours = Training(d.question for n in names for d in own_demonstrations(n))
    for name in REAL:
        found = ours.overlap(name, benchmarks.problems_of(name, data_dir=str(data_dir)))
        assert not found.leaked and not found.near


def test_programs_of_the_styles():
    function = to_program("function", "\n\ndef solution():\n    return 3\n")
    assert function.endswith("print(solution())\n")
    both = to_program(
        "answer", "\n```\nanswer = gcd(4, 6)\n```\nimports\n```\nfrom math import gcd\n```"
    )
    assert both == "from math import gcd\nanswer = gcd(4, 6)\nprint(answer)\n"
    assert to_program("answer", "```\nanswer = 1\n```") == "" == to_program("function", "x = 1")
    with pytest.raises(ValueError, match=f"known: {', '.join(STYLES)}"):
        to_program("pot", "")


# -- loading --------------------------------------------------------------------------------------------------------
def test_toy_benchmarks_load_and_shots_are_from_training():
    problems = benchmarks.problems_of("toy-cmath", n=5)
    assert len(problems) == 5 and all(p.lang == "zh" for p in problems)
    questions = {p.question for p in benchmarks.problems_of("toy-gsm", n=50)}
    shots = benchmarks.shots("toy-gsm", "cot", 3)
    assert len(shots) == 3
    assert all("\\boxed{" in d.solution and d.question not in questions for d in shots)
    assert all("```python" in d.program for d in benchmarks.shots("toy-heldout", "pot", 2))
    assert benchmarks.shots("toy-gsm", "cot", 0) == []


def test_errors_name_what_is_missing():
    with pytest.raises(StageError, match=r"unknown benchmark 'gsm8'.*gsm8k"):
        benchmarks.problems_of("gsm8")
    with pytest.raises(StageError, match="data_dir"):
        benchmarks.problems_of("gsm8k")
    with pytest.raises(StageError, match="pinned revision"):
        benchmarks.problems_of("gsm8k@main")
    with pytest.raises(StageError, match="no Hub source"):
        benchmarks.problems_of("sat@" + "a" * 40)
    with pytest.raises(StageError, match=r"cmath@<commit>"):
        benchmarks.problems_of("cmath@hub")


def test_the_hub_is_read_at_the_rows_revision(monkeypatch):
    asked = []

    def read(source, **options):
        asked.append((source, options["revision"], options["split"]))
        return [{"question": "q", "answer_number": 3, "problem": "p", "solution": "\\boxed{4}"}]

    monkeypatch.setattr(benchmarks, "read_rows", read)
    assert [p.answer for p in benchmarks.problems_of("mgsm-zh@hub")] == ["3"]
    assert [p.answer for p in benchmarks.problems_of("math@" + "c" * 40)] == ["4"] * 7
    assert asked[0] == ("hub:juletxara/mgsm:zh", BENCHMARKS["mgsm-zh"].revision, "test")
    assert asked[1] == ("hub:EleutherAI/hendrycks_math:algebra", "c" * 40, "test")


def test_every_name_in_the_rule_book_is_known():
    finders = find.FINDERS | scripts.SCRIPT_FINDERS
    assert len(finders) == len(find.FINDERS) + len(scripts.SCRIPT_FINDERS), "two finders, one name"
    for rule in RULES.values():
        assert all(name in finders for name in rule.find)
        assert not rule.compare or rule.compare in scripts.COMPARE
        assert not rule.fallback or not RULES[rule.fallback].compare
    assert RULES["proof"].find == () and not grade("proof", "by simp", "proof").correct
