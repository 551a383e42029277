"""The cases of ``cases.jsonl``, made after public reports of this kind of work, each as a check that is true or raises.

python -m tests.field.checks        how many hold, by kind
"""

import json
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from dsmath_lib.base.prompts import plain_ids, prompt_ids
from dsmath_lib.base.record_files import Part
from dsmath_lib.base.records import Completions, Prompt, Sample
from dsmath_lib.corpus import classifier
from dsmath_lib.crawl import shards
from dsmath_lib.engines.grader import grade_answer, grade_file
from dsmath_lib.engines.sandbox import extract_programs, joined_program, run_program
from dsmath_lib.evaluation import metrics as m
from dsmath_lib.evaluation.equations import equations_hold
from dsmath_lib.lm.mixture import tokenize_documents
from dsmath_lib.lm.packing import tokenize_samples
from dsmath_lib.lm.tokenizer import train_tokenizer
from dsmath_lib.params.flat_yaml import load_yaml
from dsmath_lib.params.overrides import apply_overrides, parse_value, stage_values
from dsmath_lib.params.table import PARAMS_DIR
from dsmath_lib.report.notebook import table
from dsmath_lib.rewards.program_tests import Check, passed
from dsmath_lib.rewards.reward import reward
from dsmath_lib.rl.explore import as_rollouts
from dsmath_lib.rl.reward_functions import RewardError, Rewards, scored
from dsmath_lib.rows.prompts import make_prompt
from dsmath_lib.runs.nb08_evaluation.layouts import plain
from dsmath_lib.runs.read_questions import problem_of
from dsmath_lib.stage.data import read_rows

CASES = [
    json.loads(line) for line in Path(__file__).with_name("cases.jsonl").open(encoding="utf-8")
]
CHECKS: dict[str, Callable[[Path], bool]] = {}
T = "```"
MARK = b"\xef\xbb\xbf"
HALF = "an emoji cut in half \\ud83d stands here"


def case(*names: str):
    def note(f: Callable) -> Callable:
        CHECKS.update(dict.fromkeys(names, f))
        return f

    return note


def fenced(code: str, name: str = "python", end: str = "\n") -> str:
    return end.join([T + name, *code.split("\n"), T, ""])


def lines(folder: Path, *rows: str, head: bytes = b"", end: str = "\n") -> Path:
    path = folder / "x.jsonl"
    path.write_bytes(head + end.join([*rows, ""]).encode())
    return path


def qwen():
    tok = train_tokenizer(["user assistant 12+3=15"] * 9, 300)
    tok.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tok.bos_token = None
    return tok


# -- rewards and rollouts -----------------------------------------------------------------------------
@case("b04")
def _(folder):
    done = Completions([[5], [6]], [[0.0], [0.0]], ["eos", "eos"], ["a", "b"])
    rewards = Rewards(lambda r, g: {"mine": [1.0, None]}, {"mine": 1.0})
    with pytest.raises(RewardError, match="'mine' of row 1"):
        scored(as_rollouts([[1]], done), ["5"], rewards)
    return True


@case("b31")
def _(folder):
    return equations_hold("1 " * 20_000)


# -- rows and text ------------------------------------------------------------------------------------
@case("c60", "c61", "c63")
def _(folder):
    row = json.dumps({"url": "u", "text": "abc", "question": "q"})
    path = lines(folder, row, row, head=MARK, end="\r\n")
    records = list(shards.read_documents((Part(str(path)),), Counter(), []))
    return len(read_rows(path.name, data_dir=str(folder))) == len(records) == 2


@case("c74", "c77")
def _(folder):
    path = lines(folder, f'{{"url": "u", "text": "{HALF}"}}', '{"url": "v", "text": "solve x"}')
    found = list(shards.read_documents((Part(str(path)),), Counter(), []))
    shards.write_part(found, folder / "out.jsonl")
    how = classifier.FastTextSettings(4, 0.5, 1, 1, 1, 10, 1, 0)
    texts = [classifier.one_line(d.text) for d in found] + [classifier.one_line("raw \ud83d")]
    model = classifier.train_classifier(texts, ["sport news"] * 3, how, folder)
    return len(found) == 2 and len(classifier.score_lines(model, texts)) == 3


@case("f01", "f02")
def _(folder):
    tok = qwen()
    (example,) = tokenize_samples(tok, [Sample(Prompt("q"), ((" a", True),))])
    torch.tensor(example.ids)
    return None not in tokenize_documents(tok, ["abc"])[0].tolist()


@case("f06")
def _(folder):
    tok = qwen()
    (ids,) = prompt_ids(tok, [make_prompt("simplerl-chat", "1+1?")])
    return ids.count(tok.convert_tokens_to_ids("<|im_start|>")) == 3


@case("f16")
def _(folder):
    text = "She has <<3*4=12>>12 and <<12-5=7>>7, so $<<7*1.5=10.5>>10.50\n#### 10.50"
    p = problem_of({"question": "q", "answer": text})
    return (p.steps, p.answer) == (("She has 12 and 7, so $10.50",), "10.50")


@case("f17")
def _(folder):
    p = problem_of({"question": "q", "answer": "Here x << 9 holds.\n#### 1,250"})
    return (p.steps, p.answer) == (("Here x << 9 holds.",), "1250")


@case("f18")
def _(folder):
    return problem_of({"problem": "q", "solution": "so \\boxed{5}"}).answer == "5"


@case("f19", "f20")
def _(folder):
    rows = [{"problem": "q", "answer": 5}, {"question": "q", "answer": "5"}]
    return [problem_of(r).answer for r in rows] == ["5", "5"]


@case("f26")
def _(folder):
    tok = qwen()
    return plain_ids(tok, ["x\ud83d"]) == plain_ids(tok, ["x\ufffd"])


# -- statistics ---------------------------------------------------------------------------------------
@case("g01", "g03")
def _(folder):
    for n in (4, 1):
        with pytest.raises(ValueError, match="pass@k"):
            m.pass_at_k(n, 1, 10)
    return True


@case("g02")
def _(folder):
    return m.pass_at_k(4, 1, 4) == 1.0 and abs(m.pass_at_k(5, 2, 2) - 0.7) < 1e-12


@case("g04")
def _(folder):
    return m.best_of_k([True, False, False], [0.1, 0.5, 0.9], 2) == 0


@case("g06", "g07")
def _(folder):
    few, none = (m.accuracy([i < k for i in range(n)]) for k, n in ((2, 199), (0, 500)))
    return (
        abs(few.low - 0.0028) < 1e-4 and abs(few.high - 0.0359) < 1e-4 and 0.007 < none.high < 0.008
    )


@case("g08", "g10")
def _(folder):
    found = [
        m.sample_mean([[True, True, False, False]] * 8),
        m.sample_mean([[True, False, False, False]]),
    ]
    return all(0 <= e.low < e.value < e.high <= 1 for e in found)


@case("g11", "g12", "g13")
def _(folder):
    tie = m.majority([0, 0, 1, 1], [True, True, False, False])
    return (
        tie,
        m.majority([None, None, 0], [False, False, True]),
        m.majority([None], [False]),
    ) == (0.5, 1, 0)


@case("g14")
def _(folder):
    _, gold = plain({"q": "?", "a": 1234567.0}, {"question": "q", "answer": "a"})
    return grade_answer(gold, "1234567").correct and not grade_answer(gold, "1234570").correct


@case("g25")
def _(folder):
    e = m.paired_difference([1.0] * 200, [1.0] * 200)
    return e.low < 0 < e.high


# -- programs -----------------------------------------------------------------------------------------
SUM = [Check("print(add(1, 2) == 3)", "True"), Check("print(add(2, 2))", "4")]


def runs(code: str, executor: str = "monty"):
    try:
        return run_program(code, executor=executor)
    except RuntimeError as err:  # no walls on this system
        pytest.skip(str(err))


@case("e09m", "e09c")
def _(folder):
    both = [runs("print('x' + chr(0xd800) + 'y')", e) for e in ("monty", "cpython")]
    return all((r.stdout + r.error).encode() for r in both)


@case("e10m", "e10c")
def _(folder):
    both = [
        runs("print(10 ** 5000 % 7)\nprint(len(str(10 ** 5000)))", e) for e in ("monty", "cpython")
    ]
    return all(
        r.stdout.startswith("2\n") and ("5001" in r.stdout or "limit" in r.error) for r in both
    )


@case("e20")
def _(folder):
    return passed(fenced("def add(a, b):\n    return a + b"), SUM) == [True, True]


@case("e21", "e23", "e25", "e27")
def _(folder):
    ways = [
        "print(4)\nexit()",
        "print(True)\nexit()",
        "print(4)\nx = '''",
        "print(True)\nraise SystemExit",
    ]
    return not any(any(passed(fenced(code), SUM)) for code in ways)


@case("e24")
def _(folder):
    return not all(
        passed(fenced("p = print\ndef print(*a):\n    p(5)\ndef add(a, b): return 0"), SUM)
    )


@case("e26", "e29")
def _(folder):
    code = "import sys\nprint(42)\nsys.exit()"
    return (
        reward("program", "42", fenced(code), "eos") == {"accuracy": 1.0}
        and not runs(code, "cpython").error
    )


@case("e30", "e31", "e32", "e33")
def _(folder):
    texts = [
        fenced("print(12)", name, end)
        for name in ("python", " python", "py", "Python")
        for end in ("\n", "\r\n")
    ]
    return all(runs(joined_program(t)).stdout == "12\n" for t in texts)


@case("e36", "e37")
def _(folder):
    two = f"{fenced('a=1')}use `a`\n{fenced('print(a)')}"
    return extract_programs(two) == ["a=1", "print(a)"] and not extract_programs(
        f"{T}python\nprint(1"
    )


@case("e38")
def _(folder):
    return runs(joined_program(fenced(f"s = '''a\n{T}\nb'''\nprint(7)"))).stdout == "7\n"


@case("e45")
def _(folder):
    return bool(json.dumps(runs("print('\\0a\\a\\x1b[31m')").stdout))


# -- parameters, tables, the command ------------------------------------------------------------------
@case("d06", "d09")
def _(folder):
    for text in ("seed: 3\nthreads: 1\nseed: 4\n", "seed: 010"):
        with pytest.raises(ValueError, match=r"twice|octal"):
            load_yaml(text)
    return parse_value("010", int) == "010"


@case("d11")
def _(folder):
    page = table([{"a": "$5 and $7"}], "between $3 and $4")._repr_html_()
    return "$" not in page.replace("<span>$</span>", "")


@case("d13", "d15", "d16", "d19")
def _(folder):
    rows = ['{"gold": "5", "pred": "5"}', f'{{"gold": "5", "pred": "{HALF}"}}']
    rows += ['{"gold": "4", "pred": "4\u2028"}', "[1]"]
    out = folder / "out.jsonl"
    code = grade_file(lines(folder, *rows, head=MARK, end="\r\n"), out, "lenient", "", None)
    found = [
        json.loads(line)["correct"] for line in out.read_text(encoding="utf-8").split("\n")[:-1]
    ]
    return code == 1 and found == [True, False, True, None]


@case("d18")
def _(folder):
    values = {"00_start_here": stage_values(PARAMS_DIR / "smoke", "00_start_here")}
    with pytest.raises(ValueError, match="did you mean 'seed'"):
        apply_overrides(values, [("sed", "3")])
    return True


def report() -> str:
    """How many cases of each kind hold."""
    held: dict[str, Counter] = {}
    for c in CASES:
        with tempfile.TemporaryDirectory() as folder:
            try:
                good = CHECKS[c["id"]](Path(folder)) is True
            except Exception:
                good = False
        held.setdefault(c["kind"], Counter())["held" if good else c["id"]] += 1
    rows = ["kind      cases  hold  not"]
    for kind, counts in sorted(held.items()):
        bad = ", ".join(sorted(counts.keys() - {"held"}))
        rows.append(f"{kind:9} {counts.total():5} {counts['held']:5}  {bad}")
    return "\n".join(rows)


if __name__ == "__main__":
    print(report())
