"""An address drops a page only if the texts agree."""

from pathlib import Path

import pytest

from dsmath_lib.crawl.commands import deduplicate
from dsmath_lib.crawl.dedup import DedupSettings
from dsmath_lib.crawl.shards import dumps
from dsmath_lib.stage.data import read_rows


def lesson(i: int) -> str:
    return " ".join(
        f"lesson {i} says that word{(i + 2) ** k} comes before word{k * i + 7}" for k in range(40)
    )


def kept(folder: Path, rows: list[tuple[str, str]], partitions: int = 1) -> list[str]:
    """Addresses that stay, in the order of the input."""
    (folder / "in.jsonl").write_bytes(b"".join(dumps({"url": u, "text": t}) for u, t in rows))
    deduplicate(
        [str(folder / "in.jsonl")],
        str(folder / "out.jsonl"),
        DedupSettings(14, 8, 5, 0.7, partitions),
    )
    return [r["url"] for r in read_rows(str(folder / "out.jsonl"))]


ONE_ADDRESS = {
    "fragments": "https://learn.example/app#/lesson{}",
    "bang fragments": "https://learn.example/app#!/page/{}",
    "sessions": "https://forum.example/show.php?sid={}",
    "ref": "https://docs.example/view?ref={}",
    "campaigns": "https://shop.example/p?utm_content={}",
}


@pytest.mark.parametrize("form", ONE_ADDRESS.values(), ids=ONE_ADDRESS)
@pytest.mark.parametrize("partitions", [1, 3])
def test_pages_with_other_texts_stay(form: str, partitions: int, tmp_path: Path) -> None:
    rows = [(form.format(i), lesson(i)) for i in range(5)]
    assert kept(tmp_path, rows, partitions) == [u for u, _ in rows]


@pytest.mark.parametrize("form", ONE_ADDRESS.values(), ids=ONE_ADDRESS)
def test_pages_with_one_text_are_one(form: str, tmp_path: Path) -> None:
    rows = [(form.format(i), lesson(1)) for i in range(5)]
    assert len(kept(tmp_path, rows)) == 1


def test_two_texts_at_one_address_and_their_copies(tmp_path: Path) -> None:
    """Each text stays once, also where a copy stands at another address, in any order."""
    rows = [("https://a.example/x?sid=1", lesson(1)), ("https://a.example/x?sid=22", lesson(2)),
            ("https://a.example/x", lesson(1)), ("https://b.example/copy/of/two", lesson(2))]  # fmt: skip
    a = kept(tmp_path, rows)
    b = kept(tmp_path, rows[::-1])
    assert sorted(a) == sorted(b) and len(a) == 2


def test_texts_of_signs_alone(tmp_path: Path) -> None:
    rows = [("http://a.example/1", "+ + +"), ("http://b.example/2", "= / ="), ("http://c.example/3", "🙂 🙂"),
            ("http://d.example/4", "+ +  +")]  # fmt: skip
    assert len(kept(tmp_path, rows)) == 3
