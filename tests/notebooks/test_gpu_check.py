"""``dsmath gpu-check`` on a CPU at smoke size: all pieces run, and the folder to send back is whole."""

import json
import subprocess
import sys

from dsmath_lib.base.paths import ROOT
from tests.chain import environment


def test_all_pieces_run_and_leave_a_small_folder(smoke):
    command = [sys.executable, "-m", "dsmath_lib.app.cli", "gpu-check", "--scale", "smoke"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(smoke.root), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    folder = smoke.root / "gpu-check" / "smoke"
    chain = json.loads((folder / "chain.json").read_text())
    assert chain["ok"] and len(chain["result"]) == 10
    for stage in ("02_pretraining", "03_sft", "05_grpo", "06_one_gradient"):
        facts = chain["result"][stage]
        assert facts["plan"]["peak_mb"] > 0 and facts["peak_memory_mb"]["resident"] > 0
    for name in ("rollouts", "training"):
        assert json.loads((folder / f"bench_{name}.json").read_text())["result"]["bench"] == name
    summary = (folder / "summary.md").read_text()
    assert "05_grpo" in summary and "NO" not in summary.split("| stage |")[0]
    assert sum(p.stat().st_size for p in folder.iterdir()) < 200_000
    again = subprocess.run(
        command, cwd=ROOT, env=environment(smoke.root), capture_output=True, text=True, check=False
    )
    assert again.returncode == 0 and chain == json.loads((folder / "chain.json").read_text())
