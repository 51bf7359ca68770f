"""The notebook runs as it is documented, and its figure has the numbers of the program's report."""

import json
import os

import pytest
from conftest import ROOT

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")

NOTEBOOK = ROOT / "python" / "notebooks" / "stability-gap.ipynb"
# Printed by a cell that the test adds: the minimum of each method's mean curve within each context.
MINIMA = """
import json
least = curves.groupby(["method", "context"])["mean"].min()
print(json.dumps({name: least[name].tolist() for name in labels}))
"""


def test_it_holds_no_outputs():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert len(code) > 3
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


def test_its_figure_is_that_of_the_report(program, monkeypatch):
    folder = program("run", "split-digits", "--seeds", "1..3", settings=["stream.iterations=10"])
    # The kernel imports the package under test.
    path = os.pathsep.join([str(ROOT / "python"), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(MINIMA))
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": folder}}).execute()

    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    images = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(images) == 1
    found = json.loads(outputs[-1].text)
    summary = json.loads((folder / "runs" / "split-digits-001" / "summary.json").read_text())
    assert len(found) == 4
    for method in summary["methods"]:
        expected = method["minimum_of_seed_averaged_curve"]["minimum_accuracy"]
        assert found[method["method"]] == pytest.approx([100 * least for least in expected])
