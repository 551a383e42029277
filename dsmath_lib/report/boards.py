"""Pages to play with in a notebook and in its report: plain JavaScript in a frame of its own, without a network."""

from pathlib import Path

from dsmath_lib.base.tags import page, tag

_STYLE = """
body{font:15px/1.4 sans-serif;margin:.5em;color:#111;background:#fff}
.answers{display:flex;flex-wrap:wrap;gap:.6em}
fieldset{border:1px solid #ababab;border-radius:4px;padding:.4em .6em}
.slider{display:block;margin:.25em 0}.slider input{width:8em;vertical-align:middle}
.globals{display:flex;flex-wrap:wrap;gap:0 1.6em;margin:.6em 0}
button{font:inherit;margin:0 .3em .2em 0;padding:.15em .6em}
button{border:1px solid #595959;border-radius:4px;background:#f2f2f2}
button[aria-pressed=true]{background:#cfe3f1;border-color:#006ba4}
button:focus-visible,input:focus-visible,select:focus-visible{outline:3px solid #006ba4}
table{border-collapse:collapse;width:100%;margin-top:.4em}caption{text-align:left;font-weight:bold;padding:.3em 0}
th,td{padding:.15em .5em;text-align:left;border-bottom:1px solid #ddd}
.bar{position:relative;width:25%}
.bar span{position:absolute;top:.15em;bottom:.15em}
.plot{max-width:460px;width:100%;font-size:11px}.kept{background:#cfe3f1}
.up{background:rgba(0,107,164,.35)}
.down{background:repeating-linear-gradient(45deg,rgba(200,82,0,.45) 0 4px,rgba(200,82,0,.2) 4px 8px)}
"""


class Board:
    """A page in a frame: HTML in a notebook, its description in a log."""

    def __init__(self, title: str, script: str, words: str, height: int):
        self.title, self.script, self.words, self.height = title, script, words, height

    def page(self) -> str:
        """The whole page."""
        root = tag("main", id="board")
        begin = 'start(document.getElementById("board"));'
        return page(self.title, _STYLE, root, script=f"{self.script}\n{begin}")

    def _repr_html_(self) -> str:
        # a frame without an origin: its script reaches nothing of the notebook
        return tag(
            "iframe",
            srcdoc=self.page(),
            title=f"{self.title}. {self.words}",
            sandbox="allow-scripts",
            style=f"width:100%;height:{self.height}px;border:1px solid #ababab;box-sizing:border-box",
        )

    def __repr__(self) -> str:
        return f"{self.title}: {self.words} (a page to play with; open the notebook or its report)"


# name of its script -> title, what to do, height in pixels
_BOARDS = {
    "group": (
        "A group to play with",
        "Mark answers right or wrong, change lengths, ratios, clip and KL weight; predict whose tokens are pushed "
        "hardest, then see advantages and pushes.",
        520,
    ),
    "clip": (
        "One token under the clip",
        "Move the ratio, the advantage and ε; predict what the gradient does, then see the objective.",
        330,
    ),
    "kl": (
        "Three estimators on three tokens",
        "Change both distributions; predict where k3 is largest, then see values, means and the pull of the KL term.",
        380,
    ),
    "budget": (
        "How much to keep",
        "Change the budget of tokens and the least score; predict which is higher, precision or recall.",
        830,
    ),
    "votes": (
        "Eight samples, one vote",
        "Give each sample an answer; predict what Maj@K does as K grows, then see Pass@K and Maj@K.",
        430,
    ),
}


def board(name: str) -> Board:
    """A page to play with: ``group`` (Eq. 3 and 21), ``clip``, ``kl`` (Eq. 4), ``budget`` (Section 2.1), ``votes``.

    Raises:
        KeyError: no such board; names the known ones.
    """
    if name not in _BOARDS:
        raise KeyError(f"no board {name!r} (known: {', '.join(_BOARDS)})")
    title, words, height = _BOARDS[name]
    return Board(title, script_of(name), words, height)


def board_names() -> list[str]:
    """The names of all boards."""
    return list(_BOARDS)


def script_of(name: str) -> str:
    """The JavaScript of a board, with the parts that all share."""
    folder = Path(__file__).with_name("board_pages")
    return "".join((folder / f"{n}.js").read_text(encoding="utf-8") for n in ("parts", name))
