"""The sampler's door: prompts in, completions with their log-probabilities out.

Only this module is imported from outside; the engine stands on ``base`` and third parties alone.
"""

from dsmath_lib.engines.decode.drawing import Sampling, draw_completions
from dsmath_lib.engines.decode.protocol import Sampler, SamplerError, eos_ids
from dsmath_lib.engines.decode.sampler import HFSampler
from dsmath_lib.engines.decode.samplers import make_sampler

__all__ = [
    "HFSampler",
    "Sampler",
    "SamplerError",
    "Sampling",
    "draw_completions",
    "eos_ids",
    "make_sampler",
]
