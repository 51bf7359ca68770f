"""The package has the version of the program."""

import tomllib

import neurogain
from conftest import ROOT


def test_its_version_is_that_of_the_program():
    crate = tomllib.loads((ROOT / "Cargo.toml").read_text())
    assert neurogain.__version__ == crate["package"]["version"]
