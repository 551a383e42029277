"""The toy web: same in every process, shares as told, truth that agrees with what the pages say."""

import hashlib
import os
import subprocess
import sys
from collections import Counter, defaultdict

import pytest

from dsmath_lib.base.text import grams
from dsmath_lib.base.urls import canonical, host
from dsmath_lib.corpus.minhash import shingles
from dsmath_lib.engines.webtext.pages import extract
from dsmath_lib.world.leaks import guard, protected
from dsmath_lib.world.problems import split_of
from dsmath_lib.world.web import make_web

N = 1500


@pytest.fixture(scope="module")
def web():
    return make_web(N, 11)


@pytest.fixture(scope="module")
def texts(web):
    return {p.url: extract(p.html, p.url).text for p in web.pages}


def test_same_arguments_same_web_in_another_process():
    code = (
        "import hashlib; from dsmath_lib.world.web import make_web; w = make_web(200, 5);"
        "print(hashlib.sha256(repr((w.pages, w.truth)).encode()).hexdigest())"
    )
    env = {**os.environ, "PYTHONHASHSEED": "7"}
    there = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    ).stdout.strip()
    here = make_web(200, 5)
    assert hashlib.sha256(repr((here.pages, here.truth)).encode()).hexdigest() == there
    assert make_web(200, 6).pages != here.pages


def test_every_page_has_its_own_address_and_truth(web):
    assert len(web.pages) == N == len(web.truth) == len({p.url for p in web.pages})
    for url, t in web.truth.items():
        assert host(url) == t.domain
        assert f"{t.path_prefix}/" in url


def test_shares(web):
    math = [t for t in web.truth.values() if t.is_math]
    zh = [t for t in math if t.lang == "zh"]
    assert 0.23 < len(math) / N < 0.33
    assert 0.18 < len(zh) / len(math) < 0.33
    assert {"forum", "textbook", "homework", "contest", "drill", "paper"} <= {t.style for t in math}
    assert sum(t.leak_of is not None for t in math) >= 5
    groups = Counter(t.dup_group.split("-")[0] for t in web.truth.values() if t.dup_group)
    assert groups == {"url": 2 * 30, "mirror": 2 * 30, "near": 2 * 45}


def test_too_small_a_web_is_refused():
    with pytest.raises(ValueError, match="at least 50 pages"):
        make_web(10, 0)
    assert len(make_web(50, 0).pages) == 50


def test_duplicates_are_what_their_name_says(web, texts):
    html = {p.url: p.html for p in web.pages}
    groups = defaultdict(list)
    for url, t in web.truth.items():
        if t.dup_group:
            groups[t.dup_group].append(url)
    for name, (a, b) in groups.items():
        x, y = set(shingles(texts[a], 5).tolist()), set(shingles(texts[b], 5).tolist())
        assert len(x & y) / len(x | y) > 0.75, name
        assert (canonical(a) == canonical(b)) == name.startswith("url")
        assert (html[a] == html[b]) == (not name.startswith("near"))
        assert web.truth[a].is_math == web.truth[b].is_math


def test_pages_that_are_no_copies_differ(web, texts):
    single = [u for u, t in web.truth.items() if not t.dup_group][:300]
    sets = [set(shingles(texts[u], 5).tolist()) for u in single]
    for i, x in enumerate(sets):
        for y in sets[i + 1 :]:
            assert len(x & y) / len(x | y) < 0.6


def test_leaks_hold_their_item_and_clean_pages_none(web, texts):
    """The 10-gram rule (and the rule for short items) must remove the planted pages and no other."""
    by_id = {p.id: p for b in ("toy-gsm", "toy-math", "toy-cmath") for p in protected(b)}
    sep = "\x1f"
    for url, t in web.truth.items():
        if t.leak_form not in (None, "copy"):
            continue  # rewritten: whether the rule finds it is open
        found = guard().hits(texts[url])
        assert found == (t.leak_of is not None), (url, t)
        if t.leak_of:
            item = sep.join(grams(by_id[t.leak_id].question))
            assert item in sep.join(grams(texts[url]))


def test_benchmarks_and_pages_come_from_different_splits():
    assert all(split_of(p.question) == "test" for p in protected("toy-math"))


def test_formulas_survive_extraction(web):
    found = kept = 0
    for p in web.pages:
        if web.truth[p.url].is_math:
            got = extract(p.html, p.url)
            found, kept = found + got.found, kept + got.kept
    assert found > 1000
    assert kept >= 0.99 * found
