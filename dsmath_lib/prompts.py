"""Prompt templates by name: one row says exactly what a model is asked (facts of the paper's evaluation, §9.2).

The ``deepseek-*`` rows are the strings of the paper's released models, needed to compare with it. The ``toy-*`` rows
are shorter, because every prompt token costs a tiny model time.
"""

_CHAT = "User: {question}{suffix}\n\nAssistant:"

_SUFFIX: dict[tuple[str, str], str] = {
    (
        "deepseek-cot",
        "en",
    ): "\nPlease reason step by step, and put your final answer within \\boxed{}.",
    ("deepseek-cot", "zh"): "\n请通过逐步推理来解答问题，并把最终答案放置于\\boxed{}中。",
    ("deepseek-tir", "en"): (
        "\nPlease integrate natural language reasoning with programs to solve the problem above, "
        "and put your final answer within \\boxed{}."
    ),
    (
        "deepseek-tir",
        "zh",
    ): "\n请结合自然语言和Python程序语言来解答问题，并把最终答案放置于\\boxed{}中。",
    ("toy-cot", "en"): "",
    ("toy-cot", "zh"): "",
    ("toy-program", "en"): "\nWrite a program.",
    ("toy-program", "zh"): "\n写程序。",
    ("toy-tir", "en"): "\nUse Python.",
    ("toy-tir", "zh"): "\n用Python。",
}
TEMPLATES = sorted({name for name, _ in _SUFFIX})


def chat_prompt(template: str, question: str, lang: str = "en") -> str:
    """The whole prompt text up to and including ``Assistant:``; the completion starts with a space.

    Raises:
        ValueError: unknown template; names the known ones.
    """
    key = (template, "zh" if lang == "zh" else "en")
    if key not in _SUFFIX:
        raise ValueError(f"unknown prompt template '{template}' (known: {', '.join(TEMPLATES)})")
    return _CHAT.format(question=question, suffix=_SUFFIX[key])
