"""Run directories and the directories of sweeps."""

import json
import tomllib
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path


class FileError(ValueError):
    """A file or directory that cannot be read as a result of neurogain. The message begins with its path."""

    def __init__(self, path, problem):
        super().__init__(f"{path}: {problem}")
        self.path = Path(path)


@dataclass(frozen=True)
class Job:
    """One method with one seed, or a part of it: what `runs/ID.csv` and `weights/ID.safetensors` belong to."""

    id: str
    method: str
    """The name of the method; `pretraining` and `readouts` for what comodulation methods start from."""
    seed: int
    epochs: int | None = None
    """Comodulation: epochs of pretraining."""
    labelled_samples: int | None = None
    """Comodulation: labelled samples per task; `None` for all."""
    part: str | None = None
    """Plasticity: `fresh` and `again` for the copies that learn each task from a fresh network and once more."""


@dataclass(frozen=True)
class Run:
    """A run directory. `jobs` are those that have records, by their names."""

    path: Path
    system: str
    """`stability-gap`, `comodulation` or `plasticity`."""
    config: dict = field(repr=False)
    """`config.toml`: all settings."""
    summary: dict = field(repr=False)
    """`summary.json`: measures and status."""
    jobs: dict[str, Job] = field(repr=False)

    @property
    def name(self) -> str:
        """The name of the benchmark."""
        return self.config["name"]

    @property
    def hash(self) -> str | None:
        """The hash of all results; `None` if the run is not complete."""
        return self.summary["hash"]


@dataclass(frozen=True)
class Cell:
    """A cell of a sweep."""

    number: int
    settings: dict
    """The cell's value of each setting in the grid."""
    run: Run | None
    """The cell's run directory; `None` if the cell has not been run."""
    incomplete: list[str]
    """A line for each job that is not complete."""


@dataclass(frozen=True)
class Sweep:
    """The directory of a sweep."""

    path: Path
    name: str
    """The name of the benchmark that the sweep varies."""
    grid: dict[str, list]
    """The values of each setting that is varied."""
    cells: list[Cell] = field(repr=False)


def open_run(path) -> Run:
    """Opens the run directory `path`, whose report must have been written."""
    path = Path(path)
    if not (path / "config.toml").exists():
        if (path / "sweep.toml").exists():
            raise FileError(path, "it is the directory of a sweep; use open_sweep")
        holds = "a run directory holds config.toml, runs/ and summary.json"
        raise FileError(path, f"{_lacking(path, 'config.toml')}; {holds}; {_instead(path, 'config.toml', 'run')}")
    config = read_toml(path / "config.toml")
    wanted = path / "summary.json"
    if not wanted.exists():
        raise FileError(wanted, f"it is missing; to write it: neurogain report {path}")
    summary = read_json(wanted)
    system = config.get("kind", "stability-gap")
    if system not in PLANS:
        raise FileError(path / "config.toml", f"kind is {system!r}, expected one of {', '.join(PLANS)}")
    try:
        plan = {job.id: job for job in PLANS[system](config)}
    except (KeyError, TypeError) as error:
        raise FileError(path / "config.toml", f"the settings of {system} are incomplete: {error!r}") from error
    for key in ("hash", "methods", "measures"):
        if key not in summary:
            raise FileError(wanted, f"{key} is missing; was it written by neurogain?")
    found = sorted(file.stem for file in (path / "runs").glob("*.csv") if not file.name.startswith("."))
    for name in found:
        if name not in plan:
            raise FileError(path / "runs" / f"{name}.csv", f"config.toml has no run {name!r}")
    return Run(path, system, config, summary, {name: job for name, job in plan.items() if name in found})


def open_sweep(path) -> Sweep:
    """Opens the directory `path` of a sweep, whose results must have been collected."""
    path = Path(path)
    if not (path / "sweep.toml").exists():
        if (path / "config.toml").exists():
            raise FileError(path, "it is a run directory; use open_run")
        holds = "the directory of a sweep holds sweep.toml, cells/ and sweep.json"
        raise FileError(path, f"{_lacking(path, 'sweep.toml')}; {holds}; {_instead(path, 'sweep.toml', 'sweep')}")
    file = path / "sweep.json"
    if not file.exists():
        raise FileError(file, f"it is missing; to write it: neurogain sweep --collect {path}")
    collected = read_json(file)
    try:
        grid = {axis["setting"]: axis["values"] for axis in collected["grid"]}
        cells = [
            Cell(
                cell["cell"],
                cell["settings"],
                None if cell["summary"] is None else open_run(path / "cells" / f"{cell['cell']:03}"),
                cell["incomplete"],
            )
            for cell in collected["cells"]
        ]
        return Sweep(path, collected["experiment"], grid, cells)
    except (KeyError, TypeError) as error:
        raise FileError(file, f"it is not a collected sweep: {error!r}") from error


def _lacking(path, file):
    if path.is_dir():
        return f"it has no {file}"
    return "it is not a directory" if path.exists() else "there is no such directory"


def _instead(path, file, command):
    """What to open instead: the first directory in `path` that has `file`, or one that `command` makes."""
    inside = sorted(found.parent for found in path.glob(f"*/{file}")) if path.is_dir() else []
    return f"open one of those in it, such as {inside[0]}" if inside else f"open one that `neurogain {command}` has made"


def _plan_stability_gap(config):
    for method, seed in product(config["methods"], config["training"]["seeds"]):
        yield Job(f"{method['name']}-{seed}", method["name"], seed)


def _plan_comodulation(config):
    seeds, epochs = config["training"]["seeds"], config["pretraining"]["epochs"]
    for name, count, seed in product(("pretraining", "readouts"), epochs, seeds):
        yield Job(f"{name}-{count}-{seed}", name, seed, count)
    # Without a list of numbers of samples, a task has all of them.
    samples = config["adaptation"]["samples"] or [None]
    for method, count, number, seed in product(config["methods"], epochs, samples, seeds):
        name = method["name"]
        condition = f"{count}" if number is None else f"{count}-{number}"
        yield Job(f"{name}-{condition}-{seed}", name, seed, count, number)


def _plan_plasticity(config):
    for method, seed, part in product(config["methods"], config["training"]["seeds"], (None, "fresh", "again")):
        name = f"{method['name']}-{seed}"
        yield Job(f"{name}-{part}" if part else name, method["name"], seed, part=part)


PLANS = {
    "stability-gap": _plan_stability_gap,
    "comodulation": _plan_comodulation,
    "plasticity": _plan_plasticity,
}


def read_toml(path):
    """The table in the TOML file `path`."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(path, error.strerror) from error
    except ValueError as error:
        raise FileError(path, f"is not TOML: {error}") from error


def read_json(path):
    """The object in the JSON file `path`."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(path, error.strerror) from error
    except ValueError as error:
        raise FileError(path, f"is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise FileError(path, "is not a JSON object")
    return found
