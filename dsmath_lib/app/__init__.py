"""The command line, the runner of notebooks, the set-up."""
