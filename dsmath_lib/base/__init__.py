"""Records, files, seeds, text, progress, workers: helpers that know nothing of the course."""
