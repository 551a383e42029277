"""Exercises of 05_grpo: baselines, weights of tokens, the clip, the three policies, KL."""

import math
from collections.abc import Callable

import torch

from dsmath_lib.exercises.kinds import Wrong, function, number, open_question, several, words


def leave_one_out(rewards: list[float]) -> list[float]:
    """Each reward minus the mean of the others."""
    n, total = len(rewards), sum(rewards)
    return [r - (total - r) / (n - 1) for r in rewards]


function(
    "05.1",
    leave_one_out,
    [([1, 0, 0, 1],), ([1.0, 0.0],), ([0.5, -1.0, 2.0],), ([1, 1, 1],)],
    (
        "From which numbers is the mean taken for the first answer? How many are they?",
        "The mean of the others is (sum − own reward) / (G − 1).",
    ),
    gives="one number for each reward",
)

several(
    "05.2",
    (1 / 3, 10 / 16),
    (
        "sequence: each answer weighs the same. token: each token weighs the same.",
        "(a) three answers share the weight equally. (b) 10 of how many tokens in all?",
    ),
    "(a) 1 of 3 answers; (b) 10 of 2 + 4 + 10 = 16 tokens",
    6e-3,
    (
        "(a) within an answer the weights are 1/(G·|o|); add them up over its tokens",
        "(b) every token of the batch has the same weight; how many are there?",
    ),
    "a pair (a, b)",
)

number(
    "05.3",
    0.0,
    (
        "Is the ratio now above or below 1? Then compare the two products that the minimum is taken of.",
        "The ratio is exp(−0.5) = 0.61, below 0.8. The products are −0.61 and −0.8; the smaller one does not move.",
    ),
    "min(−0.61, −0.8) = −0.8 is the clipped value: its derivative is 0",
    near={
        math.exp(
            -0.5
        ): "that is the derivative without the clip; −0.61 and clipped −0.8: take the smaller",
        -math.exp(
            -0.5
        ): "that is the derivative without the clip; −0.61 and clipped −0.8: take the smaller",
    },
    otherwise="the clipped value does not depend on the log-probability",
)

words(
    "05.4",
    "reference",
    ("ref", "the reference", "reference policy", "the reference policy", "pi_ref", "π_ref"),
    (
        "One of the three policies is copied before each batch, one before each round, one never.",
        "π_old is copied before each exploration. Which one stays for the M steps of Algorithm 1?",
    ),
    "π_θ changes at each update, π_old is copied at each exploration step, π_ref at each outer iteration",
    "that one changes within a round; which one is renewed only when an outer iteration begins?",
)


def sequence_loss(ratios: list[list[float]], advantages: list[float], eps: float) -> float:
    """−mean over answers of the mean over tokens of min(ρA, clip(ρ)A): Eq. 3 without KL, as a loss."""
    total = 0.0
    for row, a in zip(ratios, advantages, strict=True):
        parts = [min(r * a, min(max(r, 1 - eps), 1 + eps) * a) for r in row]
        total += sum(parts) / len(parts)
    return -total / len(advantages)


function(
    "05.5",
    sequence_loss,
    [
        ([[1.0, 1.0], [1.0]], [1.0, -1.0], 0.2),
        ([[1.5, 1.0], [0.5, 1.0, 1.0, 1.0]], [2.0, -1.0], 0.2),
        ([[0.5], [1.3, 0.9]], [1.0, -2.0], 0.1),
    ],
    (
        "Three steps: the minimum for each token, the mean over an answer's own tokens, the mean over answers.",
        "sum(parts) / len(parts) for each answer, then minus the mean of these: a loss is minimised.",
    ),
    say=lambda case, got, want: (
        "the sign: the objective is maximised, the loss is minimised"
        if isinstance(got, float) and math.isclose(got, -want, abs_tol=1e-9) and want
        else None
    ),
)

number(
    "05.6",
    0.5 - math.log(0.5) - 1,
    (
        "Which probability stands on top in the ratio of Eq. 4?",
        "x = 0.25 / 0.5; the estimate is x − ln x − 1.",
    ),
    "0.5 − ln 0.5 − 1 = 0.193",
    tol=1e-3,
    near={
        2 - math.log(2) - 1: "the ratio is upside down: the reference stands on top",
        math.log(2): "that is k1, −ln x; Eq. 4 has two terms more",
    },
)


def my_advantages(rewards: torch.Tensor, group: torch.Tensor) -> torch.Tensor:
    """(B,) rewards and the group of each -> (B,): z-scores in the group with the sample standard deviation + 1e-4."""
    out = torch.zeros_like(rewards)
    for g in group.unique():
        rows = group == g
        r = rewards[rows]
        out[rows] = (r - r.mean()) / (r.std() + 1e-4)
    return out


_R = torch.tensor([1.0, 0, 0, 1, 0, 0, 0.5, 2, 1, 1], dtype=torch.float64)
function(
    "05.7",
    my_advantages,
    [
        (_R[:4], torch.zeros(4, dtype=torch.long)),
        (_R, torch.tensor([0, 0, 0, 0, 1, 1, 1, 1, 2, 2])),
        (_R[:6], torch.tensor([1, 0, 1, 0, 1, 0])),
        (-2 * _R[:4], torch.tensor([7, 7, 7, 7])),
    ],
    (
        "Do it for one group first: mean, standard deviation, then z-scores. Then for the rows of each group.",
        "for g in group.unique(): rows = group == g; r = rewards[rows]; out[rows] = (r − r.mean()) / (r.std() + 1e-4)",
    ),
    gives="one number for each reward",
)


def my_loss(
    logp: torch.Tensor,
    old: torch.Tensor,
    ref: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    weights: torch.Tensor,
    eps: float,
    beta: float,
) -> torch.Tensor:
    """Eq. 3 as a loss: log-probs and mask (B, T), advantages and weights (B,) -> a scalar."""
    ratio = torch.exp(logp - old)
    a = advantages[:, None]
    gain = torch.minimum(ratio * a, ratio.clamp(1 - eps, 1 + eps) * a)
    log_x = ref - logp
    kl = torch.exp(log_x) - log_x - 1
    return -((gain - beta * kl) * weights[:, None])[mask].sum()


def value_and_gradient(loss: Callable) -> Callable:
    """What a loss gives and how it pushes: its value, then its gradient by each log-prob of the policy."""

    def both(logp: torch.Tensor, *more) -> list[float] | None:
        leaf = logp.clone().requires_grad_()
        value = loss(leaf, *more)
        if value is None:
            return None
        if not isinstance(value, torch.Tensor) or value.ndim or not value.requires_grad:
            raise Wrong("expected one number as a tensor, with a gradient by logp")
        (gradient,) = torch.autograd.grad(value, leaf)
        return [value.item(), *gradient.flatten().tolist()]

    return both


_OLD = torch.tensor([[-1.0, -0.5, -2.0], [-0.3, -1.2, 0.0]], dtype=torch.float64)
_NOW = _OLD + torch.tensor([[0.3, 0.0, -0.4], [0.5, -0.6, 0.7]], dtype=torch.float64)
_REF = _OLD + torch.tensor([[0.1, -0.2, 0.0], [0.4, 0.3, 2.0]], dtype=torch.float64)
_MASK = torch.tensor([[True, True, True], [True, True, False]])
_A, _W = torch.tensor([1.0, -0.5]).double(), torch.tensor([1 / 6, 1 / 4]).double()
function(
    "05.8",
    my_loss,
    [
        (_OLD, _OLD, _OLD, _A, _MASK, _W, 0.2, 0.0),
        (_NOW, _OLD, _REF, _A, _MASK, _W, 0.2, 0.04),
        (_NOW, _OLD, _REF, -_A, _MASK, _W, 0.1, 0.5),
    ],
    (
        "Per token: the smaller of two products, minus β times k3. Then weights, the mask, a sum, and the sign.",
        "ratio = exp(logp − old); gain = minimum(ratio·a, clamp(ratio)·a); kl = exp(ref − logp) − (ref − logp) − 1; "
        "−((gain − β·kl)·w)[mask].sum()",
    ),
    gives="a loss that has a gradient by logp",
    through=value_and_gradient,
)

open_question(
    "05",
    """Look for the first sign in the diagnostics, not in the reward. A rate ten times as high shows at once in the KL,
    in the gradient norm and in the entropy, which falls; answers become alike or break off. Without the KL term
    nothing holds the policy near its start: the KL grows slowly, and only late. With the token mean long answers
    weigh more, so the mean length moves first. Which of them runs away first is an observation of your three runs.""",
)
