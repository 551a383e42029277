"""Parameters that every stage has that trains a network: by how many processes, in which form it is held."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from dsmath_lib.params.base import OPEN, Params, par


class TrainedParams(Params):
    DECIDE_NO_RUN: ClassVar[frozenset[str]] = Params.DECIDE_NO_RUN | {"layer_checkpointing"}

    processes: int = par(1, "processes of a training on this machine; on GPUs one each", ge=1)
    nodes: int = par(1, "machines of a training, each with so many processes", ge=1)
    dtype: Literal["float32", "bfloat16"] = par("float32", "arithmetic of training", paper=OPEN)
    weight_dtype: Literal["float32", "bfloat16"] = par(
        "float32", "of trained weights; bfloat16 needs adamw-8bit", paper=OPEN
    )
    optimizer: Literal["adamw", "adamw-8bit"] = par(
        "adamw", "adamw-8bit: averages in 8 bits (torchao, an extra)", paper="AdamW"
    )
    layer_checkpointing: bool = par(
        False, "layers are computed again on the way back; changes memory only"
    )

    @model_validator(mode="after")
    def _weights_fit(self) -> Self:
        if self.weight_dtype == "bfloat16" and self.optimizer != "adamw-8bit":
            raise ValueError(
                "weight_dtype = bfloat16 would lose small steps under adamw: set optimizer = adamw-8bit, which rounds "
                "at random, or weight_dtype = float32"
            )
        if self.weight_dtype == "bfloat16" and self.dtype != "bfloat16":
            raise ValueError("weight_dtype = bfloat16 needs dtype = bfloat16")
        return self
