"""DeepSeekMath, step by step: the library behind the notebooks."""

import logging

# transformers imports torchao where it is installed, and that warns of each of its parts that needs a GPU
for _name in ("torchao", "torch.utils._pytree"):
    logging.getLogger(_name).setLevel(logging.ERROR)
