"""Results, captions and assets that are not as they should be: the page is made, and shows what is there."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsmath_lib.evaluation.metrics import Estimate, read_estimate
from dsmath_lib.report import html
from dsmath_lib.report.index import index_page, read_stage
from dsmath_lib.report.notebook import table

RESULTS = [
    '{"metrics": [1]}',
    '{"metrics": {"a": 1}, "seconds": "x"}',
    '{"metrics": {"a": {"value": "x", "low": {}}}, "headline": 5, "peak_memory_mb": [1], "figure": [1]}',
    '{"metrics": {"a": {"value": 1, "low": "x", "high": [2], "n": {}}}, "headline": [[1], {"a": 2}, "a"]}',
    '{"metrics": {"a": 1}, "peak_memory_mb": {"cpu": "x", "gpu": 5}, "environment": 5}',
    '{"metrics": {"a": NaN, "b": Infinity}, "environment": {"versions": [1]}, "seconds": 1e400}',
    '{"metrics": {"\\ud800": 1}, "seconds": [], "figure": ".."}',
    '{"metrics": {"a": true}, "figure": "", "headline": ["b"]}',
    "[1]", "5", "null", '"x"', "{", "", "\ufeff{}", "[" * 100_000,
]  # fmt: skip
DIGESTS = [
    '{"state": []}',
    "[1]",
    '{"state": "failed", "error": 5}',
    '{"seconds": "x"}',
    '{"state": {"a": 1}}',
]
DIGESTS += [
    '{"state": "failed", "error": "\\ud800 <b>"}',
    '{"state": "failed", "error": ["a"], "seconds": NaN}',
]


def made(folder, results: str, digest: str) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "results.json").write_text(results, encoding="utf-8")
    (folder / "digest.json").write_text(digest, encoding="utf-8")
    return index_page("toy", {"05_grpo": read_stage(folder)})


@pytest.mark.parametrize("results", RESULTS, ids=range(len(RESULTS)))
@pytest.mark.parametrize("digest", DIGESTS, ids=range(len(DIGESTS)))
def test_an_index_is_made_of_any_results(results, digest, tmp_path):
    page = made(tmp_path / "05_grpo", results, digest)
    assert "05_grpo" in page and "<b>" not in page
    page.encode()


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda x: (
        st.lists(x, max_size=3)
        | st.dictionaries(st.sampled_from(["value", "low", "n", "a"]), x, max_size=3)
    ),
    max_leaves=8,
)
KEYS = [
    "metrics",
    "headline",
    "seconds",
    "peak_memory_mb",
    "environment",
    "figure",
    "state",
    "error",
]


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), ANY), st.dictionaries(st.sampled_from(KEYS), ANY))
def test_any_json_makes_an_index(tmp_path_factory, results, digest):
    folder = tmp_path_factory.mktemp("odd") / "05_grpo"
    made(folder, json.dumps(results), json.dumps(digest))


def test_an_estimate_has_numbers_only():
    assert read_estimate({"value": 1, "low": "x", "high": None, "n": []}) == Estimate(1, 1, 1)
    assert read_estimate({"value": 0.5, "low": 0.1, "high": 0.9, "n": 7}) == Estimate(
        0.5, 0.1, 0.9, 7
    )
    assert read_estimate({"value": float("nan")}) is None and read_estimate({"value": "1"}) is None


def test_money_in_captions_and_names_is_no_formula():
    page = table(
        [{"cost $5 or $6": "$5 and $7", "$\\href{x}{y}$": 1}], "between $3 and $4, \\(x\\)"
    )._repr_html_()
    text = page.replace("<span>$</span>", "").replace("<span>\\</span>", "")
    assert "$" not in text and "\\" not in text
    assert page.count("<span>$</span>") == 8


@pytest.mark.parametrize("left", [None, b"", b"half", "link", "folder of the right size"])
def test_the_script_for_formulas_is_whole_or_made_again(left, tmp_path, monkeypatch):
    monkeypatch.setenv("DSMATH_REPORTS", str(tmp_path))
    target, victim = tmp_path / "assets/tex-svg.js", tmp_path / "victim"
    html.copy_assets()
    whole = target.read_bytes()
    assert len(whole) > 500_000
    target.unlink()
    if left == "link":
        victim.write_bytes(b"mine")
        target.symlink_to(victim)
    elif isinstance(left, str):
        target.write_bytes(whole[:-1] + b"?")
    elif left is not None:
        target.write_bytes(left)
    html.copy_assets()
    assert target.read_bytes() == whole and not target.is_symlink()
    assert not victim.exists() or victim.read_bytes() == b"mine"
    before = target.stat().st_mtime_ns
    html.copy_assets()
    assert target.stat().st_mtime_ns == before
