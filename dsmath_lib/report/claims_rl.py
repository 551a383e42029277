"""What the RL notebooks (05, 06, 07) measure of the claims: parts with their rules and the cells that show them."""

from functools import partial

from dsmath_lib.report.ledger import (
    Part,
    at_least,
    at_most,
    difference,
    metric,
    not_raised,
    positive,
    quotient,
    with_interval,
)

GRPO, ONE, ZERO = "05_grpo", "06_one_gradient", "07_simplerl_zero"
MEMORY = 1.1  # less than a tenth more could be the allocator's doing
LIFT = 0.15  # "almost 20 points", with room for another model and other questions
CHANGE = 0.1  # share of the first length: the lowest of several looks lies below it by chance alone
GROWTH = 2.0  # tokens by which wrong answers of the failure gallery must grow, as in its alarm


def rl_parts(margin: float) -> dict[str, tuple[Part, ...]]:
    """Claim -> its parts. ``margin``: a gain smaller than this (0–1) counts as none."""
    one, zero = partial(metric, ONE), partial(metric, ZERO)
    family = partial(Part, rule=positive, unit="points", cell="06-one-gradient-035")
    step_of_5 = partial(Part, rule=positive, unit="points", cell="06-one-gradient-038")
    table = partial(Part, unit="points", cell="07-simplerl-zero-026")
    curves = partial(Part, cell="07-simplerl-zero-028")
    memory = (metric(ONE, f"{name}_peak_mb", "timings") for name in ("ppo", "grpo-os"))
    lengths = (zero(f"main_length_{side}") for side in ("wrong", "right"))
    main_gain = table("main run, sampled: RL minus base", zero("main_gain"), positive)
    return {
        "C26": (
            Part(
                "peak memory, PPO over GRPO, at least 1.1",
                quotient(*memory),
                at_least(MEMORY),
                "",
                "06-one-gradient-025",
            ),
        ),
        "C27": (family("sampled: GRPO with outcome rewards minus its start", one("grpo-os_gain")),),
        "C29": (
            Part(
                "largest difference of gradient and Σ w GC ∇log π, seven methods",
                one("table10_error"),
                at_most(1e-5),
                "",
                "06-one-gradient-016",
            ),
        ),
        "C30": (step_of_5("sampled: Online RFT minus RFT", one("online-rft_minus_rft")),),
        "C31": (step_of_5("sampled: GRPO+OS minus Online RFT", one("grpo-os_minus_online-rft")),),
        "C32": (step_of_5("sampled: GRPO+PS minus GRPO+OS", one("grpo-ps_minus_grpo-os")),),
        "C33": (
            Part(
                "greedy: two rounds minus one with as many steps",
                metric(GRPO, "rounds_minus_one"),
                positive,
                "points",
                "05-grpo-069",
            ),
            Part(
                "greedy: gain of the first round minus that of the second",
                metric(GRPO, "first_minus_second_round"),
                positive,
                "points",
                "05-grpo-069",
            ),
        ),
        "S01": (
            table(
                "main run, sampled: RL minus base, at least 15", zero("main_gain"), at_least(LIFT)
            ),
        ),
        "S04": (table("PPO, +1/−0.5/−1, sampled: minus base", zero("zero-ppo_gain"), positive),),
        "S05": (
            curves(
                "fall of the mean length from the start to the lowest look, at least 10 %",
                zero("main_length_fall"),
                with_interval(at_least(CHANGE)),
            ),
            curves(
                "its rise from there to the end, at least 10 % of the start",
                zero("main_length_rise"),
                with_interval(at_least(CHANGE)),
            ),
        ),
        "S06": (
            table(
                "samples with a reflection word: after minus before",
                zero("main_reflecting_gain"),
                positive,
            ),
        ),
        "S07": (
            curves(
                "sampled after as many steps: long start minus none, GRPO",
                zero("warm-grpo_minus_zero-grpo"),
                positive,
                "points",
            ),
        ),
        "Z02": (
            curves(
                "sampled after as many steps: 0/1 alone minus −1 without a box",
                zero("zero-grpo_minus_format"),
                positive,
                "points",
            ),
        ),
        "Z04": (table("main run: Pass@K of RL minus base", zero("main_pass_gain"), positive),),
        "Z05": (
            curves(
                "main run: wrong answers longer than right ones",
                difference(*lengths),
                with_interval(positive),
                "tokens",
            ),
            table(
                "right answers: samples with a reflection word minus those without",
                zero("reflecting_minus_plain"),
                not_raised(margin),
            ),
        ),
        "Z07": (
            Part(
                "failure gallery: growth of wrong answers with the division minus without",
                one("length_bias"),
                at_least(GROWTH),
                "tokens",
                "06-one-gradient-032",
            ),
        ),
        "D01": (
            curves(
                "length after as many steps: form rewarded minus not",
                zero("r1-worked_length_minus_zero-grpo"),
                with_interval(positive),
                "tokens",
            ),
            main_gain,
        ),
    }
