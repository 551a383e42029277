r"""The finders of the grader's own rules: where a completion states its answer. ``FINDERS`` names them.

A finder gives the place and the text of the last statement of its kind, or None. Everything here is pure and linear in
the length of the text.
"""

import re
from collections import deque
from collections.abc import Callable
from functools import partial

from dsmath_lib.engines.grader.boxed import boxes, unbox

# an answer stands at the end; a longer completion is read from its last characters
MAX_CHARS = 50_000
Finder = Callable[[str], tuple[int, str] | None]

# -- phrases ---------------------------------------------------------------------------------------------------------
_MINERVA = re.compile(
    r"[Ff]inal [Aa]nswer is:?\s*+(.{0,399}?\S|(?<=\s))\s*+(?:\.\s*+)?I hope (?:it is|this is) correct",
    re.DOTALL,
)
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
_MATH = re.compile(
    r"(?<!\\)\$\$?((?:[^$\\]|\\.){1,400})\$\$?|\\\((.{1,400}?)\\\)|\\\[(.{1,400}?)\\\]", re.DOTALL
)
_NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.])-?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:/\d+(?![\d/]))?(?:[eE][+-]?\d+)?%?"
    r"|(?<![A-Za-z0-9_.])-?\.\d+%?|\d+(?:\.\d+)?%?"
)
_SENTENCE_END = re.compile(
    r"\.(?:\s|$)|[。；;！!？?]|\n|(?:,|(?<!\s))\s++(?:because|since|so that|which|as)\s|，(?:因为|所以)"
)
_LEADING = re.compile(
    r"^[^\w\-+.\\(\[{$]*(?:(?:indeed|exactly|simply|only|just|about|approximately|around|also|a total of"
    r"|equal to) )*(-?[$¥€£]?\s?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:/\d+)?\s?[%°]?)(?=\s+(?!(?:and"
    r"|or)\s+[-$\d])[^\W\d_]|[一-鿿])"
)
_HAS_MATH = re.compile(r"[\\^=_<>{}]|[A-Za-z]\(")


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = deque(pattern.finditer(text), maxlen=1)
    return found[0] if found else None


_PROSE = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{2,}\s+[A-Za-z]{2,}\b")
_MONEY = re.compile(r"\d[^$]*\b[A-Za-z]{4}")
_JOIN = re.compile(r"\s*+(?:[,;、；，和与及]|或者?|\band\b|\bor\b)\s*")


def _inside(m: re.Match[str]) -> str | None:
    """The formula of a match of ``_MATH``; None between two signs of money: "$38, as the tickets ($24)"."""
    inner = next(g for g in m.groups() if g).strip()
    money = m[1] and "\\" not in inner and (_PROSE.search(inner) or _MONEY.match(inner))
    return None if money else inner


def _formulas(text: str) -> tuple[int, str] | None:
    """Place of the first formula, and its text with the formulas that follow it in a list: "$x$ or $y$"."""
    m = _MATH.search(text)
    inner = _inside(m) if m else None
    if m is None or inner is None:
        return None
    parts, end = [inner], m.end()
    while (sep := _JOIN.match(text, end)) and (more := _MATH.match(text, sep.end())):
        inner = _inside(more)
        if inner is None or len(parts) > 20:
            break
        parts, end = [*parts, inner], more.end()
    return m.start(), ", ".join(p.rstrip(" .,;") for p in parts) if len(parts) > 1 else parts[0]


def statement(text: str) -> str | None:
    """The answer inside the words that follow an answer phrase; None if they hold none.

    ``"$18 a day in 2 ways."`` gives ``$18``: a number that opens the statement beats those that follow.
    """
    text = text[:600].lstrip(" \t\n:：*=")
    box = boxes(text)
    if box:
        return box[0][1]
    math = _formulas(text.split("\n\n")[0])
    if math and (math[0] == 0 or not re.search(r"\d", text[: math[0]])):
        return math[1]
    end = _SENTENCE_END.search(text)
    text = (text[: end.start()] if end else text).replace("**", "").strip(" `*\"'")
    if not text:
        return None
    lead = _LEADING.match(text)
    if lead and not _HAS_MATH.search(text[lead.end() :]):
        return lead[1].strip()
    words = re.findall(r"[A-Za-z]{2,}", text)
    sentence = len(words) > 3 or re.search("[一-鿿]{2}", text)
    if sentence and not _HAS_MATH.search(text):  # the number it ends on
        last = _last(_NUMBER, text)
        return last[0] if last else text
    return text


_SENTENCE = re.compile(r"[A-Za-z]{2}\W++[A-Za-z]{2,}+\W|[一-鿿]{2}.*[一-鿿]", re.DOTALL)
_HEDGED = re.compile(
    r"\b(?:not|no|less|more|least|most|than|between|under|over|below|above|almost|nearly|never|or|about)\b"
    r"|[不非未]|[至多少大小]于|至[多少]|超过|以[上下]",
    re.IGNORECASE,
)


def only_number(text: str) -> str | None:
    """The number of a short sentence that holds one and does not hedge: "Tom has 42 apples."; else None."""
    if len(text) > 300 or not _SENTENCE.search(text):
        return None
    if _HEDGED.search(text) or _HAS_MATH.search(text):
        return None
    found = list(_NUMBER.finditer(text))
    if len(found) != 1:
        return None
    unit = re.match(r" ?[A-Za-z]+", text[found[0].end() :])
    return found[0][0] + (unit[0] if unit else "")


def sentence_numbers(text: str) -> list[str]:
    """All numbers of the last sentence that holds one."""
    parts = [p for p in re.split(r"(?<=[.。!！?？])\s|\n", text[-600:]) if re.search(r"\d", p)]
    return _NUMBER.findall(parts[-1].rstrip(".")) if parts else []


def _find_minerva(text: str, which=_last) -> tuple[int, str] | None:
    m = which(_MINERVA, text) if "I hope" in text else None
    answer = m[1].strip().strip("$").strip() if m else ""
    return (m.start(), answer) if m and answer else None


def _find_box(text: str) -> tuple[int, str] | None:
    found = boxes(text)
    return (found[-1][0], unbox(found[-1][1])) if found else None


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
        m = _last(pattern, text) if mark in text else None
        answer = unbox(next(g for g in m.groups() if g is not None)).strip() if m else ""
        return (m.start(), answer) if m and answer else None

    return find


def _find_json(text: str) -> tuple[int, str] | None:
    m = _last(_JSON, text) if "nswer" in text else None
    if not m:
        return None
    answer = (m[1] or m[2] or m[3]).replace("\\\\", "\\").replace('\\"', '"')
    answer = re.sub(r'^\["?(.*?)"?\]$', r"\1", answer).replace('", "', ", ") if m[3] else answer
    return (m.start(), unbox(answer).strip()) if answer.strip() else None


_AFTER_TAIL = re.compile(r"[\s.。,，;；!)）*]*+(?:[A-Za-z一-鿿]{1,15}+[\s.。]*+){0,4}")


_BARE_TEX = re.compile(
    r"(?:(?<=[\s=])|^)-?(?:\d{1,9}(?:\.\d{1,9})? ?)?(?:\\[dt]?frac ?(?:\{[^{}]{1,40}\} ?\{[^{}]{1,40}\}|\d\d)"
    r"|\\sqrt ?(?:\[\d\])?\{[^{}]{1,40}\}|\\pi) ?$"
)


def _bare_formula(tail: str) -> str | None:
    r"""A LaTeX formula without dollar signs that ends the last line: ``the probability is \frac{1}{2}.``"""
    line = tail.rstrip().rpartition("\n")[2][-200:].rstrip(" .")
    m = _BARE_TEX.search(line) if "\\" in line else None
    return m[0].strip() if m else None


def _find_tail(text: str) -> tuple[int, str] | None:
    """A formula that the text ends on, up to a few words; of a chain of equations the last member."""
    tail = text[-600:]
    if len(re.findall(r"(?<!\\)\$", tail)) % 2 and len(text) > 600:  # cut inside a formula
        tail = tail[tail.index("$") + 1 :]
    if bare := _bare_formula(tail):
        return text.rfind(bare), bare
    m = _last(_MATH, tail) if "$" in tail or "\\" in tail else None
    inner = _inside(m) if m else None
    if not m or not inner or not _AFTER_TAIL.fullmatch(tail, m.end()):
        return None
    answer = re.sub(r"\\text ?\{[.,。; ]*\}", "", inner).strip().rstrip(".,;，。 ")
    parts = [p.strip() for p in re.split(r"(?<![<>!\\])=", answer)]
    answer = parts[-1] if len(parts) > 2 and parts[-1] else answer
    return (len(text) - len(tail) + m.start(), answer) if re.search(r"[\dA-Za-z]", answer) else None


def _find_bold(text: str) -> tuple[int, str] | None:
    m = _last(_BOLD, text) if "**" in text else None
    return (m.start(), statement(m[1]) or m[1]) if m else None


def _find_output(text: str) -> tuple[int, str] | None:
    m = _last(_OUTPUT, text) if "```output" in text else None
    lines = [line.strip() for line in m[1].split("\n") if line.strip()] if m else []
    return (m.start(), lines[-1]) if m and lines else None


def _find_number(text: str) -> tuple[int, str] | None:
    start = text.rfind(" ", 0, max(0, len(text) - 200)) + 1  # numbers hold no space
    m = _last(_NUMBER, text[start:])
    if m:
        return start + m.start(), m[0]
    m = _last(_NUMBER, text[:start])
    return (m.start(), m[0]) if m else None


_STEP = re.compile(r"\b[Ss]tep \d+(?=[:.)])")


def _find_said_number(text: str) -> tuple[int, str] | None:
    """The last number that does not count the steps: the 5 of ``Step 5: so it is done`` is no answer."""
    return _find_number(_STEP.sub(lambda m: " " * len(m[0]), text) if "tep" in text else text)


def _find_last(text: str) -> tuple[int, str] | None:
    """The statement that stands last, whatever its form. Words alone do not overrule an earlier formal answer."""
    formal = ("box", "tag", "hash", "json", "minerva")
    found = [f for name in formal if (f := FINDERS[name](text))]
    phrase = _find_phrase(text)
    if phrase and (not found or re.search(r"\d", phrase[1])):
        found.append(phrase)
    return max(found, key=lambda f: f[0], default=None)


_MARKS = re.compile(r"boxed|fbox|<answer>|####|answer|答|选", re.IGNORECASE)


def stated(text: str) -> str | None:
    """The answer that a text points at itself, by a box, a tag, ``####`` or an answer phrase; None if it does not."""
    found = _find_last(text[-MAX_CHARS:]) if _MARKS.search(text) else None
    return found[1] if found else None


FINDERS: dict[str, Finder] = {
    "minerva": _find_minerva,
    "first minerva": partial(_find_minerva, which=re.Pattern.search),
    "box": _find_box,
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
