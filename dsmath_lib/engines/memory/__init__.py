"""The memory engine's door: layers computed again instead of kept, rows of many documents without a mask.

Only this module is imported from outside; the engine stands on ``base`` and third parties alone.
"""

from dsmath_lib.engines.memory.activations import checkpoint_layers
from dsmath_lib.engines.memory.documents import Documents, documents_of, hidden_states

__all__ = [
    "Documents",
    "checkpoint_layers",
    "documents_of",
    "hidden_states",
]
