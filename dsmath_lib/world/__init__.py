"""The toy universe: problems, web pages and benchmarks whose truth is known."""
