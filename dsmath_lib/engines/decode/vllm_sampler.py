"""Rollouts by vLLM in this process: the engine of ``vllm_engine``, with the weights of the model as they are."""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import replace

import torch

from dsmath_lib.base.records import Completions
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.base.vocabulary import NEVER, context_of, empty_rows, fit_vocabulary
from dsmath_lib.engines.decode.protocol import LoraAdapter, SamplerError, check_sampling, eos_ids
from dsmath_lib.engines.decode.vllm_engine import (
    EngineSettings,
    close_engine,
    device_gb,
    engine_for,
    running,
)

STEP = 256  # tokens by which an engine's longest sequence grows
GO_ON = "Finished steps are kept; run the same command again to go on from the last checkpoint."


class VLLMSampler:
    """Samples from ``model`` as it was at the first ``sample`` after the last ``rest``."""

    def __init__(
        self,
        model: torch.nn.Module,
        tokenizer,
        max_rows: int = 1024,
        *,
        dtype: str = "float32",
        cache_gb: float = 1.0,
        adapter: LoraAdapter | None = None,
        longest: int = 0,
        sleep_gb: float = 0.0,
    ):
        """``longest``: tokens of the longest prompt with its completion; the engine grows where it turns out too short.

        sleep_gb: GB of the GPU that may be in use while the engine sleeps; 0: no limit.
        """
        self.model, self.tokenizer, self.adapter = model, tokenizer, adapter
        self.eos_ids = eos_ids(model, tokenizer)
        fit_vocabulary(model, tokenizer)
        self._context = context_of(model)
        self._settings = EngineSettings(
            max_rows,
            cache_gb,
            dtype,
            model.device.type,
            min(longest, self._context),
            adapter.rank if adapter else 0,
        )
        self._sleep_gb = sleep_gb
        self._mark = object()
        self.memory: dict[str, float] = {}

    def sample(
        self,
        prompts: list[list[int]],
        *,
        n: int,
        temperature: float,
        top_p: float = 1.0,
        max_new_tokens: int,
        seed: int,
        stop: tuple[str, ...] = (),
        first: int = 0,
    ) -> Completions:
        """Draw ``n`` completions of each prompt, as ``HFSampler.sample`` does.

        Each row has its own random numbers, made from ``seed`` and the place of its prompt and sample: rollouts
        replay. They are not those of ``HFSampler``. A completion that reaches the model's context ends with "length".

        Raises:
            ValueError: see ``HFSampler.sample``; a prompt that fills the model's context, an empty stop string.
            SamplerError: the engine did not start or failed. It is closed; the next ``sample`` starts a new one.
        """
        context = self._context
        check_sampling(prompts, n, temperature, top_p, max_new_tokens, context)
        if not all(stop):
            raise ValueError("an empty stop string")
        needed = min(max(map(len, prompts), default=0) + max_new_tokens, context)
        if needed > self._settings.longest:  # with room to spare: starting takes long
            needed = min(-(-needed // STEP) * STEP, context)
            self._settings = replace(self._settings, longest=needed)
        never = {i: NEVER for i in empty_rows(self.model)} or None
        rows, params = [], []
        for p, prompt in enumerate(prompts, first // n):
            for j in range(n):
                rows.append(prompt)
                params.append(
                    {
                        "temperature": temperature,
                        "top_p": top_p,
                        "max_tokens": min(max_new_tokens, context - len(prompt)),
                        "seed": seed_for(seed, "rollouts", p, j),
                        "stop": list(stop),
                        "stop_token_ids": self.eos_ids,
                        "logit_bias": never,
                    }
                )
        try:
            with _apart(self._settings.device):
                whole = self.adapter.model if self.adapter else self.model
                engine = engine_for(whole, self.tokenizer, self._settings)
                engine.hold(self.model, self._mark, self.adapter)
                if engine.gpu:
                    self.memory["awake_gb"] = device_gb()
                out = engine.generate(rows, params)
        except BaseException as err:
            close_engine()  # an engine that was stopped half way would mix its old requests with new ones
            if not isinstance(err, Exception):
                raise  # an interrupt stays one
            raise SamplerError(f"vLLM failed: {type(err).__name__}: {err}. {GO_ON}") from err
        ids, logprobs, stopped = (list(x) for x in zip(*out, strict=True)) if out else ([],) * 3
        for row, values in enumerate(logprobs):
            if not all(map(math.isfinite, values)):
                raise SamplerError(f"vLLM drew row {row} with a log-prob that is no number")
        eos = set(self.eos_ids)
        finish = [
            "eos" if i[-1] in eos else "stop" if s else "length"
            for i, s in zip(ids, stopped, strict=True)
        ]
        return Completions(
            ids, logprobs, finish, self.tokenizer.batch_decode(ids, skip_special_tokens=True)
        )

    def rest(self) -> None:
        """Give back the GPU's memory; the next ``sample`` takes the model's weights anew.

        Raises:
            SamplerError: more of the GPU is in use now than ``sleep_gb``.
        """
        if (engine := running()) is None:
            return
        engine.rest()
        if not engine.gpu:
            return
        used = self.memory["asleep_gb"] = device_gb()
        if self._sleep_gb and used > self._sleep_gb:
            raise SamplerError(
                f"{used:.1f} GB of the GPU are in use while vLLM sleeps, more than sampler_sleep_gb = "
                f"{self._sleep_gb:g}: something was not given back. {GO_ON}"
            )


@contextlib.contextmanager
def _apart(device: str) -> Iterator[None]:
    """The engine has its own dtype and draws nothing from the trainer's random stream.

    On a CPU, compiling its small functions would take longer than they ever do.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.autocast(device, enabled=False))
        stack.enter_context(torch.random.fork_rng())
        if device == "cpu":
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        yield
