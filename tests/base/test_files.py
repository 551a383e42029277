"""Files read whole or as nothing: what is missing, damaged or of another kind is an empty object."""

import os

import pytest

from dsmath_lib.base.files import file_digest, read_json, write_atomic, write_fast, write_json


@pytest.mark.parametrize("text", ["", "{", "[1]", "5", "null", '"a"', "\udcff"])
def test_what_is_no_object_reads_as_empty(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert read_json(path) == {}
    assert read_json(tmp_path / "missing.json") == {}


def test_an_object_comes_back(tmp_path):
    path = tmp_path / "deep" / "x.json"
    write_json(path, {"a": ["é", 1.5]})
    assert read_json(path) == {"a": ["é", 1.5]}


@pytest.mark.parametrize("write", [write_atomic, write_fast])
def test_a_planted_link_is_not_followed(tmp_path, write):
    victim, path = tmp_path / "victim", tmp_path / "x"
    victim.write_text("mine")
    for tmp in (tmp_path / "x.tmp", tmp_path / f"x.{os.getpid()}.tmp"):
        tmp.symlink_to(victim)
    write(path, "new")
    assert victim.read_text() == "mine" and path.read_text() == "new"


def test_write_atomic_is_whole_or_nothing(tmp_path, monkeypatch):
    path = tmp_path / "a" / "x.json"
    write_atomic(path, "old")

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, "new")
    assert path.read_text() == "old"


def test_file_digest_sees_names_and_content(tmp_path):
    (tmp_path / "a").write_text("1")
    one = file_digest(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert file_digest(tmp_path) != one != file_digest(tmp_path / "b")
