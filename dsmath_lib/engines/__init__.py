"""Measured machines, each behind one door: grader, sandbox, page reader, sampler, n-gram index, row layout, ranks."""
