"""Were the test questions in the training data? Checked before anything is scored (research: SimpleRL trains on MATH).

A question has leaked when its text, white space aside, is a training text or stands inside one; that decides whether
a score is refused. The corpus stage's 10-grams (``corpus/decontaminate.py``) are counted beside it: all but a few of a
question's grams in one training text is mostly the same question with other numbers, one shared gram often only the
same opening words. Both are for a person to look at.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.record_files import HUB
from dsmath_lib.base.records import Problem
from dsmath_lib.base.text import grams
from dsmath_lib.corpus.decontaminate import BenchmarkText, Index, build_index, find_hits
from dsmath_lib.runs.nb08_evaluation.load import problems_of
from dsmath_lib.stage.data import read_rows
from dsmath_lib.stage.folder import Stage

TEXT_FIELDS = ("question", "problem", "text", "prompt", "input")
TOY = "toy-train"  # the toy world's training questions
NEAR = 0.8  # of a question's grams in one training text


@dataclass(frozen=True)
class Overlap:
    """Test questions met in training data.

    same: as a whole training text; inside: within a longer one; near: ``NEAR`` of its grams in one text; any_gram: at
    least one gram. leaked: ids of ``same`` and ``inside``.
    """

    benchmark: str
    items: int
    same: int
    inside: int
    near: int
    any_gram: int
    leaked: frozenset[str] = frozenset()

    @property
    def share(self) -> float:
        """Leaked questions among all."""
        return len(self.leaked) / self.items if self.items else 0.0

    def row(self, max_leak: float) -> dict[str, object]:
        """One line of a table."""
        return {
            "benchmark": self.benchmark,
            "questions": self.items,
            "same text": self.same,
            "inside a longer text": self.inside,
            "share": f"{self.share:.2%}",
            f"{NEAR:.0%} of its grams": self.near,
            "any 10-gram": self.any_gram,
            "score": "refused" if self.share > max_leak else "reported",
        }


def same_text(text: str) -> str:
    """The key of the exact comparison: all white space dropped."""
    return "".join(text.split())


class Training:
    """What a model was trained on, prepared once for many benchmarks."""

    def __init__(self, texts: Iterable[str]) -> None:
        texts = list(dict.fromkeys(texts))
        self.grams = [grams(t) for t in texts]
        self.plain = [same_text(t) for t in texts]
        self.keys = set(self.plain)

    def overlap(self, benchmark: str, problems: Sequence[Problem], *, n: int = 10) -> Overlap:
        """How much of a benchmark is in the training data.

        ``n``: grams in a row; a shorter question matches as a whole.
        """
        index = build_index((BenchmarkText(benchmark, p.id, p.question) for p in problems), n=n)
        wanted = _grams_of_items(index)
        key = {p.id: same_text(p.question) for p in problems}
        long = {i for items in index.long.values() for _, i in items}
        near, touched = set(), set()
        same = {i for i, k in key.items() if k in self.keys}
        inside: set[str] = set()
        for page, text in zip(self.grams, self.plain, strict=True):
            found: dict[str, set[str]] = defaultdict(set)
            for hit in find_hits(page, index):
                for _, item in hit.items:
                    found[item].add(hit.gram)
            touched.update(found)
            almost = {i for i, g in found.items() if len(g) >= NEAR * wanted[i]}
            near |= almost
            inside.update(i for i in almost & long - same if key[i] in text)
        counts = (len(problems), len(same), len(inside), len(near), len(touched))
        return Overlap(benchmark, *counts, frozenset(same | inside))


def _grams_of_items(index: Index) -> Counter:
    """Distinct grams (or whole short texts) per question."""
    count: Counter = Counter()
    for table in (index.long, index.short):
        for items in table.values():
            count.update(item for _, item in items)
    return count


def _text_of(row: dict, source: str, name: str) -> str:
    names = [name] if name else [f for f in TEXT_FIELDS if f in row]
    value = row.get(names[0]) if names else None
    if isinstance(value, list) and value and isinstance(value[0], dict):  # chat messages
        value = "\n".join(str(m.get("content", "")) for m in value if m.get("role") != "system")
    if value is None:
        raise StageError(
            f"'{source}': no field of training text (has: {', '.join(row)}); write FILE::FIELD"
        )
    return str(value)


def training_texts(
    source: str, *, data_dir: str = "", stage: Stage | None = None, seed: int = 0
) -> list[str]:
    """Texts of a training source.

    ``toy-train``, ``NN_stage/artifact`` of this scale, ``hub:owner/name@<commit>``, or a file below ``data_dir``;
    ``::field`` at the end names the field of the text.

    Raises:
        StageError: the source is not there, or no field holds text.
    """
    source, _, name = source.partition("::")
    if source == TOY:
        from dsmath_lib.world.problems import sample_problems

        return [p.question for p in sample_problems(4000, split="train", seed=seed)]
    if stage is not None and source[:2].isdigit() and "/" in source:
        path = stage.upstream(*source.split("/", 1))
        rows = read_rows(path.name, data_dir=str(path.parent))
    elif source.startswith(HUB):
        path, _, revision = source.partition("@")
        rows = read_rows(path, revision=revision)
    else:
        rows = read_rows(source, data_dir=data_dir)
    return [_text_of(r, source, name) for r in rows]


def refused(overlaps: Iterable[Overlap], max_leak: float) -> dict[str, str]:
    """Benchmarks not to be scored -> why: more than ``max_leak`` of their questions were trained on."""
    return {
        o.benchmark: f"{len(o.leaked):,} of {o.items:,} questions are in the training data"
        for o in overlaps
        if o.share > max_leak
    }


# SimpleRL's training set against both MATH tests, where a data folder holds them
SIMPLERL = "math/simplerl/simplerl_math_lvl3to5_8k_qwen.parquet"


def published_example(data_dir: str) -> list[Overlap]:
    """SimpleRL's 8K training questions against MATH and MATH-500; [] where the files are not in ``data_dir``."""
    try:
        training = Training(training_texts(SIMPLERL, data_dir=data_dir))
        return [
            training.overlap(n, problems_of(n, data_dir=data_dir)) for n in ("math", "math-500")
        ]
    except StageError:
        return []
