"""GRPO and its family: advantages, KL, losses, one loop for all methods (Sections 4, 5.2)."""
