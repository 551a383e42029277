"""Fine-tuning and GRPO with LoRA at smoke size, from a copy of the chain."""

import json
import shutil

from tests.chain import run_smoke


def test_an_adapter_goes_through_the_chain(frozen, tmp_path):
    """03 and 05 train an adapter; each stage reads a plain model of the one before."""
    for name in ("01_corpus_mining", "02_pretraining"):
        shutil.copytree(frozen.folder / name, tmp_path / "smoke" / name)
    # random: a signal whatever is written; without the comparison no models of 04 are needed
    how = "-p lora_rank 8 -p reward_rule random -p compare_steps 0".split()
    done = run_smoke(tmp_path, "03_sft", "05_grpo", *how)
    assert done.code == 0, done.out[-3000:]
    for stage, model in (("03_sft", "sft"), ("05_grpo", "policy")):
        folder = tmp_path / "smoke" / stage
        results = json.loads((folder / "results.json").read_text())
        assert results["params"]["lora_rank"] == 8
        kept = folder / "artifacts" / model
        assert (kept / "model.safetensors").is_file()
        assert (kept / "adapter/adapter_model.safetensors").is_file()
        assert "lora" not in (kept / "config.json").read_text()
    assert results["metrics"]["weights_moved"] > 0
    assert results["metrics"]["mismatch"] < 1e-3
    assert "sampler may hold old weights" not in (folder / "log.jsonl").read_text()
