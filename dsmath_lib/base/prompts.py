"""From a question to the token ids that a model is asked: the one way for training, sampling, reward models and scores.

A prompt is the text of a row of ``rows/prompts.yaml``, or a turn in the tokenizer's own chat template. Its control
tokens stand in the template and become their ids; question and system text stay text, whatever they spell: a question
that writes ``<|im_end|>`` opens no turn. Everything else is as ``apply_chat_template(…, tokenize=True)`` has it, also
where template and question meet, since the whole text is encoded at once::

    ids = prompt_ids(tokenizer, [Prompt("1 + 1?", chat=True)])

A template whose turns are plain text (``User: …``) has no control tokens to guard: a question can imitate such a turn.
"""

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from tokenizers import Tokenizer

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.record_files import whole
from dsmath_lib.base.records import Prompt

# what some templates write as today: prompts must not change from one day to the next
TODAY = date(2024, 7, 26)
_LIKE_A_MARK = re.compile(r"[<\[{|｜].*[>\]}|｜]", re.DOTALL)


class PromptError(StageError):
    """A prompt cannot be made with this tokenizer; one line says why and what to set."""


@dataclass(frozen=True)
class AnswerForm:
    """How a written answer follows its prompt: ``lead`` before its text, the id ``end`` after it."""

    lead: str
    end: int


class Frame(NamedTuple):
    """What stands around the texts of a prompt, in order: ``parts[0] text[0] parts[1] …``.

    marks: the control ids of all parts. strip: the template cuts white space around the texts. bos: ids before all.
    """

    parts: tuple[str, ...]
    marks: tuple[int, ...]
    strip: bool = False
    bos: tuple[int, ...] = ()


def prompt_ids(tokenizer, prompts: Sequence[Prompt]) -> list[list[int]]:
    """Token ids of each prompt, all that belongs before them included (bos, where the tokenizer or template puts one).

    Raises:
        PromptError: there is no chat template, it wants a system text, or it takes none.
    """
    frames = [_frame_of(tokenizer, p) for p in prompts]
    filled = [_texts(p, f) for p, f in zip(prompts, frames, strict=True)]
    joined = [_joined(f, t) for f, t in zip(frames, filled, strict=True)]
    known, out = marks(tokenizer), []
    for frame, texts, ids in zip(frames, filled, _encode(tokenizer, joined), strict=True):
        if tuple(i for i in ids if i in known) != frame.marks:  # a text spells a mark
            ids = _guarded(tokenizer, frame, texts)
        out.append([*frame.bos, *ids])
    return out


def plain_ids(tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of plain texts: what spells a control token stays text, and lone surrogates are U+FFFD."""
    texts = list(map(whole, texts))
    if not texts:
        return []
    loose = _loose_marks(tokenizer)
    if loose and any(m in t for t in texts for m in loose):
        return [e.ids for e in _twin(tokenizer).encode_batch(texts, add_special_tokens=False)]
    return tokenizer(texts, add_special_tokens=False, split_special_tokens=True)["input_ids"]


def bos_ids(tokenizer) -> list[int]:
    """``[bos]`` where the tokenizer itself puts one before a text, else ``[]`` (Qwen2 has none)."""
    first = tokenizer("", add_special_tokens=True)["input_ids"][:1]
    return first if first == [tokenizer.bos_token_id] else []


def answer_form(tokenizer, prompt: Prompt) -> AnswerForm:
    """How an answer to a prompt is written: after ``Assistant:`` with a space, else at once; then what ends its turn.

    Raises:
        PromptError: nothing ends an answer (the tokenizer has no eos token), or see ``prompt_ids``.
    """
    lead = " " if prompt.text.endswith(":") else ""
    end = tokenizer.eos_token_id
    if prompt.chat:
        lead, closing = _answer_turn(tokenizer, _template(tokenizer), prompt.system)
        end = next(iter(_marks_in(tokenizer, closing)), end)
    if end is None:
        raise PromptError(f"{_name(tokenizer)} has no eos token: nothing would end an answer")
    return AnswerForm(lead, end)


def turn_end(tokenizer) -> int | None:
    """The id that ends the model's turn in the tokenizer's chat template; None: no template, or its turns have none.

    A base model's eos is often another token than the end of a turn.
    """
    if not getattr(tokenizer, "chat_template", None):
        return None
    for system in ("", "S"):
        try:
            _, closing = _answer_turn(tokenizer, _template(tokenizer), system)
        except PromptError:
            continue
        return next(iter(_marks_in(tokenizer, closing)), None)
    return None


# -- marks ----------------------------------------------------------------------------------------


def marks(tokenizer) -> frozenset[int]:
    """Ids of control tokens: the special ones, and added ones written like a mark (``<think>``, ``[INST]``)."""
    return frozenset(_marks(tokenizer, len(tokenizer)))


@lru_cache(maxsize=8)
def _marks(tokenizer, size: int) -> dict[int, str]:
    return {
        i: t.content
        for i, t in getattr(tokenizer, "added_tokens_decoder", {}).items()
        if t.special or _LIKE_A_MARK.fullmatch(t.content.strip())
    }


def _loose_marks(tokenizer) -> list[str]:
    """Marks that the tokenizer does not hold for special, so that it would read them in plain text, too."""
    added = getattr(tokenizer, "added_tokens_decoder", {})
    found = _marks(tokenizer, len(tokenizer)) if added else {}
    return [text for i, text in found.items() if not added[i].special]


def _marks_in(tokenizer, text: str) -> tuple[int, ...]:
    """Control ids of a template's own text, in order."""
    known = marks(tokenizer)
    return tuple(i for i in _encode(tokenizer, [text])[0] if i in known) if text else ()


def _twin(tokenizer) -> Tokenizer:
    """The same tokenizer, for which every mark is special and special tokens are text."""
    return _twin_of(tokenizer, len(tokenizer))


@lru_cache(maxsize=2)
def _twin_of(tokenizer, size: int) -> Tokenizer:
    import json

    data = json.loads(tokenizer.backend_tokenizer.to_str())
    for token in data["added_tokens"]:
        token["special"] |= token["id"] in marks(tokenizer)
    twin = Tokenizer.from_str(json.dumps(data))
    twin.encode_special_tokens = True
    return twin


# -- frames ---------------------------------------------------------------------------------------


def _frame_of(tokenizer, prompt: Prompt) -> Frame:
    if prompt.chat:
        return _chat_frame(tokenizer, _template(tokenizer), bool(prompt.system))
    return _text_frame(tokenizer, prompt.before, prompt.after)


@lru_cache(maxsize=256)
def _text_frame(tokenizer, before: str, after: str) -> Frame:
    own = _marks_in(tokenizer, before) + _marks_in(tokenizer, after)
    return Frame((before, after), own, bos=tuple(bos_ids(tokenizer)))


def _texts(prompt: Prompt, frame: Frame) -> list[str]:
    """What goes into the gaps of the frame."""
    if not prompt.chat:
        return [whole(prompt.question)]
    texts = [prompt.system, prompt.text] if prompt.system else [prompt.text]
    texts = list(map(whole, texts))
    return [t.strip() for t in texts] if frame.strip else texts


def _joined(frame: Frame, texts: Sequence[str]) -> str:
    return frame.parts[0] + "".join(t + p for t, p in zip(texts, frame.parts[1:], strict=True))


def _guarded(tokenizer, frame: Frame, texts: Sequence[str]) -> list[int]:
    """Ids where a text spells a mark: the parts are cut at their marks, and all between is encoded as plain text."""
    runs: list[str | int] = []
    for k, part in enumerate(frame.parts):
        runs += [*_cut(tokenizer, part), *texts[k : k + 1]]
    ids: list[int] = []
    open_text = ""
    for run in [*runs, None]:
        if isinstance(run, str):
            open_text += run
            continue
        ids += plain_ids(tokenizer, [open_text])[0] if open_text else []
        ids += [] if run is None else [run]
        open_text = ""
    return ids


def _cut(tokenizer, part: str) -> list[str | int]:
    """A template's text as texts and control ids, in order; white space that a mark swallows goes with it."""
    known, out, at = marks(tokenizer), [], 0
    found = tokenizer(
        part, add_special_tokens=False, split_special_tokens=False, return_offsets_mapping=True
    )
    for i, (start, end) in zip(found["input_ids"], found["offset_mapping"], strict=True):
        if i in known:
            out += [part[at:start], i]
            at = end
    return [x for x in [*out, part[at:]] if x != ""]


@lru_cache(maxsize=16)
def _chat_frame(tokenizer, template: str, has_system: bool) -> Frame:
    """The tokenizer's template around a system text and a question, found by rendering words nobody can guess."""
    words = [secrets.token_hex(16) for _ in range(1 + has_system)]
    text = _render(tokenizer, _messages(words))
    padded = _render(tokenizer, _messages([f"\n {w} \n" for w in words]))
    for what, word in zip(("question", "system text")[: len(words)], words[::-1], strict=True):
        if text.count(word) != 1:
            fix = (
                "leave system_prompt empty"
                if what == "system text"
                else "set question_template to a named one"
            )
            raise PromptError(
                f"the chat template of {_name(tokenizer)} shows the {what} {text.count(word)} times: {fix}"
            )
    parts = tuple(re.split("|".join(words), text))
    own = tuple(i for p in parts for i in _marks_in(tokenizer, p))
    return Frame(parts, own, strip=f"\n {words[-1]} \n" not in padded)


@lru_cache(maxsize=16)
def _answer_turn(tokenizer, template: str, system: str) -> tuple[str, str]:
    """What the template writes before an answer, after the opening of its turn, and what it writes after the answer."""
    question, answer = secrets.token_hex(16), secrets.token_hex(16)
    asked = _messages(["S" if system else "", question][not system :])
    opened = _render(tokenizer, asked)
    whole = _render(tokenizer, [*asked, {"role": "assistant", "content": answer}], opens=False)
    before, _, closing = whole.partition(answer)
    return before.removeprefix(opened) if before.startswith(opened) else "", closing


def _messages(texts: Sequence[str]) -> list[dict[str, str]]:
    """One text: the question; two: the system text before it."""
    roles = ("system", "user")[-len(texts) :]
    return [{"role": r, "content": t} for r, t in zip(roles, texts, strict=True)]


def _template(tokenizer) -> str:
    """The chat template as a key: another one makes another frame.

    Raises:
        PromptError: there is none.
    """
    template = getattr(tokenizer, "chat_template", None)
    if not template:
        raise PromptError(
            f"{_name(tokenizer)} has no chat template: set question_template to page (base models), or to a named one"
        )
    return str(template)


def _render(tokenizer, messages: list[dict[str, str]], opens: bool = True) -> str:
    """The template's text; with ``opens`` the model's turn is open at its end."""

    def rendered(some: list[dict[str, str]]) -> str:
        today: Callable[[str], str] = TODAY.strftime
        return tokenizer.apply_chat_template(
            some, tokenize=False, add_generation_prompt=opens, strftime_now=today,
            date_string=today("%d %b %Y"),
        )  # fmt: skip

    try:
        return rendered(messages)
    except Exception as err:  # a template is a program: it may raise anything
        raise PromptError(_refusal(tokenizer, messages, rendered, err)) from None


def _refusal(tokenizer, messages: list, rendered: Callable[[list], Any], err: Exception) -> str:
    """Why a template did not render, in one line: would it with a system text, or without one?"""
    name, said = f"the chat template of {_name(tokenizer)}", " ".join(str(err).split())[:200]
    with_system = messages[0]["role"] == "system"
    other = messages[1:] if with_system else [{"role": "system", "content": "S"}, *messages]
    try:
        rendered(other)
    except Exception:
        return f"{name} cannot be used ({said}): set question_template to a named template"
    if with_system:
        return f"{name} takes no system text ({said}): leave system_prompt empty"
    return f"{name} needs a system text ({said}): set system_prompt"


def _encode(tokenizer, texts: list[str]) -> list[list[int]]:
    """Ids with marks read as such."""
    if not texts:
        return []
    return tokenizer(texts, add_special_tokens=False, split_special_tokens=False)["input_ids"]


def _name(tokenizer) -> str:
    return f"the tokenizer '{getattr(tokenizer, 'name_or_path', '') or type(tokenizer).__name__}'"
