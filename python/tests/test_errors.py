"""Damaged and foreign files give errors that name the file and say what is wrong."""

import shutil
from functools import partial

import neurogain
import pytest
from conftest import refused

SUMMARY = "summary.json"


def test_directories_of_another_kind(copy, sweep, tmp_path):
    refused(lambda: neurogain.open_run(sweep.path), sweep.path, "use open_sweep")
    refused(lambda: neurogain.open_sweep(copy), copy, "use open_run")
    refused(lambda: neurogain.open_run(tmp_path), tmp_path, f"such as {copy}")
    refused(lambda: neurogain.open_run(copy / "runs"), copy / "runs", "has no config.toml; a run directory holds")
    refused(lambda: neurogain.open_sweep(tmp_path), tmp_path, "it has no sweep.toml; the directory of a sweep holds")
    for call in (neurogain.open_run, neurogain.open_sweep):
        refused(partial(call, tmp_path / "none"), tmp_path / "none", "there is no such directory")
        refused(partial(call, copy / "summary.json"), copy / "summary.json", "it is not a directory")


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("config.toml", "name = ", "is not TOML"),
        ("config.toml", 'kind = "another"', "kind is 'another'"),
        ("config.toml", 'name = "x"', "'methods'"),
        (SUMMARY, "{", "is not JSON"),
        (SUMMARY, "[]", "is not a JSON object"),
        (SUMMARY, "{}", "hash is missing"),
        (SUMMARY, None, "neurogain report"),
    ],
)
def test_damaged_files_of_a_run(copy, name, text, problem):
    path = copy / name
    path.unlink() if text is None else path.write_text(text)
    refused(lambda: neurogain.open_run(copy), path, problem)


def test_files_of_another_run(copy):
    path = copy / "runs" / "sgd-99.csv"
    path.write_text("iteration\n")
    refused(lambda: neurogain.open_run(copy), path, "no run 'sgd-99'")


def test_damaged_files_of_a_job(copy):
    pytest.importorskip("safetensors")
    run = neurogain.open_run(copy)
    for call in (neurogain.history, neurogain.weights):
        refused(partial(call, run, "sgd-99"), copy, "no job 'sgd-99'")
    for call, folder, end in ((neurogain.history, "runs", "npz"), (neurogain.weights, "weights", "safetensors")):
        path = copy / folder / f"sgd-1.{end}"
        path.write_bytes(b"damaged")
        refused(partial(call, run, "sgd-1"), path, "is not a")
        path.unlink()
        refused(partial(call, run, "sgd-1"), path, "No such file")
    path = copy / "runs" / "sgd-1.csv"
    path.write_bytes(b"")
    refused(lambda: neurogain.records(run), path, "is not CSV")


def test_damaged_sweeps(sweep_directory, tmp_path):
    copy = shutil.copytree(sweep_directory, tmp_path / "copy")
    shutil.rmtree(copy / "cells" / "002")
    refused(lambda: neurogain.open_sweep(copy), copy / "cells" / "002", "there is no such directory")
    path = copy / "sweep.json"
    path.write_text("{}")
    refused(lambda: neurogain.open_sweep(copy), path, "'grid'")
    path.unlink()
    refused(lambda: neurogain.open_sweep(copy), path, "--collect")


def test_digits_that_are_none(tmp_path):
    path = tmp_path / "digits.bin"
    path.write_bytes(b"x" * 66)
    refused(lambda: neurogain.read_digits(path), path, "65 bytes")
