import gzip
import json

import numpy as np
import pytest

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.paths import PARAMS_DIR
from dsmath_lib.lm.mixture import mixture_stream, tokenize_documents
from dsmath_lib.params.base import read_yaml
from dsmath_lib.params.pretraining import PretrainingParams
from dsmath_lib.runs.nb02_corpora import compare_corpora
from dsmath_lib.runs.nb02_pretraining import (
    by_language,
    heldout_pages,
    heldout_problems,
    heldout_scores,
    kept_back,
    make_tokenizer,
    mean_interval,
    mixture_shares,
    pretrain,
    read_corpus,
    steps_of,
    stream_length,
)
from dsmath_lib.stage.folder import Stage
from dsmath_lib.world.problems import cot, sample_problems
from tests.lm import conftest as fixtures
from tests.lm.conftest import tiny_model

stage, tokenizer = fixtures.stage, fixtures.tokenizer

pytestmark = pytest.mark.numeric


def config(**changes) -> PretrainingParams:
    values = read_yaml(PARAMS_DIR / "smoke/common.yaml") | read_yaml(
        PARAMS_DIR / "smoke/02_pretraining.yaml"
    )
    small = {"hidden_size": 16, "layers": 1, "context": 32, "batch_size": 2, "micro_batch": 2}
    return PretrainingParams.check(values | small | changes, "test")


def test_shares_are_the_papers_and_scale():
    cfg = config(mix_math=0.56, mix_math_code=0.04, mix_arxiv=0.1, mix_code=0.2, mix_text=0.1)
    assert mixture_shares(cfg) == pytest.approx(
        {"mined": 0.56, "math_code": 0.04, "arxiv": 0.1, "code": 0.2, "text": 0.1}
    )
    only = config(mix_math=0.5, mix_math_code=0, mix_arxiv=0, mix_code=0, mix_text=0)
    assert mixture_shares(only) == {"mined": 1.0}


def test_corpora_that_are_missing_or_damaged_are_named(tmp_path):
    with pytest.raises(StageError, match="no corpus 'arxiv'"):
        read_corpus(tmp_path, "arxiv")
    (tmp_path / "web.jsonl.gz").write_bytes(gzip.compress(b'{"url": "a"}\n{"url":')[:-4])
    with pytest.raises(StageError, match="damaged"):
        read_corpus(tmp_path, "web")
    with gzip.open(tmp_path / "seed.jsonl.gz", "wt") as f:
        f.write(json.dumps({"url": "u", "text": "t", "lang": "en"}) + "\n")
    assert read_corpus(tmp_path, "seed")[0]["text"] == "t"


def test_a_twentieth_of_the_pages_is_kept_back():
    rows = [{"url": f"https://a.example/{i}"} for i in range(4000)]
    assert 0.04 < np.mean([kept_back(r) for r in rows]) < 0.06


def test_heldout_problems_mark_solution_and_answer(tokenizer):
    problems = sample_problems(6, split="val", seed=1)
    held = heldout_problems(tokenizer, problems)
    for p, e, (a, b) in zip(problems, held.examples, held.answers, strict=True):
        solution = [i for i, t in zip(e.ids, e.trained, strict=True) if t]
        assert tokenizer.decode(solution) == cot(p)
        assert tokenizer.decode(solution[a:b]) == p.answer
        assert tokenizer.decode(e.ids[1 : -len(solution)]) == p.question + "\n"


def test_heldout_scores_per_language(tokenizer):
    model = tiny_model(vocab=len(tokenizer))
    held = heldout_problems(tokenizer, sample_problems(6, split="val", seed=1))
    scores = heldout_scores(model, held, 4)
    table = by_language(scores, held.langs)
    assert table["loss"].n == 6 == table["loss.en"].n + table["loss.zh"].n
    assert table["loss"].value == pytest.approx(scores["loss"].mean())
    assert set(scores["answer"]) <= {0.0, 1.0}
    pages = heldout_pages(tokenizer, [{"text": "12 apples " * 50, "lang": "en"}], 32)
    assert len(pages.examples[0].ids) == 32
    assert set(heldout_scores(model, pages, 4)) == {"loss"}


def test_interval_by_hand():
    e = mean_interval(np.array([1.0, 2.0, 3.0]))
    assert e.value == 2.0 and e.n == 3
    assert e.high - 2.0 == pytest.approx(1.96 / 3**0.5, rel=1e-3)


def test_a_run_reads_its_budget_and_is_skipped_when_done(stage, tokenizer):
    cfg = config(tokens=700, evals=2)
    assert steps_of(cfg, 700) == 10 and stream_length(cfg, 700) == 641
    docs = tokenize_documents(tokenizer, ["12 apples and 3 more. 12+3=15"] * 9)
    mix = mixture_stream({"a": docs}, {"a": 1.0}, stream_length(cfg, 700), 0)
    held = heldout_problems(tokenizer, sample_problems(3, split="val", seed=1))
    st = Stage(cfg, "02_pretraining")
    _, numbers = pretrain(st, "base", mix, tokenizer, held, "cpu")
    assert numbers["tokens"] == 640
    rows = len(st.read_log("base.eval"))
    assert rows == 2
    _, again = pretrain(st, "base", mix, tokenizer, held, "cpu")
    assert again == numbers and len(st.read_log("base.eval")) == rows


def test_tokenizer_learns_from_the_mixture_and_the_seed_decides():
    cfg = config(tokenizer_chars=1000, vocab_size=1000)
    corpora = {
        "mined": [{"text": f"sum {i} apples "} for i in range(200)],
        "code": [{"text": "zzzz"}],
    }
    a, b = (make_tokenizer(cfg, corpora, {"mined": 1.0}) for _ in range(2))
    assert a.backend_tokenizer.to_str() == b.backend_tokenizer.to_str()
    assert "Ġapples" in a.get_vocab() and "zz" not in a.get_vocab()
    assert {"User", "Assistant"} <= set(a.get_vocab())  # no page says them, every later prompt does


def test_paired_differences_are_positive_when_the_reference_is_better():
    mined = {"loss": np.array([1.0, 2.0, 1.0]), "answer": np.array([1.0, 1.0, 0.0])}
    web = {"loss": np.array([2.0, 3.0, 3.0]), "answer": np.array([1.0, 0.0, 0.0])}
    d = compare_corpora({"mined": mined, "web": web}, ["en", "en", "zh"], "mined")
    assert d["diff.web-mined.loss"].value == pytest.approx(4 / 3)
    assert d["diff.web-mined.loss.zh"].value == 2.0
    assert d["diff.mined-web.answer"].value == pytest.approx(1 / 3)
    assert d["diff.web-mined.loss"].low > 0
    assert compare_corpora({"web": web}, ["en"] * 3, "mined") == {}
