"""Parameter files as people and testers write them: what can be misread is an error of one line."""

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.params.flat_yaml import load_yaml, read_yaml
from dsmath_lib.params.grpo import GRPOParams
from dsmath_lib.params.overrides import parse_value

BAD = {
    "seed: 3\nthreads: 1\nseed: 4\n": "'seed' stands here twice (line 3)",
    "'seed': 3\nseed: 3\n": "twice (line 2)",
    "{a: 1, b: 2, a: 3}": "twice",
    "seed: 010": "octal",
    "seed: -010": "octal",
    "seed: 007": "octal",
    "langs: [en, 010]": "octal",
    "seed: 1:30": "base-60",
    "lr: 1:30.5": "base-60",
    "a: &x [1]\nb: *x": "alias",
    "a: &a {x: 1}\n<<: *a": "alias",
    "seed: " + "5" * 5000: "digits",
    "a: " + "[" * 5000: "deep",
    "a: [": "",
    "a: \x07": "",
    "a: !!python/object/apply:os.getcwd []": "constructor",
    "a: !!binary aGk": "",
    "a: 1\n---\nb: 2": "",
    "- 1": "flat",
    "1: 2": "flat",
    "a: {b: 1}": "nested",
    "a: !!set {x}": "nested",
    "x" * 200_000: "characters",
}


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_what_can_be_misread_is_an_error_of_one_line(text, tmp_path):
    path, start = tmp_path / "x.yaml", time.process_time()
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ParamsError) as err:
        read_yaml(path)
    said = str(err.value)
    assert BAD[text] in said and str(path) in said
    assert "\n" not in said and len(said) < len(str(path)) + 400
    assert time.process_time() - start < 10


GOOD = {
    "seed: 10": 10,
    "seed: 0": 0,
    "seed: -0": 0,
    "seed: 0.10": 0.1,
    "seed: 0x10": 16,
    "seed: 1_000": 1000,
    "seed: '010'": "010",
    "seed: 08": "08",
    "seed: 5e-4": "5e-4",
    "seed: 2024-01-31": "2024-01-31",
    "seed: 2024-13-45": "2024-13-45",
    "\ufeffseed: 3\r\n": 3,
    "seed: [1, 2]": [1, 2],
}


@pytest.mark.parametrize("text", GOOD)
def test_what_is_plain_is_read_as_it_stands(text, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(text.encode())
    assert read_yaml(path) == {"seed": GOOD[text]}


def test_values_of_the_command_line():
    assert [parse_value(t, int) for t in ("10", "010", "1:30", "2024-13-45", "[")] == [
        10,
        "010",
        "1:30",
        "2024-13-45",
        "[",
    ]
    assert GRPOParams.check({"seed": parse_value("010", int)}, "-p").seed == 10
    with pytest.raises(ParamsError, match="1:30"):
        GRPOParams.check({"seed": parse_value("1:30", int)}, "-p")


def test_an_error_shows_the_beginning_of_a_value():
    with pytest.raises(ParamsError) as err:
        GRPOParams.check({"seed": ["x" * 1000] * 1000}, "here")
    assert len(str(err.value)) < 500 and "…" in str(err.value)


VALUES = st.one_of(
    st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False), st.text()
)


@given(st.dictionaries(st.from_regex("[a-z_]{1,9}", fullmatch=True), VALUES))
def test_what_yaml_writes_is_read_back(values):
    assert load_yaml(yaml.safe_dump(values)) == values


@given(st.text(alphabet="a:- \n[]{}'\"&*!0179._#|>\t\ufeff", max_size=40) | st.text(max_size=30))
def test_any_text_is_read_or_refused(text):
    try:
        load_yaml(text)
    except ValueError as err:
        assert str(err) and "\n" not in str(err)
