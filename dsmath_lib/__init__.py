"""DeepSeekMath, step by step: the library behind the notebooks."""
