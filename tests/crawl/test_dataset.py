"""Hugging Face data sets as sources: saved to disk, as Parquet, and streamed; the same rows in all of them."""

import json
from collections import Counter
from pathlib import Path

import datasets
import pytest

from dsmath_lib.app.corpus_cli import DOCS, PAGES
from dsmath_lib.base.errors import StageError
from dsmath_lib.base.paths import PARAMS_DIR
from dsmath_lib.base.record_files import is_hub, read_records
from dsmath_lib.crawl import commands, shards
from dsmath_lib.params.mining import MiningParams
from dsmath_lib.params.overrides import stage_values
from dsmath_lib.runs import nb01_sources as sources

ROWS = [
    {"url": f"http://a.org/{i}", "html": f"<p>Let \\(x_{i}\\) be a number that we know.</p>", "text": "", "id": i}
    for i in range(7)
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """``saved``: a data set with two splits in three files; ``parquet``: its training rows in two files."""
    at = tmp_path_factory.mktemp("sets")
    data = datasets.Dataset.from_list(ROWS)
    last = {"url": "http://b.org/", "html": "", "text": "Plain text.", "id": 9}
    other = datasets.Dataset.from_list([last])
    datasets.DatasetDict(train=data, test=other).save_to_disk(
        str(at / "saved"), num_shards={"train": 2, "test": 1}
    )
    (at / "saved" / "train" / "cache-1234.arrow").write_bytes(b"left by map()")
    for i in range(2):
        (at / "parquet").mkdir(exist_ok=True)
        data.shard(2, i, contiguous=True).to_parquet(str(at / "parquet" / f"train-{i}.parquet"))
    return at


def extract(given: object, out: Path) -> tuple[int, list[dict]]:
    code = commands.extract_files([str(given)], str(out), max_chars=10**6)
    return code, [json.loads(x) for x in out.read_text().splitlines()]


def test_the_same_rows_from_every_form(folder: Path, tmp_path: Path) -> None:
    want = [{"url": r["url"], "text": f"Let $x_{r['id']}$ be a number that we know.", "lang": "en", "n_formulas": 1}
            for r in ROWS]  # fmt: skip
    for k, given in enumerate(
        (folder / "saved/train", folder / "parquet", f"hub:{folder}/parquet")
    ):
        code, rows = extract(given, tmp_path / f"{k}.jsonl")
        assert code == 0 and [r | {"lang": "en"} for r in rows] == want, given
    code, rows = extract(folder / "saved", tmp_path / "all.jsonl")  # a folder gives all its splits
    assert code == 0 and len(rows) == 8 and rows[0]["url"] == "http://b.org/"


def test_a_stream_is_cut_into_its_files(folder: Path) -> None:
    spec = f"hub:{folder}/parquet"
    plan = shards.plan([Path(spec)])
    assert [(p.start, p.stop) for s in plan for p in s] == [(0, 1), (1, 2)]
    urls = [[r["url"] for r in read_records(s[0], Counter())] for s in plan]
    assert sorted(u for piece in urls for u in piece) == [r["url"] for r in ROWS] and all(urls)


def test_what_cannot_be_read_is_named(folder: Path, tmp_path: Path, capsys) -> None:
    broken = tmp_path / "broken.arrow"
    broken.write_bytes((folder / "saved/train").glob("data-*").__next__().read_bytes()[:300])
    for given, message in (
        (broken, "broken.arrow: not readable as Arrow"),
        (tmp_path / "none.arrow", "none.arrow: No such file"),
        ("hub:owner/name", "hub:owner/name: needs a commit"),
        ("hub:", "not of the form"),
        (f"hub:{folder}/parquet#validation", "validation"),
        (f"hub:owner/name@{'0' * 40}", f"hub:owner/name@{'0' * 40}: "),  # no network in the tests
    ):
        code, rows = extract(given, tmp_path / "out.jsonl")
        assert code == 1 and not rows and message in capsys.readouterr().err


def settings(**over: object) -> MiningParams:
    values, _ = stage_values(PARAMS_DIR / "real-smoke", "01_corpus_mining")
    return MiningParams(**values | {"address_table": "", "benchmark_sources": []} | over)


def test_sources_of_stage_01(folder: Path) -> None:
    urls = [r["url"] for r in ROWS]
    for given in (["saved/train/data-*.arrow"], ["parquet/*.parquet"], [f"hub:{folder}/parquet"]):
        cfg = settings(data_dir=str(folder), page_sources=given)
        parts = [
            [p.url for p in sources.pages_of(cfg, i, 2, {"counts": Counter()})] for i in range(2)
        ]
        assert sorted(u for part in parts for u in part) == urls and all(parts)
        assert len(sources.stamps(cfg)) == 2
    cfg = settings(data_dir="", page_sources=["hub:owner/name"])  # needs no folder
    with pytest.raises(StageError, match="needs a commit"):
        list(sources.pages_of(cfg, 0, 1, {"counts": Counter()}))


def test_help_names_them() -> None:
    for text in (PAGES, DOCS):
        assert "hub:owner/name[:config]@COMMIT[#split]" in text and "save_to_disk" in text
    assert is_hub("hub:a/b") and not is_hub(Path("a.jsonl"))
