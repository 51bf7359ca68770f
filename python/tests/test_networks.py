"""Networks in PyTorch give the program's accuracies and losses on the digits."""

import neurogain
import numpy
import pytest
from conftest import DIGITS, refused

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors.numpy import load_file, save_file


@pytest.mark.parametrize("name", ["gap", "resnet"])
def test_the_logits_give_the_programs_accuracies(name, request):
    run = request.getfixturevalue(name)
    _, test = neurogain.read_digits(DIGITS)
    task = test.of_classes([0, 1])
    labels = torch.from_numpy(task.labels.astype(numpy.int64))
    for job in run.jobs:
        network = neurogain.load_network(run, job)
        with torch.no_grad():
            logits = network(torch.from_numpy(neurogain.inputs(run, task.images)))
        history = neurogain.history(run, job)
        accuracy = (logits.argmax(1) == labels).double().mean().item()
        assert accuracy == history["test_accuracy"][-1], job
        loss = torch.nn.functional.cross_entropy(logits, labels).item()
        assert loss == pytest.approx(history["test_loss"][-1], rel=1e-5), job


def test_a_network_can_be_trained_on(gap):
    network = neurogain.load_network(gap, "ngm-sgd-1")
    training, _ = neurogain.read_digits(DIGITS)
    x = torch.from_numpy(neurogain.inputs(gap, training.images))
    y = torch.from_numpy(training.labels.astype(numpy.int64))
    optimizer = torch.optim.SGD(network.train().parameters(), 0.01)
    losses = []
    for _ in range(10):
        loss = torch.nn.functional.cross_entropy(network(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", ["comodulation", "plasticity"])
def test_what_is_not_supported_is_named(name, request):
    run = request.getfixturevalue(name)
    with pytest.raises(neurogain.FileError, match=f"config.toml: networks of {name}"):
        neurogain.load_network(run, next(iter(run.jobs)))


def test_other_networks_are_named(program):
    """Feed-forward networks, which have biases."""
    settings = ["stream.iterations=1", 'network={kind="feedforward",hidden=[20]}']
    arguments = ("run", "split-digits", "--variants", "learners", "--methods", "sgd", "--seeds", "1")
    run = neurogain.open_run(program(*arguments, "--out", "run", settings=settings) / "run")
    with pytest.raises(neurogain.FileError, match="network.kind is 'feedforward'"):
        neurogain.load_network(run, "sgd-1")


def test_weights_of_another_network(copy):
    run = neurogain.open_run(copy)
    path = copy / "weights" / "sgd-1.safetensors"
    tensors = load_file(path)
    save_file(tensors | {"bias": tensors["output.gain"]}, path)
    refused(lambda: neurogain.load_network(run, "sgd-1"), path, "another network: bias")
    del tensors["output"]
    save_file(tensors, path)
    refused(lambda: neurogain.load_network(run, "sgd-1"), path, "no tensor 'output'")
