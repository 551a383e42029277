"""HTML pieces: text is escaped once, what is HTML already is not, attributes are quoted."""

from dsmath_lib.base.tags import Html, joined, page, table, tag


def test_text_is_escaped_once_and_tags_nest():
    inner = tag("b", "1 < 2")
    assert inner == "<b>1 &lt; 2</b>"
    assert tag("p", inner, " & ", 3) == "<p><b>1 &lt; 2</b> &amp; 3</p>"
    assert joined(["<", inner], Html("<br>")) == "&lt;<br><b>1 &lt; 2</b>"


def test_attributes_are_named_and_quoted():
    made = tag("img", alt='say "hi"', class_="a", data_kind="all", name="x")
    assert made == '<img alt="say &quot;hi&quot;" class="a" data-kind="all" name="x">'


def test_a_table_and_a_page_hold_no_raw_text():
    made = table(["<h>"], [["<c>"]], ["x"], "<cap>")
    assert "<h>" not in made and "<c>" not in made and "<cap>" not in made
    whole = page("<t>", "a > b {}", made, script="1 < 2")
    assert "&lt;t&gt;" in whole and "a > b {}" in whole and "1 < 2" in whole
    assert whole.startswith("<!DOCTYPE html>") and whole.count("<table>") == 1
