"""The page of kept and dropped pages: right samples, formulas left to MathJax, nothing live from the web."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dsmath_lib.app.corpus_cli import app
from dsmath_lib.crawl.shards import dumps
from dsmath_lib.report.look import read_look, typeset
from dsmath_lib.world.corpora import seed_documents
from dsmath_lib.world.web import make_web

BAD = "</span><script>alert(1)</script><img src=x onerror=alert(2)> $\\href{javascript:alert(3)}{x}$ costs $5, $x^2$"


@pytest.fixture(scope="module")
def mined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("look")
    pages = make_web(400, 3).pages
    rows = [{"url": p.url, "html": p.html} for p in pages]
    rows.append({"url": "http://bad.example/<b>", "text": BAD * 30, "lang": "<i>"})
    (folder / "pages.jsonl").write_bytes(b"".join(map(dumps, rows)))
    (folder / "seed.jsonl").write_bytes(
        b"".join(dumps({"url": d.url, "text": d.text}) for d in seed_documents(60, 3))
    )
    run = CliRunner().invoke
    assert (
        run(
            app, ["extract", str(folder / "pages.jsonl"), "-o", str(folder / "docs.jsonl")]
        ).exit_code
        == 0
    )
    fast = ["--dim", "8", "--bucket", "1000", "--epochs", "3", "--lr", "0.5", "--min-count", "1"]
    mine = ["mine", str(folder / "docs.jsonl"), "-o", str(folder / "out"), "--seed-pages", str(folder / "seed.jsonl"),
            "--keep-share", "0.3", "--max-rounds", "2", "--shard-mb", "0.1", *fast]  # fmt: skip
    assert run(app, mine).exit_code == 0
    return folder / "out"


def test_samples_stand_on_their_side_of_the_threshold(mined: Path) -> None:
    rounds = read_look(mined / "look.jsonl")
    assert len(rounds) == 2
    for r in rounds:
        kinds = {s["kind"] for s in r["samples"]}
        assert kinds == {"just above", "just below", "kept", "dropped"}
        for s in r["samples"]:
            above = s["kind"] in ("just above", "kept")
            assert above == (s["score"] >= r["threshold"]), s
        assert sum(x["pages"] for x in r["languages"]) == r["pages"] and 0 < r["kept"] < r["pages"]
        assert all(x["kept"] <= x["pages"] for x in r["domains"])


def test_the_page_is_one_file_with_formulas_and_nothing_live(mined: Path) -> None:
    got = CliRunner().invoke(app, ["look", str(mined)])
    assert got.exit_code == 0
    page = (mined / "look.html").read_text("utf-8")
    body = page[page.index("<body>") :]
    assert (
        "<script" not in body
        and "<img" not in body
        and "onerror=alert" not in re.sub(r"&lt;.*?&gt;", "", body)
    )
    head = page[: page.index("<script>MathJax")]
    assert "default-src 'none'" in head and not re.search(
        r"<(?:script|link|img)[^>]+(?:src|href)=", head
    )
    assert "Round 1" in body and "Round 2" in body and re.search(r"\$[^$<]+\$", body)


def test_unsafe_formulas_are_text() -> None:
    shown = typeset(BAD)
    assert "<script" not in shown and "<img" not in shown
    outside = re.sub(
        r'<span class="mathjax_ignore tex2jax_ignore">.*?</span>', "", shown, flags=re.S
    )
    assert outside == "$5, $"  # the only pair of dollar signs that names no unsafe command


def test_what_is_no_look_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "look.jsonl").write_text("[1]\n")
    for folder in (tmp_path, tmp_path / "none"):
        got = CliRunner().invoke(app, ["look", str(folder)])
        assert got.exit_code == 2 and len(got.output.splitlines()) == 1
