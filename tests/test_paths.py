"""Names that become files and folders: what is refused, and that nothing leaves its root."""

import pytest

from dsmath_lib.base.errors import ParamsError, StageError
from dsmath_lib.base.files import write_atomic
from dsmath_lib.base.folders import artifacts_folder, lock_folder, stage_folder
from dsmath_lib.base.names import BadName, below, plain_name, scale_name
from dsmath_lib.base.paths import PARAMS_DIR
from dsmath_lib.params.base import Params
from dsmath_lib.params.overrides import stage_values
from dsmath_lib.params.registry import params_model
from dsmath_lib.stage.data import data_path
from dsmath_lib.stage.folder import Stage

BAD = (
    "", ".", "..", "...", ".hidden", "-rf", "a/b", "a\\b", "/", "/etc", "../x", "a/..", "~", "C:", "C:\\x", "a:b",
    "a b", "a\n", "a\0", "a\t", "a\x1b[0m", "a\u202e", "a\u200b", "a\ud800", "a*", "a?", "a|b", "a<", 'a"', "$HOME",
    "a.", "con", "NUL", "com1.txt", "x" * 101, "好" * 34, "%2e%2e", "\uff0e\uff0e", "\u2025",
)  # fmt: skip
GOOD = (
    "toy",
    "real-smoke",
    "gpu-24gb",
    "a",
    "7b",
    "a.b-c_d",
    "..a"[2:],
    "我的",
    "_x",
    "x" * 100,
    "console",
)


@pytest.mark.parametrize("name", BAD, ids=ascii)
def test_no_plain_name(name, tmp_path):
    with pytest.raises(BadName) as err:
        plain_name(name)
    assert len(str(err.value).splitlines()) == 1
    with pytest.raises(BadName):
        below(tmp_path, "a", name)


@pytest.mark.parametrize("name", GOOD)
def test_plain_names(name, tmp_path):
    assert plain_name(name) == name
    assert below(tmp_path, name, "x") == tmp_path / name / "x"


def test_no_scale_takes_another_folder_of_reports():
    for name in ("reference", "Reference", "assets", "a/b"):
        with pytest.raises(BadName):
            scale_name(name)


def test_below_follows_no_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "gone").symlink_to(tmp_path / "nowhere")
    for names in (("link",), ("link", "x"), ("real", "gone")):
        with pytest.raises(BadName, match="is a link"):
            below(tmp_path, *names)
    assert below(tmp_path / "link", "x") == tmp_path / "link" / "x"  # the root may be one


# -- parameters ------------------------------------------------------------------------------------
COMMON = dict(scale="tiny", seed=0, device="cpu", threads=1, resume=True, artifacts_dir="")


@pytest.mark.parametrize("name", BAD, ids=ascii)
def test_scale_is_one_plain_name(name):
    with pytest.raises(ParamsError) as err:
        Params.check(COMMON | {"scale": name}, "here")
    assert str(err.value).startswith("here: parameter 'scale' = ")
    assert len(str(err.value).splitlines()) == 1


@pytest.mark.parametrize(
    "stage, change",
    [
        ("09_paper_vs_ours", {"other_seeds": ["toy", ".."]}),
        ("09_paper_vs_ours", {"other_seeds": ["../toy"]}),
        ("08_evaluation", {"models": ["03_sft/.."]}),
        ("08_evaluation", {"models": ["../.."]}),
        ("08_evaluation", {"models": ["owner/.."]}),
        ("08_evaluation", {"models": ["models/."]}),
        ("08_evaluation", {"models": ["/"]}),
    ],
)
def test_parameters_that_become_names_in_a_folder(stage, change):
    values, sources = stage_values(PARAMS_DIR / "smoke", stage)
    with pytest.raises(ParamsError, match="no plain name"):
        params_model(stage).check(values | change, sources)


def test_artifacts_are_named_inside_their_stage(tmp_path):
    cfg = Params(**COMMON | {"artifacts_dir": str(tmp_path / "weights")})
    stage = Stage(cfg, "02_b")
    assert stage.artifacts == tmp_path / "weights" / "tiny" / "02_b"
    for name in ("..", "../03_sft/policy", "a//b", "/etc", "a/../../b"):
        with pytest.raises(BadName):
            stage.upstream("01_a", name)
    for other in ("..", "../toy"):
        with pytest.raises(BadName):
            stage.upstream(other, "x")
        with pytest.raises(BadName):
            stage.upstream_results(other)


def test_artifacts_do_not_lie_over_the_report(reports):
    with pytest.raises(StageError, match="folder of the reports"):
        artifacts_folder(str(reports), "tiny", "02_b")


def test_a_data_file_lies_below_its_folder(tmp_path):
    (tmp_path / "secret.jsonl").write_text("{}")
    (tmp_path / "data").mkdir()
    with pytest.raises(StageError, match="leads out of data_dir"):
        data_path("../secret.jsonl", str(tmp_path / "data"))


# -- links where we write ------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["artifacts", "checkpoints", "log.jsonl", "previous"])
def test_a_stage_refuses_links_in_its_folder(tmp_path, name):
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "work").write_text("mine")
    folder = stage_folder("tiny", "02_b")
    folder.mkdir(parents=True)
    (folder / name).symlink_to(tmp_path / "away")
    with pytest.raises(BadName, match=f"{name} is a link"):
        Stage(Params(**COMMON), "02_b")
    assert (tmp_path / "away" / "work").read_text() == "mine"
    (folder / name).unlink()
    Stage(Params(**COMMON), "02_b")


def test_temporary_files_and_locks_follow_no_link(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "x.json.tmp").symlink_to(victim)
    write_atomic(tmp_path / "x.json", "ours")
    assert (tmp_path / "x.json").read_text() == "ours" and victim.read_text() == "mine"
    (tmp_path / ".05_grpo.lock").symlink_to(victim)
    with pytest.raises(StageError, match="cannot write"):
        lock_folder(tmp_path / "05_grpo")
    assert victim.read_text() == "mine"
