"""JSON of another shape, broken notebooks, bombs and marks: each costs one line, or nothing."""

import gzip
import json
import resource

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.app.notebook_files import strip, strip_file
from dsmath_lib.base.errors import StageError
from dsmath_lib.base.files import read_json, write_atomic, write_fast
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.stage import data
from dsmath_lib.stage.digest import code_cells, read_notebook
from tests.stage.test_stage import stage

ODD = ["[1]", "5", "null", '"x"', "{", "", "[" * 100_000, '{"a": ', "\x00"]


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_json_of_another_shape_is_nothing(text, tmp_path):
    (tmp_path / "x.json").write_text(text)
    assert read_json(tmp_path / "x.json") == {}
    s = stage()
    s.log("train", 1, loss=1.0)
    for name in ("attempt.json", "digest.json"):
        (s.dir / name).write_text(text)
    with s.log_path.open("a") as f:
        f.write(text + '\n{"kind": "train", "step": "x"}\n{"kind": 5, "step": 1}\n[1]\n5\n')
    s.log("train", 2, loss=1.0)
    assert [r["step"] for r in s.read_log("train")] == [1, 2]
    s.truncate_log(1)
    assert [r["step"] for r in stage().read_log("train")] in (
        [1],
        [],
    )  # begun anew: nothing lies there


ATTEMPTS = [
    {"params": 5}, {"params": {}, "inputs": {"a": 5}, "code": {"b": []}, "results": 7},
    {"params": {}, "inputs": {"../../x": "5", "a/b": "6", "outside:\x00": "7"}, "code": {}, "results": [1]},
    {"params": {"a": float("nan")}, "inputs": [], "code": None},
]  # fmt: skip


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_note_of_another_shape_begins_anew(attempt):
    s = stage()
    s.dir.mkdir(parents=True, exist_ok=True)
    (s.dir / "attempt.json").write_text(json.dumps(attempt))
    stage().done({"a": 1})
    assert read_json(s.dir / "results.json")["metrics"] == {"a": 1}


def test_damaged_results_of_an_earlier_stage_are_named():
    first = stage("01_a")
    first.done({"a": 1})
    (first.dir / "results.json").write_text("[1]")
    with pytest.raises(StageError, match="damaged"):
        stage().upstream_results("01_a")


def test_a_damaged_kept_file_is_made_again():
    s = stage()
    assert s.kept("x", lambda: {"a": 1}) == {"a": 1}
    (s.artifacts / "kept/x.json").write_text('{"a": ')
    assert s.kept("x", lambda: {"a": 2}) == {"a": 2} == s.kept("x", lambda: None)


HALF = "a cut emoji \ud83d here"


def test_half_a_pair_can_be_written_everywhere(tmp_path):
    for write in (write_atomic, write_fast):
        write(tmp_path / "x", HALF)
        assert (tmp_path / "x").read_text(encoding="utf-8") == "a cut emoji \ufffd here"
    s = stage()
    s.log("train", 1, text=HALF)
    assert s.read_log("train")[0]["text"] == "a cut emoji \ufffd here"
    s.done({"a": 1}, tables={"t": [{"x": HALF}]})
    assert stage().kept("half", lambda: [HALF]) == ["a cut emoji \ufffd here"]
    assert seed_for(HALF) != seed_for("a cut emoji  here")


CELL = {"cell_type": "code", "metadata": {}, "source": ["x = 1"]}
NOTEBOOKS = [
    "", "{", "[]", "5", "{}", '{"cells": null}', '{"cells": [5]}', '{"cells": [{}]}',
    json.dumps({"cells": [CELL | {"metadata": None}]}), json.dumps({"cells": [CELL | {"source": [5]}]}),
    json.dumps({"cells": [CELL | {"source": None}]}), json.dumps({"cells": [CELL | {"cell_type": 5}]}),
]  # fmt: skip


@pytest.mark.parametrize("text", NOTEBOOKS, ids=range(len(NOTEBOOKS)))
def test_a_broken_notebook_is_named(text, tmp_path):
    path = tmp_path / "05_grpo.ipynb"
    path.write_text(text)
    for read in (read_notebook, code_cells, strip_file):
        with pytest.raises(StageError, match=r"05_grpo\.ipynb: not a notebook") as err:
            read(path)
        assert "\n" not in str(err.value)
    assert path.read_text() == text
    with pytest.raises(StageError, match="not a notebook"):
        read_notebook(tmp_path / "none.ipynb")


@pytest.mark.parametrize("tags", [None, 5, "parameters", [5, None], {"parameters": 1}])
def test_tags_of_another_kind_are_none(tags, tmp_path):
    path = tmp_path / "05_grpo.ipynb"
    path.write_text(json.dumps({"cells": [CELL | {"metadata": {"tags": tags}, "id": 5}]}))
    assert code_cells(path) == ["x = 1"]
    (cell,) = strip(read_notebook(path), "05_grpo")["cells"]
    assert cell["id"] == "05-grpo-001" and cell["metadata"] == {}


NAMES = st.sampled_from(["cells", "metadata", "source", "cell_type", "tags"])
ANY = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda x: st.lists(x, max_size=3) | st.dictionaries(NAMES, x),
    max_leaves=12,
)


@given(ANY)
def test_any_json_is_a_notebook_or_is_named(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("nb") / "x.ipynb"
    path.write_text(json.dumps(value))
    try:
        code_cells(path)
    except StageError as err:
        assert "not a notebook" in str(err)


MARK = b"\xef\xbb\xbf"


def test_a_byte_order_mark_is_no_part_of_a_row(tmp_path):
    row = {"question": "q", "answer": "1"}
    line = json.dumps(row).encode()
    files = {
        "a.jsonl": line + b"\r\n" + line,
        "b.json": b"[" + line + b"]",
        "c.jsonl.gz": gzip.compress(MARK + line),
    }
    for name, text in files.items():
        (tmp_path / name).write_bytes(text if name.endswith("gz") else MARK + text)
        assert data.read_rows(name, data_dir=str(tmp_path))[0] == row
    (tmp_path / "d.tsv").write_bytes(MARK + b"q\t1\r\nr\t" + b"x" * 200_000 + b"\n\n")
    rows = data.read_rows("d.tsv", data_dir=str(tmp_path))
    assert rows[0] == {"0": "q", "1": "1"} and len(rows[1]["1"]) == 200_000 and len(rows) == 2


@pytest.mark.parametrize("name", ["x.jsonl.gz", "x.json.gz", "x.tsv.gz"])
def test_a_packed_file_is_bounded(name, tmp_path, monkeypatch):
    monkeypatch.setattr(data, "MAX_UNPACKED", 10_000_000)
    with gzip.open(tmp_path / name, "wb") as f:
        for _ in range(200):
            f.write(b"\n" * 1_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(StageError, match="unpacks to more than 10 MB"):
        data.read_rows(name, data_dir=str(tmp_path))
    assert (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000
    )  # kB; 200 MB lie in it
