"""The paper's rules, and the holes found in other tools (corpus.md C.2, C.3)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.base.records import Document
from dsmath_lib.base.text import grams
from dsmath_lib.corpus.decontaminate import (
    BenchmarkText,
    Report,
    build_index,
    decontaminate,
    find_hits,
)

LONG = (
    "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May."
)
ZH = "商店有苹果42千克，香蕉比苹果多8千克，香蕉有多少千克？"
TEX = r"Compute $\frac{1}{2} \times \left(3 + 4\right)$ and then subtract $1000$ from the result of $5^2 - 3$."


def index_of(*texts: str, **kw):
    return build_index([BenchmarkText("b", str(i), t) for i, t in enumerate(texts)], **kw)


def hit(page: str, *texts: str) -> bool:
    return bool(find_hits(grams(page), index_of(*texts)))


@given(st.text(max_size=300), st.text(max_size=50), st.text(max_size=50))
def test_every_text_finds_itself(text: str, before: str, after: str) -> None:
    """In any surroundings, if it has at least three grams."""
    page = f"{before}\n{text}\n{after}"
    assert hit(page, text) == (len(grams(text)) >= 3) or hit(page, text)
    if len(grams(text)) >= 3:
        assert hit(page, text)


@given(st.lists(st.text(alphabet="ab1 中=-,.\\${}", max_size=30), max_size=5))
def test_lines_do_not_join(lines: list[str]) -> None:
    assert grams("\n".join(lines)) == [g for line in lines for g in grams(line)]


@given(st.integers(0, 30), st.integers(1, 30), st.integers(1, 9))
def test_nine_no_ten_yes(start: int, length: int, n_short: int) -> None:
    item = [f"w{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(40)]
    piece = item[start : start + length]
    index = index_of(" ".join(item))
    assert bool(find_hits(["x", *piece, "y"], index)) == (len(piece) >= 10)
    short = item[:n_short]
    index = index_of(" ".join(short))
    assert bool(find_hits(["x", *short, "y"], index)) == (n_short >= 3)
    assert not find_hits(["x", *short[:-1], "y"], index)


@pytest.mark.parametrize(
    "copy",
    [
        LONG.upper(),
        LONG.replace(",", " ,").replace(".", "!"),
        LONG.replace(" ", "\n"),
        LONG.replace(" ", "\u00a0"),
        LONG.replace("48", "４８"),
        LONG.replace("friends", "fri\u200bends"),
        "中文 " + LONG + " 中文",
        "Q: **" + LONG + "** A: 72",
    ],
)
def test_disguised_copies_are_found(copy: str) -> None:
    assert hit(copy, LONG)


@pytest.mark.parametrize(
    "copy",
    [
        r"Compute \(\dfrac{1}{2}\cdot(3+4)\) and then subtract 1,000 from the result of \(5^{2}-3\).",
        r"Compute $\tfrac{ 1 }{ 2 } \, \times \, ( 3 + 4 )$ and then subtract $1{,}000$ from the result of $5^2 − 3$.",
        "compute $\\frac12 × (3 + 4)$ and then subtract 1000 from the result of 5^2 - 3",
    ],
)
def test_latex_variants_are_found(copy: str) -> None:
    assert hit(copy, TEX)


def test_chinese_counts_characters() -> None:
    assert len(grams(ZH)) > 10
    assert hit(f"题目：{ZH.replace('，', ',').replace('42', '４２')}答案", ZH)
    assert not hit("商店有梨42千克，香蕉比梨少8千克", ZH)
    assert hit(f"English page with {ZH} in it", ZH)


def test_numbers_and_operators_stay() -> None:
    """A table of other numbers is no hit: numbers are not made equal."""
    assert grams("12 + 7 = 19") == ["12", "+", "7", "=", "19"]
    table = " ".join(f"{i} + {i} = {2 * i}" for i in range(1, 10))
    assert not hit(table, " ".join(f"{i} + {i + 1} = {2 * i + 1}" for i in range(1, 10)))
    assert hit("so x = 3 and y = 4 .", "x = 3 and y = 4")  # free-standing signs, same text


def test_hyphen_and_minus() -> None:
    assert grams("ten-year-old") == ["ten", "year", "old"]
    assert grams("5-3") == ["5", "-", "3"] and grams("5 − 3") == ["5", "-", "3"]
    assert grams("3.14 and 1,000,000") == ["3.14", "and", "1000000"]


def test_a_punctuation_run_does_not_hide_the_rest() -> None:
    assert hit("... --- ... !!! ??? *** " + LONG, LONG)


def test_too_short_items_are_listed() -> None:
    index = index_of("12", "x = 3", "yes")
    assert [t.text for t in index.uncovered] == ["12", "yes"]
    report = Report()
    list(decontaminate([Document("u", "12 yes")], index, report))
    assert report.rows() == [
        {"benchmark": "b", "items": 3, "items_hit": 0, "pages": 0, "not_covered": 2}
    ]


def docs() -> list[Document]:
    return [
        Document("clean", "A page about nothing."),
        Document("leak", f"First part.\n\nThe question: {LONG}\n\nLast part."),
        Document(
            "split", "First part.\n\n" + LONG.replace("friends", "friends\n\n") + "\n\nLast part."
        ),
    ]


def test_page_and_segment_mode() -> None:
    index = index_of(LONG)
    report = Report()
    assert [d.url for d in decontaminate(docs(), index, report)] == ["clean"]
    assert report.removed == ["leak", "split"] and report.pages == 3
    report = Report()
    out = {d.url: d.text for d in decontaminate(docs(), index, report, mode="segment")}
    assert out["leak"] == "First part.\n\nLast part." and out["clean"] == docs()[0].text
    assert (
        out["split"] == "First part.\n\nLast part."
    )  # a hit over a paragraph break cuts both sides
    assert report.segments == 3
    for text in out.values():
        assert not find_hits(grams(text), index)
    with pytest.raises(ValueError, match="mode must be"):
        list(decontaminate(docs(), index, Report(), mode="cut"))


def test_report_holds_literal_grams_and_items() -> None:
    report = Report()
    list(decontaminate(docs(), index_of(LONG, ZH), report))
    assert "natalia sold clips to 48 of her friends in april" in report.grams
    assert report.items_hit["b"] == {"0"} and report.pages_hit["b"] == 2
    assert report.as_json()["share"] == 2 / 3


def test_reports_of_shards_add_up() -> None:
    """Through JSON, as a shard leaves what it found."""
    index, many = index_of(LONG, ZH), docs() * 2
    whole, total = Report(), Report(index=index)
    list(decontaminate(many, index, whole))
    for r in range(3):
        one = Report()
        list(decontaminate(many[r::3], index, one))
        total.add(json.loads(json.dumps(one.found())))
    want, got = whole.as_json(), total.as_json()
    assert sorted(got.pop("removed")) == sorted(want.pop("removed")) and got == want


def test_sharding_does_not_matter() -> None:
    index, many = index_of(LONG, ZH), docs() * 5
    whole = [d.url for d in decontaminate(many, index, Report())]
    parts = [[d.url for d in decontaminate(many[r::3], index, Report())] for r in range(3)]
    assert sorted(whole) == sorted(u for part in parts for u in part)
