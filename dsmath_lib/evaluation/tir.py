"""Tool-integrated reasoning: the model writes a program, we run it and show the output, the model goes on.

How often, what is run, and what the model gets to see is a ``Protocol``, a row of data. ``deepseek`` is the loop of
the paper's evaluation (facts §9.3), ``qwen`` that of Qwen2.5-Math and ToRA. ``course`` is the paper's for models of
notebook 03: it also stops at a closed program, because tool output is masked in training, and a model that only saw
masked fences never learns to open one.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from dsmath_lib.engines.decode import Sampling, draw_completions
from dsmath_lib.engines.sandbox import (
    ToolResult,
    cut,
    ends_with_program,
    extract_programs,
    join_programs,
    run_programs,
)

OUTPUT = "```output"
FENCE = "```\n"

RunPrograms = Callable[[Sequence[str]], list[ToolResult]]
# how a generation, and a whole completion, ends: by the model, out of tokens, or at a stop string
Finish = Literal["eos", "length", "stop"]


@dataclass(frozen=True)
class Protocol:
    """One tool loop.

    rounds: generations per completion, at most. The program of the last one is run too; its output ends the text.
    programs: "joined" (all so far, without the prints of earlier ones) or "last" (each must stand alone).
    keep: what is shown of a longer output: that many characters of each end.
    stop: strings that end a generation.
    continues: a generation that ran out of tokens goes on in the next round.
    box_ends: no program is run once the generation holds a box.
    error: what an error text begins with. trace: the whole trace, ``keep`` *tokens* of each end; else its last line.
    limit: text after the last round's output.
    """

    rounds: int = 2
    programs: str = "joined"
    keep: int = 50
    stop: tuple[str, ...] = (OUTPUT,)
    continues: bool = False
    box_ends: bool = False
    error: str = "Error: "
    trace: bool = False
    limit: str = ""


PROTOCOLS = {
    "course": Protocol(stop=(OUTPUT, FENCE)),
    "deepseek": Protocol(continues=True, error="Runtime errors: ", trace=True),
    "qwen": Protocol(
        rounds=4,
        programs="last",
        keep=200,
        stop=(OUTPUT, "\n\n---"),
        box_ends=True,
        error="",
        limit="\nReach max function call limit.",
    ),
}


@dataclass(frozen=True)
class Tools:
    """What happens between generations, and who runs the programs.

    context: longest sequence in tokens, prompt included; a completion that would be longer ends with "length".
    """

    protocol: Protocol = PROTOCOLS["course"]
    run: RunPrograms = run_programs
    context: int = 1 << 30


@dataclass(frozen=True)
class Generation:
    """``ids`` hold what the model wrote and the tool outputs; ``sampled`` tells them apart, token by token.

    finish: "stop" where the rounds are used up, or at a stop string without a program. ``tool_runs`` counts the
    programs that were run, ``tool_errors`` those that failed, ``tool_timeouts`` those of them that took too long.
    """

    ids: list[int]
    sampled: list[bool]
    text: str
    finish: Finish
    tool_errors: int = 0
    tool_timeouts: int = 0
    tool_runs: int = 0


def shown(result: ToolResult, protocol: Protocol, tokenizer: Any = None) -> str:
    """What the model gets to see of a result: the printed text or, if there is none, the error; both cut.

    ``tokenizer`` cuts a trace by tokens; None: by characters.
    """
    text = result.stdout.strip()
    if text or not result.error:
        return cut(text, protocol.keep)
    if not protocol.trace:
        return protocol.error + cut(result.error.rpartition("\n")[2], protocol.keep)
    if tokenizer is None:
        return protocol.error + cut(result.error, protocol.keep)
    ids = tokenizer(result.error, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    if len(ids) <= 2 * protocol.keep:
        return protocol.error + result.error
    ends = [tokenizer.decode(x).strip() for x in (ids[: protocol.keep], ids[-protocol.keep :])]
    return protocol.error + " ... ".join(ends)


def output_block(
    text: str,
    result: ToolResult,
    protocol: Protocol = PROTOCOLS["course"],
    tokenizer: Any = None,
) -> str:
    """What is appended after ``text``: the output block, its fence included when ``text`` does not open it.

    Fences inside the output are changed to quotes: printed text must not look like the model's own program.
    """
    fence = "" if text.rstrip().endswith(OUTPUT) else ("" if text.endswith("\n") else "\n") + OUTPUT
    return f"{fence}\n{shown(result, protocol, tokenizer).replace('```', chr(39) * 3)}\n```\n"


def waits_for_output(text: str) -> bool:
    """Does ``text`` end where a tool output belongs: after a closed program, its fence opened or not?"""
    return ends_with_program(text.rstrip().removesuffix(OUTPUT))


# -- the loop --------------------------------------------------------------------------------------------------------
@dataclass
class _Row:
    """A completion in the making. ``own`` counts the characters of ``text`` before the round that is running.

    end: how the last generation ended. ran: its program was run. finish: how all of it ended; None while it goes on.
    """

    prompt: list[int]
    budget: int  # tokens left in this round
    ids: list[int] = field(default_factory=list)
    sampled: list[bool] = field(default_factory=list)
    text: str = ""
    own: int = 0
    end: Finish = "length"
    ran: bool = False
    finish: Finish | None = None
    programs: list[str] = field(default_factory=list)
    rounds: int = 1
    counts: dict[str, int] = field(
        default_factory=lambda: {"tool_errors": 0, "tool_runs": 0, "tool_timeouts": 0}
    )

    def add(self, ids: list[int], sampled: bool, decode: Callable[[list[int]], str]) -> None:
        self.ids = self.ids + ids
        self.sampled = self.sampled + [sampled] * len(ids)
        self.text = decode(self.ids)


def generate_with_tools(
    sampler,
    tokenizer,
    prompts: list[list[int]],
    how: Sampling,
    seed: int,
    tools: Tools = Tools(),
) -> list[Generation]:
    """``len(prompts) * how.n`` generations, group-major; of each, ``how.max_new_tokens`` a round."""
    protocol = tools.protocol

    def decode(ids: list[int]) -> str:
        return tokenizer.decode(ids, skip_special_tokens=True)

    rows = [_Row(p, how.max_new_tokens) for p in prompts for _ in range(how.n)]
    alive, calls = rows, 0
    while alive:
        for row in alive:
            row.budget = min(row.budget, tools.context - len(row.prompt) - len(row.ids))
            row.end, row.ran = "length", False
        for budget, some in _by_budget(r for r in alive if r.budget > 0):
            # a prompt's first completions share its prefill
            each = how.n if calls == 0 else 1
            inputs = [r.prompt + r.ids for r in some[::each]]
            drawn = replace(how, n=each, max_new_tokens=budget, stop=protocol.stop)
            out = draw_completions(sampler, inputs, drawn, seed + calls)
            for row, ids, end in zip(some, out.ids, out.finish, strict=True):
                row.add(ids, True, decode)
                row.budget -= len(ids)
                row.end = end
        calls += 1
        _use_tools([r for r in alive if _asks(r, protocol)], tools, tokenizer, decode)
        for row in alive:
            _decide(row, protocol, how.max_new_tokens)
        alive = [r for r in alive if r.finish is None]
    return [Generation(r.ids, r.sampled, r.text, r.finish, **r.counts) for r in rows]


def _by_budget(rows: Iterable[_Row]) -> list[tuple[int, list[_Row]]]:
    """Rows with as many tokens left go through the sampler together; nearly always all do."""
    groups: dict[int, list[_Row]] = {}
    for row in rows:
        groups.setdefault(row.budget, []).append(row)
    return sorted(groups.items(), reverse=True)


def _asks(row: _Row, protocol: Protocol) -> bool:
    """Has this generation ended at a program to run?"""
    own = row.text[row.own :]
    ended = row.end == "stop" or (row.end == "length" and protocol.continues)
    return ended and waits_for_output(own) and not (protocol.box_ends and "boxed" in own)


def _use_tools(rows: list[_Row], tools: Tools, tokenizer, decode) -> None:
    """Run the rows' programs and append the outputs, as tokens that were not sampled."""
    protocol = tools.protocol
    for row in rows:  # only what the model wrote: a tool output may look like a program
        row.programs += extract_programs(row.text[row.own :])
    codes = [
        join_programs(r.programs if protocol.programs == "joined" else r.programs[-1:])
        for r in rows
    ]
    for row, result in zip(rows, tools.run(codes) if codes else [], strict=True):
        block = output_block(row.text, result, protocol, tokenizer)
        if row.rounds == protocol.rounds:
            block += protocol.limit
        # a printed special token must not become one
        ids = tokenizer(block, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        row.add(ids, False, decode)
        row.ran = True
        row.counts["tool_runs"] += 1
        row.counts["tool_errors"] += bool(result.error)
        row.counts["tool_timeouts"] += result.timed_out


def _decide(row: _Row, protocol: Protocol, max_new_tokens: int) -> None:
    """What comes after a generation: another round, more of this one, or the end (``row.finish``)."""
    cut_off = row.end == "length" and protocol.continues and row.budget == 0
    if (row.ran or cut_off) and row.rounds < protocol.rounds:
        row.budget, row.own = max_new_tokens, len(row.text)
        row.rounds += 1
    elif row.ran:
        row.finish = "stop"
    elif row.end == "stop" and FENCE in protocol.stop and row.text.endswith(FENCE):
        # a fence of something else: the model was not done
        row.finish = None if row.budget > 0 else "length"
    else:
        row.finish = row.end
