"""The door to many processes: who takes part, what each does, how results and gradients are put together.

Every function may be called with one process too, where it changes nothing: the code of a training run is the same.
Only this module is imported from outside; the engine stands on ``base`` and third parties alone.
"""

from dsmath_lib.engines.parallel.group import (
    agreed,
    first_rank,
    gathered,
    join,
    leave,
    merged_numbers,
    most,
    rank,
    ranks,
    share,
    total,
)
from dsmath_lib.engines.parallel.processes import (
    RankError,
    failure_line,
    free_port,
    launch,
    note,
    run_rank,
)
from dsmath_lib.engines.parallel.sampling import SharedSampler, shared_sampler
from dsmath_lib.engines.parallel.sharding import (
    clip,
    load_device,
    shard,
    sharded,
    through_root,
    whole_copy,
    whole_tensors,
    whole_weights,
)
from dsmath_lib.engines.parallel.state import (
    local_part,
    placed_moments,
    placed_weights,
    whole_state,
)
from dsmath_lib.engines.parallel.work import parts, spread

__all__ = [
    "RankError",
    "SharedSampler",
    "agreed",
    "clip",
    "failure_line",
    "first_rank",
    "free_port",
    "gathered",
    "join",
    "launch",
    "leave",
    "load_device",
    "local_part",
    "merged_numbers",
    "most",
    "note",
    "parts",
    "placed_moments",
    "placed_weights",
    "rank",
    "ranks",
    "run_rank",
    "shard",
    "sharded",
    "share",
    "shared_sampler",
    "spread",
    "through_root",
    "total",
    "whole_copy",
    "whole_state",
    "whole_tensors",
    "whole_weights",
]
