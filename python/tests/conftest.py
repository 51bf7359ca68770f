"""Runs of the program itself: of the one that the variable NEUROGAIN names, or of the release build."""

import os
import shutil
import subprocess
from pathlib import Path

import neurogain
import pytest

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "data" / "digits" / "digits.bin"


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """Calls the program with these arguments in a folder of its own, which is returned. `code` is the expected exit code:
    1 if training diverges."""
    path = Path(os.environ.get("NEUROGAIN", ROOT / "target" / "release" / "neurogain")).resolve()
    assert path.exists(), f"{path} is missing: cargo build --release, or name the program in NEUROGAIN"

    def call(*arguments, settings=(), code=0):
        folder = tmp_path_factory.mktemp("run")
        changes = [word for setting in settings for word in ("--set", setting)]
        quiet = [] if arguments[0] == "report" else ["--quiet"]
        command = [path, *arguments, *changes, *quiet]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stderr
        return folder

    return call


@pytest.fixture(scope="session")
def gap(program):
    """Four methods, three seeds, five contexts of 8 iterations; every task is evaluated."""
    arguments = ("run", "split-digits", "--seeds", "1..3", "--eval-tasks", "all", "--out", "run")
    return neurogain.open_run(program(*arguments, settings=["stream.iterations=8"]) / "run")


@pytest.fixture(scope="session")
def resnet(program):
    """The slim ResNet-18, evaluated every four iterations, with gains in convolutions too."""
    settings = [
        "network.kind=slim-resnet18",
        "network.width=3",
        "network.head_standard_deviation=0.05",
        'network.modulated=["head", "stage2"]',
        "stream.iterations=8",
        "evaluation.every=4",
    ]
    arguments = ("run", "split-digits", "--seeds", "1", "--methods", "ngm-sgd,msgd", "--out", "run")
    return neurogain.open_run(program(*arguments, settings=settings) / "run")


@pytest.fixture(scope="session")
def comodulation(program):
    """Two methods, two numbers of labelled samples, three seeds."""
    settings = [
        "pretraining.epochs=[1]",
        "data.samples=100",
        "readouts.iterations=3",
        "adaptation.iterations=3",
        "adaptation.samples=[10,20]",
        "network.width=2",
    ]
    methods = ("--methods", "attention,comodulation")
    arguments = ("run", "comodulation-digits", "--seeds", "1..3", *methods, "--out", "run")
    return neurogain.open_run(program(*arguments, settings=settings) / "run")


@pytest.fixture(scope="session")
def plasticity(program):
    """Two learners, three seeds, two tasks."""
    settings = ["data.samples=100", "stream.tasks=2"]
    arguments = ("run", "short-digits", "--seeds", "1..3", "--methods", "sgd,neumosync", "--out", "run")
    return neurogain.open_run(program(*arguments, settings=settings) / "run")


SWEEP = """
base = "split-digits"
seeds = [1, 2]
methods = ["sgd", "ngm-sgd"]

[grid]
gain.eta = [0.1, 0.2]
stream.iterations = [4]
"""


@pytest.fixture(scope="session")
def sweep_directory(program, tmp_path_factory):
    file = tmp_path_factory.mktemp("sweep") / "sweep.toml"
    file.write_text(SWEEP)
    return program("sweep", file, "--out", "sweep") / "sweep"


@pytest.fixture(scope="session")
def sweep(sweep_directory):
    return neurogain.open_sweep(sweep_directory)


@pytest.fixture
def copy(gap, tmp_path):
    """A copy of a run that can be damaged."""
    return shutil.copytree(gap.path, tmp_path / "copy")


def refused(call, path, problem):
    """Checks that `call` raises an error that names `path` and the problem."""
    with pytest.raises(neurogain.FileError) as found:
        call()
    assert str(found.value).startswith(f"{path}: "), found.value
    assert problem in str(found.value)
    assert found.value.path == path
