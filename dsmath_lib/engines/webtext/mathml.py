"""MathML without a TeX source (pattern M6) to LaTeX: presentation elements only, bounded depth.

An element that is not known, of content MathML or of elementary arithmetic, is refused, since its text alone is
another formula: 12 over 5 in a stack is no 125.
"""

import re
from collections.abc import Callable

from selectolax.lexbor import LexborNode


class UnknownMath(ValueError):
    """MathML that is not known here: written flat it would say something else."""


_MAX_DEPTH = 60  # deeper trees are cut to their text: recursion must stay bounded on hostile pages

_LETTERS = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ϵ": "epsilon", "ε": "varepsilon",
    "ζ": "zeta", "η": "eta", "θ": "theta", "ϑ": "vartheta", "ι": "iota", "κ": "kappa",
    "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma",
    "ς": "varsigma", "τ": "tau", "υ": "upsilon", "ϕ": "phi", "φ": "varphi", "χ": "chi",
    "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda",
    "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Υ": "Upsilon", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
    "∞": "infty", "∂": "partial", "∇": "nabla", "ℓ": "ell", "ℏ": "hbar", "∅": "emptyset",
    "ℝ": "mathbb{R}", "ℕ": "mathbb{N}", "ℤ": "mathbb{Z}", "ℚ": "mathbb{Q}", "ℂ": "mathbb{C}",
    "∑": "sum", "∏": "prod", "∫": "int", "∬": "iint", "∮": "oint", "⋃": "bigcup", "⋂": "bigcap",
    "±": "pm", "∓": "mp", "×": "times", "÷": "div", "·": "cdot", "⋅": "cdot", "∘": "circ",
    "≤": "le", "≥": "ge", "≠": "ne", "≈": "approx", "≡": "equiv", "∼": "sim", "∝": "propto",
    "≪": "ll", "≫": "gg", "∈": "in", "∉": "notin", "⊂": "subset", "⊆": "subseteq", "∪": "cup",
    "∩": "cap", "∖": "setminus", "→": "to", "←": "leftarrow", "⇒": "Rightarrow", "⇔": "iff",
    "↦": "mapsto", "∀": "forall", "∃": "exists", "¬": "neg", "∧": "wedge", "∨": "vee",
    "⊕": "oplus", "⊗": "otimes", "…": "ldots", "⋯": "cdots", "⋮": "vdots", "⋱": "ddots",
    "⟨": "langle", "⟩": "rangle", "⌊": "lfloor", "⌋": "rfloor", "⌈": "lceil", "⌉": "rceil",
    "∥": "Vert", "∣": "mid", "⊥": "perp", "∠": "angle", "∴": "therefore", "†": "dagger",
}  # fmt: skip
_PLAIN = {"−": "-", "–": "-", "′": "'", "″": "''", "\u2061": "", "\u2062": "", "\u2063": "",
          "\u200b": "", "\xa0": " ", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "#": r"\#"}  # fmt: skip
_ACCENTS = {"¯": "bar", "‾": "bar", "^": "hat", "ˆ": "hat", "~": "tilde", "˜": "tilde",
            "→": "vec", "⃗": "vec", "˙": "dot", "¨": "ddot", "_": "underline"}  # fmt: skip
_FUNCTIONS = set(
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln lg exp lim max min sup inf "
    "det dim ker deg gcd arg Pr".split()
)


def symbol(text: str) -> str:
    """LaTeX of literal characters: ``∑`` becomes ``\\sum``; unknown characters stay."""
    out = []
    for ch in text:
        if ch in _LETTERS:
            out.append("\\" + _LETTERS[ch] + " ")
        else:
            out.append(_PLAIN.get(ch, ch))
    return "".join(out)


def mathml_to_latex(node: LexborNode, depth: int = 0) -> str:
    """LaTeX of a ``<math>`` node or any presentation element below it.

    Raises:
        UnknownMath: it holds an element that is not known.
    """
    tag = (node.tag or "").rsplit(":", 1)[-1]
    if tag == "-text":
        return symbol((node.text_content or "").strip())
    if depth > _MAX_DEPTH:
        return symbol(node.text(deep=True).strip())
    if tag == "mspace":
        return _space(node)
    if tag in _EMPTY:
        return ""
    if tag == "menclose":
        return _enclosed(node, depth)
    if tag == "mmultiscripts":
        return _multiscripts(node, depth)
    if tag not in _LEAF and tag not in _BUILD and tag not in _ROWS:
        raise UnknownMath(tag)
    if tag in _LEAF:
        return _LEAF[tag](node.text(deep=True).strip())
    parts = [mathml_to_latex(c, depth + 1) for c in _children(node)]
    build = _BUILD.get(tag)
    a = node.attributes
    if tag == "mfrac" and (a.get("linethickness") or "1")[0] == "0":
        return "{" + r" \atop ".join(p.strip() for p in parts[:2]) + "}"
    if tag == "mfenced":
        return symbol(a.get("open") or "(") + ",".join(parts) + symbol(a.get("close") or ")")
    return build(parts) if build else "".join(parts)


_EMPTY = {
    "annotation",
    "annotation-xml",
    "mphantom",
    "-comment",
    "none",
    "mprescripts",
    "maligngroup",
    "malignmark",
}
_ROWS = {
    "math",
    "mrow",
    "mstyle",
    "mpadded",
    "merror",
    "semantics",
    "mtd",
    "maction",
    "mfenced",
    "mfrac",
}
_STRIKES = {"updiagonalstrike": "cancel", "downdiagonalstrike": "bcancel", "horizontalstrike": "cancel",
            "box": "boxed", "roundedbox": "boxed", "circle": "boxed", "top": "overline", "bottom": "underline",
            "actuarial": "overline", "radical": "sqrt"}  # fmt: skip


def _space(node: LexborNode) -> str:
    """Numbers on its two sides stay apart; a negative or no width is none."""
    a = node.attributes
    if (a.get("linebreak") or "") in ("newline", "indentingnewline"):
        return r"\quad "
    width = (a.get("width") or "").strip()
    if not width:
        return " "
    return (
        ""
        if width.startswith(("-", "negative")) or re.match(r"0*+(?:\.0*+)?[a-z%]*+$", width)
        else r"\, "
    )


def _enclosed(node: LexborNode, depth: int) -> str:
    body = "".join(mathml_to_latex(c, depth + 1) for c in _children(node)).strip()
    for name in (node.attributes.get("notation") or "longdiv").split():
        if name not in _STRIKES:
            raise UnknownMath(f"menclose {name}"[:40])
        body = rf"\{_STRIKES[name]}{{{body}}}"
    return body


def _multiscripts(node: LexborNode, depth: int) -> str:
    """``{}_{6}^{14}C``: scripts before the base hang on an empty group."""
    before: list[str] = []
    base, behind = "", []
    part = behind
    for i, c in enumerate(_children(node)):
        if c.tag == "mprescripts":
            part = before
            continue
        got = mathml_to_latex(c, depth + 1).strip()
        if i == 0:
            base = got
        else:
            part.append(got)
    left = _pairs(before)
    return (
        ("{}" + left if left else "")
        + (base if len(base) == 1 or not behind else _group(base))
        + _pairs(behind)
    )


def _pairs(scripts: list[str]) -> str:
    out = []
    for i in range(0, len(scripts), 2):
        low, high = scripts[i], "".join(scripts[i + 1 : i + 2])
        if out:
            out.append("{}")
        out.append((f"_{{{low}}}" if low else "") + (f"^{{{high}}}" if high else ""))
    return "".join(out)


def _children(node: LexborNode) -> list[LexborNode]:
    kids = list(node.iter(include_text=True))
    return [k for k in kids if not (k.tag == "-text" and not (k.text_content or "").strip())]


def _mi(text: str) -> str:
    if text in _FUNCTIONS:
        return "\\" + text + " "
    return symbol(text) if len(text) <= 1 or not text.isascii() else rf"\mathrm{{{text}}}"


def _group(x: str) -> str:
    x = x.strip()
    return x if len(x) == 1 else "{" + x + "}"


def _args(parts: list[str], n: int) -> list[str]:
    return [*(_group(p) for p in parts[:n]), *["{}"] * (n - len(parts))]


def _script(form: str) -> Callable[[list[str]], str]:
    def build(parts: list[str]) -> str:
        args = _args(parts, form.count("%s"))
        base = parts[0].strip() if parts else "{}"
        if len(base) == 1 or (base.startswith("\\") and base[1:].isalpha()):
            args[0] = base
        return form % tuple(args)

    return build


def _over(parts: list[str]) -> str:
    mark = parts[1].strip() if len(parts) > 1 else ""
    name = _ACCENTS.get(mark) or ("vec" if mark == r"\to" else None)
    return rf"\{name}{{{parts[0].strip()}}}" if name else _limits("%s^%s", r"\overset%s%s")(parts)


def _limits(script: str, stacked: str) -> Callable[[list[str]], str]:
    """Sums and limits carry scripts; anything else gets a stacked mark."""

    def build(parts: list[str]) -> str:
        base = parts[0].strip() if parts else ""
        if base.startswith("\\") and base[1:].isalpha():
            return base + script[2:] % tuple(_args(parts[1:], script.count("%s") - 1))
        base, mark = _args(parts, 2)
        base = base if base[0] == "{" else "{" + base + "}"
        return stacked % ("{" + mark.strip("{}") + "}", base)

    return build


def _command(name: str, *args: str) -> str:
    return "\\" + name + "".join("{" + a.strip() + "}" for a in args)


def _table(rows: list[str]) -> str:
    return r"\begin{matrix}" + r" \\ ".join(rows) + r"\end{matrix}"


_LEAF: dict[str, Callable[[str], str]] = {
    "mi": _mi,
    "mn": symbol,
    "mo": lambda t: "\\" + t + " " if t in _FUNCTIONS else symbol(t),
    "mtext": lambda t: rf"\text{{{t}}}" if t.strip("\xa0 ") else " ",
    "ms": lambda t: rf"\text{{{t}}}",
}
_BUILD: dict[str, Callable[[list[str]], str]] = {
    "mfrac": lambda p: _command("frac", *(*p, "", "")[:2]),
    "msqrt": lambda p: _command("sqrt", "".join(p)),
    "mroot": lambda p: rf"\sqrt[{''.join(p[1:2]).strip()}]{{{''.join(p[:1]).strip()}}}",
    "msup": _script("%s^%s"),
    "msub": _script("%s_%s"),
    "msubsup": _script("%s_%s^%s"),
    "mover": _over,
    "munder": _limits("%s_%s", r"\underset%s%s"),
    "munderover": _script("%s_%s^%s"),
    "mtr": " & ".join,
    "mlabeledtr": lambda p: " & ".join(p[1:]),
    "mtable": _table,
}
