"""The tables that say what there is: methods, rewards, benchmarks, prompts, runs."""
