r"""The finders of the grader's own rules: where a completion states its answer. ``FINDERS`` names them.

A finder gives the place and the text of the last statement of its kind, or None. Everything here is pure and linear in
the length of the text.
"""

import re
from collections import deque
from collections.abc import Callable
from functools import partial

from dsmath_lib.engines.grader.boxed import boxes, last_row, last_statement, strip_boxes, unbox
from dsmath_lib.engines.grader.expression import parse
from dsmath_lib.engines.grader.relations import as_region
from dsmath_lib.engines.grader.sentence import (
    MATH,
    hedged,
    inside,
    is_denied,
    last_match,
    last_number,
    statement,
    value_before,
)
from dsmath_lib.engines.grader.spelling import normalise

# an answer stands at the end; a longer completion is read from its last characters
MAX_CHARS = 50_000
Finder = Callable[[str], tuple[int, str] | None]

# -- phrases ---------------------------------------------------------------------------------------------------------
_FINAL = re.compile(r"[Ff]inal [Aa]nswer is:?")
_HOPE = re.compile(r"I hope (?:it is|this is) correct")
_NEAR = 430  # characters from the one to the other
_ANSWER = re.compile("answers?", re.IGNORECASE)
_NOT_STATED = re.compile(  # "we check our answer: …" states nothing
    r"[A-Za-z]\Z|\b(?:check|verif\w+|confirm\w*|test)\s(?:that\s)?(?:(?:our|the|this|my|your)\s)?(?:final\s)?\Z",
    re.IGNORECASE,
)
_AFTER_ANSWER = re.compile(
    r"(?:\s++to\s++(?:[^.\n]{0,79}?[^.\s]\s*+|(?<=\s[^\S\n]))|\s++for\s++(?:[^.\n]{0,59}?[^.\s]\s*+|(?<=\s[^\S\n]))"
    r"|\s*+)(?:(?:is|are|will be|would be|should be|becomes|equals)\b|=|[:：])"
    r"(?:\s++(?:therefore|thus|then|simply|clearly|just|also|actually|indeed|exactly)\b)?\s*+(?:is\b|:|：)?"
    r"(?!\s*+(?:(?:in)?correct|right\b|wrong|not\b|reasonable|valid))"
    r"|\*\*\s*+[:：]?|(?:[^\S\n]*+\n)++(?=[^\S\n]*+\S)",
    re.IGNORECASE,
)
_CHINESE = re.compile(
    r"答案(?:应该|应|就)?(?:(?:是|为|等于|选择?)\s*[:：]?|\s*[:：])|【答案】|答\s*[:：]"
    r"|(?:[故应可∴,，]|所以|因此)\s*选择?\s*[:：]?(?=[\s$(（\\A-J])"
)
_TAG = re.compile(r"<answer>(.{1,2000}?)</answer>", re.DOTALL | re.IGNORECASE)
_HASH = re.compile(r"(?<!#)####[ \t]*(?=[^\n#]{0,20}[\w\\])([^\n#]{1,200})")
_JSON = re.compile(
    r'["\']?(?:final_)?answer["\']\s*:\s*(?:"((?:[^"\\\n]|\\.){1,400})"|(-?\d[\d.,/]{0,40})|(\[[^\[\]\n]{1,200}\]))',
    re.IGNORECASE,
)
_BOLD = re.compile(r"\*\*([^*\n]{0,60}\d[^*\n]{0,60})\*\*")
_OUTPUT = re.compile(r"```output\s*\n(.*?)(?:```|\Z)", re.DOTALL)


def _find_minerva(text: str, which=last_match) -> tuple[int, str] | None:
    hope = which(_HOPE, text)
    start = max(0, hope.start() - _NEAR) if hope else 0
    final = last_match(_FINAL, text[start : hope.start()]) if hope else None
    answer = (
        text[start + final.end() : hope.start()].strip().rstrip(".").strip(" $") if final else ""
    )
    return (start + final.start(), answer) if answer else None


def _find_box(text: str) -> tuple[int, str] | None:
    found = last_statement(text)
    if found is None or is_denied(text, found[0]):
        return None
    return found[0], hedged(text, *found)


def _find_last_box(text: str) -> tuple[int, str] | None:
    found = boxes(text)
    return (found[-1][0], strip_boxes(found[-1][1])) if found else None


def _phrases(text: str) -> list[tuple[int, int]]:
    """Start and end of the last answer phrases, English and Chinese, the last first."""
    out = []
    for m in list(_ANSWER.finditer(text))[-20:]:
        after = _AFTER_ANSWER.match(text, m.end())
        if after and not _NOT_STATED.search(text, max(0, m.start() - 30), m.start()):
            out.append((m.start(), after.end()))
    if not text.isascii():
        out += [m.span() for m in list(_CHINESE.finditer(text))[-20:]]
    return sorted(out, reverse=True)[:20]


def _find_phrase(text: str) -> tuple[int, str] | None:
    for start, end in _phrases(text):
        answer = statement(text[end : end + 600])
        if answer:
            return start, answer
    return None


def _find_group(pattern: re.Pattern[str], mark: str) -> Finder:
    def find(text: str) -> tuple[int, str] | None:
        last = deque(pattern.finditer(text), maxlen=9) if mark in text else ()
        found = [(m.start(), m.end(), c) for m in last if (c := unbox(m[1]).strip())]
        if not found or is_denied(text, found[-1][0]):
            return None
        row, either = last_row(text, found)
        said = (" or " if either else ", ").join(dict.fromkeys(content for *_, content in row))
        return row[-1][0], hedged(text, row[0][0], row[-1][1], said)

    return find


def _find_json(text: str) -> tuple[int, str] | None:
    near = max(text.rfind('nswer"'), text.rfind("nswer'")) - 10
    start = max(0, near)
    m = last_match(_JSON, text[start:]) if near > -11 else None
    if not m and start:
        start, m = 0, last_match(_JSON, text)
    if not m:
        return None
    answer = (m[1] or m[2] or m[3]).replace("\\\\", "\\").replace('\\"', '"')
    answer = re.sub(r'^\["?(.*?)"?\]$', r"\1", answer).replace('", "', ", ") if m[3] else answer
    return (start + m.start(), unbox(answer).strip()) if answer.strip() else None


_AFTER_TAIL = re.compile(r"[\s.。,，;；!)）*]*+(?:[A-Za-z一-鿿]{1,15}+[\s.。]*+){0,4}")


_BARE_TEX = re.compile(
    r"(?:(?<=[\s=])|^)-?(?:\d{1,9}(?:\.\d{1,9})? ?)?(?:\\[dt]?frac ?(?:\{[^{}]{1,40}\} ?\{[^{}]{1,40}\}|\d\d)"
    r"|\\sqrt ?(?:\[\d\])?\{[^{}]{1,40}\}|\\pi) ?$"
)


_NOTHING = re.compile(r"\bno (?:real |integer |such )?solutions?$|无解$")
_LINKS = re.compile(r"\b(?:is|are|be|equals?)\b|[=:]")
_SHAPED = re.compile(
    r"[\^√∛π²³<>≤≥]|\d ?[-+*/] ?\d|sqrt|\bpi\b|\d[a-z]\b|\dpi|\b[a-z] ?[-+*/]|[-+*/] ?[a-z]\b"
)


def _bare_formula(tail: str) -> str | None:
    r"""A formula without dollar signs that ends the last line: ``the probability is \frac{1}{2}.``, ``it is 2π.``"""
    line = tail.rstrip().rpartition("\n")[2][-200:].rstrip(" .")
    if nothing := _NOTHING.search(line):
        return nothing[0]
    if "\\" in line:
        m = _BARE_TEX.search(line)
        return m[0].strip() if m else None
    m = last_match(_LINKS, line)
    said = line[m.end() :].strip() if m else ""
    if (
        not 1 < len(said) <= 60
        or not _SHAPED.search(said)
        or is_denied(line, len(line) - len(said))
    ):
        return None
    text = normalise(said)
    return said if parse(text) or as_region(text) else None


def _find_tail(text: str) -> tuple[int, str] | None:
    """A formula that the text ends on, up to a few words; of a chain of equations the last member."""
    tail = text[-600:]
    if len(re.findall(r"(?<!\\)\$", tail)) % 2 and len(text) > 600:  # cut inside a formula
        tail = tail[tail.index("$") + 1 :]
    if bare := _bare_formula(tail):
        return text.rfind(bare), bare
    m = last_match(MATH, tail) if "$" in tail or "\\" in tail else None
    inner = inside(m) if m else None
    if not m or not inner or not _AFTER_TAIL.fullmatch(tail, m.end()):
        return None
    answer = re.sub(r"\\text ?\{[.,。; ]*\}", "", inner).strip().rstrip(".,;，。 ")
    parts = [p.strip() for p in re.split(r"(?<![<>!\\])=", answer)]
    answer = parts[-1] if len(parts) > 2 and parts[-1] else answer
    start = len(text) - len(tail) + m.start()
    before = value_before(text, start, False)
    answer = f"{before} or {answer}" if before else answer
    return (start, answer) if re.search(r"[\dA-Za-z]", answer) else None


def _find_bold(text: str) -> tuple[int, str] | None:
    m = last_match(_BOLD, text) if "**" in text else None
    if not m or is_denied(text, m.start()):
        return None
    before, answer = value_before(text, m.start(), False), statement(m[1]) or m[1]
    return m.start(), f"{before} or {answer}" if before else answer


def _find_output(text: str) -> tuple[int, str] | None:
    m = last_match(_OUTPUT, text) if "```output" in text else None
    lines = [line.strip() for line in m[1].split("\n") if line.strip()] if m else []
    return (m.start(), lines[-1]) if m and lines else None


def _find_number(text: str) -> tuple[int, str] | None:
    for size in (80, 400, len(text)):  # most texts end on it
        start = text.rfind(" ", 0, max(0, len(text) - size)) + 1  # numbers hold no space
        if answer := last_number(text[start:]):
            return len(text), answer
    return None


_STEP = re.compile(
    r"\b[Ss]tep \d+(?=[:.)])|\((?:since|because|as|note|where|we|rejecting|not)\s[^()]{1,200}\)"
)


def _find_said_number(text: str) -> tuple[int, str] | None:
    """The last number but those that count the steps (``Step 5: so it is done``) or give a reason in brackets."""
    return _find_number(_STEP.sub(lambda m: " " * len(m[0]), text))


FORMAL = ("box", "tag", "hash", "json", "minerva")


def formal_answer(text: str) -> tuple[int, str] | None:
    """The last answer that stands in a form: a box, a tag, ``####``, a JSON field, the few-shot sentence."""
    found = [f for name in FORMAL if (f := FINDERS[name](text))]
    return max(found, key=lambda f: f[0], default=None)


def _find_last(text: str) -> tuple[int, str] | None:
    """The statement that stands last, whatever its form. Words alone do not overrule an earlier formal answer."""
    formal, phrase = formal_answer(text), _find_phrase(text)
    if phrase and formal and (phrase[0] < formal[0] or not re.search(r"\d", phrase[1])):
        return formal
    return phrase or formal


_MARKS = re.compile(r"boxed|fbox|<answer>|####|answer|答|选", re.IGNORECASE)


def stated(text: str) -> str | None:
    """The answer that a text points at itself, by a box, a tag, ``####`` or an answer phrase; None if it does not."""
    found = _find_last(text[-MAX_CHARS:]) if _MARKS.search(text) else None
    return found[1] if found else None


FINDERS: dict[str, Finder] = {
    "minerva": _find_minerva,
    "first minerva": partial(_find_minerva, which=re.Pattern.search),
    "box": _find_box,
    "last box": _find_last_box,
    "phrase": _find_phrase,
    "tag": _find_group(_TAG, "</"),
    "hash": _find_group(_HASH, "####"),
    "json": _find_json,
    "bold": _find_bold,
    "output": _find_output,
    "tail": _find_tail,
    "number": _find_number,
    "said number": _find_said_number,
    "last": _find_last,
}
