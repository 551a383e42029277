"""A language model: tokenizer, packing, mixture, schedule, the steps of training (Sections 2.2, 3)."""
