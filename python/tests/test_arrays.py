"""Weights, inputs and digits in NumPy give the program's accuracies."""

import neurogain
import numpy
import pytest
from conftest import DIGITS

pytest.importorskip("safetensors")

TASKS = [range(2 * task, 2 * task + 2) for task in range(5)]


def test_a_perceptron_in_numpy_gives_the_programs_accuracies_and_losses(gap):
    """Of all five tasks at the last iteration, for every method and seed."""
    _, test = neurogain.read_digits(DIGITS)
    for job in gap.jobs:
        effective = neurogain.effective_weights(neurogain.weights(gap, job))
        assert list(effective) == ["hidden1", "hidden2", "output"]
        history = neurogain.history(gap, job)
        for number, classes in enumerate(TASKS, start=1):
            task = test.of_classes(classes)
            x = neurogain.inputs(gap, task.images).reshape(len(task.labels), -1).astype(float)
            for name in ("hidden1", "hidden2"):
                x = numpy.maximum(x @ effective[name].T, 0)
            logits = x @ effective["output"].T
            suffix = "" if number == 1 else f"_task{number}"
            accuracy = numpy.mean(logits.argmax(1) == task.labels)
            assert accuracy == history[f"test_accuracy{suffix}"][-1], (job, number)
            highest = logits.max(1, keepdims=True)
            log = logits - highest - numpy.log(numpy.exp(logits - highest).sum(1, keepdims=True))
            loss = -log[numpy.arange(len(log)), task.labels].mean()
            assert loss == pytest.approx(history[f"test_loss{suffix}"][-1], rel=1e-5), (job, number)


def test_gains_are_those_of_the_history(gap):
    job = "ngm-sgd-2"
    weights, history = neurogain.weights(gap, job), neurogain.history(gap, job)
    assert history["gain"].shape == (40, 3)
    for at, layer in enumerate(history["layers"]):
        assert history["gain"][-1, at] > 1
        numpy.testing.assert_allclose(weights[f"{layer}.gain"], history["gain"][-1, at], rtol=1e-6)
        effective = neurogain.effective_weights(weights)[layer]
        numpy.testing.assert_allclose(effective, weights[layer] * history["gain"][-1, at], rtol=1e-6)


def test_convolutions_have_a_gain_for_each_output(resnet):
    weights = neurogain.weights(resnet, "ngm-sgd-1")
    effective = neurogain.effective_weights(weights)
    name = "stage2.block1.first"
    assert weights[name].shape == (6, 3, 3, 3)
    numpy.testing.assert_array_equal(effective[name][4], weights[name][4] * weights[f"{name}.gain"][4])
    numpy.testing.assert_array_equal(effective["stem"], weights["stem"])
    assert not [name for name in effective if name.endswith(".gain")]


def test_the_digits_are_divided_as_in_the_program():
    training, test = neurogain.read_digits(DIGITS)
    assert (len(training.labels), len(test.labels)) == (1201, 596)
    assert len(test.of_classes([0, 1]).labels) == 119
    assert training.images.shape == (1201, 8, 8) and training.images.max() == 16


def test_inputs_have_pytorchs_order(gap):
    gap.config["data"]
    pixels = numpy.zeros((2, 3, 4, 1), numpy.uint8)
    pixels[1, 2, 3] = 16
    found = neurogain.inputs(gap, pixels)
    assert found.shape == (2, 1, 3, 4) and found.dtype == numpy.float32
    assert found[1, 0, 2, 3] == pytest.approx((1 - 0.3053) / 0.3761)
    assert found[0, 0, 0, 0] == pytest.approx(-0.3053 / 0.3761)
    with pytest.raises(ValueError, match="channels"):
        neurogain.inputs(gap, pixels[0, :, :, 0])
