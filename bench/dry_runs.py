"""Every GPU scale in miniature on this CPU, stage by stage: what ``dsmath run SCALE --dry`` does, and how long it took.

    python bench/dry_runs.py --out reports/reference/bench/dry_run.json [SCALE …]

It shows that parameters load, prompts are built and a step of every stage runs on a small model of the same
architecture. It measures nothing about a GPU.
"""

import argparse
import json
import tempfile
from pathlib import Path

from dsmath_lib.app.dry_run import dry_run
from dsmath_lib.app.plan_command import checked_params
from dsmath_lib.app.scaling_table import gpu_scales
from dsmath_lib.base.files import read_json
from dsmath_lib.base.machine import environment


def dry_rows(scale: str) -> list[dict]:
    """Rows of one scale: stage, whether it ended well, its seconds and peak memory."""
    with tempfile.TemporaryDirectory(prefix="dsmath-dry-") as folder:
        code = dry_run(scale, Path(folder))
        reports = Path(folder) / "reports" / scale
        rows = []
        for stage in checked_params(scale):
            found = read_json(reports / stage / "results.json")
            error = read_json(reports / stage / "digest.json").get("error")
            row = {"scale": scale, "stage": stage, "ok": bool(found), "error": error}
            peak = (found.get("peak_memory_mb") or {}).get("resident")
            rows.append(row | {"seconds": found.get("seconds"), "peak_mb": peak})
    print(json.dumps({"scale": scale, "code": code}), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scales", nargs="*")
    parser.add_argument("--out", required=True)
    a = parser.parse_args()
    kept = read_json(Path(a.out)).get("rows") or []
    for scale in a.scales or gpu_scales():
        kept = [r for r in kept if r["scale"] != scale] + dry_rows(scale)
        text = json.dumps({"rows": kept, "environment": environment()}, indent=1)
        Path(a.out).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
