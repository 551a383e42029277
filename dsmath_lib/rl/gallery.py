"""The failure gallery: eight ways in which RL goes wrong, each small enough to run in a second, and what shows it.

The policy is a table of logits: the next token depends on the position and on the class of the first token. Sampling,
advantages, loss and diagnostics are those of the real runs. A completion is ``first token, some filler, eos``; first
token GOOD makes the answer right, BAD makes it wrong, BOX is the format. Every failure is a change of ``Setting``::

    rows = train(FAILURES["no KL"].broken)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.rl.advantages import group_advantages, zero_variance
from dsmath_lib.rl.kl import k3
from dsmath_lib.rl.losses import LogProbs, Objective, policy_loss, token_weights

_EOS, GOOD, BAD, BOX, FILL = range(5)
_VOCAB, LENGTH = 5, 12
Reward = Callable[[list[int]], dict[str, float]]


def right(tokens: list[int]) -> dict[str, float]:
    """1 if the first token is GOOD."""
    return {"accuracy": float(tokens[0] == GOOD)}


def right_and_ended(tokens: list[int]) -> dict[str, float]:
    """1 if the first token is GOOD and the completion ends in time."""
    return {"accuracy": float(tokens[0] == GOOD and tokens[-1] == _EOS)}


def right_or_half(tokens: list[int]) -> dict[str, float]:
    """1 if right, half of it for an answer that is nearly right (BAD first)."""
    return {"accuracy": float(tokens[0] == GOOD), "nearly": 0.5 * float(tokens[0] == BAD)}


def right_or_boxed(tokens: list[int]) -> dict[str, float]:
    """The answer counts 1, a box as first token 0.9: the format pays although it excludes the answer."""
    return {"accuracy": float(tokens[0] == GOOD), "format": 0.9 * float(tokens[0] == BOX)}


def right_or_flaw(tokens: list[int]) -> dict[str, float]:
    """1 if right; a flaw of the rule pays 2 for an odd answer (FILL first)."""
    return {"accuracy": float(tokens[0] == GOOD), "flaw": 2.0 * float(tokens[0] == FILL)}


@dataclass(frozen=True)
class Setting:
    """One run. Every field but ``reward`` and ``start`` is a switch that a real run has too."""

    reward: Reward = right
    # logits of the first token, also the reference's
    start: tuple[float, ...] = (-4.0, 0.0, 0.0, 0.0, 0.0)
    steps: int = 60
    groups: int = 8
    group_size: int = 8
    lr: float = 0.3
    beta: float = 0.04
    norm: str = "sequence"
    eos: float = -1.0  # logit of eos after the first token; filler has 0
    learn_first: bool = True  # False: what is answered cannot change, only how long
    mask_eos: bool = False  # the mask is made from token values, and pad is eos
    sampler_temperature: float = 1.0  # the trainer's is 1
    reference: tuple[float, ...] | None = None  # logits of another reference's first token


@dataclass(frozen=True)
class Failure:
    """A setting that works, the change that breaks it, and the number that gives it away.

    shows: key of the rows of ``train``. alarm: (its values at the start, at the end) -> is the run broken?
    tells: what to look for.
    """

    healthy: Setting
    change: Mapping[str, object]
    shows: str
    alarm: Callable[[float, float], bool]
    tells: str

    @property
    def broken(self) -> Setting:
        return replace(self.healthy, **self.change)

    @property
    def change_text(self) -> str:
        """``field = value`` of every changed field; a function by its name."""
        return ", ".join(f"{k} = {getattr(v, '__name__', v)}" for k, v in self.change.items())


FAILURES: dict[str, Failure] = {
    "learning rate": Failure(
        Setting(reward=right_or_half, start=(-4.0, -1.0, 0.0, 0.0, 0.0), steps=100, lr=2.0),
        {"lr": 200.0},
        "entropy",
        lambda start, end: end < 0.05,
        "Entropy is 0 after a few steps: the policy has committed to what the first groups liked.",
    ),
    "no KL": Failure(
        Setting(
            reward=right_or_flaw, start=(-4.0, 0.0, 0.0, 0.0, -1.0), beta=2.0, steps=100, lr=1.0
        ),
        {"beta": 0.0},
        "kl",
        lambda start, end: end > 0.1,
        "KL to the reference climbs without end, and the accuracy falls while the reward rises: a flaw was found.",
    ),
    "length bias": Failure(
        Setting(norm="constant", beta=0.0, steps=100, lr=4.0, learn_first=False),
        {"norm": "sequence"},
        "length_wrong",
        lambda start, end: end > start + 2,
        "Wrong answers grow longer: with 1/|o| a long wrong answer is punished less per token than a short one.",
    ),
    "zero variance": Failure(
        Setting(),
        {"start": (-4.0, -12.0, 0.0, 0.0, 0.0)},
        "zero_variance",
        lambda start, end: start > 0.9,
        "Nearly all groups are without signal from the first step: the questions are too hard.",
    ),
    "eos masked out": Failure(
        Setting(reward=right_and_ended, eos=-3.0, steps=100, lr=1.0),
        {"mask_eos": True},
        "truncated",
        lambda start, end: end > 0.8 * start,
        "The truncated share does not fall: the token that ends a completion is never rewarded.",
    ),
    "sampler mismatch": Failure(
        Setting(),
        {"sampler_temperature": 0.5},
        "mismatch",
        lambda start, end: start > 1e-3,
        "The sampler's log-probs differ from the trainer's; rounding gives 1e-6, not 1.",
    ),
    "stale reference": Failure(
        Setting(beta=0.5),
        {"reference": (-4.0, -3.0, 2.0, 0.0, 0.0)},
        "kl",
        lambda start, end: start > 0.1,
        "KL is far above 0 in the first steps, where policy and reference should be one model.",
    ),
    "format reward": Failure(
        Setting(),
        {"reward": right_or_boxed, "start": (-4.0, -2.0, 0.0, 0.5, 0.0)},
        "accuracy",
        lambda start, end: end < start + 0.1,
        "The total reward rises and the accuracy does not: look at the rewards by name.",
    ),
}


def chosen(names: Sequence[str]) -> list[str]:
    """The failures to show: ``all`` stands for every one.

    Raises:
        ParamsError: a name is not known.
    """
    if bad := [n for n in names if n not in (*FAILURES, "all")]:
        raise ParamsError(f"unknown failure '{bad[0]}' (known: {', '.join(FAILURES)}, all)")
    return list(FAILURES) if "all" in names else list(names)


def logits_of(first: tuple[float, ...], eos: float) -> torch.Tensor:
    """Table (2, LENGTH, VOCAB): class of the first token (GOOD or not), position, token."""
    table = torch.zeros(2, LENGTH, _VOCAB)
    table[:, 0] = torch.tensor(first)
    table[:, 1:, GOOD : BOX + 1] = -9.0  # later tokens are filler or eos
    table[:, 1:, _EOS] = eos
    return table


def at(table: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Log-probs of all tokens at each place of completions ``ids`` (B, LENGTH): (B, LENGTH, VOCAB)."""
    kind = (ids[:, :1] == GOOD).long().expand(-1, LENGTH).clone()
    kind[:, 0] = 0  # nothing has been said yet
    return torch.log_softmax(table, -1)[kind, torch.arange(LENGTH)]


@torch.no_grad()
def sample_tokens(
    table: torch.Tensor, n: int, temperature: float, g: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """``n`` completions (n, LENGTH), rows end at eos or at LENGTH, and their lengths (n,)."""
    ids = torch.zeros(n, LENGTH, dtype=torch.long)
    p = (table / temperature).softmax(-1)
    ids[:, 0] = torch.multinomial(p[0, 0], n, replacement=True, generator=g)
    rest = p[(ids[:, 0] == GOOD).long(), 1:]  # a table has no longer memory: all at once
    ids[:, 1:] = torch.multinomial(rest.flatten(0, 1), 1, generator=g).view(n, LENGTH - 1)
    ended = ids == _EOS
    first = torch.where(ended.any(1), ended.int().argmax(1), LENGTH - 1)
    return ids, first + 1


def ends(rows: Sequence[Mapping[str, float]], key: str, share: float = 0.1) -> tuple[float, float]:
    """Mean of a diagnostic over the first and over the last tenth of a run."""
    values = [r[key] for r in rows if r[key] == r[key]]
    n = max(1, int(len(values) * share))
    return sum(values[:n]) / n, sum(values[-n:]) / n


def train_small(s: Setting, seed: int = 0) -> list[dict[str, float]]:
    """GRPO on the table; one row of diagnostics per step."""
    g = torch.Generator().manual_seed(seed)
    table = logits_of(s.start, s.eos).requires_grad_()
    reference = logits_of(s.reference or s.start, s.eos)
    optimizer = torch.optim.SGD([table], lr=s.lr)
    group = torch.arange(s.groups).repeat_interleave(s.group_size)
    rows = []
    for step in range(s.steps):
        ids, lengths = sample_tokens(table, len(group), s.sampler_temperature, g)
        mask = torch.arange(LENGTH) < lengths[:, None]
        named = [s.reward(r[:n]) for r, n in zip(ids.tolist(), lengths.tolist(), strict=True)]
        reward = torch.tensor([sum(r.values()) for r in named])
        advantages = group_advantages(reward, group, ddof=1, eps=1e-4)
        everywhere = at(table, ids)
        logp = everywhere.gather(2, ids[..., None])[..., 0]
        ref = at(reference, ids).gather(2, ids[..., None])[..., 0]
        trained = mask & (ids != _EOS) if s.mask_eos else mask
        weights = token_weights(lengths, s.norm, LENGTH)
        loss, _ = policy_loss(
            LogProbs(logp, logp.detach(), ref), advantages, trained, weights, Objective(beta=s.beta)
        )
        optimizer.zero_grad()
        loss.backward()
        if not s.learn_first:
            table.grad[:, 0] = 0.0
        optimizer.step()
        sampled = (everywhere / s.sampler_temperature).log_softmax(-1)
        sampled = sampled.gather(2, ids[..., None])[..., 0]
        rows.append(
            {"step": step, "reward": reward.mean(), "grad_norm": table.grad.norm()}
            | _diagnostics(everywhere.detach(), logp.detach(), ref, sampled.detach(), mask)
            | _of_answers(ids, lengths, named, reward, group)
        )
    return [{k: float(v) for k, v in r.items()} for r in rows]


@cache
def trained(s: Setting) -> tuple[dict[str, float], ...]:
    """``train`` with seed 0, once per setting: pictures and numbers come from the same run."""
    return tuple(train_small(s))


def growth(name: str) -> float:
    """How much more a failure's diagnostic grows from the start to the end of its run than in the healthy one."""
    f = FAILURES[name]
    (a, b), (c, d) = (ends(trained(s), f.shows) for s in (f.broken, f.healthy))
    return (b - a) - (d - c)


def _diagnostics(everywhere, logp, ref, sampled, mask) -> dict[str, torch.Tensor]:
    n = mask.sum()
    entropy = -(everywhere.exp() * everywhere).sum(-1)
    return {
        "entropy": entropy[:, 0].mean(),  # of the choice that matters
        "kl": k3(logp, ref)[mask].sum() / n,
        "mismatch": (logp - sampled)[mask].abs().max(),
    }


def _of_answers(ids, lengths, named, reward, group) -> dict[str, torch.Tensor]:
    good = ids[:, 0] == GOOD
    ended = ids.gather(1, lengths[:, None] - 1)[:, 0] == _EOS
    wrong = lengths[~good].float()
    return {
        "accuracy": torch.tensor([r["accuracy"] for r in named]).mean(),
        "zero_variance": zero_variance(reward, group).float().mean(),
        "truncated": (~ended).float().mean(),
        "length_wrong": wrong.mean() if len(wrong) else torch.tensor(float("nan")),
    }
