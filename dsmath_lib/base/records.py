"""The records that flow through the pipeline. Small, frozen, each field with one fixed meaning."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Completions:
    """``len(prompts) * n`` completions, group-major: row ``p * n + j`` is sample ``j`` of prompt ``p``.

    ids: sampled token ids, the eos id included when it was sampled.
    logprobs: natural-log probability of each id under the distribution it was drawn from (see ``HFSampler.sample``).
    finish: "eos", "stop" (a stop string appeared; its tokens are kept) or "length" (ran out of ``max_new_tokens``).
    texts: decoded ids without special tokens.
    """

    ids: list[list[int]]
    logprobs: list[list[float]]
    finish: list[str]
    texts: list[str]


@dataclass(frozen=True)
class Page:
    """A downloaded page: ``html`` is decoded text, not bytes."""

    url: str
    html: str


@dataclass(frozen=True)
class Document:
    """Plain text with formulas as ``$…$``; ``lang`` is an ISO 639-1 code, ``n_formulas`` counts formulas kept."""

    url: str
    text: str
    lang: str = ""
    n_formulas: int = 0


@dataclass(frozen=True)
class Problem:
    """A question with a known answer. ``steps`` are the lines of a right solution, without the final answer line."""

    id: str
    question: str
    answer: str
    steps: tuple[str, ...] = ()
    lang: str = "en"
    family: str = ""
    level: int = 0
    program: str = ""  # Python that prints the answer
    tolerance: float = 0.0  # absolute error the answer may have (0: none)


@dataclass(frozen=True)
class Prompt:
    """What a model is asked: ``before + question + after``.

    chat: that is the user's turn in the tokenizer's own chat template, after the text ``system`` (empty: the template's
    own, or none); else it is the whole text.
    """

    question: str
    before: str = ""
    after: str = ""
    chat: bool = False
    system: str = ""

    @property
    def text(self) -> str:
        return self.before + self.question + self.after


@dataclass(frozen=True)
class Sample:
    """One supervised example: a prompt and segments ``(text, trained)``; tool output has ``trained=False``.

    The first segment starts with its first word: what stands between prompt and answer is the prompt's.
    """

    prompt: Prompt
    segments: tuple[tuple[str, bool], ...]
    meta: dict[str, str] = field(default_factory=dict)
