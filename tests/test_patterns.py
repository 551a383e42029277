"""No regular expression of the library is worse than linear: a text of a model or of the web never hangs a reader.

Each is tried with texts made to be slow for it. A quadratic pattern takes 16 times as long on a text 4 times as long;
what is measured is that factor of processor time, the best of several tries, so a busy machine does not matter.
"""

import re

import pytest

from dsmath_lib.engines.grader import sentence, words
from dsmath_lib.engines.index.gramfilter import GramFilter
from dsmath_lib.engines.webtext.delimiters import Scanner, page_delimiters
from tests.patterns import attacks, built_in_functions, compiled, literals

SIZE = 4_000  # characters
QUICK = 2e-4  # seconds; what takes less at SIZE is no danger at any length that is read


def _use(pattern: re.Pattern, method: str, text: str) -> None:
    given = text.encode("latin-1", "replace") if isinstance(pattern.pattern, bytes) else text
    if method == "finditer":
        for _ in pattern.finditer(given):
            pass
    else:
        getattr(pattern, method)(given)


def slow_text(pattern: re.Pattern, method: str, seconds) -> tuple[str, str, str] | None:
    """The first attack on which work grows faster than the text, None if there is none."""
    for head, unit, tail in attacks(pattern):
        short, long = (head + (unit * (n // len(unit) + 1))[:n] + tail for n in (SIZE, 4 * SIZE))

        def grows(tries: int, short=short, long=long) -> bool:
            time = seconds(lambda: _use(pattern, method, short), tries)
            return seconds(lambda: _use(pattern, method, long), tries) > 10 * max(time, QUICK)

        once = seconds(lambda short=short: _use(pattern, method, short), 1)
        if once == float("inf") or (once > QUICK and grows(1) and grows(4)):
            return head, unit, tail
    return None


def test_patterns_are_linear(processor_seconds):
    """Every pattern that stands in the source or is compiled by a module, in the way it is used."""
    found = literals() + compiled()
    assert len(found) > 250
    slow = {
        f.where: hit
        for f in found
        for m in sorted(f.methods)
        if (hit := slow_text(f.pattern, m, processor_seconds))
    }
    assert slow == {}


# patterns put together while a function runs: one of each as it is built, [] where nothing but a name goes in
BUILT = {
    "dsmath_lib.base.hub:pinned": list,  # a number of digits
    "dsmath_lib.base.prompts:_chat_frame": list,  # the marks of a template, as they are
    "dsmath_lib.engines.grader.choice:_gold_letters": list,  # on at most 1,000 characters, test_growth
    "dsmath_lib.engines.grader.choice:_patterns": list,  # on the end of a text, test_growth
    "dsmath_lib.engines.grader.choice:letters_in": list,  # one letter
    "dsmath_lib.engines.grader.choice:stated_letters": list,  # one letter
    "dsmath_lib.engines.grader.equality:_equations": list,  # one letter
    "dsmath_lib.engines.grader.equality:answers_equal": list,  # one letter
    "dsmath_lib.engines.grader.sentence:_corrected": lambda: [re.compile(sentence._VALUE)],
    "dsmath_lib.engines.grader.sentence:statement": lambda: [re.compile(sentence._VALUE)],
    "dsmath_lib.engines.grader.words:_as_digits": list,  # one class of signs
    "dsmath_lib.engines.grader.words:chinese_formula": lambda: [words._QUOTIENT, words._ROOT],
    "dsmath_lib.engines.webtext.delimiters:__init__": lambda: [Scanner(page_delimiters(()))._open],
    "dsmath_lib.engines.webtext.delimiters:_by_first_character": lambda: (
        Scanner(page_delimiters(()))._fast
    ),
    "dsmath_lib.engines.webtext.delimiters:page_delimiters": list,  # two words
    "dsmath_lib.engines.webtext.formulas:_sign": list,  # kept in PATTERNS of the module
    "dsmath_lib.engines.index.gramfilter:_without_pieces": lambda: [
        GramFilter(["- * -"], str, str, bool)._rule
    ],
    "dsmath_lib.app.install:why_not": list,  # the name of one file
    "dsmath_lib.app.notebook_files:strip": list,  # the name of a notebook and three digits
}


def test_patterns_built_while_running_are_linear(processor_seconds):
    assert built_in_functions() == sorted(BUILT)
    assert [
        p for make in BUILT.values() for p in make() if slow_text(p, "finditer", processor_seconds)
    ] == []


@pytest.mark.parametrize(
    "pattern, method",
    [
        (r"\s*\n", "finditer"),
        (r"\d+x", "finditer"),
        (r"<answer>(.*)</answer>", "finditer"),
        (r"x\s*,?\s*y", "match"),
        (r"(?:[A-J]\s*,?\s*)+", "fullmatch"),
        (r"(?:/[a-z/]+)*!", "match"),
    ],
)
def test_slow_patterns_are_seen(processor_seconds, pattern, method):
    assert slow_text(re.compile(pattern), method, processor_seconds)
