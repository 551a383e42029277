"""``dsmath clean --scale``: what runs made goes, all else stays; links, locks, sizes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dsmath_lib.app.cleaning import clean_all, clean_scale, size
from dsmath_lib.base.errors import StageError
from dsmath_lib.base.folders import lock_folder
from dsmath_lib.base.names import BadName

MADE = (
    "index.html",
    "results.json",
    ".chain.lock",
    ".05_grpo.lock",
    "05_grpo/results.json",
    "05_grpo/log.jsonl",
    "05_grpo/digest.json",
    "05_grpo/attempt.json",
    "05_grpo/attempt.json.tmp",
    "05_grpo/05_grpo.ipynb",
    "05_grpo/05_grpo.html",
    "05_grpo/main.png",
    "05_grpo/main.alt.txt",
    "05_grpo/checkpoints/step-000001/model.safetensors",
    "05_grpo/artifacts/policy/model.safetensors",
    "05_grpo/artifacts.previous/0123/policy/model.safetensors",
    "05_grpo/previous/0123/results.json",
)


@pytest.fixture
def mine(reports) -> Path:
    """A report of the scale ``mine``, as runs leave it."""
    for name in MADE:
        path = reports / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x" * 1000)
    return reports / "mine"


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def test_what_a_run_made_goes_and_is_listed_with_its_size_first(mine, capsys):
    clean_scale("mine")
    assert not mine.exists()
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"{mine}: to be removed, 0.0 MB in all" and out[-1] == f"removed {mine}"
    assert [x.split()[-1] for x in out[1:-1]] == sorted(
        {"/".join(n.split("/")[:2]) for n in MADE if not n.startswith(".")}
    )


def test_size_counts_files_and_no_links(mine, tmp_path):
    (tmp_path / "big").write_bytes(bytes(100_000))
    (mine / "05_grpo" / "artifacts" / "link").symlink_to(tmp_path / "big")
    bytes_of_link = len(os.fsencode(tmp_path / "big"))
    assert size(mine / "05_grpo" / "artifacts") == 1000 + bytes_of_link
    assert size(mine / "05_grpo" / "main.png") == 1000


def test_dry_run_removes_nothing(mine, capsys):
    before = names(mine)
    clean_scale("mine", dry_run=True)
    clean_all(dry_run=True)
    assert names(mine) == before and "05_grpo/artifacts" in capsys.readouterr().out


def test_what_no_run_made_stays_and_is_named(mine, capsys):
    others = ("notes.txt", "my_stage/results.json", "05_grpo/notes.md", "05_grpo/own/data.bin")
    for name in others:
        (mine / name).parent.mkdir(exist_ok=True)
        (mine / name).write_text("mine")
    clean_scale("mine")
    assert [n for n in names(mine) if (mine / n).is_file()] == sorted(others)
    out = capsys.readouterr().out
    for name in ("notes.txt", "my_stage", "05_grpo/notes.md", "05_grpo/own"):
        assert f"kept, not made by a run: {name}\n" in out
    assert "removed" not in out.splitlines()[-1]


def test_links_are_not_followed(mine, reports, tmp_path):
    away = tmp_path / "away"
    (away / "results.json").parent.mkdir()
    (away / "results.json").write_text("mine")
    for name in ("06_one_gradient", "05_grpo/artifacts/link", "05_grpo/log.jsonl.tmp", "own"):
        (mine / name).symlink_to(away, target_is_directory=True)
    clean_scale("mine")
    assert names(mine) == ["06_one_gradient", "own"]  # links that no run makes are kept
    assert (away / "results.json").read_text() == "mine"
    (reports / "linked").symlink_to(away)
    with pytest.raises(BadName, match="is a link"):
        clean_scale("linked")
    clean_all()
    assert (away / "results.json").exists() and (reports / "linked").is_symlink()


@pytest.mark.parametrize("held", ["chain", "05_grpo", "07_simplerl_zero"])
def test_a_running_stage_is_left_alone(mine, held):
    """Another process holds the chain, a stage, or one that has only begun."""
    code = (
        f"import sys; from pathlib import Path; from dsmath_lib.base.folders import lock_folder; "
        f"lock_folder(Path({str(mine / held)!r})); print('locked', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout.readline() == "locked\n"
        before = names(mine)
        with pytest.raises(StageError, match="another run or open notebook"):
            clean_scale("mine")
        assert [n for n in before if n not in names(mine)] == []
    finally:
        other.communicate("")
    clean_scale("mine")
    assert not mine.exists()


def test_who_waited_for_a_removed_lock_takes_the_new_one(mine):
    """Two that hold different files of one name would both write."""
    lock_folder(mine / "05_grpo")
    code = (
        f"from pathlib import Path; from dsmath_lib.base.folders import lock_folder; print('waits', flush=True); "
        f"lock_folder(p := Path({str(mine / '05_grpo')!r})); print((p.parent / '.05_grpo.lock').exists())"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "waits\n"
    clean_scale("mine")
    assert other.communicate()[0] == "True\n"


def test_all_takes_reports_and_the_script_of_their_pages(mine, reports):
    for name in ("assets/tex-svg.js", "reference/toy/results.json", "own/data.csv"):
        (reports / name).parent.mkdir(parents=True)
        (reports / name).write_text("x")
    clean_all()
    assert sorted(p.name for p in reports.iterdir()) == ["own", "reference"]
