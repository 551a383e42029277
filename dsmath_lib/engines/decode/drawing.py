"""The one call of a sampler: how completions are drawn, and what a failure is called."""

from dataclasses import dataclass

from dsmath_lib.base.records import Completions
from dsmath_lib.engines.decode.protocol import Sampler, SamplerError


@dataclass(frozen=True)
class Sampling:
    """How completions are drawn: ``n`` of each prompt, at a temperature (0: greedily), until eos or ``stop``."""

    max_new_tokens: int
    n: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()


def draw_completions(
    sampler: Sampler, prompts: list[list[int]], how: Sampling, seed: int
) -> Completions:
    """Completions of each prompt, group-major; failures of the sampler are named.

    Raises:
        SamplerError: it raised, or returned another number of completions than asked for.
    """
    try:
        done = sampler.sample(
            prompts, n=how.n, temperature=how.temperature, top_p=how.top_p,
            max_new_tokens=how.max_new_tokens, seed=seed, stop=how.stop,
        )  # fmt: skip
    except (ValueError, SamplerError):
        raise  # bad arguments are the caller's mistake; both are already named
    except Exception as err:
        raise SamplerError(
            f"the sampler failed: {type(err).__name__}: {err}. Finished steps are kept; run the same command again "
            "to go on from the last checkpoint."
        ) from err
    if len(done.ids) != len(prompts) * how.n:
        raise SamplerError(
            f"the sampler returned {len(done.ids)} completions for {len(prompts)} prompts × {how.n}"
        )
    return done
