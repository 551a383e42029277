"""Reasoning without numbers, and programs that compute: right by construction, split by question, the same by seed."""

import re

from dsmath_lib.engines.sandbox import run_program
from dsmath_lib.world.problems import split_of
from dsmath_lib.world.riddles import riddle_pages, riddles
from dsmath_lib.world.scripts import script_files


def solved(question):
    """The answer to an English riddle, read from its sentences alone."""
    if pairs := re.findall(r"(\w+) is \w+ than (\w+)", question):
        (first,) = {a for a, _ in pairs} - {b for _, b in pairs}
        return first
    holds = {thing: name for name, thing in re.findall(r"(\w+) holds the (\w+)\.", question)}
    at = holds[re.search(r"Who holds the (\w+)\?", question)[1]]
    for a, b in re.findall(r"(\w+) and (\w+) swap", question):
        at = b if at == a else a if at == b else at
    return at


def test_riddles_are_answered_right_and_hold_no_number():
    drawn = riddles(60, split="val", seed=3)
    assert {r.lang for r in drawn} == {"en", "zh"} and len({r.question for r in drawn}) == 60
    for r in drawn:
        assert not re.search(r"\d", r.question + r.solution)
        assert split_of(r.question) == "val"
        *_, last = r.solution.split("\n")
        if r.lang == "en":
            assert last == f"Answer: {solved(r.question)}."
        else:  # the same code writes both; here the form, and that the answer is a name of the question
            assert last[2:-1] in r.question and last.startswith("答：")


def test_pages_hold_training_riddles_only_and_the_seed_decides():
    pages = riddle_pages(20, 0)
    assert [p.text for p in pages] == [p.text for p in riddle_pages(20, 0)]
    assert [p.text for p in pages] != [p.text for p in riddle_pages(20, 1)]
    asked = {line for p in pages for line in p.text.split("\n") if line.endswith(("?", "？"))}
    assert len(asked) == 80 and {split_of(q) for q in asked} == {"train"}


def test_programs_print_what_their_comments_say():
    files = script_files(8, 0)
    assert [f.text for f in files] == [f.text for f in script_files(8, 0)]
    for f in files:
        said = re.findall(r"print\(.*\)  # (\d+)", f.text)
        assert run_program(f.text).stdout.split() == said and len(said) >= 2
