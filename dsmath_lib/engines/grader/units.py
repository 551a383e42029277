"""Units of measurement: a table of dimensions and factors, so that 5 km is 5000 m and 5 cm is not 5 m."""

import re
from fractions import Fraction
from functools import lru_cache

from dsmath_lib.engines.grader.words import CHANGES

_DIMENSIONS: dict[str, dict[str, str]] = {
    "length": {"mm": "1/1000", "cm": "1/100", "dm": "1/10", "m": "1", "km": "1000", "nm": "1/1000000000",
    "um": "1/1000000", "inch": "254/10000", "foot": "3048/10000", "yard": "9144/10000", "mile": "1609344/1000"},
    "mass": {"mg": "1/1000", "g": "1", "kg": "1000", "ton": "1000000", "pound": "45359237/100000",
    "ounce": "45359237/1600000"},
    "time": {"ms": "1/1000", "s": "1", "min": "60", "h": "3600", "day": "86400", "week": "604800"},
    "months": {"month": "1", "year": "12", "decade": "120", "century": "1200"},
    "volume US": {"ounce fl": "1", "cup": "8", "pint": "16", "quart": "32", "gallon": "128"},
    "money": {"cent": "1", "dollar": "100"},
    "yuan": {"fen": "1", "jiao": "10", "yuan": "100"},
    "pound sterling": {"pence": "1", "pound sterling": "100"},
    "euro": {"euro": "1"}, "rupee": {"rupee": "1"}, "yen": {"yen": "1"}, "peso": {"peso": "1"},
    "temperature C": {"celsius": "1"}, "temperature F": {"fahrenheit": "1"}, "temperature K": {"kelvin": "1"},
    "angle": {"degree": "1"}, "radian": {"radian": "1"},
    "frequency": {"hz": "1", "khz": "1000", "mhz": "1000000"}, "voltage": {"volt": "1"}, "current": {"ampere": "1"},
    "resistance": {"ohm": "1"}, "storage": {"kb": "1", "mb": "1024", "gb": "1048576"},
}  # fmt: skip
_ALIASES = {
    "millimeter": "mm", "millimetre": "mm", "毫米": "mm", "centimeter": "cm", "centimetre": "cm", "厘米": "cm",
    "decimeter": "dm", "分米": "dm", "meter": "m", "metre": "m", "米": "m", "kilometer": "km", "kilometre": "km",
    "千米": "km", "公里": "km", "in": "inch", "inches": "inch", "ft": "foot", "feet": "foot",
    "yd": "yard", "mi": "mile", "nanometer": "nm", "micrometer": "um",
    "milligram": "mg", "gram": "g", "gm": "g", "克": "g", "kilogram": "kg", "kilo": "kg", "千克": "kg", "公斤": "kg",
    "tonne": "ton", "吨": "ton", "lb": "pound", "lbs": "pound", "oz": "ounce",
    "second": "s", "sec": "s", "秒": "s", "minute": "min", "mins": "min", "分钟": "min", "hour": "h", "hr": "h",
    "hrs": "h", "小时": "h", "时": "h", "天": "day", "日": "day", "周": "week", "centuries": "century", "yr": "year",
    "月": "month", "年": "year",
    "milliliter": "ml", "millilitre": "ml", "毫升": "ml", "mL": "ml", "liter": "l", "litre": "l", "L": "l", "升": "l",
    "¢": "cent", "usd": "dollar", "bucks": "dollar", "美元": "dollar", "元": "yuan", "角": "jiao", "分": "fen",
    "rmb": "yuan", "euros": "euro", "eur": "euro", "欧元": "euro", "penny": "cent", "pennies": "cent",
    "pounds sterling": "pound sterling", "gbp": "pound sterling",
    "度": "degree", "deg": "degree", "rad": "radian",
    "N": "newton", "J": "joule", "W": "watt", "V": "volt", "A": "ampere", "K": "kelvin", "hertz": "hz",
    "pascal": "pa",
    "ha": "hectare", "公顷": "hectare", "Ω": "ohm",
    "degrees celsius": "celsius", "degrees C": "celsius", "degrees fahrenheit": "fahrenheit",
    "degrees F": "fahrenheit",
}  # fmt: skip
# ((dimension, power), …) and the factor to the basic unit
Unit = tuple[tuple[tuple[str, int], ...], Fraction]
_UNIT_OF: dict[str, Unit] = {
    u: (((dim, 1),), Fraction(f)) for dim, units in _DIMENSIONS.items() for u, f in units.items()
}
_POWERS = {
    "square": 2,
    "sq": 2,
    "cubic": 3,
    "cu": 3,
    "平方": 2,
    "立方": 3,
    "squared": 2,
    "cubed": 3,
}
DEGREE, RADIAN = ((("angle", 1),), (("radian", 1),))


@lru_cache(maxsize=1024)
def unit_of(text: str) -> Unit | None:
    """The dimension and factor of a unit, ``square cm``, ``km/h``, ``kg m s^{-2}``; None for one not in the tables."""
    text = {"mph": "mile/h", "kph": "km/h"}.get(text.lower(), text)
    sides = re.split(r" ?/ ?| per | an? (?=[a-z])", text)
    powers: dict[str, int] = {}
    factor = Fraction(1)
    for sign, side in zip((1, -1), sides, strict=False):
        whole = _one_unit(side)
        for unit in (
            [whole] if whole else map(_one_unit, re.split(r" ?(?:\\cdot|\*) ?| (?![\d-])", side))
        ):
            if unit is None:
                return None
            for dimension, power in unit[0]:
                powers[dimension] = powers.get(dimension, 0) + sign * power
            factor *= unit[1] ** sign
    left = tuple(sorted((d, n) for d, n in powers.items() if n))
    return (left, factor) if left and len(sides) <= 2 else None


def _one_unit(text: str) -> Unit | None:
    text = re.sub(r"[\s{}^.]+", " ", text).strip()
    power = 1
    if m := re.fullmatch(r"(square|sq|cubic|cu|平方|立方)(?: |(?<=方))(.+)", text):
        power, text = _POWERS[m[1]], m[2]
    elif m := re.fullmatch(r"([^\d-]+?) ?(-?[1-3]|squared|cubed)", text):
        power, text = _POWERS.get(m[2]) or int(m[2]), m[1].strip()
    low = text if text in _ALIASES else text.lower()
    for word in (low, low.removesuffix("s")):
        if found := _UNIT_OF.get(_ALIASES.get(word, word)):
            return tuple((d, n * power) for d, n in found[0]), found[1] ** power
    return None


for _name, _of, _times in (
    ("ml", "cm^3", 1), ("l", "dm^3", 1), ("hectare", "m^2", 10_000), ("newton", "kg m/s^2", 1),
    ("joule", "newton m", 1), ("kj", "newton m", 1000), ("watt", "joule/s", 1), ("kw", "joule/s", 1000),
    ("pa", "newton/m^2", 1), ("kpa", "newton/m^2", 1000),
):  # fmt: skip
    _dimension, _size = unit_of(_of)
    _UNIT_OF[_name] = _dimension, _times * _size
unit_of.cache_clear()


_BEHIND = re.compile(
    r"(?<=[\d})%!. ])(?<![A-Za-z])([A-Za-z一-鿿]+(?: ?(?:\^ ?\{?[23]\}?|/ ?[a-z]+| [a-z]+))?)\.?$"
)


def unit_behind(text: str) -> Unit | None:
    """The known unit at the end of a normalised answer; None for none."""
    m = _BEHIND.search(text, max(0, len(text) - 40))
    return unit_of(m[1]) if m and m.start() else None


def named_in(unit: Unit, question: str) -> bool:
    """Whether a question names a unit of the same kind, so that an answer need not repeat it."""
    kinds = {dimension for dimension, _ in unit[0]}
    signs = {
        "money": "$",
        "euro": "€",
        "pound sterling": "£",
        "yuan": "¥",
        "angle": "circ",
        "months": "old",
    }
    if any(signs.get(k, "\0") in question for k in kinds):
        return True
    words = re.findall(r"[A-Za-z]+|[一-鿿]+", question)
    return any((found := unit_of(w)) and kinds & {d for d, _ in found[0]} for w in words)


# -- what may stand behind a number ------------------------------------------------------------------------------------
_GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta theta kappa lambda sigma omega iota rho tau phi chi psi upsilon".split()
)
_JOINING = frozenset(
    "to from by is are was out off up down through until choose".split()
)  # 7 ways to choose
_SHORT = frozenset(
    "as man men boy kid egg car cat dog cow hen pig bee ant bus van cup pot pan jar can bag box pen toy hat "
    "pie nut way row "
    "set job day bed ton tie top tip pet fox owl bat rat ray fan cap cow fish am pm pt pc bp rs st nd rd ev kv "
    "ma mv cds "
    "tv dvd act bit hit gem leg arm run lap win ".split()
)
_PHRASE = re.compile(
    r"[^\W\d_][^\W\d_ /.^'{}\\-]*(?:[ /.^'{}-]{1,3}(?:[^\W\d_]+|[1-3](?!\d)))*\}?\.?|degrees?"
)
_CHINESE_CHANGES = re.compile(
    r"[或不减加乘除与和]|以[上下外]|至[多少]|[大小多少]于|超过|多$|次方|根|分之|的[平立]方|倍[多少]|左右"
)


def is_unit(tail: str, spaced: bool) -> bool:
    """Whether what stands behind a number is a unit, or a noun that is counted.

    ``spaced``: a blank stands before it; without one only known units count: ``5abcd`` is a product of variables.
    """
    if not _PHRASE.fullmatch(tail) or len(tail) > 60:
        return False
    if unit_of(tail):
        return spaced or len(tail) > 1 or not tail.isascii()
    if not tail[:1].isascii():
        return not _CHINESE_CHANGES.search(tail)
    words = re.findall(r"[a-z]+", tail.lower())
    if words[0] == "of" and len(words) > 1:  # 3/4 of the cake
        words = words[1:]
    if words[0] == "times":  # 7 times as many; 7 times x is a product
        words = words[1:]
        if not words or re.search(r"\d|\b[b-z]\b", tail):
            return tail == "times"
    if any(
        w in CHANGES or w.removesuffix("s") in CHANGES or w in _GREEK for w in set(words) - _JOINING
    ):
        return False
    if words[0] in _JOINING:
        return False
    first = words[0] if words else ""
    if unit_of(first) and spaced:  # 5 miles away
        return len(first) > 1
    return spaced and any(map(_is_noun, words))


def _is_noun(word: str) -> bool:
    spoken = re.search("[aeiouy]", word) and word not in "abcdefghijklmnopqrstuvwxyz"
    return word in _SHORT or bool(len(word) > 3 and spoken)
