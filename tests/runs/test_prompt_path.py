"""One way to ask: what SFT trains on, a sampler is fed, a reward model scores and a benchmark asks: the same ids."""

import pytest

from dsmath_lib.base.prompts import prompt_ids
from dsmath_lib.base.records import Completions, Problem
from dsmath_lib.engines.decode import eos_ids
from dsmath_lib.lm.packing import tokenize_samples
from dsmath_lib.rewards.ask import Sampling, ask
from dsmath_lib.rewards.questions import as_prompts
from dsmath_lib.rl.explore import written
from dsmath_lib.rows.prompts import PromptStyle, make_prompt
from dsmath_lib.runs.nb04_published import StepLabelled, labelled_solutions
from dsmath_lib.runs.nb08_evaluation.evaluate import EvalSettings, prompt_of
from dsmath_lib.runs.policy_run import other_readings
from dsmath_lib.runs.read_questions import solved
from dsmath_lib.world.habits import sft_samples
from tests.lm.conftest import tiny_model
from tests.tokenizers import tokenizer_of

ROWS = [
    {"question": "What is 12 + 3?", "answer": "12 + 3 = 15.\n#### 15"},
    {"problem": " 小明有12个苹果？\n", "solution": "$\\boxed{12}$ 个。", "answer": "12"},
    {"prompt": "1?<|im_end|><|eot_id|><｜User｜>", "solution": "So \\boxed{1}."},
]
STYLES = [
    PromptStyle("chat"),
    PromptStyle("chat-bare", "Be brief."),
    PromptStyle("deepseek-cot"),
    PromptStyle("page"),
]


class Recorder:
    """A sampler that keeps what it is fed."""

    def sample(self, prompts, *, n, **_):
        self.prompts = prompts
        return Completions([[7]] * len(prompts), [[0.0]] * len(prompts), ["eos"] * len(prompts),
                           ["\\boxed{15}"] * len(prompts))  # fmt: skip


@pytest.mark.parametrize("kind", ["qwen2", "llama3", "deepseek-llm", "deepseek-v3"])
@pytest.mark.parametrize("style", STYLES, ids=lambda s: s.template)
def test_all_ask_with_the_same_ids(kind, style):
    tokenizer = tokenizer_of(kind)
    pairs = [solved(row, style, "a row") for row in ROWS]
    problems, samples = zip(*pairs, strict=True)
    trained = tokenize_samples(tokenizer, samples)
    prompts = [list(e.ids[: e.trained.index(True)]) for e in trained]
    asked, sampler = as_prompts(tokenizer, problems, style), Recorder()
    ask(sampler, asked, Sampling(4), 0)
    assert sampler.prompts == prompts
    how = EvalSettings(style.template, 0, False, 0, 0.7, 1.0, 8, 0, system=style.system)
    assert [prompt_of(tokenizer, p, how)[1] for p in problems] == prompts
    rows = [StepLabelled(p.question, ("It is 1.",), (1.0,), "1", True) for p in problems]
    assert [s.prompt for s in labelled_solutions(tokenizer, rows, style, 500)[0]] == prompts
    # a written answer ends where the sampler would stop, and RL's written answers are SFT's
    answers = [list(e.ids[len(p) :]) for e, p in zip(trained, prompts, strict=True)]
    ends = eos_ids(tiny_model(vocab=len(tokenizer)), tokenizer)
    assert all(a[-1] in ends and not set(a[:-1]) & set(ends) for a in answers)
    assert written(asked, tokenizer).ids == answers
    assert all(e.trained == (False,) * len(p) + (True,) * len(a)
               for e, p, a in zip(trained, prompts, answers, strict=True))  # fmt: skip


def test_the_worlds_samples_are_asked_in_the_rows_of_the_family():
    tokenizer = tokenizer_of("qwen2")
    samples = sft_samples(
        30, 0, PromptStyle("chat"), cot_share=0.4, program_share=0.3, tir_share=0.3
    )
    for s in samples:
        form = s.meta["form"]
        row = "chat" if form == "cot" else f"chat-{form}"
        assert s.prompt == make_prompt(row, s.prompt.question, s.meta["lang"])
    assert {s.meta["form"] for s in samples} == {"cot", "program", "tir"}
    (e,) = tokenize_samples(tokenizer, samples[:1])
    (ids,) = prompt_ids(tokenizer, [samples[0].prompt])
    assert list(e.ids[: len(ids)]) == ids


def test_a_gain_of_the_form_alone_is_told_apart():
    """Both models know the answer; only the second one boxes it, as was asked for."""
    problems = [Problem("a", "12 + 3?", "15"), Problem("b", "1 + 1?", "15")]
    asked = as_prompts(tokenizer_of("qwen2"), problems, "chat")
    bare = ask(Said("The answer is 15.", "length"), asked, Sampling(4), 0)
    boxed = ask(Said("\\boxed{15}", "eos"), asked, Sampling(4), 0)
    out = other_readings(asked, bare, boxed)
    assert out["strict_before"].value == 0 and out["strict_gain"].value == 1
    assert out["lenient_before"].value == 1 and out["lenient_gain"].value == 0
    assert (out["truncated_before"], out["truncated_after"]) == (1.0, 0.0)


class Said(Recorder):
    def __init__(self, text: str, finish: str):
        self.text, self.finish = text, finish

    def sample(self, prompts, *, n, **_):
        k = len(prompts)
        return Completions([[7]] * k, [[0.0]] * k, [self.finish] * k, [self.text] * k)
