"""Where programs stand in a text: names and line ends of fences, backticks that are the program's own."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.engines.sandbox import ends_with_program, extract_programs, fenced_blocks

T = "```"
OPENINGS = [
    "python",
    " python",
    "py",
    "Python",
    "PYTHON",
    "python3",
    "Python 3",
    "python3.11",
    "python title=a",
    "{.python}",
]


@pytest.mark.parametrize("name", OPENINGS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_program_is_found_by_every_common_name(name, end):
    text = end.join(["So:", T + name, "x = 5", "print(x + 7)", T, "done"])
    assert extract_programs(text) == ["x = 5\nprint(x + 7)"]


@pytest.mark.parametrize("name", ["", "text", "output", "pycon", "javascript", "pythonic"])
def test_other_languages_are_no_programs(name):
    assert extract_programs(f"{T}{name}\nprint(1)\n{T}") == []


def test_an_indented_block_is_a_program():
    text = f"1. first\n\n   {T}python\n   for i in range(2):\n       print(i)\n   {T}\n2. then"
    assert extract_programs(text) == ["for i in range(2):\n    print(i)"]
    assert extract_programs(f"{T}python\n\tif 1:\n\t\tprint(1)\n\t{T}") == ["if 1:\n\tprint(1)"]
    kept = f"{T}python\ns = '''\n  a\n'''\nprint(s)\n{T}"  # indented text of its own stays
    assert extract_programs(kept) == ["s = '''\n  a\n'''\nprint(s)"]


OWN_TICKS = [
    f"s = '''a\n{T}\nb'''\nprint(7)",
    f's = """{T}python\n{T}\n"""\nprint(7)',
    f"s = '{T}'\nprint(7)",
    f"print(7)  # as in {T} of Markdown\nx = 1",
    f"s = 'it\\'s {T}'\nprint(7)",
    f"s = r'\\\\' + '{T}'\nprint(7)",
    f"s = '''it's\n{T}\n\"'''\nprint(7)",
]


@pytest.mark.parametrize("code", OWN_TICKS)
def test_backticks_of_the_program_do_not_end_it(code):
    assert extract_programs(f"{T}python\n{code}\n{T}\n{T}output\n7\n{T}") == [code]


def test_a_broken_program_ends_at_the_first_fence():
    assert extract_programs(f"{T}python\ns = '''a\n{T}\nso it is 5") == ["s = '''a"]
    text = f"{T}python\nprint(1)  # {T}\nprint(2)"
    assert extract_programs(text) == ["print(1)  #"]
    assert extract_programs(f"{T}python\nprint(1){T}") == ["print(1)"]


def test_longer_fences_close_at_their_own_length():
    assert extract_programs(f"{T}`python\nprint(1)\n{T}\nprint(2)\n{T}`") == [
        f"print(1)\n{T}\nprint(2)"
    ]
    assert extract_programs(f"{T}python\nprint(12") == []  # cut off: no half program


def test_bare_blocks():
    text = f"{T}\nx = 1\n{T}\nand\n{T}python\ny = 2\n{T}"
    assert [b.code for b in fenced_blocks(text, bare=True)] == ["x = 1", "y = 2"]
    assert extract_programs(text) == ["y = 2"]


def test_texts_that_end_with_a_program():
    for text in (f"{T}python\nx\n{T}", f"so\n{T}py\r\nx\r\n{T}\r\n", f"{T}python\ns = '{T}'\n{T} "):
        assert ends_with_program(text), text
    for text in (
        "",
        T,
        f"{T}python\n{T}",
        f"{T}python\nx\n{T} so",
        f"{T}python\ns = '''\n",
        f"{T}\nx\n{T}",
    ):
        assert not ends_with_program(text), text


PIECES = st.sampled_from(
    [T, T + "python\n", "\n", "'", '"', "'''", '"""', "#", "\\", "x = 1", " ", "\r", "````"]
)


@given(st.lists(PIECES, max_size=40).map("".join))
def test_any_text_is_read(text):
    blocks = fenced_blocks(text)
    ends = [b.end for b in blocks]
    assert ends == sorted(set(ends)) and ends_with_program(text) in (True, False)
    assert all(T not in b.code or "'" in b.code or '"' in b.code or "#" in b.code for b in blocks)


@given(st.text(alphabet="ab =1\n+'\"#()", max_size=60))
def test_a_program_without_backticks_is_read_as_it_is(code):
    found = extract_programs(f"{T}python\n{code}\n{T}\n")
    assert len(found) == 1
    if code.strip("\n")[:1] not in (" ", "\t"):
        assert found[0].rstrip() == code.strip("\n").rstrip()


def test_the_time_grows_with_the_length_alone():
    for part in (
        f"{T}python\n",
        f"{T}python\n#{T}\n",
        f"{T}python\n'''\n",
        "`" * 4 + "python\n'",
        "'''\n",
        "\\\n",
    ):
        seconds = []
        for n in (2_000, 16_000):
            start = time.process_time()
            fenced_blocks(part * n)
            seconds.append(time.process_time() - start)
        assert seconds[1] < 0.5 or seconds[1] < 24 * seconds[0], part  # eight times the text
