"""The whole chain at scale smoke: done, reported, offline, and up to date when asked again."""

import json
import re

import pytest
import yaml
from bs4 import BeautifulSoup

from dsmath_lib.base.paths import ROOT
from tests.chain import run_smoke

STAGES = sorted(p.stem for p in (ROOT / "notebooks").glob("*.ipynb"))
OUTSIDE = re.compile(
    r"""(?:src|href)\s*=\s*["'](?:https?:)?//|url\(\s*["']?(?:https?:)?//|@import"""
)
each = pytest.mark.parametrize("stage", STAGES)


def test_chain_ends_well(smoke):
    assert smoke.code == 0, smoke.out[-3000:]
    assert "TCP without encryption" not in smoke.out
    stages = json.loads((smoke.folder / "results.json").read_text())["stages"]
    assert list(stages) == STAGES


@each
def test_results(smoke, stage):
    results = json.loads((smoke.folder / stage / "results.json").read_text())
    assert results["stage"] == stage and results["params"]["scale"] == "smoke"
    assert results["metrics"], "a stage measures something"
    headline = results["headline"]
    assert 1 <= len(headline) <= 5 and set(headline) <= set(results["metrics"])
    for name, value in results["metrics"].items():
        assert not re.search(r"seconds|per_s\b|memory|_mb\b", name), f"{name} belongs to timings"
        if isinstance(value, dict) and value.get("low") is not None:
            assert value["low"] <= value["value"] <= value["high"], name
    assert (smoke.folder / stage / results["figure"]).exists()
    assert (smoke.folder / stage / results["figure"]).with_suffix(".alt.txt").exists()


@each
def test_page(smoke, stage):
    page = (smoke.folder / stage / f"{stage}.html").read_text()
    links = [x for x in OUTSIDE.findall(page) if not x.startswith("href")]
    assert not links, "a page loads nothing from outside"
    soup = BeautifulSoup(page, "html.parser")
    assert all(i.get("alt") not in (None, "", "figure") for i in soup.find_all("img"))
    assert len(soup.find_all("h1")) == 1
    for href in (a["href"].split("#")[0] for a in soup.find_all("a", href=True)):
        assert ":" in href or (smoke.folder / stage / href).exists(), href
    assert "Traceback" not in page and "✗ " + stage[:2] not in page


# runs that smoke leaves out: methods, failures, easy questions, other rewards; and without a reward nothing is saved
NOT_AT_SMOKE = {"C27", "C30", "C31", "Z03", "Z05", "Z07", "D01"}


def test_the_ledger_reads_what_the_notebooks_write(smoke):
    """Each part that names a metric finds it: one that is no longer written would leave its claim untested."""
    missing = set()
    for claim in yaml.safe_load((ROOT / "dsmath_lib/report/claims.yaml").read_text("utf-8")):
        for part in claim.get("parts", []):
            name = str(part.get("measure"))
            stage = smoke.folder / part.get("stage", claim["stage"]) / "results.json"
            if (
                re.fullmatch(r"[\w.-]+", name)
                and name not in json.loads(stage.read_text())["metrics"]
            ):
                missing.add(claim["id"])
    assert missing == NOT_AT_SMOKE


def test_index(smoke):
    page = (smoke.folder / "index.html").read_text()
    assert page.count("✓ done") == len(STAGES)
    assert not OUTSIDE.search(page)
    soup = BeautifulSoup(page, "html.parser")
    for tag, key in (("a", "href"), ("img", "src")):
        for node in soup.find_all(tag):
            assert (smoke.folder / node[key]).exists(), node[key]


def test_second_run_is_up_to_date(smoke):
    again = run_smoke(smoke.root)
    assert again.code == 0 and again.out.count("up to date") == len(STAGES), again.out
