"""The vLLM engine of this process, and the weights of a model pushed into it before it samples.

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
from dsmath_lib.engines.decode.protocol import LoraAdapter


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


def running() -> Engine | None:
    """The engine of this process, if there is one."""
    return _engine


def close_engine() -> None:
    """Stop the engine of this process, if there is one."""
    global _engine
    engine, _engine = _engine, None
    if engine is not None:
        engine.close()


atexit.register(close_engine)


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
