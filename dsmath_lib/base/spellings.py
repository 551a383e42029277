"""One spelling for each formula: signs as the names that LaTeX has for them, fractions as divisions."""

import re

_NAMES = {
    "√": "sqrt", "∑": "sum", "∏": "prod", "∫": "int", "∬": "iint", "∮": "oint", "∂": "partial", "∇": "nabla",
    "∞": "infty", "∅": "emptyset", "∈": "in", "∉": "notin", "∋": "ni", "⊂": "subset", "⊆": "subseteq",
    "⊃": "supset", "⊇": "supseteq", "∪": "cup", "∩": "cap", "∖": "setminus", "∧": "wedge", "∨": "vee", "¬": "neg",
    "∀": "forall", "∃": "exists", "≠": "ne", "≈": "approx", "≡": "equiv", "∼": "sim", "≅": "cong", "≃": "simeq",
    "∝": "propto", "±": "pm", "∓": "mp", "∘": "circ", "⊕": "oplus", "⊗": "otimes", "→": "to", "⟶": "to", "⇒": "to",
    "←": "leftarrow", "⇔": "iff", "↔": "iff", "↦": "mapsto", "∠": "angle", "⊥": "perp", "∥": "parallel",
    "△": "triangle", "≪": "ll", "≫": "gg", "⌊": "lfloor", "⌋": "rfloor", "⌈": "lceil", "⌉": "rceil",
    "∣": "mid", "∴": "therefore", "∵": "because", "†": "dagger", "ℓ": "ell", "ℏ": "hbar", "ℵ": "aleph",
}  # fmt: skip
_SIGNS = {sign: f" {name} " for sign, name in _NAMES.items()}
_SIGNS |= {
    "∛": " sqrt 3 ",
    "∜": " sqrt 4 ",
    "°": " ^ circ ",
    "º": " ^ circ ",
    "′": " ",
    "″": " ",
    "‴": " ",
    "…": " ",
}
_HALVES = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅖": "2/5", "⅗": "3/5", "⅘": "4/5",
           "⅙": "1/6", "⅚": "5/6", "⅐": "1/7", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8",
           "⅑": "1/9", "⅒": "1/10",
           }  # fmt: skip
_SIGNS |= {sign: f" {form} " for sign, form in _HALVES.items()} | {"⁄": "/", "∕": "/"}
_SIGN = re.compile("[" + "".join(map(re.escape, _SIGNS)) + "]")
_UP, _DOWN = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼ⁿⁱ", "₀₁₂₃₄₅₆₇₈₉₊₋₌ₙᵢ"
_LEVEL = {ord(a): b for a, b in zip(_UP + _DOWN, 2 * "0123456789+-=ni", strict=True)}
_HIGH, _LOW = re.compile(f"[{_UP}]+"), re.compile(f"[{_DOWN}]+")
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξπρσςτυφχψωϵϑϕϖϱ",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma sigma tau upsilon phi "
        "chi psi omega epsilon theta phi pi rho".split(),
        strict=True,
    )
)  # fmt: skip
_LETTERS = re.compile("[" + "".join(_GREEK) + r"]{1,3}(?![\u0370-\u03ff])(?<![\u0370-\u03ff]{4})")
_SOME = re.compile("[" + "".join(map(re.escape, _SIGNS)) + _UP + _DOWN + "\u0391-\u03f5" + "]")

# commands of one meaning, without their backslash; the first is written
_SAME = (
    "ne neq", "to rightarrow longrightarrow implies", "iff leftrightarrow", "in isin", "emptyset varnothing",
    "phi varphi", "epsilon varepsilon", "theta vartheta", "rho varrho", "sigma varsigma", "pi varpi", "kappa varkappa",
    "vec overrightarrow", "bar overline", "hat widehat", "tilde widetilde", "setminus smallsetminus backslash",
    "neg lnot", "wedge land", "vee lor", "parallel shortparallel", "triangle bigtriangleup vartriangle", "ni owns",
    "subset subsetneq", "mid vert lvert rvert",
)  # fmt: skip
_FIRST = {f: " " + row.split()[0] + " " for row in _SAME for f in row.split()}
_FIRST |= {name: " < " for name in "le leq leqslant leqq lt".split()}
_FIRST |= {name: " > " for name in "ge geq geqslant geqq gt".split()}
_FIRST |= {"times": " * ", "cdot": " * ", "ast": " * ", "div": " / ", "degree": " ^ circ "}
_FIRST |= dict.fromkeys(
    "left right displaystyle textstyle scriptstyle limits nolimits big bigl bigr bigg biggl biggr quad qquad text "
    "textbf textit textrm mathrm mathbf mathit mathsf mathbb mathcal mathfrak boldsymbol bm operatorname mbox prime "
    "dots ldots cdots".split(),
    " ",
)
_COMMAND = re.compile(r"\\([a-z]+)")
_GROUP = r"\{([^{}]*)\}"
_ONE = r"\s*(?:\{([^{}]*)\}|([0-9a-z])|(\\[a-z]+))"  # an argument: in braces, one sign, a command
_FRACTION = re.compile(rf"\\[dtc]?frac(?![a-z]\w){_ONE}{_ONE}")
_ROOT = re.compile(r"\\sqrt\s*([0-9a-z])")
_BOUND = 6  # fractions in fractions; what is deeper keeps its command


def named(text: str) -> str:
    """A text in small letters, not yet in NFKC, with names for signs, Greek letters and raised or lowered digits."""
    if not _SOME.search(text):
        return text
    text = _HIGH.sub(lambda m: " ^" + m[0].translate(_LEVEL) + " ", text)
    text = _LOW.sub(lambda m: "_" + m[0].translate(_LEVEL) + " ", text)
    text = _SIGN.sub(lambda m: _SIGNS[m[0]], text)
    return _LETTERS.sub(lambda m: "".join(f" {_GREEK[c]} " for c in m[0]), text)


def respelt(text: str) -> str:
    """LaTeX in small letters with one command of each meaning; ``\\frac{a}{b}`` and ``\\frac ab`` are ``a / b``."""
    if "frac" in text:
        for _ in range(_BOUND):
            new = _FRACTION.sub(_division, text)
            if new == text:
                break
            text = new
    if "\\sqrt" in text:
        text = _ROOT.sub(r" sqrt \1 ", text)
    return _COMMAND.sub(lambda m: _FIRST.get(m[1], m[0]), text)


def _division(m: re.Match) -> str:
    above, below = m[1] or m[2] or m[3] or "", m[4] or m[5] or m[6] or ""
    return f" {above} / {below} "
