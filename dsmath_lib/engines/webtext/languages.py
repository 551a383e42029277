"""Language of a document: Chinese, Japanese and Korean by their characters, the rest by resiliparse's profiles."""

import re

from resiliparse.parse.lang import detect_fast

_FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$\n]*\$", re.S)
_HAN, _KANA, _HANGUL = (
    re.compile(p) for p in ("[\u4e00-\u9fff]", "[\u3040-\u30ff]", "[\uac00-\ud7af]")
)
_ASIAN = re.compile("[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]")
_LETTER = re.compile(r"[^\W\d_]")
_TEN_LETTERS = re.compile(r"(?:[^\W\d_][\W\d_]*+){10}")
CJK_SHARE = 0.3  # of the letters; below it a page only quotes some characters
MAX_RANK = 1200  # detect_fast: higher ranks are usually false


def without_formulas(text: str) -> str:
    """A text as an extractor leaves it that loses formulas."""
    return _FORMULA.sub(" ", text)


def language(text: str, *, max_chars: int = 5_000) -> str:
    """ISO 639-1 code of a text, ``""`` if it cannot be told (formulas alone, too short)."""
    plain = without_formulas(text[:max_chars])
    if not _TEN_LETTERS.search(plain):
        return ""
    if _ASIAN.search(plain):
        han, kana, hangul = (len(p.findall(plain)) for p in (_HAN, _KANA, _HANGUL))
        if han + kana + hangul > CJK_SHARE * len(_LETTER.findall(plain)):
            if hangul > han + kana:
                return "ko"
            return "ja" if kana > 0.1 * (han + kana) else "zh"
    code, rank = detect_fast(plain, cutoff=MAX_RANK)
    return "" if code == "unknown" or rank > MAX_RANK else code
