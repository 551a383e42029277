"""The door of the compiled loops: word hashes, MinHash signatures and the n-gram filter.

Only this module is imported from outside; the engine stands on ``base`` and third parties alone.
"""

from dsmath_lib.engines.index.gramfilter import GramFilter
from dsmath_lib.engines.index.loops import hash_words, least, runs, spaced

__all__ = ["GramFilter", "hash_words", "least", "runs", "spaced"]
