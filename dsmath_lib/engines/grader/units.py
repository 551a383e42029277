"""Units of measurement: a table of dimensions and factors, so that 5 km is 5000 m and 5 cm is not 5 m."""

import re
from fractions import Fraction
from functools import lru_cache

_LENGTH = {"mm": "1/1000", "cm": "1/100", "dm": "1/10", "m": "1", "km": "1000", "inch": "254/10000",
           "foot": "3048/10000", "yard": "9144/10000", "mile": "1609344/1000"}  # fmt: skip
_DIMENSIONS: dict[str, dict[str, str]] = {
    "length": _LENGTH,
    "mass": {"mg": "1/1000", "g": "1", "kg": "1000", "ton": "1000000", "pound": "45359237/100000",
    "ounce": "45359237/1600000"},
    "time": {"ms": "1/1000", "s": "1", "min": "60", "h": "3600", "day": "86400", "week": "604800"},
    "volume": {"ml": "1", "l": "1000"},
    "volume US": {"ounce fl": "1", "cup": "8", "pint": "16", "quart": "32", "gallon": "128"},
    "money": {"cent": "1", "dollar": "100"},
    "yuan": {"fen": "1", "jiao": "10", "yuan": "100"},
    "pound sterling": {"pence": "1", "pound sterling": "100"},
    "euro": {"euro": "1"},
    "temperature C": {"celsius": "1"},
    "temperature F": {"fahrenheit": "1"},
    "angle": {"degree": "1"},
    "radian": {"radian": "1"},
}  # fmt: skip
_ALIASES = {
    "millimeter": "mm", "millimetre": "mm", "毫米": "mm", "centimeter": "cm", "centimetre": "cm", "厘米": "cm",
    "decimeter": "dm", "分米": "dm", "meter": "m", "metre": "m", "米": "m", "kilometer": "km", "kilometre": "km",
    "千米": "km", "公里": "km", "in": "inch", "inches": "inch", "ft": "foot", "feet": "foot",
    "yd": "yard", "mi": "mile",
    "milligram": "mg", "gram": "g", "gm": "g", "克": "g", "kilogram": "kg", "kilo": "kg", "千克": "kg", "公斤": "kg",
    "tonne": "ton", "吨": "ton", "lb": "pound", "lbs": "pound", "oz": "ounce",
    "second": "s", "sec": "s", "秒": "s", "minute": "min", "mins": "min", "分钟": "min", "hour": "h", "hr": "h",
    "hrs": "h", "小时": "h", "时": "h", "天": "day", "日": "day", "周": "week",
    "milliliter": "ml", "millilitre": "ml", "毫升": "ml", "mL": "ml", "liter": "l", "litre": "l", "L": "l", "升": "l",
    "¢": "cent", "usd": "dollar", "bucks": "dollar", "美元": "dollar", "元": "yuan", "角": "jiao", "分": "fen",
    "rmb": "yuan", "euros": "euro", "度": "degree", "deg": "degree", "rad": "radian",
}  # fmt: skip
_UNIT_OF = {u: (dim, Fraction(f)) for dim, units in _DIMENSIONS.items() for u, f in units.items()}
_POWER_WORDS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3, "平方": 2, "立方": 3}


# ((dimension, power), …) and the factor to the basic unit
Unit = tuple[tuple[tuple[str, int], ...], Fraction]


@lru_cache(maxsize=1024)
def unit_of(text: str) -> Unit | None:
    """The dimension and factor of a unit, e.g. ``square cm``, ``cm^2`` or ``km/h``; None for one not in the tables."""
    text = {"mph": "mile/h", "kph": "km/h"}.get(text.lower(), text)
    parts = [_one_unit(part) for part in re.split(r" ?/ ?| per | an? (?=[a-z])", text)]
    if not 0 < len(parts) <= 2 or None in parts:
        return None
    dimensions, factor = [], Fraction(1)
    for sign, part in zip((1, -1), parts, strict=False):
        dimensions.append((part[0], sign * part[1]))
        factor *= part[2] ** sign
    return tuple(dimensions), factor


def _one_unit(text: str) -> tuple[str, int, Fraction] | None:
    text = re.sub(r"[\s{}^.]+", " ", text).strip()
    power = 1
    if m := re.fullmatch(r"(square|sq|cubic|cu|平方|立方) ?(.+)", text):
        power, text = _POWER_WORDS[m[1]], m[2]
    elif m := re.fullmatch(r"(\D+?) ?(2|3|squared|cubed)", text):
        power, text = 2 if m[2] in ("2", "squared") else 3, m[1].strip()
    low = text if text in _ALIASES else text.lower()
    for word in (low, low.removesuffix("s")):
        word = _ALIASES.get(word, word)
        if word in _UNIT_OF:
            dimension, factor = _UNIT_OF[word]
            return dimension, power, factor**power
    return None
