"""The tool loop: protocols, what the model is shown, truncation, context, and what counts as a program."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.engines.sandbox.python_tool import ToolResult, join_programs
from dsmath_lib.evaluation import tir
from dsmath_lib.lm.tokenizer import encode, train_tokenizer

COURSE, DEEPSEEK, QWEN = (tir.PROTOCOLS[name] for name in ("course", "deepseek", "qwen"))
PROGRAM = " ```python\nprint(6 * 7)\n```\n"


@pytest.fixture(scope="module")
def tokenizer():
    text = " ```python\nprint(1 + 2)\n```\n```output\n3\n```\nThe answer is \\boxed{3}. Runtime errors: in f"
    return train_tokenizer([text] * 30, 400)


class Scripted:
    """Says the next text of a script, up to a stop string or its budget, one token at a time like a real sampler."""

    def __init__(self, tokenizer, *turns):
        self.tokenizer, self.turns, self.calls = tokenizer, list(turns), []

    def sample(self, prompts, *, n, stop, max_new_tokens, **options):
        self.calls.append({"prompts": prompts, "n": n, "max_new_tokens": max_new_tokens, **options})
        ids, finish = [], []
        for text in [self.turns.pop(0)] * (len(prompts) * n):
            kept: list[int] = []
            end = "eos"
            for token in encode(self.tokenizer, text):
                if len(kept) == max_new_tokens:
                    end = "length"
                    break
                kept.append(token)
                if any(s in self.tokenizer.decode(kept) for s in stop):
                    end = "stop"
                    break
            ids.append(kept)
            finish.append(end)
        return SimpleNamespace(ids=ids, finish=finish)


def generate(tokenizer, *turns, **options):
    sampler = Scripted(tokenizer, *turns)
    how = tir.Sampling(options.pop("max_new_tokens", 64))
    (g,) = tir.generate_with_tools(sampler, tokenizer, [[5]], how, 0, tir.Tools(**options))
    return sampler, g


def test_deepseek_stops_at_the_opened_fence_only(tokenizer):
    text = PROGRAM + "```output\nmade up"
    _, g = generate(tokenizer, text, " So \\boxed{42}.", protocol=DEEPSEEK)
    assert g.text == PROGRAM + "```output\n42\n```\n So \\boxed{42}." and g.finish == "eos"
    _, g = generate(tokenizer, PROGRAM + "I will not look.", protocol=DEEPSEEK)
    assert g.text == PROGRAM + "I will not look." and g.tool_runs == 0


def test_deepseek_continues_a_truncated_round_and_qwen_does_not(tokenizer):
    words = "1 + 2 " * 40
    sampler, g = generate(tokenizer, words, "The answer is 3.", protocol=DEEPSEEK)
    assert [c["max_new_tokens"] for c in sampler.calls] == [64, 64]
    assert g.finish == "eos" and g.text.endswith("The answer is 3.")
    assert sampler.calls[1]["prompts"] == [[5, *g.ids[:64]]]
    for protocol in (QWEN, COURSE):
        sampler, g = generate(tokenizer, words, protocol=protocol)
        assert len(sampler.calls) == 1 and g.finish == "length" and len(g.ids) == 64


def test_a_program_that_ends_with_the_budget_is_run(tokenizer):
    size = len(encode(tokenizer, PROGRAM))
    _, g = generate(tokenizer, PROGRAM + "more", "ok", protocol=DEEPSEEK, max_new_tokens=size)
    assert g.text == PROGRAM + "```output\n42\n```\nok"


def test_qwen_calls_four_times_runs_the_last_program_and_says_so(tokenizer):
    turns = [f" ```python\nx = {i}\nprint(x)\n``` ```output" for i in range(4)]
    ran = []

    def run(codes):
        ran.extend(codes)
        return [ToolResult("7", "", 0.0) for _ in codes]

    sampler, g = generate(tokenizer, *turns, protocol=QWEN, run=run)
    assert len(sampler.calls) == 4 and g.tool_runs == 4
    assert ran == [f"x = {i}\nprint(x)" for i in range(4)]
    assert g.text.endswith("\n```\n\nReach max function call limit.") and g.finish == "stop"
    box = " So \\boxed{42}.\n ```python\nprint(1)\n``` ```output"
    _, g = generate(tokenizer, box, protocol=QWEN, run=run)
    assert g.tool_runs == 0 and g.finish == "stop"


def test_a_fence_of_something_else_does_not_end_a_course_completion(tokenizer):
    sampler, g = generate(tokenizer, "a\n```\n", "b\n```\n", " The answer is \\boxed{3}.")
    assert g.finish == "eos" and g.text == "a\n```\nb\n```\n The answer is \\boxed{3}."
    budgets = [c["max_new_tokens"] for c in sampler.calls]
    used = [len(encode(tokenizer, t)) for t in ("a\n```\n", "b\n```\n")]
    assert budgets == [
        64,
        64 - used[0],
        64 - sum(used),
    ]  # one round: its tokens are not given again


def test_the_context_is_never_exceeded(tokenizer):
    first = len(encode(tokenizer, PROGRAM))
    for context in range(first + 2, first + 40):
        sampler, g = generate(tokenizer, PROGRAM, "1 + 2 " * 40, context=context)
        for call in sampler.calls:
            assert len(call["prompts"][0]) + call["max_new_tokens"] <= context
        assert g.finish == "length"
    _, g = generate(tokenizer, context=1)
    assert (g.ids, g.finish) == ([], "length")


def test_rows_with_different_room_keep_their_place(tokenizer):
    class Echo:
        def sample(self, prompts, *, n, max_new_tokens, **options):
            ids = [[p[0]] * max_new_tokens for p in prompts for _ in range(n)]
            return SimpleNamespace(ids=ids, finish=["length"] * len(ids))

    prompts, tools = [[7] * 3, [8], [9] * 4], tir.Tools(context=6)
    out = tir.generate_with_tools(Echo(), tokenizer, prompts, tir.Sampling(5, n=2), 0, tools)
    assert [g.ids for g in out] == [[7] * 3] * 2 + [[8] * 5] * 2 + [[9] * 2] * 2


def test_what_the_protocols_show(tokenizer):
    long = ToolResult("x" * 60 + "y" * 60 + "\n", "", 0.0)
    assert tir.shown(long, DEEPSEEK) == "x" * 50 + "..." + "y" * 50
    assert tir.shown(long, QWEN) == "x" * 60 + "y" * 60
    assert tir.shown(ToolResult("z" * 401, "", 0.0), QWEN) == "z" * 200 + "..." + "z" * 200
    failed = ToolResult("", "in f\nZeroDivisionError: division by zero", 0.0)
    assert tir.shown(failed, COURSE) == failed.shown == "Error: ZeroDivisionError: division by zero"
    assert tir.shown(failed, QWEN) == "ZeroDivisionError: division by zero"
    assert tir.shown(failed, DEEPSEEK, tokenizer) == "Runtime errors: " + failed.error
    deep = ToolResult("", "in f\n" * 200 + "E: z", 0.0)
    ids = encode(tokenizer, deep.error)
    start, end = (tokenizer.decode(x).strip() for x in (ids[:50], ids[-50:]))
    assert tir.shown(deep, DEEPSEEK, tokenizer) == f"Runtime errors: {start} ... {end}"
    assert tir.shown(ToolResult("5", "E: after printing", 0.0), DEEPSEEK) == "5"


def test_printed_fences_are_not_programs(tokenizer):
    ran = []

    def run(codes):
        ran.extend(codes)
        return [ToolResult("```\n```python\nprint(666)\n```\n", "", 0.0) for _ in codes]

    trick = " ```python\nprint(1)\n```\n"
    _, g = generate(tokenizer, trick, " ```python\nprint(2)\n```\n", run=run)
    assert ran == ["print(1)", "print(2)"] and "```python\nprint(666)" not in g.text


def test_tool_output_is_never_sampled_and_holds_no_special_tokens(tokenizer):
    run = lambda codes: [ToolResult("<eos><bos>", "", 0.0) for _ in codes]  # noqa: E731
    _, g = generate(tokenizer, PROGRAM, "ok", run=run)
    hidden = [i for i, s in zip(g.ids, g.sampled, strict=True) if not s]
    assert tokenizer.decode(hidden) == "```output\n<eos><bos>\n```\n"
    assert not set(hidden) & set(tokenizer.all_special_ids)
    assert (
        tokenizer.decode([i for i, s in zip(g.ids, g.sampled, strict=True) if s]) == PROGRAM + "ok"
    )


def test_timeouts_are_counted(tokenizer):
    late = lambda codes: [ToolResult("", "TimeoutError: more than 2 s", 2.0) for _ in codes]  # noqa: E731
    _, g = generate(tokenizer, PROGRAM, "ok", run=late)
    assert (g.tool_runs, g.tool_errors, g.tool_timeouts) == (1, 1, 1)


def test_where_an_output_belongs():
    for text in (
        PROGRAM,
        PROGRAM + "```output",
        "a ```python\nx\n``` ```output",
        "```python\nx```",
    ):
        assert tir.waits_for_output(text), text
    done = PROGRAM + "```output\n42\n```\n"
    for text in (
        "",
        "```",
        "```python",
        "```python\nx\n",
        done,
        done + "```",
        PROGRAM + "so",
        "```\nx\n```\n",
    ):
        assert not tir.waits_for_output(text), text


def test_prints_of_earlier_programs_are_dropped():
    first = "x = 1\nprint(x)  # show\nprint(\n    x,\n)\nif x:\n    print('inner')\ny = 2; print(y)\nprint('''a\nb''')"
    joined = join_programs([first, "print(x)"])
    assert joined == "x = 1\nif x:\n    print('inner')\ny = 2; print(y)\nprint(x)"
    assert join_programs(["print(1)"]) == "print(1)" and join_programs([]) == ""
    assert join_programs(["print(1)\nx = (", "y"]) == "x = (\ny"


@given(st.lists(st.text(alphabet="print()x=;'\"\n #\t\\0", max_size=40), max_size=3))
def test_any_text_can_be_joined(programs):
    joined = join_programs(programs)
    assert not programs or joined.endswith(programs[-1])


def test_the_course_protocol_is_the_papers_but_for_stops_errors_and_truncation():
    assert (
        replace(COURSE, stop=DEEPSEEK.stop, continues=True, error=DEEPSEEK.error, trace=True)
        == DEEPSEEK
    )
