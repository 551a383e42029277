"""The classifier and the loop, on a small web where everything is known."""

import json
import random
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from dsmath_lib.corpus import build, classifier, mining, sources
from dsmath_lib.corpus.annotate import Annotations
from dsmath_lib.params.base import PARAMS_DIR, read_yaml
from dsmath_lib.params.mining import MiningParams
from dsmath_lib.records import Document
from dsmath_lib.stage import StageError

SETTINGS = classifier.Settings(
    dim=16, lr=0.5, word_ngrams=2, min_count=1, epochs=20, bucket=2000, threads=1, seed=0
)
RULES = mining.Rules(
    keep_share=(0.4,),
    min_score=0.0,
    max_rounds=4,
    stop_overlap=0.98,
    domain_share=0.1,
    domain_min_pages=3,
    negatives_per_positive=4.0,
)
STYLES = {
    "known": "theorem proof integral derivative matrix lemma function limit".split(),
    "other": "worksheet times table sum subtract divide count numbers".split(),
    "news": "city council weather election mayor storm budget police function limit matrix".split(),
}


def text(rng: random.Random, style: str) -> str:
    return " ".join(rng.choices(STYLES[style], k=30))


def small_web() -> tuple[list[Document], list[Document], dict[str, bool], Annotations]:
    """40 % mathematics; half of it in a style the seed does not know, on a domain that also has the known one."""
    rng = random.Random(0)
    crawl, truth = [], {}
    plan = [
        ("m.org/q", "known", 20),
        ("h.org/ex", "other", 30),
        ("h.org/ask", "known", 10),
        ("n.org/a", "news", 90),
    ]
    for place, style, n in plan:
        for i in range(n):
            d = Document(f"http://{place}/{i}", text(rng, style))
            crawl.append(d)
            truth[d.url] = style != "news"
    rng.shuffle(crawl)
    seed = [Document(f"http://seed.org/{i}", text(rng, "known")) for i in range(20)]
    table = Annotations({"h.org": {"/ex": True, "/ask": True}, "m.org": {"/q": True}})
    return crawl, seed, truth, table


def run(
    folder: Path, rules: mining.Rules = RULES, settings: classifier.Settings = SETTINGS, **kw
) -> mining.Mined:
    crawl, seed, truth, table = small_web()
    return mining.mine(crawl, seed, table, rules, settings, folder, truth=truth, **kw)


def test_later_rounds_find_the_unknown_style(tmp_path: Path) -> None:
    crawl, _, truth, _ = small_web()
    mined = run(tmp_path)
    first, last = mined.rounds[0], mined.rounds[-1]
    assert first.recall < 0.8 and last.recall > 0.95 and last.precision > 0.9
    assert "h.org" in first.domains and "n.org" not in last.domains
    assert last.overlap >= 0.98 and len(mined.rounds) < RULES.max_rounds + 1
    urls = [d.url for d in crawl]
    assert mining.recall_at(mined, 1, 0.4, urls, truth) == first.recall
    kinds = {u: u.split("/")[3] for u in urls}
    by = mining.recall_by(mined.rounds, urls, truth, kinds)
    assert by["ex"][0] < by["ex"][-1] and set(by) == {"q", "ex", "ask"}
    added = {urls[i].rsplit("/", 1)[0] for r in mined.rounds for i in r.added}
    assert added <= {"http://h.org/ex", "http://h.org/ask", "http://m.org/q"}


def plain(mined: mining.Mined) -> list:
    return [json.dumps([r.row(), r.kept, r.added]) for r in mined.rounds]


def test_interrupted_run_goes_on_with_the_same_rounds(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")

    class Killed(Exception):
        pass

    def stop(r: mining.Round) -> None:
        raise Killed

    with pytest.raises(Killed):
        run(tmp_path / "cut", on_round=stop)
    trained = []
    train = classifier.train
    with mock.patch.object(classifier, "train", lambda *a: trained.append(1) or train(*a)):
        again = run(tmp_path / "cut")
    assert plain(again) == plain(whole) and np.array_equal(again.scores, whole.scores)
    assert len(trained) == len(whole.rounds) - 1  # the finished round was not done again


def test_finished_rounds_of_other_rules_are_not_taken(tmp_path: Path) -> None:
    run(tmp_path)
    other = run(tmp_path, rules=replace(RULES, keep_share=(0.2,)))
    assert plain(other) == plain(run(tmp_path / "fresh", rules=replace(RULES, keep_share=(0.2,))))
    (tmp_path / "round-1.json").write_text("{broken")
    assert plain(run(tmp_path, rules=replace(RULES, keep_share=(0.2,)))) == plain(other)


def test_more_rounds_continue_a_finished_run(tmp_path: Path) -> None:
    one = run(tmp_path, rules=replace(RULES, max_rounds=1))
    assert plain(run(tmp_path))[0] == plain(one)[0]


def test_empty_input(tmp_path: Path) -> None:
    crawl, seed, _, table = small_web()
    with pytest.raises(ValueError, match="0 crawl pages"):
        mining.mine([], seed, table, RULES, SETTINGS, tmp_path)
    with pytest.raises(ValueError, match="0 seed pages"):
        mining.mine(crawl, [], table, RULES, SETTINGS, tmp_path)


def test_quality_uses_known_pages_only() -> None:
    urls = ["a", "b", "c", "d"]
    got = mining.quality(urls, [0, 1, 3], {"a": True, "b": False, "c": True})
    assert got == {"precision": 0.5, "recall": 0.5}
    assert mining.quality(urls, [0], {}) == {"precision": None, "recall": None}


# -- classifier ------------------------------------------------------------------------------------------------------
def test_input_matrix_is_initialised(tmp_path: Path) -> None:
    """fastText 0.9.3 leaves most of the matrix uninitialised with one thread: with lr 0 it must be within 1/dim."""
    settings = replace(SETTINGS, lr=1e-12, dim=64, bucket=50_000)
    for _ in range(2):
        model = classifier.train(["a b c"], ["d e f"], settings, tmp_path)
        matrix = model.get_input_matrix()
        assert np.isfinite(matrix).all() and np.abs(matrix).max() <= 1 / 64 + 1e-6
        assert (
            np.abs(matrix).mean() > 0.4 / 64
        )  # uniform in ±1/dim has mean 0.5/dim; a zero part would lower it


def test_training_repeats_exactly_and_separates(tmp_path: Path) -> None:
    rng = random.Random(1)
    pos, neg = ([text(rng, s) for _ in range(30)] for s in ("known", "news"))
    scores = [
        classifier.score(classifier.train(pos, neg, SETTINGS, tmp_path), pos + neg)
        for _ in range(2)
    ]
    assert np.array_equal(*scores)
    assert scores[0][:30].min() > 0.5 > scores[0][30:].max()
    assert list(tmp_path.glob("train-*")) == []
    assert classifier.score(
        classifier.train(pos, neg, SETTINGS, tmp_path), ["", "unseen"]
    ).tolist() == pytest.approx([0.5, 0.5], abs=0.5)
    with pytest.raises(ValueError, match="both classes"):
        classifier.train(pos, [], SETTINGS, tmp_path)


def test_one_line() -> None:
    assert classifier.one_line("Let $x=1$.\n\n小明") == "let $ x = 1 $ . 小 明"
    assert "__label__" not in classifier.one_line("spam __label__math")


@pytest.mark.parametrize(
    ("installed", "says"),
    [({}, "not installed"), ({"fasttext": "0.9.3", "fasttext-community": "0.11.9"}, "fasttext 0.9.3"),
     ({"fasttext-community": "0.11.7"}, "0.11.7")],
)  # fmt: skip
def test_broken_builds_are_refused(installed: dict[str, str], says: str) -> None:
    with (
        mock.patch.object(classifier, "_version", installed.get),
        pytest.raises(ImportError, match=says),
    ):
        classifier.load_fasttext()
    assert classifier.load_fasttext() is sys.modules["fasttext"]


# -- sources and the toy world ---------------------------------------------------------------------------------------
def params(scale: str, **over) -> MiningParams:
    folder = PARAMS_DIR / scale
    values = read_yaml(folder / "common.yaml") | read_yaml(folder / "01_corpus_mining.yaml") | over
    return MiningParams.check(values, scale)


def test_world_end_to_end(tmp_path: Path) -> None:
    """What issue and paper ask of the mining, at the size of the smoke scale."""
    from dsmath_lib.corpus import decontaminate as decon

    cfg, counts = params("smoke"), Counter()
    material = sources.load(cfg, counts)
    crawl = build.build_crawl(material.pages, cfg, counts)
    dup = build.duplicate_groups(material.groups, crawl)
    assert dup["dup_groups"] == dup["dup_groups_reduced"] > 50 and dup["wrongly_merged"] == 0
    index, report = decon.build_index(material.benchmarks), decon.Report()
    clean = list(decon.decontaminate(crawl.docs, index, report))
    leaks = build.leak_quality(material.leaks, crawl.docs, report.removed)
    assert leaks["leaks_left"] == leaks["clean_removed"] == 0 < leaks["leaks_planted"]
    rows = build.write_corpora(tmp_path, cfg, mined=clean[:50], web=clean, seed=material.seed)
    assert {r["corpus"] for r in rows} == {
        "mined",
        "web",
        "seed",
        "arxiv",
        "code",
        "math_code",
        "text",
    }
    again = build.write_corpora(
        tmp_path / "2", cfg, mined=clean[:50], web=clean, seed=material.seed
    )
    assert rows == again
    for p in tmp_path.glob("*.gz"):
        assert p.read_bytes() == (tmp_path / "2" / p.name).read_bytes()


def test_missing_data_folder() -> None:
    with pytest.raises(StageError, match="data_dir 'nowhere' is not a folder"):
        sources.load(params("real-smoke", data_dir="nowhere"), Counter())


def test_bad_benchmark_entry(data_dir: Path) -> None:
    cfg = params("real-smoke", data_dir=str(data_dir), benchmark_sources=["math/gsm8k/test.jsonl"])
    with pytest.raises(ValueError, match="name=path:field"):
        list(sources._benchmark_files(cfg))
    cfg = params(
        "real-smoke", data_dir=str(data_dir), benchmark_sources=["g=math/gsm8k/test.jsonl:quest"]
    )
    with pytest.raises(StageError, match="quest"):
        list(sources._benchmark_files(cfg))


def test_real_pages_have_addresses_and_truth(data_dir: Path) -> None:
    over = {"page_sources": ["web/html/neardup/*.html"], "benchmark_sources": []}
    material = sources.load(params("real-smoke", data_dir=str(data_dir), **over), Counter())
    pages = list(material.pages)
    assert len(pages) == 33 and all(p.url.startswith("http://hplgit.github.io/") for p in pages)
    assert sum(material.truth[p.url] for p in pages) == 32
    assert not {d.url for d in material.seed} & set(material.truth)
