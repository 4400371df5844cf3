"""Run notebooks as Colab does, with its versions: `make test-colab`.

`google.colab` is a stand-in whose drive is an empty folder. The first cell installs the package
with pip from the repository's address, which git is told to find in this clone.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import papermill
import yaml

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = (
    "20_real_vlm_scienceqa_maps",
    "21_real_vlm_mmstar",
    "01_meet_the_mini_vlm",
    "05_talo",
)
DRIVE = """
def mount(path):
    print("mounted", path)
"""


def pretend(site):
    """Put a stand-in for `google.colab` where every Python that starts imports it."""
    colab = site / "google" / "colab"
    colab.mkdir(parents=True)
    (colab / "__init__.py").write_text("")
    (colab / "drive.py").write_text(DRIVE)
    (site / "sitecustomize.py").write_text("import google.colab\n")


def without_drive(notebook, drive):
    """The notebook, with the drive's folder in the place of the path it has on Colab."""
    for cell in notebook.cells:
        cell.source = cell.source.replace("/content/drive", str(drive))
    return notebook


def parameters(name):
    """The values of the smallest scale."""
    scales = yaml.safe_load((ROOT / "notebooks" / "scales.yml").read_text())["test"]
    known = papermill.inspect_notebook(str(ROOT / "notebooks" / f"{name}.ipynb"))
    found = {**scales["common"], **scales.get(name, {}), "RESULTS": "results"}
    return {key: value for key, value in found.items() if key in known}


def main():
    """Install by the first cell, then run every cell; the package must come from that install."""
    import stand_ins  # needs the package, which the first cell is to install

    drawn = ROOT / "_build" / "stand_ins"
    stand_ins.write(drawn)
    uninstall = [sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", "talo-mini"]
    subprocess.run(uninstall, check=True)
    address = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
    with tempfile.TemporaryDirectory() as place:
        folder, site = Path(place), Path(place) / "site"
        pretend(site)
        shutil.copytree(drawn, folder / "_build" / "stand_ins")
        os.environ |= {
            "PYTHONPATH": str(site),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{ROOT.as_uri()}.insteadOf",
            "GIT_CONFIG_VALUE_0": address,
        }
        for name in NOTEBOOKS:
            source = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", 4)
            nbformat.write(without_drive(source, folder / "drive"), folder / f"{name}.ipynb")
            papermill.execute_notebook(
                str(folder / f"{name}.ipynb"),
                str(folder / f"{name}.done.ipynb"),
                parameters(name),
                cwd=str(folder),
                kernel_name="python3",
                progress_bar=False,
            )
            print(f"{name}: all cells ran", flush=True)
        where = [sys.executable, "-c", "import talo_mini; print(talo_mini.__file__)"]
        told = subprocess.run(where, cwd=folder, capture_output=True, text=True, check=True).stdout
        assert not told.startswith(str(ROOT / "talo_mini")), f"the package came from {told}"
        assert list((folder / "drive").rglob("*.parquet")), "nothing was kept on the drive"
    print("the notebooks run as on Colab")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "notebooks"))
    main()
