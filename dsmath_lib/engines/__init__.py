"""Machines, each behind one door: grader, sandbox, page reader, sampler, adapters, memory, ranks, index, layout."""
