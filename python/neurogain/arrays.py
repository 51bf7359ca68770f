"""Histories, weights and samples as NumPy arrays."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy

from .runs import FileError, Run
from .tables import find_job


def history(run: Run, job: str) -> dict[str, numpy.ndarray]:
    """The records of a job, `runs/JOB.npz`: an array for each column, and `[steps][layers]` for columns of layers, such
    as `gain`, whose layers `layers` names."""
    find_job(run, job)
    path = run.path / "runs" / f"{job}.npz"
    try:
        with numpy.load(path) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except OSError as error:
        raise FileError(path, error.strerror or error) from error
    except (ValueError, zipfile.BadZipFile) as error:
        raise FileError(path, f"is not a NumPy archive: {error}") from error


def weights(run: Run, job: str) -> dict[str, numpy.ndarray]:
    """The final weights of a job, `weights/JOB.safetensors`, by the names of the layers: weights W `[outputs][inputs]`
    or `[outputs][height][width][inputs]`, gains `LAYER.gain` `[outputs]`, running mean and variance `LAYER.running`
    `[2][channels]`. Names that begin with `learner.` are the learner's state."""
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError("weights are read with safetensors: pip install safetensors") from error
    find_job(run, job)
    path = run.path / "weights" / f"{job}.safetensors"
    try:
        return safetensors.numpy.load_file(path)
    except OSError as error:
        raise FileError(path, error.strerror or error) from error
    except safetensors.SafetensorError as error:
        raise FileError(path, f"is not a safetensors file: {error}") from error


def effective_weights(weights: dict[str, numpy.ndarray]) -> dict[str, numpy.ndarray]:
    """W_eff = g·W of each layer that has gains, W of the others; without gains and the learner's state."""
    effective = {}
    for name, value in weights.items():
        if name.startswith("learner.") or name.endswith(".gain"):
            continue
        gain = weights.get(f"{name}.gain")
        # One gain per output, the first dimension.
        effective[name] = value if gain is None else value * gain.reshape(-1, *[1] * (value.ndim - 1))
    return effective


def inputs(run: Run, pixels: numpy.ndarray) -> numpy.ndarray:
    """The network's inputs for `pixels`, bytes `[samples][height][width]` or `[samples][height][width][channels]`:
    (x/maximum − mean)/standard_deviation with the constants of `[data]` in config.toml, as float32
    `[samples][channels][height][width]`, PyTorch's order."""
    data = run.config["data"]
    images = numpy.asarray(pixels, numpy.float64)
    if images.ndim == 3:
        images = images[..., None]
    constants = [numpy.asarray(data[name]) for name in ("mean", "standard_deviation")]
    if images.ndim != 4 or any(len(of) not in (1, images.shape[3]) for of in constants):
        expected = f"images of {len(constants[0])} channels, [samples][height][width][channels]"
        raise ValueError(f"pixels have the shape {list(numpy.shape(pixels))}, expected {expected}")
    mean, deviation = constants
    scaled = (images / data["maximum"] - mean) / deviation
    return numpy.ascontiguousarray(scaled.transpose(0, 3, 1, 2), dtype=numpy.float32)


@dataclass(frozen=True)
class Digits:
    """Images `[samples][8][8]` with pixels 0 to 16, and their labels."""

    images: numpy.ndarray
    labels: numpy.ndarray

    def of_classes(self, classes) -> "Digits":
        """The samples of these classes."""
        chosen = numpy.isin(self.labels, list(classes))
        return Digits(self.images[chosen], self.labels[chosen])


def read_digits(path) -> tuple[Digits, Digits]:
    """The training and test samples of the built-in digits, from `data/digits/digits.bin` of neurogain's source. In each
    class every third sample is a test sample."""
    path = Path(path)
    try:
        found = numpy.frombuffer(path.read_bytes(), numpy.uint8)
    except OSError as error:
        raise FileError(path, error.strerror) from error
    if found.size % 65 or found.size == 0:
        raise FileError(path, f"has {found.size} bytes, expected records of 65 bytes, as in data/digits/digits.bin")
    found = found.reshape(-1, 65)
    images, labels = found[:, :64].reshape(-1, 8, 8), found[:, 64]
    test = numpy.zeros(len(labels), bool)
    for label in numpy.unique(labels):
        test[numpy.flatnonzero(labels == label)[2::3]] = True
    return Digits(images[~test], labels[~test]), Digits(images[test], labels[test])
