"""RM@K: a reward model of stage 04 gives each sample a score, and the best-paid of K samples is kept.

The scores are stored with the completions, so that ``dsmath grade_rows`` needs no model for them either.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.files import file_digest
from dsmath_lib.rewards.models import (
    RewardModelError,
    kind_of,
    load_reward_model,
    reward_model_path,
    score_completions,
    score_steps,
    solution_score,
)
from dsmath_lib.runs.nb08_evaluation.store import read_file, write_file
from dsmath_lib.stage.folder import Stage

_Rows = list[dict[str, Any]]


class Ranker:
    """A reward model that ranks samples. ``digest`` names it in the completions files.

    A process model pays a solution by its worst step (Math-Shepherd's choice).
    """

    def __init__(self, name: str, stage: Stage, device: torch.device | str, dtype: str = "float32"):
        """``name``: an artifact of 04_reward_model, or a folder.

        Raises:
            StageError: it is not there (names the command that makes it), or it is no reward model.
        """
        folder = reward_model_path(name, stage)
        try:
            self.model = load_reward_model(folder, device=device)
        except RewardModelError as err:
            raise StageError(str(err)) from err
        self.name, self.digest, self.dtype = name, file_digest(folder), dtype

    def scores(self, tokenizer, prompts: Sequence[list[int]], completions: Sequence[list[int]]):
        """One score per completion; equal pairs of prompt and completion are scored once.

        Raises:
            StageError: the model was made for another vocabulary.
        """
        asked = list(zip(map(tuple, prompts), map(tuple, completions), strict=True))
        unique = list(dict.fromkeys(asked))
        ids = [list(p) for p, _ in unique], [list(c) for _, c in unique]
        try:
            if kind_of(self.model) == "outcome":
                found = score_completions(self.model, tokenizer, *ids, dtype=self.dtype)
            else:
                steps = score_steps(self.model, tokenizer, *ids, dtype=self.dtype)
                found = [solution_score(s, "min") for s in steps]
        except RewardModelError as err:
            raise StageError(f"reward model '{self.name}': {err}") from err
        known = dict(zip(unique, found, strict=True))
        return [known[a] for a in asked]


def ranked(rows: _Rows, path: Path, ranker: Ranker | None, tokenizer) -> _Rows:
    """The rows with a ``reward`` in each sample, stored at ``path``; without any where ``ranker`` is None.

    _Rows that this reward model has scored before are taken as they are.
    """
    found = read_file(path)
    header = found[0] if found else {}
    wanted = ranker.digest if ranker else ""
    if header.get("reward_model", "") == wanted:
        return rows
    bare = [{**r, "samples": [_without(s) for s in r["samples"]]} for r in rows]
    if ranker is not None:
        prompts = [r["prompt_ids"] for r in bare for _ in r["samples"]]
        scores = iter(
            ranker.scores(tokenizer, prompts, [s["ids"] for r in bare for s in r["samples"]])
        )
        bare = [
            {**r, "samples": [{**s, "reward": next(scores)} for s in r["samples"]]} for r in bare
        ]
    header = {k: v for k, v in header.items() if k != "reward_model"}
    write_file(path, header | ({"reward_model": wanted} if wanted else {}), bare)
    return bare


def _without(sample: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in sample.items() if k != "reward"}
