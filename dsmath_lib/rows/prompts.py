"""Prompt templates by name, rows of ``prompts.yaml``: what a model is asked; ``base/prompts.py`` makes the ids."""

from pathlib import Path
from typing import NamedTuple

import yaml

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.records import Prompt

PROMPTS: dict[str, dict] = yaml.safe_load(
    Path(__file__).with_name("prompts.yaml").read_text(encoding="utf-8")
)


class PromptStyle(NamedTuple):
    """How a run asks: a row of ``PROMPTS``, and a system text for chat rows."""

    template: str
    system: str = ""

    def of_form(self, form: str) -> "PromptStyle":
        """The row of the same family for "cot", "program" or "tir": ``toy-cot`` -> ``toy-tir``.

        Raises:
            StageError: the family has no such row.
        """
        family = self.template.partition("-")[0]
        if form == "cot" and self.template in PROMPTS:
            return self
        if f"{family}-{form}" not in PROMPTS:
            raise StageError(f"the prompt template '{self.template}' has no form '{form}'")
        return self._replace(template=f"{family}-{form}")


def make_prompt(style: PromptStyle | str, question: str, lang: str = "en") -> Prompt:
    """What is asked. ``style``: a row's name stands for the row without a system text.

    Raises:
        StageError: unknown template (names the known ones), or a system text for a row that has no place for one.
    """
    template, system = (style, "") if isinstance(style, str) else style
    row = PROMPTS.get(template)
    if row is None:
        raise StageError(f"unknown prompt template '{template}' (known: {', '.join(PROMPTS)})")
    chat = row.get("chat", False)
    if system and not chat:
        raise StageError(
            f"system_prompt has no place in the prompt template '{template}': a chat template has"
        )
    text = row.get(lang, row["en"]) if lang == "zh" else row["en"]
    before, _, after = text.partition("{question}")
    return Prompt(question, before, after, chat, system)
