"""Exercises of 03_sft: loss mask, tokens read, packed rows, micro-batches."""

from dsmath_lib.exercises.kinds import function, number, open_question


def targets_of(ids: list[int], trained: list[bool]) -> list[int]:
    """At each position the next token if the model is trained to write it, else -100."""
    after = zip(ids[1:], trained[1:], strict=True)
    return [*(i if t else -100 for i, t in after), -100]


function(
    "03.1",
    targets_of,
    [
        ([0, 5, 6, 7, 1], [False, False, True, True, True]),
        ([0, 5, 1], [False, True, True]),
        ([0, 5, 6, 7, 8, 1], [False, True, False, False, True, True]),
    ],
    (
        "Position t predicts token t + 1. Whose flag counts, that of t or that of t + 1?",
        "ids[t + 1] if trained[t + 1] else −100; the last position predicts nothing: −100.",
    ),
    gives="one number for each position",
)

number(
    "03.2",
    500 * 256 * 4096,
    (
        "A step reads a batch of rows; how many tokens can a row hold?",
        "500 steps · 256 rows · 4,096 tokens.",
    ),
    "500 · 256 · 4,096 = 524,288,000 tokens",
    tol=0.01 * 500 * 256 * 4096,
    near={500 * 256: "that is the number of rows; each has up to 4,096 tokens"},
    otherwise="steps times rows times tokens",
)


def sees(segments: list[int], query: int, key: int) -> bool:
    """Whether position ``query`` may attend to position ``key`` in a packed row."""
    return key <= query and segments[query] == segments[key]


function(
    "03.3",
    sees,
    [([1, 1, 2, 2, 2, 3], q, k) for q in range(6) for k in range(6)],
    (
        "Two conditions: one about time, one about examples.",
        "key <= query, and both positions have the same segment.",
    ),
)


def joint_mean(sums: list[float], counts: list[int]) -> float:
    """Mean loss per token over micro-batches with loss sums and token counts."""
    return sum(sums) / sum(counts)


function(
    "03.4",
    joint_mean,
    [([6.0, 4.0], [2, 8]), ([1.0], [4]), ([2.0, 2.0, 2.0], [1, 2, 3])],
    (
        "In a mean of means, how much does one token of the short micro-batch weigh?",
        "Add up all losses, add up all tokens, and divide once.",
    ),
)


def loss_mask(parts: list[tuple[str, int]]) -> list[bool]:
    """For each token of a transcript whether it is trained: the assistant's are, question and tool output are not."""
    return [role == "assistant" for role, n in parts for _ in range(n)]


function(
    "03.5",
    loss_mask,
    [
        ([("user", 3), ("assistant", 2)],),
        ([("user", 2), ("assistant", 3), ("output", 2), ("assistant", 1)],),
        ([("user", 1), ("assistant", 0), ("output", 4)],),
    ],
    (
        "Who writes the tool's output when the model is used: the model, or the tool?",
        "n times True for a part of the assistant, n times False for any other part, in order.",
    ),
    gives="one flag for each token",
)

number(
    "03.6",
    14 / 128,
    (
        "Which examples share a row? Each goes to the first row with room.",
        "30 + 20 + 14 = 64 fill the first row; 50 stand alone in the second. How many of 128 places are empty?",
    ),
    "rows 30 + 20 + 14 and 50: (128 − 114) / 128 = 0.109",
    tol=2e-3,
    near={14: "give the share: 14 of how many positions?"},
    otherwise="two rows of 64 positions hold 114 tokens",
)

open_question(
    "03",
    """Without isolation a token can look at the examples before its own in the row. At the start the loss is a little
    lower for examples whose neighbours look alike, because the form can be copied; at the end the difference is
    small, since random neighbours say nothing about this answer. A model that will be asked with examples in its
    prompt is trained for just that situation: reading several questions with answers before its own.""",
)
