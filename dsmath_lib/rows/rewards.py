"""The rule rewards as rows."""

from typing import NamedTuple


class RewardRule(NamedTuple):
    """The reward is the sum of its named parts; ``no_box``, if not None, replaces the others when no box is there.

    extraction: a rule of ``engines.grader.RULES``; "program": run the program and compare what it prints; "random": a
        coin that does not look at the completion.
    form, form_value: a name in ``FORMS``, and the reward ``format`` of a completion that has it.
    """

    extraction: str
    right: float
    wrong: float
    no_box: float | None
    form: str = ""
    form_value: float = 0.0


REWARDS: dict[str, RewardRule] = {
    # 0/1 on the paper's extraction; the paper itself trains on a reward model (§4.1.3)
    "accuracy": RewardRule("paper", 1.0, 0.0, None),
    # 0/1, and the answer must stand in a box: a number that happens to be last earns nothing
    "boxed": RewardRule("strict", 1.0, 0.0, None),
    # SimpleRL's first release (facts §8.1): an unboxed answer gets -1 even when it is right
    "simplerl-v0": RewardRule("simplerl", 1.0, -0.5, -1.0),
    # SimpleRL-Zoo (facts §8.3): 0/1 and no term for the form
    "simplerl-zoo": RewardRule("simplerl", 1.0, 0.0, None),
    # what Zoo compares it with (its Figure 6): the same, and -1 without a box
    "zoo-format": RewardRule("simplerl", 1.0, 0.0, -1.0),
    # DeepSeek-R1-Zero: accuracy plus form; the sizes of the two are not stated there
    "r1": RewardRule("tag", 1.0, 0.0, None, "tags", 1.0),
    "r1-worked": RewardRule("strict", 1.0, 0.0, None, "worked", 1.0),
    # the control: what a run gains from it, it does not owe to the answers (Qwen2.5-Math-7B gained 21 points on
    # MATH-500, arXiv 2506.10947)
    "random": RewardRule("random", 1.0, 0.0, None),
    # the program format: the program is run
    "program": RewardRule("program", 1.0, 0.0, None),
}
