"""From web pages to a math corpus (paper, section 2.1): read, extract, deduplicate, mine, decontaminate.

Every step is a plain function over an iterable of records, so a notebook, a process pool or a cluster
can run the same code.
"""
