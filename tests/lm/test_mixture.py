import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsmath_lib.lm.mixture import mixture_stream, tokenize_documents


def docs(code: int, lengths: list[int]) -> list[np.ndarray]:
    """Documents whose tokens all are ``code``, so that a stream tells where it came from."""
    return [np.full(n, code, dtype=np.int32) for n in lengths]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=20),
    st.lists(st.integers(1, 30), min_size=1, max_size=20),
    st.floats(0.05, 0.95),
    st.integers(1, 2000),
    st.integers(0, 5),
)
def test_accounts_are_exact_and_shares_hold(a, b, share, n, seed):
    corpora = {"a": docs(7, a), "b": docs(8, b)}
    m = mixture_stream(corpora, {"a": share, "b": 1 - share}, n, seed)
    assert len(m.tokens) == n == sum(m.used.values())
    assert m.used == {"a": int((m.tokens == 7).sum()), "b": int((m.tokens == 8).sum())}
    assert m.passes["a"] == m.used["a"] / sum(a)
    assert abs(m.used["a"] - share * n) <= 31  # never further off than one document


def test_a_pass_holds_every_document_once():
    corpus = [np.array([i, i], dtype=np.int32) for i in range(10)]
    m = mixture_stream({"a": corpus}, {"a": 1.0}, 40, seed=3)
    first, second = m.tokens[:20:2].tolist(), m.tokens[20::2].tolist()
    assert sorted(first) == sorted(second) == list(range(10)) and first != second


def test_seed_decides_the_stream():
    corpora = {"a": [np.array([i], dtype=np.int32) for i in range(50)]}
    one, same, other = (mixture_stream(corpora, {"a": 1}, 50, s).digest for s in (0, 0, 1))
    assert one == same != other


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"a": 0.5, "b": 0.5}, "no documents in b"),
        ({"a": 0.0}, "not all 0"),
        ({"a": -1.0}, "at least 0"),
    ],
)
def test_bad_mixtures_are_errors(shares, message):
    with pytest.raises(ValueError, match=message):
        mixture_stream({"a": docs(1, [3]), "b": []}, shares, 10, 0)


def test_documents_get_bos_and_eos(tokenizer):
    (doc,) = tokenize_documents(tokenizer, ["12 apples", ""])
    assert doc[0] == 0 and doc[-1] == 1 and doc.dtype == np.int32
    assert tokenizer.decode(doc[1:-1]) == "12 apples"
