"""What makes a stage stale: code, not words, not a reader's answers."""

import json

from dsmath_lib.stage import digest


def notebook(path, *sources):
    cells = [{"cell_type": "code", "metadata": {}, "source": s} for s in sources]
    path.write_text(json.dumps({"cells": cells}))
    return digest.stage_digest(path, {"lr": 0.1}, {})


def test_answers_of_a_reader_make_no_run_stale(tmp_path):
    path = tmp_path / "x.ipynb"
    open_one = notebook(path, "a = 1", 'answer = ...\ncheck("05.1", answer)')
    assert notebook(path, "a = 1", 'answer = 0.25  # mine\n\n\ncheck("05.1", answer)') == open_one
    assert notebook(path, "a = 2", 'answer = ...\ncheck("05.1", answer)') != open_one
    assert notebook(path, "a  =  1  # words") == open_one
    assert notebook(path, "a = 1", 'check("05.1", 2)\nb = 2') != open_one


def test_code_of_a_module_is_all_it_stands_on():
    files = digest.code_of_module("dsmath_lib.rl.kl")
    assert "rl/kl.py" in files and "rl/losses.py" not in files
    assert digest.code_of_module("json") == {}
    assert "rl/kl.py" in digest.code_of_module("dsmath_lib.rl.losses")
