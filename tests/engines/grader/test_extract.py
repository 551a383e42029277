"""Extraction: hand-made completions for every rule, and properties on random text."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.engines.grader.boxed import boxes, brace_pairs, last_statement, strip_boxes, unbox
from dsmath_lib.engines.grader.choice import (
    HEDGE,
    gold_letters,
    letters_in,
    options_of,
    stated_letters,
)
from dsmath_lib.engines.grader.find import MAX_CHARS
from dsmath_lib.engines.grader.rules import RULES, extract, spoken
from dsmath_lib.engines.grader.sentence import last_number, only_number

# completion -> what paper, strict, lenient, simplerl extract
CASES = [
    (r"so \boxed{18}.", "18", "18", "18", "18"),
    (r"first \boxed{7}, no: \boxed{8}", "8", "8", "8", "8"),
    (r"\boxed {8}", "8", "8", "8", "8"),
    (r"\fbox{8}", "8", "8", "8", "8"),
    (r"\boxed 7.", "7", "7", "7", "7"),
    (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}", r"\frac{1}{2}", r"\frac{1}{2}", r"\frac{1}{2}"),
    (r"\boxed{\{1,2\}}", r"\{1,2\}", r"\{1,2\}", r"\{1,2\}", r"\{1,2\}"),
    (r"\boxed{\boxed{5}}", "5", "5", "5", "5"),
    (r"put it in \boxed{}. It is 9", "9", None, "9", "9"),
    (r"the box \boxed{16} is wrong. The answer is 18.", "16", "16", "18", "16"),
    (r"cut at \boxed{1", "1", None, "1", "1"),
    (r"done: \boxed{3} and \boxed{4", "3", "3", "3", "3"),
    ("The answer is 18 dollars.", "18", None, "18", "18"),
    ("The answer is $18 a day in 2 ways.", "$18", None, "$18", "$18"),
    ("The answer is that she has 42 apples.", "42", None, "42", "42"),
    ("The final answer is:\n\n$$\\frac{3}{4}$$", r"\frac{3}{4}", None, r"\frac{3}{4}", r"\frac{3}{4}"),
    (
        "Final Answer: The final answer is $\\frac{1}{2}$. I hope it is correct.",
        r"\frac{1}{2}", None, r"\frac{1}{2}", r"\frac{1}{2}",
    ),
    ("**Final Answer:** **73**", "73", None, "73", "73"),
    ("It is **73** in all, not 5 or 6", "73", None, "73", "73"),
    ("2 + 2 = 4\n#### 1,234", "1,234", None, "1,234", "1,234"),
    ("16 - 3 = 13\nA: 13", "13", None, "13", "13"),
    ("所以答案是18个。", "18", None, "18", "18"),
    ("答：一共买了18包茶叶。", "18", None, "18", "18"),
    ("故选：B", "B", None, "B", "B"),
    ("<answer>12</answer> and 3 more words", "3", None, "12", "3"),
    ('{"reasoning": "2", "answer": "12"} end 5', "5", None, "12", "5"),
    ("```python\nprint(9)\n```\n```output\n9\n10\n```\nI like 3", "10", None, "10", "3"),
    ("x5 is -5", "-5", None, "-5", "-5"),
    ("from 3-5 it is", "5", None, "5", "5"),
    ("共有1,234元", "1,234", None, "1,234", "1,234"),
    ("<think>17, \\boxed{17}?</think>\nIt is 18", "18", None, "18", "18"),
    ("The chance is \\frac{1}{2}.", "2", None, r"\frac{1}{2}", "2"),
    (r"so \boxed{44}. We check our answer: $17 \cdot 44 = 748$.", "44", "44", "44", "44"),
    ("Step 1: a = 7\nStep 2: print it", "2", None, "7", "2"),
    ("Answer = 12, as wanted", "12", None, "12", "12"),
    ("no digits at all", None, None, None, None),
    ("", None, None, None, None),
]  # fmt: skip


@pytest.mark.parametrize(
    "text, paper, strict, lenient, simplerl", CASES, ids=[c[0][:25] for c in CASES]
)
def test_hand_made(text, paper, strict, lenient, simplerl):
    wanted = {"paper": paper, "strict": strict, "lenient": lenient, "simplerl": simplerl}
    assert {rule: extract(text, rule).text for rule in wanted} == wanted


def test_unknown_rule_is_named():
    with pytest.raises(ValueError, match=r"unknown rule 'strickt'.*strict"):
        extract("1", "strickt")


@pytest.mark.parametrize(
    "text, letter",
    [("B", "B"), ("(B)", "B"), (r"\text{(B)}", "B"), ("B. 12", "B"), ("B) 12", "B"), ("（C）", "C"),
     ("12", None), ("A train leaves", None), ("C(10,2)", None), ("(A) or (B)", HEDGE), ("A/B", HEDGE),
     (r"A \text{ or } B", HEDGE), ("A, C and D", "ACD"), ("not B", None)],
)  # fmt: skip
def test_choice_letters_stand_alone(text, letter):
    assert letters_in(text) == letter


@pytest.mark.parametrize(
    "text, letters",
    [("The answer is (B).", "B"), ("Answer D", "D"), ("ANSWER: C", "C"), ("the correct option is C.", "C"),
     ("D is the correct choice", "D"), ("Hence (A) is correct answer.", "A"), ("故选：$\\mathrm{A}$.", "A"),
     ("所以选 D.", "D"), ("【答案】ACD", "ACD"), ("正确答案为 A、C", "AC"), ("**B. 12**", "B"),
     ("so it is\n(C) 7", "C"),
     ("The answer is A. No, the answer is B.", "B"), ("C(10,2) = 45 ways", None), ("A train leaves at 3.", None),
     ("Answer: 12", None), ("答案是 C(5,2)", None), ("", None)],
)  # fmt: skip
def test_letters_stated_in_words(text, letters):
    found = stated_letters(text)
    assert (found and found[1]) == letters


def test_letters_of_gold_answers():
    for gold in ("B", "(B)", "\\text{(B)}", "B.", "B. 12", "$B$"):
        assert gold_letters(gold) == "B", gold
    assert gold_letters("ACD") == gold_letters("A, C, D") == gold_letters("A、C、D") == "ACD"
    for gold in ("ABBA", "5", "A train", "B(1,2)", "CAB", "Z", "x"):
        assert gold_letters(gold) is None, gold


balanced = st.recursive(
    st.text(alphabet="ab1,.\\frac ", max_size=6).filter(lambda s: not s.endswith("\\")),
    lambda inner: inner.map(lambda s: "{" + s + "}") | st.tuples(inner, inner).map("".join),
    max_leaves=8,
).filter(lambda s: "\\boxed" not in s and "fbox" not in s)


@given(st.text(max_size=30), balanced)
def test_a_balanced_box_is_found_whole(before, content):
    before = before.replace("\\", "").replace("{", "").replace("}", "")
    found = boxes(before + "\\boxed{" + content + "}")
    assert found == ([(len(before), content.strip())] if content.strip() else [])


@given(st.text(alphabet="{}\\a", max_size=40))
def test_brace_pairs_nest(text):
    pairs = brace_pairs(text)
    assert all(text[a] == "{" and text[b] == "}" and a < b for a, b in pairs.items())
    for a, b in pairs.items():
        assert not any(a < c < b < d for c, d in pairs.items())


any_text = st.text(max_size=200) | st.lists(
    st.sampled_from(["\\boxed{", "}", "{", "The answer is ", "答案是", "####", "**", "```output\n", "$", "1,2",
                     "\u200b", "\u202e", "\n", "Final Answer: The final answer is ", "I hope it is correct",
                     "<answer>", "</answer>"]),
    max_size=30,
).map("".join)  # fmt: skip


@given(any_text)
def test_never_raises(text):
    for rule in RULES:
        found = extract(text, rule)
        assert found.text is None or found.text.strip()
    unbox(text)


@pytest.mark.parametrize(
    "text",
    ["{" * 100_000, "\\boxed{" * 30_000, "}" * 100_000, "The answer is " * 10_000, "####" * 30_000, "**" * 50_000,
     "\\boxed{" + "{" * 50_000 + "}" * 50_000 + "}", "```output\n" * 10_000, "答案是" * 30_000, "1," * 50_000,
     "Final Answer: The final answer is " * 3_000, "1" * 100_000, "$" * 100_000, "<answer>" * 12_000,
     '"answer": "' * 10_000, "\\" * 100_000, " " * 100_000],
    ids=lambda t: repr(t[:12]),
)  # fmt: skip
def test_long_hostile_text_takes_little_time(text):
    start = time.process_time()
    for rule in RULES:
        extract(text, rule)
    assert time.process_time() - start < 2.0


def test_long_text_is_read_from_its_end():
    assert extract("\\boxed{1}" + "x" * MAX_CHARS + "\\boxed{2}", "strict").text == "2"


def test_boxes_in_a_row_are_one_statement():
    said = {
        r"\boxed{2} or \boxed{3}": "2 or 3",
        r"$x = \boxed{1}$, or $x=\boxed{2}$ or $x=\boxed{3}$": "1 or 2 or 3",
        r"\[\boxed{1}\], \[\boxed{2}\] and \[\boxed{3}\]": "1, 2, 3",
        r"\boxed{2}, no, \boxed{3}": "3",
        "\\boxed{2}\n\\boxed{3}": "3",
        r"\boxed{3}": "3",
    }
    assert {text: last_statement(text)[2] for text in said} == said


def test_a_box_inside_a_box_marks_nothing():
    assert strip_boxes(r"-\boxed{5}") == "-5" and unbox(r"so \boxed{2\cdot\boxed{5}}") == r"2\cdot5"


def test_thoughts_are_not_said():
    for text in (
        "<think>7",
        "<think>7</think>",
        "7</think>",
        "<THINK>7</think>",
        "<thought>7",
        "a</think><think>7",
    ):
        assert "7" not in spoken(text), text
    assert spoken("<think>6</think>7") == "7" and spoken("7<think>6") == "7"


def test_options_keep_their_labels():
    texts = ["a cone", "a cube"]
    for choices in (
        texts, ["(A) a cone", "(B) a cube"], {"B": "a cube", "A": "a cone"}, {"label": ["A", "B"], "text": texts},
        [{"label": "A", "text": "a cone"}, {"label": "B", "text": "a cube"}],
    ):  # fmt: skip
        assert dict(sorted(options_of(choices).items())) == {"A": "a cone", "B": "a cube"}
    assert (
        list(options_of({"1": "x", "2": "y"})) == ["1", "2"] and len(options_of(["x"] * 12)) == 10
    )


def test_numbers_of_sentences():
    assert (
        only_number("Tom has 42 apples.") == "42 apples" and only_number("小明有42个苹果") == "42"
    )
    for text in ("42", "He has 41 or 42 apples", "It is not 42 but more", "at least 42 of them"):
        assert only_number(text) is None, text
    said = {
        "It is 7. The roots are 2 and 3.": "2, 3",
        "It is 5 or 6.": "5 or 6",
        "It is 5, not 6.": "5",
        "It is not 5 or 6.": None,
        "5 million": "5 million",
        "no number": None,
    }
    assert {text: last_number(text) for text in said} == said
