"""The classifier and the loop, on a small web where everything is known."""

import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.paths import PARAMS_DIR
from dsmath_lib.base.records import Document
from dsmath_lib.corpus import classifier
from dsmath_lib.crawl import jobs, mined, mining
from dsmath_lib.crawl.annotate import Annotations
from dsmath_lib.crawl.mined import Rules
from dsmath_lib.crawl.shards import as_shards, write_part
from dsmath_lib.params.base import read_yaml
from dsmath_lib.params.mining import MiningParams
from dsmath_lib.runs import nb01_corpus as build
from dsmath_lib.runs import nb01_sources as sources
from dsmath_lib.runs import nb01_tables as tables

SETTINGS = classifier.FastTextSettings(
    dim=16, lr=0.5, word_ngrams=2, min_count=1, epochs=20, bucket=2000, threads=1, seed=0
)
RULES = Rules(
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


def in_shards(docs: list[Document], folder: Path, n: int) -> list:
    """Documents as shards on disk, the j-th to shard j modulo n."""
    for i in range(n):
        write_part(docs[i::n], folder / f"{i}.jsonl")
    return as_shards([folder / f"{i}.jsonl" for i in range(n)])


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
    folder: Path,
    rules: Rules = RULES,
    settings: classifier.FastTextSettings = SETTINGS,
    n_shards: int = 1,
    **kw,
) -> mined.Mined:
    crawl, seed, truth, table = small_web()
    shards = in_shards(crawl, folder / f"crawl-{n_shards}", n_shards)
    ready = mining.prepare(shards, seed, table, folder / "rounds", **kw)
    return mining.mine(ready, rules, settings, truth=truth)


def test_later_rounds_find_the_unknown_style(tmp_path: Path) -> None:
    crawl, _, truth, _ = small_web()
    got = run(tmp_path)
    first, last = got.rounds[0], got.rounds[-1]
    assert first.recall < 0.8 and last.recall > 0.95 and last.precision > 0.9
    assert "h.org" in first.domains and "n.org" not in last.domains
    assert last.overlap >= 0.98 and len(got.rounds) < RULES.max_rounds + 1
    assert mined.recall_at(got, 1, 0.4, truth) == first.recall
    kinds = {d.url: d.url.split("/")[3] for d in crawl}
    by = mined.recall_by(got, truth, kinds)
    assert by["ex"][0] < by["ex"][-1] and set(by) == {"q", "ex", "ask"}
    added = [u for r in got.rounds for u in got.added(r.number)]
    assert len(added) == len(set(added)) == sum(r.added for r in got.rounds) > 0
    places = {u.rsplit("/", 1)[0] for u in added}
    assert places <= {"http://h.org/ex", "http://h.org/ask", "http://m.org/q"}


def plain(got: mined.Mined) -> list:
    """All that a loop decided, by address."""
    out = []
    for r in got.rounds:
        kept = [
            u
            for i in range(got.n_shards)
            for u, k in zip(got.urls(i), got.kept(r.number, i), strict=True)
            if k
        ]
        out.append(
            [
                r.row(),
                r.domains,
                sorted(kept),
                sorted(got.added(r.number)),
                sorted(got.scored(r.number)),
            ]
        )
    return json.loads(json.dumps(out))


def test_shards_do_not_change_the_result(tmp_path: Path) -> None:
    whole = plain(run(tmp_path / "1"))
    for n, p in ((2, 3), (7, 1)):
        assert plain(run(tmp_path / str(n), n_shards=n, partitions=p)) == whole


@pytest.mark.parametrize("after", [2, 4, 9])
def test_interrupted_run_goes_on_with_the_same_rounds(tmp_path: Path, after: int) -> None:
    """Stopped after any job, also in the middle of its shards, the same call ends with the same result."""
    whole = run(tmp_path / "whole", n_shards=3)

    class Killed(Exception):
        pass

    def stop(job: jobs.Job) -> list:
        stop.jobs += 1
        if stop.jobs > after:
            job.run_shard(0)
            raise Killed
        return jobs.run_job(job)

    stop.jobs = 0
    with pytest.raises(Killed):
        run(tmp_path / "cut", n_shards=3, runner=stop)
    again = run(tmp_path / "cut", n_shards=3)
    assert plain(again) == plain(whole)


def test_a_finished_round_is_not_trained_again(tmp_path: Path) -> None:
    run(tmp_path, rules=replace(RULES, max_rounds=1))
    trained = []
    train = classifier.train_classifier
    with mock.patch.object(
        classifier, "train_classifier", lambda *a: trained.append(1) or train(*a)
    ):
        again = run(tmp_path)
    assert len(trained) == len(again.rounds) - 1
    assert plain(again) == plain(run(tmp_path / "fresh"))


def test_finished_rounds_of_other_rules_are_not_taken(tmp_path: Path) -> None:
    run(tmp_path)
    other = plain(run(tmp_path, rules=replace(RULES, keep_share=(0.2,))))
    assert other == plain(run(tmp_path / "fresh", rules=replace(RULES, keep_share=(0.2,))))
    (tmp_path / "rounds" / "round-1.json").write_text("{broken")
    (tmp_path / "rounds" / "round-2" / "score" / "00000.done.json").write_text("[]")
    assert plain(run(tmp_path, rules=replace(RULES, keep_share=(0.2,)))) == other


def test_the_10_percent_rule_counts_pages_that_were_never_collected(tmp_path: Path) -> None:
    """h.org has 10 known pages of 40: over 10 % of its own total, whatever shard they are in."""
    got = run(tmp_path, n_shards=4, rules=replace(RULES, keep_share=(0.15,)), partitions=2)
    crawl, *_ = small_web()
    totals, kept = Counter(u.split("/")[2] for u in (d.url for d in crawl)), Counter()
    for i in range(4):
        for u, k in zip(got.urls(i), got.kept(1, i), strict=True):
            kept[u.split("/")[2]] += bool(k)
    want = {d: kept[d] / totals[d] for d in totals if kept[d] / totals[d] > 0.1}
    assert got.rounds[0].domains == want


def test_empty_input(tmp_path: Path) -> None:
    crawl, seed, _, table = small_web()
    with pytest.raises(ValueError, match="0 crawl pages"):
        mining.prepare([], seed, table, tmp_path / "1")
    with pytest.raises(ValueError, match="0 seed pages"):
        shards = in_shards(crawl, tmp_path, 1)
        mining.prepare(shards, [], table, tmp_path / "2")


def test_quality_uses_known_pages_only(tmp_path: Path) -> None:
    got = run(tmp_path, n_shards=2)
    kept = {u for i in range(2) for u, k in zip(got.urls(i), got.kept(1, i), strict=True) if k}
    inside, outside = sorted(kept)[:3], sorted({u for i in range(2) for u in got.urls(i)} - kept)[0]
    truth = {inside[0]: True, inside[1]: False, outside: True}
    assert mined.quality(got, 1, truth) == {"precision": 0.5, "recall": 0.5}
    assert mined.quality(got, 1, {}) == {"precision": None, "recall": None}


# -- sources and the toy world ---------------------------------------------------------------------------------------
def params(scale: str, **over) -> MiningParams:
    folder = PARAMS_DIR / scale
    values = read_yaml(folder / "common.yaml") | read_yaml(folder / "01_corpus_mining.yaml") | over
    return MiningParams.check(values, scale)


def test_world_end_to_end(tmp_path: Path) -> None:
    """What issue and paper ask of the mining, at the size of the smoke scale."""
    cfg = params("smoke", max_rounds=1)
    material = sources.load_sources(cfg)
    crawl = build.build_crawl(cfg, tmp_path / "crawl")
    dup = tables.duplicate_groups(material.groups, crawl)
    assert dup["dup_groups"] == dup["dup_groups_reduced"] > 50 and dup["wrongly_merged"] == 0
    settings = build.fasttext_settings(cfg)
    ready = mining.prepare(crawl.shards, material.seed, material.table, tmp_path / "rounds")
    got = mining.mine(ready, build.rules(cfg), settings)
    clean = build.clean_crawl(cfg, crawl, got, tmp_path / "clean")
    leaks = tables.leak_quality(material.leaks, crawl.docs(), clean.report.removed)
    assert leaks["leaks_left"] == leaks["clean_removed"] == 0 < leaks["leaks_planted"]
    assert {d.url for d in clean.docs(kept=True)} < {d.url for d in clean.docs()}
    rows, again = (
        build.write_corpora(
            tmp_path / f, cfg, mined=clean.docs(kept=True), web=clean.docs(), seed=material.seed
        )
        for f in ("a", "b")
    )
    want = {"mined", "web", "seed", "arxiv", "code", "math_code", "text"}
    assert {r["corpus"] for r in rows} == want and rows == again
    for p in (tmp_path / "a").glob("*.gz"):
        assert p.read_bytes() == (tmp_path / "b" / p.name).read_bytes()


def test_shards_and_workers_do_not_change_the_crawl(tmp_path: Path) -> None:
    """The toy web in 1, 2 and 7 shards, in one process and in two."""
    found = []
    for n, p, w in ((1, 1, 1), (2, 3, 2), (7, 2, 1)):
        cfg = params("smoke", n_pages=160, shards=n, partitions=p, workers=w)
        crawl = build.build_crawl(cfg, tmp_path / str(n))
        gone = {"duplicate address", "near duplicates", "crawl pages", "formulas"}
        counts = {k: v for k, v in crawl.counts.items() if k in gone}
        found.append((sorted((d.url, d.text, d.lang, d.n_formulas) for d in crawl.docs()), counts))
    assert found[0] == found[1] == found[2] and found[0][1]["near duplicates"] > 2


def test_missing_data_folder() -> None:
    with pytest.raises(StageError, match="data_dir 'nowhere' is not a folder"):
        sources.load_sources(params("real-smoke", data_dir="nowhere"))


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
    cfg = params("real-smoke", data_dir=str(data_dir), **over)
    material = sources.load_sources(cfg)
    pages = [p for i in range(3) for p in sources.pages_of(cfg, i, 3, {"counts": Counter()})]
    assert len(pages) == 33 and all(p.url.startswith("http://hplgit.github.io/") for p in pages)
    assert sum(material.truth[p.url] for p in pages) == 32
    assert not {d.url for d in material.seed} & set(material.truth)
