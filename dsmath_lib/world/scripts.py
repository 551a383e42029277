"""General programs that compute: named quantities, a few lines of arithmetic, prints, and what they print.

Code as on a code host, not solutions: no question stands before it, and its names are words.
"""

from operator import add, mul, sub
from random import Random

from dsmath_lib.base.records import Document
from dsmath_lib.base.seeds import seed_for

_NAMES = (
    "width height depth count total size limit offset step rate price stock load score speed area left right first last"
).split()
_OPS = {"+": add, "-": sub, "*": mul}


def script(rng: Random) -> str:
    """One program of three to six assignments; a comment after each print says what it prints."""
    names = rng.sample(_NAMES, 3 + int(rng.random() * 4))
    lines, known = [], {}
    for name in names:
        if len(known) < 2:
            known[name] = rng.randint(2, 20)
            lines.append(f"{name} = {known[name]}")
            continue
        a, b = rng.sample(sorted(known), 2)
        op = rng.choice(tuple(_OPS))
        if (op == "*" and known[a] * known[b] > 400) or (op == "-" and known[a] < known[b]):
            op = "+"
        known[name] = _OPS[op](known[a], known[b])
        lines.append(f"{name} = {a} {op} {b}")
        if name == names[-1] or rng.random() < 0.4:
            lines.append(f"print({name})  # {known[name]}")
    return "\n".join(lines)


def script_files(n: int, seed: int) -> list[Document]:
    """``n`` files of two to four programs."""
    rng = Random(seed_for("scripts", seed))
    texts = ["\n\n".join(script(rng) for _ in range(2 + int(rng.random() * 3))) for _ in range(n)]
    return [Document(f"https://scripts.corpus.example/{i}", t, "en") for i, t in enumerate(texts)]
