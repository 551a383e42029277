"""Where the project, its parameter files and its reports lie."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


PARAMS_DIR = ROOT / "params"
