"""A finished notebook opened again: it is read, any cell can be run again, and the chain is still up to date."""

import json
import time

import nbformat
import pytest
from nbclient import NotebookClient

from dsmath_lib.base.paths import ROOT
from tests.chain import environment, run_smoke

STAGES = sorted(p.stem for p in (ROOT / "notebooks").glob("*.ipynb"))


def tree(folder):
    return {p.relative_to(folder) for p in folder.rglob("*") if p.suffix != ".pyc"}


@pytest.mark.parametrize("stage", STAGES)
def test_cells_run_up_and_down(smoke, stage):
    """Run All with another scale in the first line, as in JupyterLab; then each cell from the last to the first."""
    folder = smoke.folder / stage
    before, files = (folder / "results.json").read_bytes(), tree(folder)
    nb = nbformat.read(ROOT / "notebooks" / f"{stage}.ipynb", as_version=4)
    cells = [c for c in nb.cells if c.cell_type == "code"]
    for c in cells:
        if "parameters" in c.metadata.get("tags", []):
            c.source = c.source.replace('scale: str = "toy"', 'scale: str = "smoke"')
    env = environment(smoke.root)
    client = NotebookClient(nb, kernel_name="python3", timeout=300)
    with client.setup_kernel(cwd=str(ROOT), env=env):
        started = time.monotonic()
        for order in (cells, reversed(cells)):
            for cell in order:
                client.execute_cell(cell, nb.cells.index(cell))
        print(f"{stage}: {time.monotonic() - started:.0f} s")
    assert (folder / "results.json").read_bytes() == before
    assert files <= tree(folder), "nothing is removed"
    printed = [o.get("text", "") for c in cells for o in c.outputs]
    assert any("finished already" in text for text in printed)
    assert json.loads(before)["params"]["scale"] == "smoke"


def test_the_chain_is_still_up_to_date(smoke):
    again = run_smoke(smoke.root)
    assert again.code == 0 and again.out.count("up to date") == len(STAGES), again.out
