"""The grader and the rule rewards: verdicts, gold fields, hand-computed reward values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.engines.grader.verdict import VERSION, Verdict, gold_answers, grade, grade_answer
from dsmath_lib.rewards.reward import reward
from dsmath_lib.rows.rewards import REWARDS


def test_verdict_says_what_was_compared():
    assert grade("18", "so \\boxed{18.0}") == Verdict(True, "18.0", "last: numbers", VERSION)
    assert grade("18", "") == Verdict(False, None, "no answer found", VERSION)
    assert grade_answer("1/2", "\\boxed{0.5}").correct


@pytest.mark.parametrize(
    "gold, question, want",
    [
        ("18", "", ["18"]),
        (18, "", ["18"]),
        ("She makes 9 * 2.\n#### 1,800", "", ["1,800"]),
        ("9 * 2 = 18\nA: 18", "", ["18"]),
        ("so \\boxed{18}", "", ["18"]),
        ("\\boxed{1} and \\boxed{2}", "", ["1, 2"]),
        ("\\boxed{1} and \\boxed{2}", "Find all values, separated by commas.", ["1, 2"]),
        ("first \\boxed{1}, so \\boxed{2}", "How many eggs?", ["2"]),
        ("\\boxed{1}, so \\boxed{2}", "How many multiples of 7 are there?", ["2"]),
        ("(1). $5 ; \\quad$ (2). $7$.", "", ["5, 7"]),
        ("\\boxed{1} or \\boxed{2}", "Enter only one of them, not both.", ["1", "2"]),
    ],
)
def test_gold_fields(gold, question, want):
    assert gold_answers(gold, question) == want


@pytest.mark.parametrize("rule", ["paper", "strict", "simplerl", "lenient"])
def test_a_perfect_solution_scores_one(rule):
    for solution in (
        "2+2 gives \\boxed{4}",
        "\\boxed{1} and \\boxed{-1}",
        "x is \\boxed{(1,\\infty)}",
    ):
        assert grade(solution, solution, rule).correct


def test_lists_of_boxes():
    assert grade("1, -1", "\\boxed{-1}, then \\boxed{1}").correct
    assert not grade("1", "\\boxed{1}, no, \\boxed{2}").correct
    assert not grade("1, -1", "\\boxed{1}").correct


@pytest.mark.parametrize(
    "text, right",
    [("The answer is (B).", True), ("故选：B", True), ("\\boxed{\\text{B}}", True), ("B", True),
    ("b", False), ("Answer - B.", True),
     ("C(10,2) = 45", False), ("The answer is A.", False), ("A B C D B", False)],
)  # fmt: skip
def test_choice(text, right):
    assert grade("B", text).correct is right


def test_the_text_of_an_option_chooses_it():
    choices = ["(A) 10", "(B) $12$", "(C) 14"]
    assert grade("B", "The answer is 12.", choices=choices).correct
    assert not grade("B", "The answer is 14.", choices=choices).correct
    assert not grade("B", "The answer is 12.").correct
    assert grade("12", "The answer is (B).", choices=choices).correct
    assert grade_answer("B", "b").correct and grade_answer("ACD", "A, C, D").correct
    assert not grade("ACD", "故选：AC").correct


def test_two_answers_joined_by_or_are_not_one():
    assert not grade("3", "\\boxed{2} or \\boxed{3}").correct
    assert grade("2, 3", "\\boxed{2} or \\boxed{3}").correct
    assert grade("1/2", "\\boxed{0.5} or \\boxed{\\frac12}").correct  # two spellings


def test_a_list_may_be_said_in_a_sentence():
    assert grade("2,3", "The roots are 2 and 3.").correct
    assert not grade("2,3", "The roots are 2, 3 and 4.").correct
    assert not grade("3", "There is 1 root: not 3 but 4").correct


def test_a_sentence_around_a_bare_answer():
    assert grade_answer("42", "Tom has 42 apples").correct
    assert not grade_answer("42", "Tom has less than 42 apples").correct
    assert not grade_answer("42 hours", "It takes 42 minutes in all").correct


def test_a_bare_answer_may_say_where_its_answer_is():
    for text in (
        "<answer>8</answer>",
        "first \\boxed{7}, then \\boxed{8}",
        "答案是8",
        "Final Answer: **8**",
    ):
        assert grade_answer("8", text).correct, text
    assert not grade_answer("7", "first \\boxed{7}, then \\boxed{8}").correct


def test_a_base_model_that_goes_on_with_a_question_of_its_own():
    text = "3 + 4 = 7. The answer is 7.\n\nQ: What is 1 + 1? The answer is 2."
    assert grade("7", text).correct and not grade("2", text).correct


@given(
    st.text(max_size=60),
    st.text(max_size=120),
    st.sampled_from(["paper", "strict", "lenient", "simplerl"]),
)
def test_never_raises(gold, text, rule):
    verdict = grade(gold, text, rule)
    assert isinstance(verdict.correct, bool) and "failed" not in verdict.reason


def test_a_failure_of_the_grader_is_a_verdict(monkeypatch):
    monkeypatch.setattr("dsmath_lib.engines.grader.verdict.found_by", lambda *a: 1 / 0)
    assert grade("1", "1") == Verdict(False, None, "the grader failed: ZeroDivisionError", VERSION)


def test_unknown_names_are_errors():
    with pytest.raises(ValueError, match="unknown rule"):
        grade("1", "1", "papr")
    with pytest.raises(ValueError, match="unknown reward"):
        reward("accurate", "1", "1", "eos")


RIGHT, WRONG, BARE, NOTHING = "\\boxed{18}", "\\boxed{17}", "The answer is 18.", "I do not know."


@pytest.mark.parametrize(
    "rule, values",
    [
        ("accuracy", (1.0, 0.0, 1.0, 0.0)),
        ("boxed", (1.0, 0.0, 0.0, 0.0)),
        ("simplerl-v0", (1.0, -0.5, -1.0, -1.0)),  # unboxed: -1 even when right
    ],
)
def test_reward_values(rule, values):
    got = tuple(sum(reward(rule, "18", t, "eos").values()) for t in (RIGHT, WRONG, BARE, NOTHING))
    assert got == values


def test_reward_parts_have_fixed_names():
    for rule in set(REWARDS) - {"random"}:
        names = {
            tuple(reward(rule, "18", t, f))
            for t in (RIGHT, WRONG, BARE, NOTHING)
            for f in ("eos", "length")
        }
        assert len(names) == 1


def test_a_truncated_completion_is_paid_only_for_a_complete_box():
    assert reward("accuracy", "18", "9 * 2 = 18", "length") == {"accuracy": 0.0}
    assert reward("accuracy", "18", "9 * 2 = 18", "eos") == {"accuracy": 1.0}
    assert reward("accuracy", "18", "\\boxed{18} and so", "length") == {"accuracy": 1.0}


@pytest.mark.parametrize(
    ("text", "form"),
    [("<think>a</think><answer>5</answer>", 1.0), ("<think></think><answer></answer>", 0.0),
     ("<think> </think><answer>5</answer>", 0.0), ("<think>a</think><answer>\n</answer>", 0.0)],
)  # fmt: skip
def test_empty_tags_have_no_form(text, form):
    assert reward("r1", "5", text, "eos")["format"] == form
