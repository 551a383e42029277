r"""One spelling for an answer: signs, scripts, LaTeX layout, text markup, words around it.

``normalise("\\left( 3,\\,\\dfrac12 \\right)")`` is ``"( 3, \\frac12 )"``. Nothing is evaluated.
"""

import re
import unicodedata
from functools import lru_cache

from dsmath_lib.engines.grader.tokens import CROSS
from dsmath_lib.engines.grader.units import unit_of
from dsmath_lib.engines.grader.words import chinese_formula

# hyphens and minus signs that are the sign of a number, each one character
MINUS = str.maketrans("−‐‑‒﹣－⁻", "-------")
_SYMBOLS = {
    "−": "-", "‐": "-", "‑": "-", "‒": "-", "—": "-", "×": r"\times ", "·": r"\cdot ", "÷": "/", "∞": r"\infty ",
    "∪": r"\cup ", "∩": r"\cap ", "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "±": r"\pm ", "∓": r"\mp ",
    "∅": r"\emptyset ", "°": r"^\circ", "⁄": "/", "∕": "/", "。": ".", "、": ",", "∈": r"\in ", "≈": r"\approx ",
    "∠": r"\angle ", "⩽": r"\le ", "⩾": r"\ge ", "≦": r"\le ", "≧": r"\ge ", "∣": r"\mid ", "⋅": r"\cdot ",
    "∙": r"\cdot ", "∗": "*", "∧": r"\land ", "∨": r"\lor ", "∑": r"\sum ", "∏": r"\prod ", "∫": r"\int ",
    "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ", "⟨": r"\langle ", "⟩": r"\rangle ",
    "∖": r"\setminus ", "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}", "ℚ": r"\mathbb{Q}",
    "∥": r"\parallel ", "⊥": r"\perp ", "△": r"\triangle ", "≡": r"\equiv ",
    "“": '"', "”": '"', "’": "'", "‘": "'", "′": "'", "ⅈ": "i", "∶": ":", "【": "[", "】": "]", "《": "", "》": "",
}  # fmt: skip
_SYMBOL = re.compile("[" + "".join(_SYMBOLS) + "]")
_ROOTS = {"√": r"\sqrt", "∛": r"\sqrt[3]", "∜": r"\sqrt[4]"}
_DROP = re.compile(
    r"\\(?:left|right|middle|bigg?[lr]?|Bigg?[lr]?)(?![A-Za-z])\.?"
    r"|\\(?:displaystyle|textstyle|scriptstyle|limits|boldmath|rm|bf|it|tiny|small|normalsize|large|Large|LARGE|huge"
    r"|Huge|(?:text)?color ?\{\w{1,20}\})(?![A-Za-z])"
    r"|\\[!,;:>]|\\[()\[\]]|\\\$|\$|`|\\phantom\{[^{}]*\}|[​-‏‪-‮⁠-⁯﻿]"
)
_BOLD = re.compile(r"(?<![\w)}\]])\*\*|\*\*(?![\w({\\])")
_SPACES = re.compile(
    r"(?:\\(?:quad|qquad|space|enspace|thinspace|hspace\{[^{}]*\})(?![A-Za-z])|\\ |~|\s)+"
)
_TEXT = re.compile(
    r"\\(?:text(?:bf|rm|it|sf|tt|normal|up|sc)?|mathrm|mathbf|mathit|mathsf|mathtt|mathnormal|boldsymbol|bm|mbox|hbox|"
    r"operatorname\*?|emph|underline)\s*\{([^{}]*)\}"
)
_VECTORS = re.compile(
    r"(\\(?:mathbf|boldsymbol|bm|vec|overrightarrow) ?\{? ?\w{1,2} ?\}?) ?\\times(?= ?\\(?:mathbf|boldsymbol|bm"
    r"|vec|overr))"
)
_DEGREE = re.compile(
    r"\^\s*(?:\{\s*\\circ\s*\}|\\circ)|\\degree(?:s)?(?![A-Za-z])|\^\s*\{\s*o\s*\}|(?<=\d)º"
)
_CURRENCY = {"$": "dollars", "£": "pounds", "€": "euros", "¥": "yuan", "₹": "rupees", "￥": "yuan"}
_MONEY = re.compile(
    r"(-?)\s*+(?:\\\$|\$(?!.*\$)|(?:US|USD|HK|HKD|RMB|CNY)\s*+\\?\$?|([£€¥₹￥]))\s*+(-?[\d.][\d.,{}\\!]*(?:\s*(?:thousand|million"
    r"|billion)|[kKMB](?![A-Za-z]))?)\.?\**"
)
_LETTERS = {"k": " thousand", "K": " thousand", "M": " million", "B": " billion"}
_SINGLE_ROW = re.compile(
    r"\\begin\{(?:aligned|equation\*?|align\*?|gathered)\}|\\end\{(?:aligned|equation\*?|align\*?|gathered)\}"
)
_QUOTED = re.compile(r'"([^"]*)"|\'([^\']*)\'')
_OPENING = re.compile(
    r"^(?:(?:therefore|thus|hence|so|then)\b[, ]*(?=[\d\\A-Za-z(\[-])|(?:=|:|\\approx|\\Rightarrow"
    r"|\\implies|\\therefore)\s*)+",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"^(?:(?:it is|there (?:is|are)|is|about|approximately|approx\.?|roughly|around|exactly|only|just) (?=[-$\d\\])"
    r"|(?:大?约|一?共?有|一?共|是|为)\s*(?=[-\d\\]))+",
    re.IGNORECASE,
)
_OUTWARD = re.compile(r"([(\[\]])([^()\[\]]{1,80}[,;][^()\[\]]{1,80})([)\[\]])")
# 42 (dollars), 42（元）
_ASIDE = re.compile(r"(?<=[\d})]) ?\(([A-Za-z. ]{2,20}|[^\W\d_a-zA-Z]{1,6})\)$")
_INDEX = re.compile(  # k\pi, k \in \mathbb{Z}
    r"(?<=\S),? ?(?:\(|where |for (?:any |all )?|(?<=, )|(?<=,))([a-zA-Z]) ?(?:\\in ?(?:\\mathbb ?\{? ?[ZN] ?\}?|[ZN])"
    r"(?: ?\^ ?\{?[+*]\}?|_\+)?|is an? (?:integer|natural number))\)?$"
)


def normalise(text: str) -> str:
    r"""One spelling of an answer: ``"\\left( 3,\\,\\dfrac12 \\right)"`` becomes ``"( 3, \\frac12 )"``."""
    return spelled(text)[0]


@lru_cache(maxsize=1024)
def spelled(text: str) -> tuple[str, str]:
    r"""``normalise``, and the index of a family of answers: ``k`` of ``k\pi, k \in \mathbb{Z}``, "" for none."""
    text = text.strip().strip("*").strip()
    if text[:2] == text[-2:] == "__":
        text = text[2:-2]
    if m := _MONEY.fullmatch(text):
        amount = m[3][:-1] + _LETTERS[m[3][-1]] if m[3][-1] in _LETTERS else m[3]
        text = (
            f"{m[1]}{amount} {_CURRENCY[m[2] or '$'] if not re.search('RMB|CNY', text) else 'yuan'}"
        )
    if not text.isascii():
        text = _ascii(text)
    text = re.sub(r"(?<=\d) *,\\! *(?=\d)", ",", text.replace("{,}", ","))
    if "\\" in text:
        text = _latex(text)
    text = _DEGREE.sub(" degrees ", text)
    text = re.sub(r"(?<=\d) ?¢", " cents", re.sub(r"^(?:negative|minus) (?=[\d\\])", "-", text))
    text = _SPACES.sub(" ", _BOLD.sub("", _DROP.sub("", text)))
    text = re.sub(r"(\d)\s*(?:percent|per cent|pct)\b", r"\1%", text).strip()
    text = _behind_a_number(_OPENING.sub("", text))
    if m := _QUOTED.fullmatch(text):
        text = (m[1] or m[2] or "").strip()
    text = re.sub(r"(?<=\.\d)(\d*) ?(?:\.\.\.|\\l?dots|\\cdots)$", r"\1…", text)
    text = re.sub(r", ?(?:\.\.\.|\\l?dots|\\cdots)$", ", …", text)  # a list that goes on
    text = text.rstrip(" .,;:*\\\x00").replace("\x00", "\\\\")
    if text[:1] in ("(", "[", "]") and (m := _OUTWARD.fullmatch(text)):  # ]2,5[ is (2,5)
        left, right = ("(" if m[1] in "(]" else "["), (")" if m[3] in ")[" else "]")
        text = left + m[2] + right
    m = _INDEX.search(text)
    text, index = (text[: m.start()], m[1]) if m else (text, "")
    return _ASIDE.sub(r" \1", _ABOUT.sub("", text)), index


_FRACTION = re.compile(
    r"(?<=\d) ?\\frac ?\{( ?[A-Za-z ]{1,20}?)\} ?\{( ?[A-Za-z ]{1,20}?(?: ?\^ ?\{?[23]\}?)? ?)\}$"
)
_FEET = re.compile(r"(\d{1,4}) ?' ?(\d{1,2}(?:\.\d{1,3})?) ?(?:\"|'')")
_ARC = re.compile(r"(\d{1,4}) ?degrees ?(\d{1,2}) ?'(?: ?(\d{1,2}) ?(?:\"|''))?")
_CHOSEN = re.compile(r"(?:\{ ?\})? ?[_^] ?\{?(\d{1,4})\}? ?([CP]) ?_ ?\{?(\d{1,4})\}?")


def _behind_a_number(text: str) -> str:
    r"""Signs of measures and counts: ``8 \frac{g}{cm^3}``, ``5'10"``, ``30° 15'``, ``{}^5C_2``, ``+/- 2``."""
    if (m := _FRACTION.search(text)) and max(map(len, m.groups())) > 1:
        unit = "/".join(g.strip() for g in m.groups())
        text = text[: m.start()] + " " + unit if unit_of(unit) else text
    if m := _FEET.fullmatch(text):
        return f"{m[1]} feet {m[2]} inches"
    if m := _ARC.fullmatch(text):
        return f"{3600 * int(m[1]) + 60 * int(m[2]) + int(m[3] or 0)}/3600 degrees"
    if m := _CHOSEN.fullmatch(text):
        return f"{m[2]}({m[1]},{m[3]})"
    text = re.sub(r"\+ ?/ ?- ?|^\+- ?|\bplus or minus ", r"\\pm ", text)
    text = text.replace(r"\mp", r"\pm") if r"\pm" not in text else text
    return re.sub(r"(?<=\d)!=", "! =", re.sub(r"(?<=\d) ?\\Omega(?![A-Za-z])", " ohm", text))


def _latex(text: str) -> str:
    if r"\begin" not in text:  # escaped twice
        text = re.sub(r"\\\\(?=[A-Za-z])", r"\\", text)
    # a row break is not an escaped space
    text = text.replace("\x00", "").replace("\\\\", "\x00")
    text = re.sub(r"\\(?:[dtcs]frac|[nx]icefrac|xfrac)(?![A-Za-z])", r"\\frac", text)
    text = _VECTORS.sub(rf"\1 \{CROSS} ", text) if r"\times" in text else text
    text = _TEXT.sub(r" \1 ", _TEXT.sub(r" \1 ", text)) if "{" in text else text
    text = text.replace(r"\%", "%").replace("{:}", ":").replace(r"\colon", ":")
    text = text.replace(r"\lbrace", r"\{").replace(r"\rbrace", r"\}").replace(r"\_", "_")
    text = re.sub(r"\\(?:lvert|rvert|vert)(?![A-Za-z])", "|", text)
    text = re.sub(
        r"\\dot *\{?(\d)\}?(?:(\d{0,20})\\dot *\{?(\d)\}?)?$", r"\\overline{\1\2\3}", text
    )
    text = re.sub(r"\{ ?([^{}]{1,60}?) ?\\over ?([^{}]{1,60}?) ?\}", r"\\frac{\1}{\2}", text)
    text = re.sub(r"\{ ?([^{}]{1,60}?) ?\\choose ?([^{}]{1,60}?) ?\}", r"\\binom{\1}{\2}", text)
    return text if "\x00" in text else _SINGLE_ROW.sub("", text)


def _kind(c: str) -> str:
    return unicodedata.decomposition(c).partition(" ")[0]


def _script(mark: str, run: str) -> str:
    return mark + "{" + unicodedata.normalize("NFKC", run) + "}"


def _ascii(text: str) -> str:
    r"""Signs as LaTeX: ``2ⁿ⁺¹`` is ``2^{n+1}``, ``xₙ`` ``x_{n}``, ``2⅐`` ``2 1/7``, ``φ`` ``\phi``."""
    out, run, mark = [], "", ""
    for c in text.replace("（", "(").replace("）", ")") + "\0":
        kind = "" if c.isascii() else _kind(c)
        now = "^" if kind == "<super>" and c not in "ºª™" else "_" if kind == "<sub>" else ""
        if run and now != mark:
            out.append(_script(mark, run))
            run = ""
        mark = now
        if now:
            run += c
        elif kind == "<fraction>":
            value = unicodedata.normalize("NFKC", c).replace("⁄", "/")
            out.append(" " + value if out and out[-1][-1:].isdigit() else value)
        elif "Α" <= c <= "ϖ" and len(name := unicodedata.name(c, "").split()) in (4, 5):
            out.append(_greek(name))
        else:
            out.append(c)
    text = "".join(out)[:-1]
    text = re.sub(r"(?<=\d) ?又 ?(?=[\d\\])", " ", text)  # 2又1/2
    text = re.sub(
        r"([√∛∜])\s*(?:([\d.]+|[A-Za-z])|(?=\())",
        lambda m: _ROOTS[m[1]] + ("{" + m[2] + "}" if m[2] else " "),
        text,
    )
    text = re.sub(
        r"(?<![\d\s])\s*–\s*(?=\d)|^–", lambda m: m[0].replace("–", "-"), text
    )  # else a range
    text = _SYMBOL.sub(lambda m: _SYMBOLS[m[0]], chinese_formula(text))
    for sign, tex in _ROOTS.items():
        text = text.replace(sign, tex + " ")
    text = unicodedata.normalize("NFKC", text)
    return _SYMBOL.sub(lambda m: _SYMBOLS[m[0]], text)


def _greek(name: list[str]) -> str:
    letter = name[3].lower().replace("lamd", "lambd")
    if name[1] not in ("SMALL", "CAPITAL"):  # φ as a symbol of its own
        letter = {"phi": "phi", "theta": "theta"}.get(name[1].lower(), letter)
    return "\\" + (letter.capitalize() if name[1] == "CAPITAL" else letter) + " "


def strip_braces(text: str) -> str:
    """``{62}`` is ``62``: one pair of braces around the whole."""
    if len(text) > 1 and text[0] == "{" and text[-1] == "}" and "}" not in text[1:-1]:
        return text[1:-1].strip()
    return text
