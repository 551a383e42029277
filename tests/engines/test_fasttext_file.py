"""A model file from outside is looked through before the C++ reader believes its numbers."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsmath_lib.corpus import classifier
from dsmath_lib.engines.fasttext_file import _HEAD, check_model_file

NAMES = "magic version dim ws epoch min_count neg ngrams loss model bucket minn maxn rate t "
NAMES += "size words labels tokens pruned"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


def trained(folder, **changes):
    values = {"dim": 4, "lr": 0.5, "word_ngrams": 2, "min_count": 1, "epochs": 1, "bucket": 50}
    how = classifier.FastTextSettings(**values | {"threads": 1, "seed": 0} | changes)
    math, other = ([f"{word} {i} more" for i in range(40)] for word in ("solve", "sport"))
    return classifier.train_classifier(math, other, how, folder)


@pytest.fixture(scope="module")
def model(folder):
    path = folder / "model.bin"
    classifier.save(trained(folder), path)
    return path.read_bytes()


@pytest.mark.parametrize(
    "changes", [{}, {"word_ngrams": 1}, {"word_ngrams": 1, "bucket": 0}, {"dim": 2}, {"dim": 1}]
)
def test_our_own_models_pass(folder, changes):
    path = folder / "own.bin"
    classifier.save(trained(folder, **changes), path)
    check_model_file(path)
    classifier.save(classifier.compact(trained(folder, **changes)), path)
    check_model_file(path)
    assert 0 <= classifier.score_lines(classifier.load(str(path)), ["solve 3"])[0] <= 1


@pytest.mark.parametrize(
    "options", [{}, {"qnorm": True}, {"qout": True, "qnorm": True}, {"cutoff": 300}]
)
def test_quantised_models_pass(folder, options):
    lines, path = folder / "lines.txt", folder / "small.ftz"
    labels = "\n".join(f"__label__l{i % 300} a b c{i}" for i in range(900))  # enough to quantise
    lines.write_text(labels)
    model = classifier.load_fasttext().train_supervised(
        str(lines), dim=8, bucket=2000, wordNgrams=2, minCount=1, thread=1, verbose=0
    )
    model.quantize(str(lines), **options)
    model.save_model(str(path))
    check_model_file(path)


def changed(data: bytes, /, **fields: int) -> bytes:
    head = dict(zip(NAMES.split(), _HEAD.unpack_from(data), strict=True)) | fields
    return _HEAD.pack(*head.values()) + data[_HEAD.size :]


BAD = [{"bucket": b} for b in (0, -1, 2**31 - 1, 49)] + [
    {"words": w} for w in (2**31 - 1, -1, 0, 1)
]
BAD += [{"pruned": p} for p in (2**40, 0, 3, -2)] + [{"dim": d} for d in (0, -1, 2**31 - 1, 5)]
BAD += [
    {"ngrams": 0},
    {"maxn": -1},
    {"magic": 1},
    {"version": 99},
    {"model": 1},
    {"loss": 9},
    {"loss": -1},
]
BAD += [{"size": 2**31 - 1, "words": 2**31 - 3}, {"size": -1}, {"labels": 0}, {"labels": 2**31 - 1}]


@pytest.mark.parametrize("fields", BAD)
def test_numbers_that_do_not_fit_are_refused(model, folder, fields):
    path = folder / "bad.bin"
    path.write_bytes(changed(model, **fields))
    with pytest.raises(ValueError, match="not a fastText model"):
        classifier.load(str(path))


@pytest.mark.parametrize("part", [0, 8, 100, 200, 0.5, 0.99, -1])
def test_a_file_that_is_cut_is_refused(model, folder, part):
    path = folder / "cut.bin"
    path.write_bytes(model[: int(part * len(model)) if isinstance(part, float) else part])
    with pytest.raises(ValueError):
        classifier.load(str(path))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_damage_is_refused_or_changes_no_size(model, folder, data):
    """Whatever passes has as many words, labels, rows and columns as it says: the reader can believe it."""
    at = data.draw(st.integers(0, len(model) - 8))
    noise = data.draw(st.binary(min_size=1, max_size=8))
    path = folder / "noise.bin"
    path.write_bytes(model[:at] + noise + model[at + len(noise) :])
    try:
        check_model_file(path)
    except ValueError as err:
        assert str(err)
    else:
        head = dict(zip(NAMES.split(), _HEAD.unpack_from(path.read_bytes()), strict=True))
        assert head["words"] + head["labels"] == head["size"] and head["dim"] == 4
        assert struct.unpack_from("<q", path.read_bytes(), len(model) - 4 * 4 * 2 - 16)[0] == 2
