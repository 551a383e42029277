"""Files read whole or as nothing: what is missing, damaged or of another kind is an empty object."""

import os

import pytest

from dsmath_lib.base.files import read_json, write_atomic, write_fast, write_json


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
