"""The parameters of each stage: default, meaning, range, the paper's value."""
