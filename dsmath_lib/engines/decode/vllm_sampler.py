"""Rollouts by vLLM in this process: one engine, and the weights of the model pushed into it before it samples.

The engine is started once and kept. Every sampler of a model of the same shape uses it: what it holds is noted, and
pushed anew when another sampler held it or when ``rest`` was called. A push is ``reload_weights`` from
``state_dict()`` (which, unlike ``named_parameters()``, has the output layer of tied embeddings) and a reset of the
prefix cache, whose keys and values are those of the old weights.

Of a model with an adapter the weights under it are pushed once, as they never change (on a GPU again after each sleep,
which drops them), and the adapter each time: through a folder, under a new name and number, so that no old one can be
taken for it. It is never merged into the engine's weights.
"""

import atexit
import contextlib
import gc
import itertools
import math
import os
import random
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dsmath_lib.base.files import text_digest
from dsmath_lib.base.records import Completions
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.base.vocabulary import NEVER, context_of, empty_rows, fit_vocabulary
from dsmath_lib.engines.decode.protocol import LoraAdapter, SamplerError, check_sampling, eos_ids

STEP = 256  # tokens by which an engine's longest sequence grows
GO_ON = "Finished steps are kept; run the same command again to go on from the last checkpoint."


@dataclass(frozen=True)
class EngineSettings:
    """How an engine is started. rows: sequences at once. cache_gb: GB of keys and values. longest: sequence, tokens.

    lora_rank: of the adapters that it can hold; 0: none.
    """

    rows: int
    cache_gb: float
    dtype: str
    device: str
    longest: int
    lora_rank: int = 0


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
        if _engine is None:
            return
        _engine.rest()
        if not _engine.gpu:
            return
        used = self.memory["asleep_gb"] = device_gb()
        if self._sleep_gb and used > self._sleep_gb:
            raise SamplerError(
                f"{used:.1f} GB of the GPU are in use while vLLM sleeps, more than sampler_sleep_gb = "
                f"{self._sleep_gb:g}: something was not given back. {GO_ON}"
            )


class Engine:
    """A vLLM engine, and what is known about it: whose weights and adapter it holds, and whether it sleeps."""

    def __init__(self, model: torch.nn.Module, tokenizer, settings: EngineSettings):
        from vllm import LLM

        self.holds: object = None
        self.base: weakref.ref | None = (
            None  # the model under whose adapter the engine's weights are
        )
        self.request: Any = None  # vLLM's name for the adapter in use
        self.asleep = False
        self.gpu = settings.device == "cuda"
        # vLLM wants a folder; weights come by ``push``, so configuration and tokenizer are enough
        self.folder = tempfile.TemporaryDirectory(prefix="dsmath-vllm-")
        config = type(model.config).from_dict(model.config.to_dict())
        config.architectures = [type(model).__name__]
        config.save_pretrained(self.folder.name)
        tokenizer.save_pretrained(self.folder.name)
        options: dict[str, Any] = {} if self.gpu else {"enforce_eager": True, "block_size": 32}
        if settings.lora_rank:
            options |= {"enable_lora": True, "max_loras": 1, "max_lora_rank": settings.lora_rank}
        if (
            int(os.environ.get("WORLD_SIZE", "1")) > 1
        ):  # one of several processes: an engine in each
            options["distributed_executor_backend"] = "external_launcher"
        with _undisturbed():
            self.llm = LLM(
                model=self.folder.name,
                load_format="dummy",
                dtype=settings.dtype,
                max_model_len=settings.longest,
                max_num_seqs=settings.rows,
                kv_cache_memory_bytes=int(settings.cache_gb * 2**30),
                logprobs_mode="processed_logprobs",  # at the sampling temperature, as the trainer's
                generation_config="vllm",  # no sampling defaults of the model's own
                enable_prefix_caching=True,  # a group's prompt is read once
                enable_sleep_mode=self.gpu,
                disable_log_stats=True,
                **options,
            )

    def hold(
        self, model: torch.nn.Module, mark: object, adapter: LoraAdapter | None = None
    ) -> None:
        """Wake up, and push the weights, or the adapter, unless the engine has those of ``mark``."""
        if self.holds is mark:
            return
        if self.asleep:
            give_back()
            self.llm.wake_up(tags=["weights"])
        if adapter is None or self.base is None or self.base() is not adapter.model:
            self.push(adapter.base_weights() if adapter else model.state_dict().items())
            self.base = weakref.ref(adapter.model) if adapter else None
        if self.asleep:  # not before the push: there is no room for the cache yet
            self.llm.wake_up(tags=["kv_cache"])
            self.asleep = False
        self.request = self.push_adapter(adapter) if adapter is not None and adapter.on else None
        self.forget()
        self.holds = mark

    def push(self, weights: Iterable[tuple[str, torch.Tensor]]) -> None:
        """A model's weights into the engine; on a GPU the tensors are passed by reference."""
        self.llm.collective_rpc("reload_weights", kwargs={"weights_iterator": list(weights)})

    def push_adapter(self, adapter: LoraAdapter) -> Any:
        """The adapter as it is now, under a name and a number that none had before."""
        from vllm.lora.request import LoRARequest

        number = next(_adapters)
        folder = Path(self.folder.name) / f"adapter-{number}"
        adapter.save(folder)
        request = LoRARequest(folder.name, number, str(folder))
        if not self.llm.llm_engine.add_lora(request):
            raise RuntimeError(f"{folder.name} was not loaded")
        if self.request is not None:
            shutil.rmtree(self.request.lora_path, ignore_errors=True)
        return request

    def forget(self) -> None:
        """Empty the prefix cache: its keys and values were made with the old weights."""
        if not self.llm.reset_prefix_cache():
            raise RuntimeError("the prefix cache could not be reset")

    def rest(self) -> None:
        """Drop the weights, and on a GPU give back their memory and the cache's."""
        if self.gpu and not self.asleep:
            self.llm.sleep(level=2)
            self.asleep, self.base = True, None
        self.holds = None

    def generate(
        self, rows: list[list[int]], params: list[dict[str, Any]]
    ) -> list[tuple[list[int], list[float], bool]]:
        """Token ids, their log-probs, and whether a stop id or string ended it, of every row."""
        from vllm import SamplingParams, TokensPrompt

        wanted = [
            SamplingParams(
                **p,
                ignore_eos=True,  # ours are in stop_token_ids
                logprobs=0,  # of the sampled token alone
                detokenize=bool(p["stop"]),
                skip_special_tokens=False,  # a stop string may be made of them
                include_stop_str_in_output=True,
            )
            for p in params
        ]
        prompts = [TokensPrompt(prompt_token_ids=r) for r in rows]
        out = []
        for done in self.llm.generate(prompts, wanted, use_tqdm=False, lora_request=self.request):
            one = done.outputs[0]
            ids = list(one.token_ids)
            logprobs = [at[i].logprob for i, at in zip(ids, one.logprobs, strict=True)]
            out.append((ids, logprobs, one.finish_reason == "stop"))
        return out

    def close(self) -> None:
        """Stop the engine and give back its memory."""
        from vllm.distributed import cleanup_dist_env_and_memory

        self.llm.llm_engine.engine_core.shutdown()
        del self.llm
        gc.collect()
        if (
            int(os.environ.get("WORLD_SIZE", "1")) == 1
        ):  # else the group of processes is not the engine's
            cleanup_dist_env_and_memory()
        self.folder.cleanup()


_adapters = itertools.count(1)  # numbers of the adapters of this process


def device_gb() -> float:
    """GB (2^30 bytes) of the GPU in use, by whomever."""
    free, total = torch.cuda.mem_get_info()
    return (total - free) / 2**30


def give_back() -> None:
    """Return what PyTorch keeps for later to the GPU: vLLM's memory must fit beside it."""
    gc.collect()
    torch.cuda.empty_cache()


_engine: Engine | None = None
_key = ""
_longest = 0


def engine_for(model: torch.nn.Module, tokenizer, settings: EngineSettings) -> Engine:
    """The engine for models of this shape; an engine for another shape is closed first, as memory is for one.

    So is one whose sequences must be shorter than those asked for.

    Raises:
        RuntimeError: vLLM did not start; names the parameters that often help.
    """
    global _engine, _key, _longest
    words = tokenizer.backend_tokenizer.to_str()
    shape = {k: v for k, v in model.config.to_dict().items() if not k.startswith("_")}  # no paths
    started = replace(settings, longest=0)
    parts = (type(model).__name__, sorted(shape.items(), key=str), words, started)
    key = text_digest("\x1f".join(map(str, parts)))
    if _engine is None or _key != key or _longest < settings.longest:
        close_engine()
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # tensors pass only inside a process
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")  # learning uses the cores too
        try:
            _engine, _key, _longest = Engine(model, tokenizer, settings), key, settings.longest
        except Exception as err:
            raise RuntimeError(
                f"the engine did not start with sampler_rows = {settings.rows} and "
                f"sampler_cache_gb = {settings.cache_gb}: {err}"
            ) from err
    return _engine


def close_engine() -> None:
    """Stop the engine of this process, if there is one."""
    global _engine
    engine, _engine = _engine, None
    if engine is not None:
        engine.close()


atexit.register(close_engine)


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


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Starting vLLM seeds all random states and, on a CPU, disables ``torch.set_num_threads``: put them back."""
    threads, python, array = torch.set_num_threads, random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        torch.set_num_threads = threads
        random.setstate(python)
        np.random.set_state(array)
