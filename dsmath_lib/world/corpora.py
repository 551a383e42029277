"""Ready-made corpora of the toy universe: the seed of the mining loop and the other parts of the paper's mixture."""

from random import Random

from dsmath_lib.base.records import Document
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.world.leaks import guard
from dsmath_lib.world.markup import Block, plain_text
from dsmath_lib.world.mathpages import Author, math_page
from dsmath_lib.world.prose import pick, prose
from dsmath_lib.world.sites import SEED_STYLES

CORPORA = ("arxiv", "code", "math_code", "text")
_TEXT = ("news", "blog", "encyclopedia", "company", "zh-news", "zh-blog")
_CODE_STYLES = ("homework", "homework", "zh-homework")


def _document(rng: Random, name: str, i: int, blocks: list[Block], lang: str) -> Document:
    text = plain_text(blocks)
    if name in ("code", "text"):  # a dollar sign is money here
        return Document(f"https://{name}.corpus.example/{i}", text, lang)
    if rng.random() < 1 / 6:  # as on sites without formula mark-up
        text = text.replace("$", "")
    return Document(f"https://{name}.corpus.example/{i}", text, lang, text.count("$") // 2)


def seed_documents(n: int, seed: int) -> list[Document]:
    """``n`` documents like OpenWebMath: English forum and textbook pages, no other style of the toy web."""
    rng = Random(seed_for("seed-documents", seed))
    return [
        _document(rng, "seed", i, math_page(rng, pick(rng, SEED_STYLES)), "en") for i in range(n)
    ]


def corpus(name: str, n_docs: int, seed: int) -> list[Document]:
    """``n_docs`` documents of a corpus of the mixture, free of benchmark grams.

    Args:
        name: ``arxiv`` (theorem prose without worked arithmetic), ``code`` (general Python), ``math_code`` (programs
            that solve training problems) or ``text`` (prose, English and Chinese).

    Raises:
        ValueError: unknown name; lists the known ones.
    """
    if name not in CORPORA:
        raise ValueError(f"unknown corpus '{name}' (known: {', '.join(CORPORA)})")
    rng = Random(seed_for("corpus", name, seed))
    if name == "math_code":
        return [_program_file(rng, i) for i in range(n_docs)]
    out = []
    for i in range(n_docs):
        style = {"arxiv": "paper", "code": "code"}.get(name) or pick(rng, _TEXT)
        blocks = math_page(rng, style) if style == "paper" else prose(rng, style)
        out.append(_document(rng, name, i, blocks, "zh" if style.startswith("zh-") else "en"))
    return out


def _program_file(rng: Random, i: int) -> Document:
    """A Python file with two to five solved problems: the question as a comment, the program, its output."""
    while True:
        author = Author(rng, pick(rng, _CODE_STYLES))
        parts = []
        for _ in range(2 + int(rng.random() * 4)):
            p = author.problem()
            parts.append(f"# {p.question}\n{p.program}\n# {p.answer}")
        text = "\n\n".join(parts)
        if not guard().hits(text):
            return Document(f"https://math-code.corpus.example/{i}", text, author.lang)
