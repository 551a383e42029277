"""Reading and writing shards: every record once whatever the cut, bad records counted, bad files named."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.base.record_files import Part, read_records
from dsmath_lib.crawl import shards
from dsmath_lib.crawl.shards import DocRow

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)


@given(st.lists(TEXT, max_size=30), st.integers(1, 200))
def test_every_line_is_in_one_range(tmp_path_factory, texts: list[str], size: int) -> None:
    path = tmp_path_factory.mktemp("x") / "a.jsonl"
    path.write_bytes(b"".join(shards.dumps({"text": t, "i": i}) for i, t in enumerate(texts)))
    plan = shards.plan([path], size)
    got = [r["i"] for s in plan for p in s for r in read_records(p, Counter())]
    assert got == list(range(len(texts)))


def test_small_files_share_a_shard_and_order_stays(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.html" for i in range(7)]
    for p in paths:
        p.write_text("x" * 10)
    plan = shards.plan([*paths, tmp_path / "missing.html"], 25)
    assert [len(s) for s in plan] == [2, 2, 2, 1, 1]
    assert [Path(p.path).name for s in plan for p in s][-2:] == ["6.html", "missing.html"]


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.parquet"])
def test_formats_round_trip_with_other_fields(tmp_path: Path, name: str) -> None:
    docs = [
        DocRow(
            f"http://a.org/{i}", f"text {i} 小明 $x^{i}$", "en", i, {"id": i, "meta": {"k": [i]}}
        )
        for i in range(20)
    ]
    parts = [tmp_path / f"{i}.jsonl" for i in range(3)]
    for i, p in enumerate(parts):
        shards.write_part(docs[i * 7 : (i + 1) * 7], p)
    shards.assemble(parts, str(tmp_path / name))
    counts, errors = Counter(), []
    got = [
        d
        for s in shards.plan([tmp_path / name], 400)
        for d in shards.read_documents(s, counts, errors)
    ]
    assert got == docs and not errors and counts == {"read: documents": 20}
    assert not list(tmp_path.glob("*.tmp"))


def test_parquet_fields_of_different_kinds_are_an_error_and_leave_nothing(tmp_path: Path) -> None:
    shards.write_part(
        [DocRow("u", "t", extra={"x": "a"}), DocRow("u", "t", extra={"x": [1]})],
        tmp_path / "p.jsonl",
    )
    with pytest.raises(ValueError, match=r"out\.parquet.*write \.jsonl instead"):
        shards.assemble([tmp_path / "p.jsonl"], str(tmp_path / "out.parquet"))
    assert [p.name for p in tmp_path.iterdir()] == ["p.jsonl"]


def test_bad_records_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    deep = b'{"text": ' + b"[" * 100_000 + b"\n"
    rows = [b'{"url": "u", "text": "good"}\n', b"not json\n", b"[1]\n", b'{"text": 3}\n', b"\xff\xfe\n",
            b'{"text": "  "}\n', deep, b'{"text": "last", "url": null}']  # fmt: skip
    path.write_bytes(b"".join(rows))
    counts, errors = Counter(), []
    got = list(shards.read_documents((Part(str(path)),), counts, errors))
    assert [d.text for d in got] == ["good", "last"] and got[1].url == "" and not errors
    assert counts["skipped: line is not a JSON object"] == 4
    assert counts["skipped: record without text"] == 2


def test_bad_files_are_named_and_the_others_go_on(tmp_path: Path) -> None:
    good, cut, fake = (tmp_path / n for n in ("good.jsonl", "cut.jsonl.gz", "fake.parquet"))
    good.write_text('{"url": "u", "text": "t"}\n')
    whole = gzip.compress(b"".join(shards.dumps({"text": f"t{i * 7919}"}) for i in range(500)))
    cut.write_bytes(whole[:-400])
    fake.write_text("no parquet")
    files = [tmp_path / "missing.jsonl", cut, fake, tmp_path / "x.csv", good]
    (tmp_path / "x.csv").write_text("a,b\n")
    errors: list[str] = []
    got = [d for s in shards.plan(files) for d in shards.read_documents(s, Counter(), errors)]
    assert got[-1].text == "t" and len(got) > 1  # what could be read of the cut file counts
    assert [e.split(":")[0].rsplit("/", 1)[1] for e in errors] == [f.name for f in files[:4]]


def test_a_part_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    shards.write_part([DocRow("u", "old")], path)

    def broken():
        yield DocRow("u", "new")
        raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        shards.write_part(broken(), path)
    assert json.loads(path.read_text())["text"] == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.jsonl"]


def test_lone_surrogates_can_be_written(tmp_path: Path) -> None:
    shards.write_part([DocRow("u", "bad \ud800 text")], tmp_path / "a.jsonl")
    assert json.loads((tmp_path / "a.jsonl").read_bytes())["text"] == "bad ? text"
