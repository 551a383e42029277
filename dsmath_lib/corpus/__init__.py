"""Which pages are math: ranking, classifier, domains, duplicates, leaks (Section 2.1).

Every step is a plain function over an iterable of records, so a notebook, a pool of processes or a cluster can run it.
"""
