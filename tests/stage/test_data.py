"""Reading rows: every format, and one clear line for everything that can be missing."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dsmath_lib.base.errors import StageError
from dsmath_lib.stage.data import read_rows

ROWS = [{"question": "1+1?", "answer": "2"}, {"question": "半径?", "answer": "3"}]


@pytest.fixture
def folder(tmp_path):
    lines = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in ROWS)
    (tmp_path / "a.jsonl").write_text(lines + "\n", encoding="utf-8")
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    (tmp_path / "c.json").write_text(json.dumps(ROWS), encoding="utf-8")
    (tmp_path / "d.json").write_text(json.dumps({"note": "x", "example": ROWS}), encoding="utf-8")
    (tmp_path / "e.json").write_text(lines, encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "f.parquet")
    (tmp_path / "g.tsv").write_text('1 "+" 1?\t2\n半径?\t3\n', encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "name", ["a.jsonl", "b.jsonl", "b.jsonl.gz", "c.json", "d.json", "e.json", "f.parquet"]
)
def test_formats(folder, name):
    assert read_rows(name, data_dir=str(folder), fields=("question", "answer")) == ROWS


def test_tsv_has_numbered_fields_and_plain_quotes(folder):
    assert read_rows("g.tsv", data_dir=str(folder))[0] == {"0": '1 "+" 1?', "1": "2"}


def test_unicode_line_separators_do_not_split_rows(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        json.dumps({"t": "a\u2028b"}, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    assert read_rows("a.jsonl", data_dir=str(tmp_path)) == [{"t": "a\u2028b"}]


@pytest.mark.parametrize(
    "source, options, words",
    [
        ("a.jsonl", {}, ["data_dir is empty", "-p data_dir PATH"]),
        ("a.jsonl", {"data_dir": "no/such/folder"}, ["no/such/folder", "-p data_dir PATH"]),
        ("hub:openai/gsm8k:main", {}, ["pinned revision", "openai/gsm8k"]),
        ("hub:openai/gsm8k", {"revision": "main"}, ["pinned revision", "'main'"]),
    ],
)
def test_what_is_missing_is_named(source, options, words):
    with pytest.raises(StageError) as err:
        read_rows(source, **options)
    assert all(w in str(err.value) for w in words) and "\n" not in str(err.value)


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("x.jsonl", b'{"a": 1}\n{"a": \n', ["x.jsonl, line 2", "not JSON"]),
        ("x.jsonl", b"[1]\n", ["line 1", "object"]),
        ("x.jsonl", b"\xff\xfe", ["x.jsonl", "not readable"]),
        ("x.jsonl.gz", b"no gzip", ["not readable"]),
        ("x.json", b'{"a": 1}', ["list of objects"]),
        ("x.parquet", b"no parquet", ["not readable"]),
        ("x.csv", b"a,b", ["unknown kind"]),
        ("x.jsonl", b"", ["no rows"]),
    ],
)
def test_damaged_files(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StageError) as err:
        read_rows(name, data_dir=str(tmp_path))
    assert all(w in str(err.value) for w in words)


def test_missing_file_and_field(folder):
    with pytest.raises(StageError, match=r"no file 'z.jsonl'"):
        read_rows("z.jsonl", data_dir=str(folder))
    with pytest.raises(StageError, match=r"row 1 has no field \['gold'\]"):
        read_rows("a.jsonl", data_dir=str(folder), fields=("gold",))


def test_hub_goes_through_datasets_with_the_pin(monkeypatch):
    import datasets

    seen = {}

    class Fake:
        def to_list(self):
            return ROWS

    def load_dataset(path, config, **options):
        seen.update(path=path, config=config, **options)
        return Fake()

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    commit = "a" * 40
    assert read_rows("hub:openai/gsm8k:main", revision=commit, split="test") == ROWS
    assert seen == {"path": "openai/gsm8k", "config": "main", "split": "test", "revision": commit}


def test_lone_surrogates_are_marked_and_deep_json_is_named(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a\\udc00": ["x\\ud800", {"b": "\\ud83d\\ude00"}], "n": 0.1}\n')
    assert read_rows(str(path)) == [{"a\ufffd": ["x\ufffd", {"b": "😀"}], "n": 0.1}]
    listed = tmp_path / "rows.json"
    listed.write_text('[{"a": "\\uD800"}]')
    assert read_rows(str(listed)) == [{"a": "\ufffd"}]
    path.write_text('{"a": 1}\n' + "[" * 100_000)
    with pytest.raises(StageError, match="line 2: not JSON: nested too deep"):
        read_rows(str(path))
