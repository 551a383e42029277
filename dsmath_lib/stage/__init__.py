"""The folder of a stage: what it reads, keeps and writes; checkpoints, data, device."""
