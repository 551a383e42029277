"""The commands ``dsmath corpus …`` as a user meets them: files in and out, bad input, interruption."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dsmath_lib.app import cli
from dsmath_lib.base.paths import ROOT
from dsmath_lib.crawl import pipeline
from dsmath_lib.world.web import make_web


def call(monkeypatch, *args: object) -> int:
    monkeypatch.setattr(sys, "argv", ["dsmath", "corpus", *map(str, args)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code or 0


def rows(path: Path) -> list[dict]:
    return [json.loads(x) for x in path.read_text(encoding="utf-8").splitlines()]


def docs(path: Path, texts: list[str]) -> Path:
    lines = (
        json.dumps({"url": f"http://a.org/{i}", "text": t, "id": i}) for i, t in enumerate(texts)
    )
    path.write_text("".join(x + "\n" for x in lines))
    return path


@pytest.fixture(scope="module")
def web(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("web") / "pages.jsonl"
    with path.open("w") as f:
        for p in make_web(60, 0).pages:
            f.write(json.dumps({"url": p.url, "html": p.html}) + "\n")
    return path


def test_extract_writes_rows_with_formulas_and_names_what_it_cannot_read(
    monkeypatch, capsys, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    page = '<p>Let <script type="math/tex">x^2</script> be a number that we all know well.</p>'
    (tmp_path / "in" / "a.html").write_text(page)
    (tmp_path / "in" / "notes.txt").write_text("not for us")
    bad = tmp_path / "b.xyz"
    bad.write_text("?")
    out = tmp_path / "docs.jsonl"
    code = call(monkeypatch, "extract", tmp_path / "none.html", bad, tmp_path / "in", "-o", out)
    err = capsys.readouterr().err
    assert code == 1 and "none.html: No such file" in err and "b.xyz: not a kind of file" in err
    (row,) = rows(out)
    assert list(row) == ["url", "text", "lang", "n_formulas"] and row["n_formulas"] == 1
    assert row["text"].startswith("Let $x^2$ be") and row["lang"] == "en"
    assert not list(tmp_path.glob("docs.jsonl?*")) and not list(tmp_path.glob(".*"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_unreadable_file(monkeypatch, capsys, tmp_path: Path) -> None:
    path = docs(tmp_path / "a.jsonl", ["x"])
    path.chmod(0)
    assert call(monkeypatch, "extract", path, "-o", tmp_path / "o.jsonl") == 1
    assert "a.jsonl: Permission denied" in capsys.readouterr().err


def test_results_do_not_depend_on_shards_or_workers(monkeypatch, web: Path, tmp_path: Path) -> None:
    found = []
    for name, how in (
        ("1", []),
        ("2", ["--shard-mb", 0.02, "--workers", 2]),
        ("7", ["--shard-mb", 0.01]),
    ):
        one, two, three = (tmp_path / f"{x}{name}.jsonl" for x in "abc")
        bench = docs(tmp_path / "bench.jsonl", ["Tom has 12 red apples and gives 5 of them to Ann"])
        assert call(monkeypatch, "extract", web, "-o", one, *how) == 0
        assert call(monkeypatch, "dedup", one, "-o", two, *how, "--partitions", len(name)) == 0
        given = ["--benchmark", f"{bench}:text", "--report", tmp_path / f"r{name}.json"]
        assert call(monkeypatch, "decontaminate", two, "-o", three, *how, *given) == 0
        found.append([p.read_bytes() for p in (one, two, three, tmp_path / f"r{name}.json")])
    assert found[0] == found[1] == found[2]


def test_decontaminate(monkeypatch, capsys, tmp_path: Path) -> None:
    question = "Tom has 12 red apples and gives 5 of them to Ann today"
    bench = docs(tmp_path / "test.jsonl", [question, "ab"])
    source = docs(tmp_path / "docs.jsonl", ["clean text", f"A page. {question}. More."])
    out, report = tmp_path / "clean.jsonl", tmp_path / "report.json"
    args = ["decontaminate", source, "--benchmark", bench, "-o", out, "--report", report]
    assert call(monkeypatch, *args) == 0
    assert rows(out) == [rows(source)[0] | {"lang": "", "n_formulas": 0}]
    said = json.loads(report.read_text())
    assert said["pages_removed"] == 1 and said["removed"] == ["http://a.org/1"]
    assert said["benchmarks"][0]["benchmark"].endswith("/test") and len(said["not_covered"]) == 1
    assert said["grams"][0]["gram"] == min(g["gram"] for g in said["grams"])  # ties by alphabet
    assert any(g["gram"].startswith("tom has 12") for g in said["grams"])
    out.unlink()
    assert (
        call(monkeypatch, "decontaminate", source, "--benchmark", f"{bench}:quest", "-o", out) == 2
    )
    err = capsys.readouterr().err
    assert "'quest'" in err and "test.jsonl" in err and "Traceback" not in err and not out.exists()
    missing = tmp_path / "nobench.jsonl"
    assert call(monkeypatch, "decontaminate", source, "--benchmark", missing, "-o", out) == 2
    assert "nobench.jsonl" in capsys.readouterr().err


FAST = ["--dim", 16, "--lr", 0.5, "--epochs", 15, "--bucket", 2000, "--min-count", 1]


def test_mine_and_classify(monkeypatch, capsys, tmp_path: Path) -> None:
    from .test_mining import small_web

    crawl, seed, truth, _ = small_web()
    for name, them in (("crawl", crawl), ("seed", seed)):
        with (tmp_path / f"{name}.jsonl").open("w") as f:
            f.writelines(
                json.dumps({"url": d.url, "text": d.text, "id": d.url[-2:]}) + "\n" for d in them
            )
    table = tmp_path / "table.csv"
    table.write_text("domain,path_prefix,math,decided_by\nh.org,/ex,yes,me\nh.org,/ask,,\n")
    given = ["mine", tmp_path / "crawl.jsonl", "--seed-pages", tmp_path / "seed.jsonl", "--keep-share", 0.4,
             "--domain-min-pages", 3, "--negatives-per-positive", 4, *FAST]  # fmt: skip
    out = []
    for n, how in ((1, []), (2, ["--shard-mb", 0.004, "--partitions", 3])):
        folder = tmp_path / f"out{n}"
        assert call(monkeypatch, *given, "--annotations", table, "-o", folder, *how) == 0
        names = sorted(p.name for p in folder.iterdir())
        assert names == ["look.jsonl", "mined.jsonl", "model.bin", "proposals.csv", "rounds.json"]
        out.append([(folder / x).read_bytes() for x in names])
    assert out[0] == out[1]
    mined = rows(tmp_path / "out1" / "mined.jsonl")
    assert sum(truth[r["url"]] for r in mined) > 0.9 * len(mined) and {"score", "id"} <= set(
        mined[0]
    )
    proposals = (tmp_path / "out1" / "proposals.csv").read_text().splitlines()
    assert any(x.startswith("h.org,/ask,,,") for x in proposals) and not any(
        "/ex," in x for x in proposals
    )
    assert call(monkeypatch, *given[:-1], 1, "-o", tmp_path / "o", "--keep-tokens", 5) == 2
    model = tmp_path / "out1" / "model.bin"
    scored = tmp_path / "scored.jsonl"
    assert (
        call(monkeypatch, "classify", tmp_path / "crawl.jsonl", "--model", model, "-o", scored) == 0
    )
    of = {r["url"]: r["score"] for r in rows(scored)}
    assert len(of) == len(crawl) and all(of[r["url"]] == r["score"] for r in mined)
    own, kept = tmp_path / "own.bin", tmp_path / "kept.jsonl"
    other = docs(tmp_path / "other.jsonl", [d.text for d in crawl if not truth[d.url]])
    args = ["--positives", tmp_path / "seed.jsonl", "--negatives", other, *FAST]
    call(monkeypatch, "classify", scored, "--model", own, *args, "--min-score", 0.5, "-o", kept)
    assert own.exists() and 0 < len(rows(kept)) < len(crawl)
    assert call(monkeypatch, "classify", scored, "--model", table, "-o", kept) == 2
    assert "table.csv" in capsys.readouterr().err


def test_standard_streams(tmp_path: Path, web: Path) -> None:
    run = [sys.executable, "-m", "dsmath_lib.app.cli", "corpus", "extract", "-", "-o", "-"]
    done = subprocess.run(
        run, input=web.read_bytes(), capture_output=True, cwd=tmp_path, env=env(), check=True
    )
    lines = [json.loads(x) for x in done.stdout.splitlines()]
    assert len(lines) == 60 and b"60 documents in standard output" in done.stderr
    assert not list(tmp_path.iterdir())


def env() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


def test_killed_at_any_moment_the_same_command_goes_on(
    web: Path, tmp_path: Path, monkeypatch
) -> None:
    """SIGKILL when some shards are done: no output yet; the same command again gives the same bytes."""
    out, work = tmp_path / "docs.jsonl", tmp_path / "docs.jsonl.work"
    args = ["extract", str(web), "-o", str(out), "--shard-mb", "0.005"]
    child = subprocess.Popen(
        [sys.executable, "-m", "dsmath_lib.app.cli", "corpus", *args], env=env()
    )
    while not list(work.glob("extract/*.done.json")) and child.poll() is None:
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.wait()
    done = len(list(work.glob("extract/*.done.json")))
    if child.returncode == -signal.SIGKILL:
        assert done and not out.exists()
    calls = []
    shard = pipeline.write_shard
    monkeypatch.setattr(pipeline, "write_shard", lambda *a: calls.append(a[-2]) or shard(*a))
    assert call(monkeypatch, *args) == 0
    whole = tmp_path / "whole.jsonl"
    again = len(calls)
    assert call(monkeypatch, "extract", web, "-o", whole, "--shard-mb", "0.005") == 0
    assert out.read_bytes() == whole.read_bytes()
    assert len(calls) - again == again + done  # finished shards were not done again
    assert not work.exists()


def test_interrupted_from_the_keyboard(web: Path, tmp_path: Path, monkeypatch) -> None:
    """SIGINT: one line, exit code 130, no output; the same command again gives the whole."""
    out, work = tmp_path / "docs.jsonl", tmp_path / "docs.jsonl.work"
    run = [
        sys.executable,
        "-m",
        "dsmath_lib.app.cli",
        "corpus",
        "extract",
        web,
        "-o",
        out,
        "--shard-mb",
        "0.005",
    ]
    child = subprocess.Popen(run, env=env(), stderr=subprocess.PIPE, text=True)
    while not list(work.glob("extract/*.done.json")) and child.poll() is None:
        time.sleep(0.005)
    child.send_signal(signal.SIGINT)
    err = child.communicate()[1]
    if child.returncode != 0:  # it may have been done already
        assert child.returncode == 130 and err.startswith("interrupted: the same command"), err
        assert not out.exists() and work.exists()
    assert "Traceback" not in err
    assert call(monkeypatch, *run[4:]) == 0
    assert len(rows(out)) == 60 and not work.exists()


def test_a_result_of_an_unknown_kind_is_refused_at_once(
    monkeypatch, capsys, tmp_path: Path
) -> None:
    source = docs(tmp_path / "a.jsonl", ["some text"])
    for name in ("extract", "dedup"):
        assert call(monkeypatch, name, source, "-o", tmp_path / "out.csv") == 2
        assert "must end in .jsonl" in " ".join(capsys.readouterr().err.split())
    assert [p.name for p in tmp_path.iterdir()] == ["a.jsonl"]


@pytest.mark.parametrize("name", ["extract", "dedup", "classify", "mine", "decontaminate"])
def test_help(monkeypatch, capsys, name: str) -> None:
    assert call(monkeypatch, name, "--help") == 0
    assert "--output" in capsys.readouterr().out
