"""The memory engine's door: layers computed again, rows without a mask, weights and averages in fewer bits.

Only this module is imported from outside; the engine stands on ``base`` and third parties alone.
"""

from dsmath_lib.engines.memory.activations import checkpoint_layers
from dsmath_lib.engines.memory.documents import Documents, documents_of, hidden_states
from dsmath_lib.engines.memory.form import Form, cast
from dsmath_lib.engines.memory.head import LOGITS_AT_ONCE, picked_logprobs

__all__ = [
    "LOGITS_AT_ONCE",
    "Documents",
    "Form",
    "cast",
    "checkpoint_layers",
    "documents_of",
    "hidden_states",
    "picked_logprobs",
]
