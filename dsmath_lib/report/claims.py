"""The claims a reader should be able to check, as data: DeepSeekMath (C), SimpleRL (S), its Zoo (Z), R1's design (D).

``all_claims`` joins each row with the parts this pipeline can measure. A row without parts is shown
as not tested. Scores are percent; arrows go from before to after.
"""

from dsmath_lib.report.claims_rl import GRPO, ONE, ZERO, rl_parts
from dsmath_lib.report.compare import gain, score
from dsmath_lib.report.ledger import (
    Claim,
    Estimate,
    Measure,
    Part,
    Results,
    Rule,
    at_least,
    at_most,
    difference,
    first_of,
    metric,
    not_raised,
    positive,
    with_interval,
)

MINE, TRAIN, SFT = "01_corpus_mining", "02_pretraining", "03_sft"
EVAL, START = "08_evaluation", "00_start_here"
NONE = ""  # no notebook of this project speaks about it yet

# id, claim, the paper's number, stage, caution
ROWS: tuple[tuple[str, str, str, str, str], ...] = (
    ("C01", "An n-gram classifier trained on seed against random pages finds more math pages",
     "500K positives and 500K negatives; no precision or recall given", MINE,
     "On the toy web the truth is known, and the last budget is set near the true share of math."),
    ("C02", "One round misses much, because the seed lacks variety; domains and URL marks mend it",
     "40B → 89B → 120B tokens", MINE, "The paper has no ablation of the domain step."),
    ("C03", "The loop converges by round 4", "about 98 % of round 4 was already in round 3", MINE,
     "Our rule for the last round stops the loop, so a high overlap is partly by design."),
    ("C04", "More than 10 % of a domain collected marks a math domain", "a rule, no number", MINE,
     "The paper does not test the threshold."),
    ("C05", "10-gram and short exact matches remove benchmark leaks", "a rule, no count", MINE,
     "Paraphrased leaks pass such a filter."),
    ("C06", "The mined corpus beats other math corpora at equal tokens",
     "Table 1: best on all 8 benchmarks", TRAIN,
     "OCW and Cloze gaps are under the noise; the number of passes differs. Ours compares losses, each "
     "language alone; our seed-like corpus is all English, so the Chinese part is that of C09."),
    ("C07", "Quality matters, not only size: ahead of Proof-Pile-2 at 50B tokens", "Figure 3",
     TRAIN, "Ours: against the unfiltered web at equal tokens."),
    ("C08", "Small corpora flatten when repeated; the large one keeps improving", "Figure 3",
     TRAIN, "One run per corpus in the paper."),
    ("C09", "A corpus with Chinese helps Chinese; English-only corpora barely do",
     "CMATH 41.5; 19.9 / 16.8 / 1.2 for the others, 12.3 without", TRAIN, ""),
    ("C10", "A 7B model can match Minerva 540B", "MATH 36.2 against 33.6, GSM8K 64.2 against 58.8",
     TRAIN, "Lower on OCW (15.4, 17.6) and MMLU-STEM (56.5, 63.9): comparable, not better."),
    ("C11", "The base model leads open base models on MATH by over 10 points", "36.2, next 25.3",
     TRAIN, ""),
    ("C12", "The base model writes better programs than Llemma 34B",
     "66.9 / 31.4 against 64.6 / 26.3", TRAIN, ""),
    ("C13", "The base model proves more", "miniF2F 25.8 / 24.6, next at most 21.0 / 22.1", TRAIN,
     "n = 244: one standard error is 2.8 points."),
    ("C14", "Math training raises MMLU and BBH", "42.9 → 54.9, 42.9 → 59.5", TRAIN,
     "Against the released Coder (49.1, 55.2) the gain is smaller."),
    ("C15", "Mixing in 20 % code keeps the coding skill", "HumanEval 40.2 → 40.9, MBPP 52.6 → 52.6",
     TRAIN, "The released Coder has 43.2 and 60.4."),
    ("C16", "A code model is a better start than a general one", "Table 6, two-stage rows", TRAIN,
     "Shown at 1.3B only."),
    ("C17", "Code first, then math, helps math without tools",
     "21.9 / 15.3 / 39.7 against 19.1 / 14.4 / 37.2 (general first)", TRAIN,
     "Gaps of 1 to 3 points, one run."),
    ("C18", "Code training helps math with programs", "GSM8K+Python 12.4 after code, 3.3 after text",
     TRAIN, "MATH+Python falls 10.0 → 9.4 in the math stage."),
    ("C19", "Mixing code and math in one stage avoids forgetting and is best with tools",
     "HumanEval 29.3 against 12.2; MATH+Python 13.5", TRAIN, ""),
    ("C20", "Mixing code and math in one stage hurts math without tools",
     "17.6 / 12.1 / 36.3 against 20.5 / 13.1 / 37.6", TRAIN, "Its size explanation is untested."),
    ("C21", "Training on arXiv alone does not help", "Tables 8 and 9; miniF2F test 21.7 → 11.9",
     TRAIN, "arXiv alone; some scores rise."),
    ("C22", "SFT on 776K mixed samples gives the best open MATH score", "46.8, at least 9 ahead",
     SFT, "No ablation of the formats."),
    ("C23", "Tool-integrated reasoning beats chain of thought on hard problems",
     "MATH 57.4 against 46.8 (SFT), 58.8 against 51.7 (RL)", EVAL,
     "On GSM8K the RL model is lower with tools: 86.7 against 88.2."),
    ("C24", "GRPO improves a strong SFT model in its domain",
     "GSM8K 82.9 → 88.2, MATH 46.8 → 51.7", EVAL, "No seeds and no error bars in the paper."),
    ("C25", "RL on English chain of thought transfers", "CMATH 84.6 → 88.8, MGSM-zh 73.2 → 79.6; "
     "with tools MATH 57.4 → 58.8", EVAL, "Our held-out family has no counterpart in the paper."),
    ("C26", "GRPO needs no critic and less memory than PPO", "an argument, no measurement", ONE,
     "The paper has no PPO run."),
    ("C27", "The group-normalised reward works as a baseline", "a method, no ablation", ONE, ""),
    ("C28", "The KL estimator k3 is unbiased and never negative", "Eq. 4", START,
     "That is about its value. Its gradient follows KL(π_ref‖π_θ), the other direction."),
    ("C29", "All methods are one gradient with different coefficients", "Eq. 5 and Table 10", ONE,
     ""),
    ("C30", "Online RFT beats offline RFT, mainly late", "+2.4 / +1.3 (Figure 5)", ONE,
     "About two standard errors, one run."),
    ("C31", "GRPO with outcome rewards beats online RFT", "+0.8 / +0.4 (Figure 5)", ONE,
     "Within one standard error; the reward source differs too."),
    ("C32", "Process supervision beats outcome supervision", "+1.7 / +0.3 (Figure 5)", ONE,
     "Tiny on MATH."),
    ("C33", "Iterating RL helps, most in the first round",
     "GSM8K 86.0 → 87.9 → 88.8, MATH 48.7 → 51.6 → 51.3", GRPO,
     "No gain on MATH in round 2. Ours: with a rule as the reward, only the reference is renewed."),
    ("C34", "RL raises Maj@K, not Pass@K", "K = 64: Maj +1.5 / +1.0, Pass −1.8 / −0.7", EVAL,
     "Read from Figure 7. Z04 reports the opposite for RL from a base model."),
    ("C35", "Majority voting over many samples adds much", "MATH 51.7 → 60.9 with 64 samples",
     EVAL, "The two numbers use different decoding."),
    ("C36", "A 7B model comes near GPT-4 on MATH without tools", "51.7 against 52.9", NONE, ""),
    ("C37", "Few-shot examples do not help the tuned model", "a statement only", NONE, ""),
    ("S01", "RL on 8K MATH problems lifts a 7B base model by almost 20 points",
     "mean of five 30.2 → 48.8", ZERO, "The base score depends on the prompt."),
    ("S02", "RL generalises; SFT on the same data does not", "48.8 against 26.5, base 30.2", NONE,
     ""),
    ("S03", "Easy to hard: at least +10 on every benchmark", "smallest gain: AMC, +10.0", NONE,
     "AMC has 40 problems."),
    ("S04", "A rule reward (+1 / −0.5 / −1) is enough", "curves", ZERO,
     "The Zoo finds that a rigid format reward harms some models."),
    ("S05", "Length falls, then rises", "curves", ZERO, "Depends on the model's code habit."),
    ("S06", "Self-reflection appears near step 40", "one example", ZERO,
     "The Zoo finds it in base models already."),
    ("S07", "A long-CoT start plus RL beats RL alone", "50.9 against 48.8, start 44.0", ZERO,
     "Lower on AIME: 26.7 against 33.3."),
    ("S08", "It matches systems that used 50 times more data", "48.8 against 48.9 (PRIME)", NONE,
     ""),
    ("Z01", "RL from the base model works for 10 models", "means rise in all rows", NONE, ""),
    ("Z02", "A rigid format reward harms", "Zoo, Figure 6", ZERO, ""),
    ("Z03", "The difficulty must fit the model", "Zoo, Figure 7", NONE, ""),
    ("Z04", "RL from the base model raises Pass@K (against C34)", "+10 to +30 points", ZERO,
     "Other start (base, not SFT), other data, K up to 128."),
    ("Z05", "Longer is not wiser; keyword counts are weak signals", "Zoo, Section 2", ZERO, ""),
    ("Z06", "Short-CoT SFT before RL lowers the ceiling", "Zoo, Figures 8 and 9", NONE, ""),
    ("Z07", "Dropping the division by output length removes a length bias", "a footnote", ONE,
     "No ablation there. Ours: a policy that is a table of logits."),
    ("D01", "A format reward forces long CoT; an accuracy reward is enough",
     "DeepSeek-R1's design", ZERO, "Not in the DeepSeekMath paper."),
)  # fmt: skip


def english_only(measure: Measure) -> Measure:
    """``measure`` if RL saw English questions only; else a gain in Chinese is no transfer."""

    def measured(results: Results) -> Estimate | None:
        langs = results.get(GRPO, {}).get("params", {}).get("langs")
        return measure(results) if langs == ["en"] else None

    return measured


def _parts(margin: float, k: int) -> dict[str, tuple[Part, ...]]:
    gsm, math, cmath, heldout = "toy-gsm", "toy-math", "toy-cmath", "toy-heldout"
    nats = "nats per token"
    precision, recall = metric(MINE, "precision"), metric(MINE, "recall")
    late = difference(metric(TRAIN, "mined.late_gain"), metric(TRAIN, "seed.late_gain"))

    def mined_better(name: str, than: str) -> tuple[Part, Part]:
        """One part per language: the mean of both may hide that they differ in sign."""
        return tuple(
            Part(
                f"{lang} held-out loss, {name} minus mined",
                metric(TRAIN, f"diff.{than}-mined.loss.{code}"),
                positive,
                nats,
            )
            for lang, code in (("English", "en"), ("Chinese", "zh"))
        )

    def rl_gain(benchmark: str, prompt: str, how: str, rule: Rule = positive) -> Part:
        name = {"cot": "", "tir": " with tools"}[prompt]
        return Part(
            f"{benchmark}{name}, {how}: RL minus SFT", gain(benchmark, prompt, how), rule, "points"
        )

    def tools(model: str, name: str) -> Part:
        tir, cot = (score(model, math, p, "greedy") for p in ("tir", "cot"))
        paired = metric(EVAL, f"diff.tir-cot.{model}.{math}.greedy")
        what = f"{math}, greedy, {name}: with tools minus without"
        return Part(what, first_of(paired, difference(tir, cot)), positive, "points")

    def voting(benchmark: str) -> Part:
        votes = score("policy", benchmark, "cot", f"maj@{k}")
        greedy = score("policy", benchmark, "cot", "greedy")
        return Part(
            f"{benchmark}, RL: Maj@{k} minus greedy", difference(votes, greedy), positive, "points"
        )

    return {
        "C01": (
            Part("precision of the final corpus, at least 90 %", precision, at_least(0.9)),
            Part("recall of the final corpus, at least 90 %", recall, at_least(0.9)),
        ),
        "C02": (
            Part(
                "recall, last round minus first, at least 20 points",
                difference(recall, metric(MINE, "recall_first")),
                at_least(0.2),
                "points",
            ),
            Part(
                "the same with the last round's budget for both",
                difference(recall, metric(MINE, "recall_first_wide")),
                positive,
                "points",
            ),
        ),
        "C03": (
            Part(
                "last round: tokens already collected, at least 90 %",
                metric(MINE, "overlap"),
                at_least(0.9),
            ),
        ),
        "C04": (
            Part(
                "domains found that hold mathematics, at least 90 %",
                metric(MINE, "domain_precision"),
                at_least(0.9),
            ),
        ),
        "C05": (
            Part("planted leaks left", metric(MINE, "leaks_left"), at_most(0), ""),
            Part("clean pages removed", metric(MINE, "clean_removed"), at_most(0), ""),
        ),
        "C06": mined_better("seed-like", "seed"),
        "C07": mined_better("unfiltered web", "web"),
        "C08": (
            Part(
                "fall of the loss in the second half, mined minus seed-like",
                late,
                with_interval(positive),
                nats,
            ),
        ),
        "C09": mined_better("seed-like", "seed")[1:],
        "C23": (tools("sft", "SFT"), tools("policy", "RL")),
        "C24": (rl_gain(gsm, "cot", "greedy"), rl_gain(math, "cot", "greedy")),
        "C25": (
            Part(
                f"{cmath}, greedy: RL on English only, minus SFT",
                english_only(gain(cmath, "cot", "greedy")),
                positive,
                "points",
            ),
            rl_gain(math, "tir", "greedy"),
            rl_gain(heldout, "cot", "greedy"),
        ),
        "C28": (
            Part(
                "distance of the expected value from the exact KL",
                metric(START, "k3_bias"),
                at_most(1e-9),
                "nats",
            ),
            Part("smallest value on a grid", metric(START, "k3_minimum"), at_least(0), "nats"),
        ),
        "C34": (
            *(rl_gain(b, "cot", f"maj@{k}") for b in (gsm, math)),
            *(rl_gain(b, "cot", f"pass@{k}", not_raised(margin)) for b in (gsm, math)),
        ),
        "C35": (voting(gsm), voting(math)),
    }


def all_claims(margin: float, k: int) -> tuple[Claim, ...]:
    """All rows with the parts this pipeline measures.

    Args:
        margin: a gain smaller than this (0–1) counts as none, for claims of "no gain".
        k: samples per question of Maj@K and Pass@K in the evaluation.
    """
    parts = _parts(margin, k) | rl_parts(margin)
    return tuple(Claim(*row, parts=parts.get(row[0], ())) for row in ROWS)
