"""Web authors' own words for a problem: other names and nouns, same numbers, same sentence pattern.

The problems of the toy universe are made from templates, so a training problem may share ten words in a row with a
benchmark item by chance, and the paper's 10-gram rule would then remove a page without any leak. Web authors therefore
have names and nouns of their own, and the generator takes these words whenever the usual ones collide.
"""

import re
from dataclasses import replace
from random import Random

from dsmath_lib.base.records import Problem
from dsmath_lib.world.families import PEOPLE, THINGS
from dsmath_lib.world.prose import pick

_WEB_NAMES = tuple("Alma Bo Carl Dora Emil Fay Gus Hana Ivo Jill Kurt Lola Milo Nora".split())
_WEB_THINGS = tuple(
    "lemons buttons bricks bottles tiles candles melons socks badges tickets".split()
)
# A noun and what web authors say instead; together with names and things they touch every long run of fixed words.
_NOUNS = {
    "boxes": ("bags", "crates", "baskets", "jars"), "box": ("bag", "crate", "basket", "jar"),
    "friends": ("children", "cousins", "pupils"), "friend": ("child", "cousin", "pupil"),
    "dollars": ("euros", "pounds", "francs"), "km": ("miles", "meters"),
    "a day": ("a week", "an hour"), "days": ("weeks", "hours"),
    "uncle": ("teacher", "neighbor"), "An arithmetic sequence": ("A number pattern", "A number ladder"),
    "difference": ("step", "gap"), "rectangle": ("garden", "floor", "field"), "square": ("patio", "carpet"),
    "beside": ("next to", "right of"), "first term": ("first entry", "start"),
    "Then there are": ("Soon there are", "Now there are"),
}  # fmt: skip
_ZH_NAMES = tuple("阿福 阿宝 大勇 大山 冬冬 圆圆 丁丁 乐乐 毛毛 佳佳 贝贝 星星".split())
_ZH_THINGS = ("柠檬", "纽扣", "砖头", "瓶子", "蜡烛", "西瓜", "袜子", "徽章", "票", "积木")
_ZH_NOUNS = {
    "盒": ("箱", "袋", "筐"), "朋友": ("同学", "孩子"), "元": ("块钱", "欧元"), "千米": ("公里", "海里"),
    "天": ("周", "小时"), "叔叔": ("舅舅", "老师"), "等差数列": ("数列", "数串"), "公差": ("每步增加", "间隔"),
    "首项": ("第一个数", "起点"), "长方形": ("花园", "地板"), "正方形": ("地毯", "水池"), "旁边": ("右边", "一侧"),
    "平分": ("均分", "分光"), "变成": ("增到", "扩大到"), "一共": ("总共", "合计"), "还剩": ("多出", "余下"),
    "原来": ("本来", "早先"), "又用掉": ("再用掉", "又送走"),
}  # fmt: skip
_EN = re.compile(
    r"\b(?:" + "|".join([*_NOUNS, *(n for n, _ in PEOPLE), *(t for t, _ in THINGS)]) + r")\b"
)
_ZH = re.compile("|".join([*_ZH_NOUNS, *(n for _, n in PEOPLE), *(t for _, t in THINGS)]))
_IS_NAME = {n for pair in PEOPLE for n in pair}


def reworded(problem: Problem, rng: Random, only_names: bool = False) -> Problem:
    """The same problem in a web author's words; id, steps, answer and program stay. ``only_names``: of people."""
    zh = problem.lang == "zh"
    names, things, nouns = (
        (_ZH_NAMES, _ZH_THINGS, _ZH_NOUNS) if zh else (_WEB_NAMES, _WEB_THINGS, _NOUNS)
    )
    draw = int(rng.random() * 60)  # one draw for all nouns keeps singular and plural together
    said: dict[str, str] = {}

    def other(match: re.Match[str]) -> str:
        word = match[0]
        if only_names and word not in _IS_NAME:
            return word
        if word not in said:
            if word in nouns:
                said[word] = nouns[word][draw % len(nouns[word])]
            else:
                free = tuple(
                    w for w in (names if word in _IS_NAME else things) if w not in said.values()
                )
                said[word] = pick(rng, free)
        return said[word]

    return replace(problem, question=(_ZH if zh else _EN).sub(other, problem.question))
