"""What the runs of a stage share, and the networks that take part in one of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dsmath_lib.base.records import Completions
from dsmath_lib.base.vocabulary import fit_vocabulary
from dsmath_lib.engines.adapters import AdapterOff, adapter_of, with_adapter
from dsmath_lib.engines.decode import Sampler, make_sampler
from dsmath_lib.engines.memory import cast
from dsmath_lib.engines.parallel import shared_sampler
from dsmath_lib.lm.model import load_model
from dsmath_lib.params.rl import RLParams
from dsmath_lib.rewards.questions import Questions
from dsmath_lib.rl.critic import Critic
from dsmath_lib.rl.reward_functions import Rewards
from dsmath_lib.stage.folder import Stage


@dataclass(frozen=True)
class Experiment:
    """One start, its questions and how answers are paid. Made once in a notebook; a variant is ``replace(e, …)``.

    start: folder or Hub name of the first policy, which is the reference, too.
    """

    cfg: RLParams
    stage: Stage
    tokenizer: PreTrainedTokenizerBase
    start: Path | str
    questions: Questions
    validation: Questions
    rewards: Rewards
    device: torch.device | str = "cpu"

    @property
    def revision(self) -> str:
        """The commit of ``start``, if it is on the Hub."""
        return self.cfg.sft_revision if str(self.start) == self.cfg.sft_model else ""

    def policy(self) -> PreTrainedModel:
        """The start's weights, to be trained: all of them, or (``lora_rank``) an adapter on them."""
        return with_adapter(self.plain(), self.cfg, self.start, self.revision)

    def reference(self, policy: PreTrainedModel | None = None) -> PreTrainedModel | AdapterOff:
        """The start's weights, never trained: no gradient, no dropout. With an adapter, ``policy`` with it off."""
        return AdapterOff(policy) if adapter_of(policy) else self._reference

    @cached_property
    def _reference(self) -> PreTrainedModel:
        """Loaded once."""
        dtype = self.cfg.reference_dtype.replace("policy", self.cfg.weight_dtype)
        return cast(self.plain().requires_grad_(False).eval(), dtype)

    def plain(self) -> PreTrainedModel:
        """The start's weights as a model of its own, without an adapter."""
        model = load_model(self.start, revision=self.revision, device=self.device)
        fit_vocabulary(model, self.tokenizer)
        return model

    def sampler(self, model: torch.nn.Module) -> Sampler:
        """What draws completions from ``model``; of many processes each draws a part, and all get all."""
        prompts = [*self.questions.prompts, *self.validation.prompts]
        longest = max(map(len, prompts), default=0) + self.cfg.max_new_tokens

        def make(own: torch.nn.Module) -> Sampler:
            if isinstance(model, AdapterOff) and own is not model:  # a copy, whose adapter is on
                own = AdapterOff(own)
            return make_sampler(self.cfg, own, self.tokenizer, adapter_of(own), longest)

        return shared_sampler(model, self.tokenizer, make)

    def summary(self) -> list[dict[str, Any]]:
        """Rows for a table."""
        pay = {k: w for k, w in self.rewards.weights.items() if w}
        return [
            {"what": "start", "is": Path(str(self.start)).name},
            {"what": "training questions", "is": len(self.questions)},
            {"what": "validation questions", "is": len(self.validation)},
            {
                "what": "an answer is paid by",
                "is": " + ".join(f"{w:g} · {k}" for k, w in pay.items()),
            },
            {"what": "device", "is": str(self.device)},
        ]


@dataclass(frozen=True)
class RunId:
    """Whose run it is: ``name`` of artifacts and checkpoints, ``seed`` of its questions and rollouts.

    log: kind of its rows in the log (empty: the name). after: steps of the log before its first (a later round).
    also: what decides it beside the parameters, the method and the seed.
    """

    name: str
    seed: int
    log: str = ""
    after: int = 0
    also: str = ""

    @property
    def rows(self) -> str:
        return self.log or self.name


@dataclass
class Players:
    """Who takes part in a run. ``critic`` only with GAE; ``reference`` also draws offline data.

    source: writes the completions, see ``explore``; ``train_policy`` sets it.
    """

    policy: torch.nn.Module
    reference: torch.nn.Module | None = None
    critic: Critic | None = None
    source: Callable[..., Completions] | None = None

    @property
    def trained(self) -> list[torch.nn.Module]:
        return [self.policy] if self.critic is None else [self.policy, self.critic]

    @property
    def device(self) -> torch.device:
        return next(self.policy.parameters()).device

    def modules(self) -> torch.nn.Module:
        """What a checkpoint holds."""
        if self.critic is None:
            return self.policy
        return torch.nn.ModuleDict({"policy": self.policy, "critic": self.critic})
