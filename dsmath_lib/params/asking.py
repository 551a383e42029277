"""How a stage asks its questions: the names of prompt templates that its parameters take."""

from typing import Literal

# rows of rows/prompts.yaml that ask for a chain of thought
Template = Literal[
    "toy-cot", "deepseek-cot", "chat", "chat-bare", "page", "toy-page", "simplerl-chat",
    "simplerl-plain", "r1-tags",
]  # fmt: skip
TEMPLATE_WORDS = "a row of prompts.yaml, or chat"
SYSTEM_WORDS = "chat: its system text; empty: the template's own, or none"
