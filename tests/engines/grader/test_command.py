"""``dsmath grade``: verdicts, malformed rows, exit codes, the page of disagreements."""

import json
import random

import pytest

from dsmath_lib.base.errors import StageError
from dsmath_lib.engines.grader import command
from dsmath_lib.engines.grader.command import grade_file
from dsmath_lib.engines.grader.disagreements import disagreements_page, kind
from dsmath_lib.engines.grader.equality import answers_equal
from dsmath_lib.engines.grader.verdict import VERSION, grade

GOOD = [
    {"gold": "18", "completion": "so \\boxed{18}", "id": 7},
    {"gold": "18", "pred": "17.5"},
    {"gold": 0.5, "pred": "1/2", "question": "How much?"},
    {"gold": "B", "completion": "It is 12.", "choices": ["10", "12"]},
    {"gold": "7", "completion": "The answer is 7.", "rule": "strict"},
]


def run(tmp_path, lines, **options):
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b"\n".join(x if isinstance(x, bytes) else x.encode() for x in lines))
    code = grade_file(source, out, "lenient", options.get("compare", ""), options.get("page"))
    return code, [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def test_rows_keep_their_fields_and_get_a_verdict(tmp_path):
    code, rows = run(tmp_path, [json.dumps(r) for r in GOOD])
    assert code == 0 and [r["correct"] for r in rows] == [True, False, True, True, False]
    assert rows[0]["id"] == 7 and rows[0]["extracted"] == "18" and rows[0]["version"] == VERSION
    assert rows[4]["extracted"] is None and rows[4]["reason"] == "no answer found"


BAD = [
    "{not json",
    "[1, 2]",
    '{"pred": "5"}',
    '{"gold": null, "pred": "5"}',
    '{"gold": "5"}',
    '{"gold": "5", "pred": "5", "completion": "5"}',
    '{"gold": "5", "completion": ["5"]}',
    '{"gold": "5", "pred": "5", "rule": "nope"}',
    '{"gold": "5", "pred": "5", "choices": "A B"}',
    b'{"gold": "5", "pred": "\xff\xfe"}',
    "[" * 100_000,
]


def test_malformed_rows_are_named_kept_and_fail_the_command(tmp_path, capsys):
    code, rows = run(tmp_path, [json.dumps(GOOD[0]), "", *BAD])
    assert code == 1 and len(rows) == 1 + len(BAD) and rows[0]["correct"] is True
    assert all(r["correct"] is None and r["reason"].startswith("malformed: ") for r in rows[1:])
    errors = capsys.readouterr().err.splitlines()
    assert [int(e.split("line ")[1].split(":")[0]) for e in errors] == list(range(3, 3 + len(BAD)))
    assert rows[3]["pred"] == "5" and rows[1]["line"] == "{not json"


def test_files_and_names_that_are_not_there(tmp_path):
    with pytest.raises(StageError, match="cannot read"):
        grade_file(tmp_path / "no.jsonl", tmp_path / "out", "lenient", "", None)
    for rule, compare in (("nope", ""), ("lenient", "somebody")):
        with pytest.raises(StageError, match="known:"):
            grade_file(tmp_path / "no.jsonl", tmp_path / "out", rule, compare, None)


def test_disagreements_with_math_verify_have_a_page(tmp_path):
    rows = [
        {"gold": "18", "pred": "18"},
        {"gold": "8", "completion": "答案是８个。<script>alert(1)</script>", "question": "a < b"},
    ]
    page = tmp_path / "page.html"
    _, out = run(tmp_path, [json.dumps(r) for r in rows], compare="math-verify", page=page)
    assert out[0]["math_verify"] is True and out[1]["correct"] is True
    assert kind(out[0]) is None
    text = page.read_text(encoding="utf-8")
    assert text.count("<article") == sum(kind(r) is not None for r in out)
    assert "<script>alert" not in text and "http" not in text  # escaped, and nothing from outside


def test_the_page_counts_every_kind():
    def row(ours, peer):
        return {"gold": "1", "pred": "1", "correct": ours, "extracted": "1", "reason": "",
                "math_verify": peer, "math_verify_extracted": ""}  # fmt: skip

    verdicts = [
        (True, True),
        (False, False),
        (True, False),
        (False, True),
        (True, None),
        (None, None),
    ]
    text = disagreements_page([(i, row(*v)) for i, v in enumerate(verdicts)], "x", "math-verify")
    assert text.count("<article") == 3 and "5 rows" in text and "agree on 2" in text


PIECES = [
    *(
        "9^{9^{9}}",
        "(" * 99,
        "{",
        "}",
        "\\frac{1}{",
        "\\sqrt{",
        "\u200b",
        "\u202e",
        "!",
        "|",
        "\\{",
        "<",
        "x",
    ),
    *(
        "7",
        "1:",
        "\\cup",
        "三分之",
        "万" * 9,
        "\\begin{pmatrix}",
        "\\\\",
        "&",
        "%",
        "$",
        "**",
        "cm",
        "e",
        "_2",
    ),
    *("\ud83d\ude00", "=", "\\pm", ","),
]


def test_garbage_costs_little_and_raises_nothing():
    rng = random.Random(0)
    for _ in range(1000):
        text = "".join(
            rng.choice(PIECES) * rng.choice((1, 1, 3)) for _ in range(rng.randint(1, 30))
        )
        answers_equal(rng.choice(("7", "x<3", "(1,2)", "x^2+1")), text)
        assert "failed" not in grade("7", f"\\boxed{{{text}}}").reason


ODD = [  # line, and the verdict (None: malformed, kept and named)
    ('{"gold": "5", "completion": "a cut emoji \\ud83d, so 5"}', True),
    ('{"gold": "5", "pred": "\\udc00\\ud800"}', False),
    ('{"gold": "\\ud800", "pred": "5"}', False),
    ('{"gold": "5", "pred": "5", "question": "\\ud83d", "note": {"\\ud800": ["\\udfff"]}}', True),
    ('{"gold": "5", "pred": "5", "rule": ["x"]}', None),
    ('{"gold": "5", "pred": "5", "rule": {"x": 1}}', None),
    ('{"gold": "", "pred": ""}', None),
    ('{"gold": " \\n", "pred": "5"}', None),
    ('{"gold": [], "pred": "5"}', None),
    ('{"gold": ["5", ""], "pred": "5"}', None),
    ('{"gold": [["5"]], "pred": "5"}', None),
    ('{"gold": NaN, "pred": "nan"}', None),
    ('{"gold": 5, "pred": Infinity}', None),
    ('{"gold": true, "pred": "1"}', None),
    ('{"gold": 1234567.0, "pred": 1234567}', True),
    ('{"gold": 0.1, "pred": 1e-1}', True),
    ('{"gold": 5, "pred": 1' + "0" * 5000 + "}", None),
    ('{"gold": "5", "pred": ""}', False),
]


def test_odd_rows_end_no_run_and_lose_no_verdict(tmp_path, capsys):
    _, rows = run(tmp_path, [line for line, _ in ODD])
    assert [r["correct"] for r in rows] == [verdict for _, verdict in ODD]
    named = [int(e.split("line ")[1].split(":")[0]) for e in capsys.readouterr().err.splitlines()]
    assert named == [i for i, (_, verdict) in enumerate(ODD, 1) if verdict is None]
    assert "\ufffd" in rows[0]["completion"]


def test_a_row_that_the_grader_fails_on_is_kept(tmp_path, monkeypatch):
    def broken(row, rule):
        if row["pred"] == "6":
            raise RecursionError
        return grade_row(row, rule)

    grade_row = command.grade_row
    monkeypatch.setattr(command, "grade_row", broken)
    lines = [json.dumps({"gold": "5", "pred": p}) for p in ("5", "6", "7")]
    code, rows = run(tmp_path, lines)
    assert code == 1 and [r["correct"] for r in rows] == [True, None, False]
    assert rows[1]["reason"] == "not graded: RecursionError"


def test_a_stopped_command_goes_on(tmp_path, monkeypatch):
    lines = [json.dumps({"gold": "5", "pred": str(p)}) for p in range(9)]
    seen = []

    def stop_at(n):
        def graded(row, rule):
            if len(seen) == n:
                raise KeyboardInterrupt
            seen.append(row["pred"])
            return real(row, rule)

        return graded

    real = command.grade_row
    monkeypatch.setattr(command, "grade_row", stop_at(4))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, lines)
    (part,) = tmp_path.glob("out.jsonl.*.part")
    assert not (tmp_path / "out.jsonl").exists() and part.read_bytes().count(b"\n") == 4
    part.write_bytes(part.read_bytes() + b'{"gold": "5", "pre')  # half a line of a kill
    monkeypatch.setattr(command, "grade_row", stop_at(99))
    code, rows = run(tmp_path, lines)
    assert code == 0 and seen == [str(p) for p in range(9)]  # each row once
    assert [r["pred"] for r in rows] == seen and [r["correct"] for r in rows].count(True) == 1
    assert not list(tmp_path.glob("*.part"))


def test_another_input_or_rule_begins_anew(tmp_path, monkeypatch):
    def stop(row, rule):
        raise KeyboardInterrupt

    line = json.dumps({"gold": "5", "completion": "so 5"})
    with monkeypatch.context() as m, pytest.raises(KeyboardInterrupt):
        m.setattr(command, "grade_row", stop)
        run(tmp_path, [line])
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    assert grade_file(source, out, "strict", "", None) == 0
    assert json.loads(out.read_text())["correct"] is False
    _, rows = run(tmp_path, [line, line])
    assert [r["correct"] for r in rows] == [True, True]


def test_two_commands_do_not_write_one_file(tmp_path):
    part = tmp_path / "x.part"
    with command._opened(part), pytest.raises(StageError, match="another command"):
        with command._opened(part):
            pass
    link = tmp_path / "link.part"
    link.symlink_to(tmp_path / "victim")
    with pytest.raises(OSError), command._opened(link):
        pass
    assert not (tmp_path / "victim").exists()
