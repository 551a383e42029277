"""Problem families of the toy universe: word problems and algebra, levels 1–5, in English and Chinese.

A family draws numbers and words and returns a ``Draft``: the question in both languages and the operations that solve
it. Everything else (steps, programs, transcripts) is rendered from the operations, so no solution can be wrong by
accident. An operand is a number or ``"#i"``, the result of operation ``i``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

Operand = int | str
Op = tuple[Operand, str, Operand]

PEOPLE = [
    ("Tom", "小明"), ("Ana", "小红"), ("Ben", "小刚"), ("Mia", "小丽"), ("Sam", "小华"), ("Eva", "小芳"),
    ("Leo", "小军"), ("Zoe", "小兰"), ("Max", "小强"), ("Ida", "小梅"), ("Jon", "小东"), ("Amy", "小雪"),
    ("Kai", "小亮"), ("Lia", "小燕"), ("Rob", "小龙"), ("Sue", "小英"), ("Dan", "小林"), ("Joy", "小玉"),
    ("Nick", "小文"), ("Rosa", "小云"), ("Paul", "小杰"), ("Lily", "小月"), ("Omar", "小海"), ("Nina", "小静"),
]  # fmt: skip
THINGS = [
    ("apples", "苹果"), ("pens", "钢笔"), ("cards", "卡片"), ("books", "书"), ("stamps", "邮票"), ("coins", "硬币"),
    ("shells", "贝壳"), ("balls", "球"), ("cakes", "蛋糕"), ("eggs", "鸡蛋"), ("cups", "杯子"), ("toys", "玩具"),
    ("beads", "珠子"), ("nuts", "坚果"), ("pears", "梨"), ("roses", "玫瑰"), ("stones", "石头"), ("keys", "钥匙"),
    ("buns", "面包"), ("boats", "小船"), ("flags", "旗子"), ("plums", "李子"), ("kites", "风筝"), ("maps", "地图"),
]  # fmt: skip


@dataclass(frozen=True)
class Draft:
    """A drawn problem: the question in English and Chinese and the operations whose last result is the answer."""

    en: str
    zh: str
    ops: tuple[Op, ...]


@dataclass(frozen=True)
class Family:
    """``kind`` is ``word`` or ``algebra``; ``draw(rng, level)`` makes one draft."""

    name: str
    kind: str
    draw: Callable[[Random, int], Draft]


def _big(rng: Random, level: int) -> int:
    return rng.randint(3, 12 if level < 3 else 20)


def _small(rng: Random, level: int) -> int:
    return rng.randint(2, 6 if level < 3 else 9)


def _chain(rng: Random, level: int) -> Draft:
    (en, zh), (thing, ding) = rng.choice(PEOPLE), rng.choice(THINGS)
    total = _big(rng, level)
    e, z = [f"{en} has {total} {thing}."], [f"{zh}有{total}个{ding}。"]
    ops: list[Op] = []
    for i in range(min(level, 4)):
        left: Operand = f"#{i - 1}" if i else total
        if total > 8 and rng.random() < 0.5:
            n = rng.randint(2, min(total - 2, 20))
            verb, dong = rng.choice([("loses", "丢了"), ("gives away", "送出"), ("sells", "卖掉")])
            e.append(f"{en} {verb} {n}.")
            z.append(f"{zh}{dong}{n}个。")
            ops.append((left, "-", n))
            total -= n
        else:
            n = _big(rng, min(level, 2))
            verb, dong = rng.choice([("finds", "找到"), ("gets", "得到"), ("buys", "买了")])
            e.append(f"{en} {verb} {n} more.")
            z.append(f"{zh}又{dong}{n}个。")
            ops.append((left, "+", n))
            total += n
    e.append(f"How many {thing} does {en} have now?")
    z.append(f"{zh}现在有多少个{ding}？")
    return Draft(" ".join(e), "".join(z), tuple(ops))


def _groups(rng: Random, level: int) -> Draft:
    (en, zh), (thing, ding) = rng.choice(PEOPLE), rng.choice(THINGS)
    n, k = _small(rng, level), _small(rng, 1)
    e, z = f"{en} fills {n} boxes with {k} {thing} each", f"{zh}装了{n}个盒子，每盒{k}个{ding}"
    ops: list[Op] = [(n, "*", k)]
    if level >= 2:
        c = _big(rng, 1)
        e, z = f"{e} and has {c} {thing} left over", f"{z}，还剩{c}个"
        ops.append(("#0", "+", c))
    e, z = e + ".", z + "。"
    if level >= 3:
        d = rng.randint(2, min(9, n * k + c - 1))
        e, z = f"{e} A friend takes {d} of them.", f"{z}朋友拿走{d}个。"
        ops.append(("#1", "-", d))
    if level >= 4:
        m = rng.randint(2, 3)
        e, z = f"{e} Then there are {m} times as many.", f"{z}然后变成{m}倍。"
        ops.append(("#2", "*", m))
    return Draft(f"{e} How many {thing} are there in all?", f"{z}一共有多少个{ding}？", tuple(ops))


def _shop(rng: Random, level: int) -> Draft:
    (en, zh), (thing, ding) = rng.choice(PEOPLE), rng.choice(THINGS)
    n, p = _small(rng, level), rng.randint(2, 9)
    e, z = f"{en} buys {n} {thing} at {p} dollars each", f"{zh}买了{n}个{ding}，每个{p}元"
    ops: list[Op] = [(n, "*", p)]
    cost = n * p
    if level >= 3:
        other, ling = rng.choice([t for t in THINGS if t[0] != thing])
        q = rng.randint(3, 20)
        e, z = f"{e} and a box of {other} for {q} dollars", f"{z}，还买了一盒{ling}，{q}元"
        ops.append(("#0", "+", q))
        cost += q
    if level == 1 or level == 3:
        return Draft(f"{e}. How many dollars does {en} pay?", f"{z}。{zh}要付多少元？", tuple(ops))
    bill = cost + rng.randint(1, 20)
    e, z = f"{e}. {en} pays with {bill} dollars", f"{z}。{zh}付了{bill}元"
    ops.append((bill, "-", f"#{len(ops) - 1}"))
    if level == 5:
        back = rng.randint(2, 9)
        e, z = f"{e} and finds {back} dollars", f"{z}，又捡到{back}元"
        ops.append((f"#{len(ops) - 1}", "+", back))
    return Draft(
        f"{e}. How many dollars does {en} have left?", f"{z}。{zh}还剩多少元？", tuple(ops)
    )


def _share(rng: Random, level: int) -> Draft:
    (en, zh), (thing, ding) = rng.choice(PEOPLE), rng.choice(THINGS)
    n, each = rng.randint(2, 9), _small(rng, level)
    total = n * each
    ops: list[Op] = []
    if level == 1:
        e, z = f"{en} has {total} {thing}", f"{zh}有{total}个{ding}"
        left: Operand = total
    else:
        b = rng.randint(1, max(1, min(total - 2, 20)))
        e, z = (
            f"{en} has {total - b} {thing} and gets {b} more",
            f"{zh}有{total - b}个{ding}，又得到{b}个",
        )
        ops.append((total - b, "+", b))
        left = "#0"
    ops.append((left, "/", n))
    e, z = f"{e}. {n} friends share them equally.", f"{z}。{n}个朋友平分。"
    if level >= 3:
        c = _big(rng, 1)
        e, z = f"{e} Each friend already had {c}.", f"{z}每人原来有{c}个。"
        ops.append((f"#{len(ops) - 1}", "+", c))
    if level >= 4:
        d = rng.randint(2, min(6, each + c - 1))
        e, z = f"{e} Each then eats {d}.", f"{z}每人又用掉{d}个。"
        ops.append((f"#{len(ops) - 1}", "-", d))
    return Draft(
        f"{e} How many {thing} does each friend have?", f"{z}每个朋友有多少个{ding}？", tuple(ops)
    )


def _travel(rng: Random, level: int) -> Draft:
    en, zh = rng.choice(PEOPLE)
    v, t = _small(rng, level), rng.randint(2, 9)
    e, z = f"{en} walks {v} km a day for {t} days", f"{zh}每天走{v}千米，走了{t}天"
    ops: list[Op] = [(v, "*", t)]
    if level >= 2:
        w, s = rng.randint(2, 9), rng.randint(2, 9)
        e, z = f"{e} and then {w} km a day for {s} days", f"{z}，然后每天走{w}千米，走了{s}天"
        ops += [(w, "*", s), ("#0", "+", "#1")]
    if level >= 4:
        back = rng.randint(2, min(20, v * t + w * s - 1))
        e, z = f"{e}, and {back} km back", f"{z}，又往回走{back}千米"
        ops.append(("#2", "-", back))
        return Draft(
            f"{e}. How many km is {en} from the start?", f"{z}。{zh}离起点多少千米？", tuple(ops)
        )
    return Draft(f"{e}. How many km does {en} walk?", f"{z}。{zh}走了多少千米？", tuple(ops))


def _ages(rng: Random, level: int) -> Draft:
    (en, zh), (en2, zh2) = rng.sample(PEOPLE, 2)
    a = rng.randint(5, 12 if level < 3 else 20)
    older = rng.random() < 0.5 or a < 8
    b = rng.randint(2, 9 if older else a - 3)
    e = f"{en} is {a} years old. {en2} is {b} years {'older' if older else 'younger'} than {en}."
    z = f"{zh}今年{a}岁。{zh2}比{zh}{'大' if older else '小'}{b}岁。"
    ops: list[Op] = [(a, "+" if older else "-", b)]
    if level == 1:
        return Draft(f"{e} How old is {en2}?", f"{z}{zh2}今年几岁？", tuple(ops))
    if level >= 3:
        k = rng.randint(2, 3)
        e, z = f"{e} Their uncle is {k} times as old as {en2}.", f"{z}叔叔的年龄是{zh2}的{k}倍。"
        ops.append(("#0", "*", k))
        en2, zh2 = "the uncle", "叔叔"
    c = _big(rng, 1)
    ops.append((f"#{len(ops) - 1}", "+", c))
    return Draft(f"{e} How old is {en2} in {c} years?", f"{z}{c}年后{zh2}几岁？", tuple(ops))


def _linear(rng: Random, level: int) -> Draft:
    x, a, b = _small(rng, level), rng.randint(2, 9), _big(rng, level)
    if level == 1:
        eq, ops = f"x+{b}={x + b}", [(x + b, "-", b)]
    elif level == 2:
        eq, ops = f"{a}x={a * x}", [(a * x, "/", a)]
    elif level == 3:
        eq, ops = f"{a}x+{b}={a * x + b}", [(a * x + b, "-", b), ("#0", "/", a)]
    elif level == 4:
        eq, ops = f"{a}(x+{b})={a * (x + b)}", [(a * (x + b), "/", a), ("#0", "-", b)]
    else:
        c = rng.randint(1, a - 1)
        eq = f"{a}x+{b}={c}x+{(a - c) * x + b}"
        ops = [(a, "-", c), ((a - c) * x + b, "-", b), ("#1", "/", "#0")]
    return Draft(f"Solve ${eq}$ for $x$.", f"解方程 ${eq}$，求 $x$。", tuple(ops))


def _sequence(rng: Random, level: int) -> Draft:
    a, d, n = _big(rng, level), rng.randint(2, 9), rng.randint(3, 6 if level < 3 else 10)
    ops: list[Op] = [(n, "-", 1), ("#0", "*", d), (a, "+", "#1")]
    e = f"An arithmetic sequence starts at ${a}$ with difference ${d}$."
    z = f"等差数列首项为 ${a}$，公差为 ${d}$。"
    if level >= 4:
        ops.append(("#2", "+", a))
        return Draft(
            f"{e} Find the sum of the first term and term ${n}$.",
            f"{z}求首项与第 ${n}$ 项的和。",
            tuple(ops),
        )
    return Draft(f"{e} Find term ${n}$.", f"{z}求第 ${n}$ 项。", tuple(ops))


def _expression(rng: Random, level: int) -> Draft:
    a, b, c = _small(rng, level), rng.randint(2, 9), rng.randint(2, 9)
    if level == 1:
        text, ops = f"{a}+{b}+{c}", [(a, "+", b), ("#0", "+", c)]
    elif level == 2:
        text, ops = f"{a}*{b}+{c}", [(a, "*", b), ("#0", "+", c)]
    elif level == 3:
        text, ops = f"{a}*({b}+{c})", [(b, "+", c), (a, "*", "#0")]
    elif level == 4:
        text, ops = f"{a}*{b}+{c}*{c}", [(a, "*", b), (c, "*", c), ("#0", "+", "#1")]
    else:
        text, ops = f"{a}*({b}+{c})-{a}", [(b, "+", c), (a, "*", "#0"), ("#1", "-", a)]
    return Draft(f"Compute ${text}$.", f"计算 ${text}$。", tuple(ops))


def _remainder(rng: Random, level: int) -> Draft:
    m, q = rng.randint(3, 9), _small(rng, level)
    n = m * q + rng.randint(0, m - 1)
    ops: list[Op] = [(q, "*", m), (n, "-", "#0")]
    if level >= 4:
        ops.append(("#1", "*", q))
        return Draft(
            f"Divide ${n}$ by ${m}$ and multiply the quotient by the remainder.",
            f"${n}$ 除以 ${m}$，求商与余数的积。",
            tuple(ops),
        )
    return Draft(
        f"Find the remainder of ${n}$ divided by ${m}$.",
        f"求 ${n}$ 除以 ${m}$ 的余数。",
        tuple(ops),
    )


def _rectangle(rng: Random, level: int) -> Draft:
    w, h = _small(rng, level), rng.randint(2, 9)
    e, z = f"A rectangle is ${w}$ wide and ${h}$ high.", f"长方形宽 ${w}$，高 ${h}$。"
    if level <= 2:
        return Draft(f"{e} Find its area.", f"{z}求面积。", ((w, "*", h),))
    if level == 3:
        return Draft(f"{e} Find its perimeter.", f"{z}求周长。", ((w, "+", h), (2, "*", "#0")))
    s = rng.randint(1, 5)
    ops: list[Op] = [(w, "*", h), (s, "*", s), ("#0", "+", "#1")]
    return Draft(
        f"{e} A square of side ${s}$ is put beside it. Find the area of both.",
        f"{z}旁边放一个边长 ${s}$ 的正方形。求总面积。",
        tuple(ops),
    )


FAMILIES: dict[str, Family] = {
    f.name: f
    for f in (
        Family("chain", "word", _chain),
        Family("groups", "word", _groups),
        Family("shop", "word", _shop),
        Family("share", "word", _share),
        Family("travel", "word", _travel),
        Family("ages", "word", _ages),
        Family("linear", "algebra", _linear),
        Family("sequence", "algebra", _sequence),
        Family("expression", "algebra", _expression),
        Family("remainder", "algebra", _remainder),
        Family("rectangle", "algebra", _rectangle),
    )
}
HELD_OUT = "ages"  # on web pages and in its own benchmark, never in SFT or RL: it tests transfer
