"""Prompt templates by name: one row says exactly what a model is asked (facts of the paper's evaluation, §9.2).

The ``deepseek-*`` rows are the strings of the paper's released models, needed to compare with it. The ``toy-*`` rows
are shorter, because every prompt token costs a tiny model time.
"""

from dsmath_lib.base.record_files import whole

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
# Prompts for base models, which continue a text: the whole text in English and in Chinese.
_PAGE: dict[str, tuple[str, str]] = {
    # a question and the opening of a reply, as the pages of the toy web have them
    "toy-page": ("Question: {question}\n\nBest answer:\n", "问：{question}\n\n最佳答案：\n"),
    # its homework pages answer with a program
    "toy-page-program": ("Task 1. {question}\n\n", "任务1 {question}\n\n"),
    # SimpleRL's first release: ChatML, the system message asks for steps and a box
    "simplerl-chat": (
        "<|im_start|>system\nPlease reason step by step, and put your final answer within \\boxed{{}}."
        "<|im_end|>\n<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n",
    )
    * 2,
    # SimpleRL-Zoo for models that follow instructions weakly
    "simplerl-plain": ("Question:\n{question}\nAnswer:\nLet's think step by step.\n",) * 2,
    # DeepSeek-R1's two tags, asked for in one sentence
    "r1-tags": (
        "User: {question}\nReason inside <think> </think>, then give the answer inside "
        "<answer> </answer>.\nAssistant:",
    )
    * 2,
}
TEMPLATES = sorted({name for name, _ in _SUFFIX})
_SLOT = "\0"


class Prompt(str):
    """A prompt that knows where its question stands (``at``: from, to): control marks around it are the template's."""

    at: tuple[int, int] = (0, 0)


def chat_prompt(template: str, question: str, lang: str = "en") -> Prompt:
    """The whole prompt text. After ``Assistant:`` the completion starts with a space, after a page with its first word.

    Raises:
        ValueError: unknown template; names the known ones.
    """
    key = (template, "zh" if lang == "zh" else "en")
    if template in _PAGE:
        text = _PAGE[template][lang == "zh"].format(question=_SLOT)
    elif key in _SUFFIX:
        text = _CHAT.format(question=_SLOT, suffix=_SUFFIX[key])
    else:
        known = ", ".join([*TEMPLATES, *_PAGE])
        raise ValueError(f"unknown prompt template '{template}' (known: {known})")
    question = whole(question)
    head, _, tail = text.partition(_SLOT)
    prompt = Prompt(head + question + tail)
    prompt.at = len(head), len(head) + len(question)
    return prompt
