"""Reads the results of neurogain: run directories and sweeps as pandas tables, NumPy arrays and PyTorch networks.

>>> import neurogain
>>> run = neurogain.open_run("runs/split-digits-001")
>>> neurogain.summary(run)                        # mean and standard deviation of every measure of every method
>>> neurogain.history(run, "ngm-sgd-42")["gain"]  # [iterations][layers]
>>> network = neurogain.load_network(run, "ngm-sgd-42")

`load_network` needs PyTorch; `weights` and `load_network` need the package safetensors.
"""

from .arrays import Digits, effective_weights, history, inputs, read_digits, weights
from .networks import load_network
from .runs import Cell, FileError, Job, Run, Sweep, open_run, open_sweep
from .tables import differences, measures, records, summary

__version__ = "0.1.0"

__all__ = [
    "Cell",
    "Digits",
    "FileError",
    "Job",
    "Run",
    "Sweep",
    "differences",
    "effective_weights",
    "history",
    "inputs",
    "load_network",
    "measures",
    "open_run",
    "open_sweep",
    "read_digits",
    "records",
    "summary",
    "weights",
]
