#!/usr/bin/env python3
"""neurogain beside PyTorch's CPU: the same training steps and evaluations, taking turns on one machine.

    cargo build --release
    pip install torch numpy
    benches/pytorch.py [--threads N] [--rounds N] [--program target/release/neurogain]

Each round first runs every PyTorch subject, then `neurogain bench "MLP"` and `neurogain bench "ResNet"`;
medians over the rounds are compared. PyTorch's layers here have no gains, so that it does a little less.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

NEURONS = [784, 400, 400, 10]
CLASSES = 10
BATCH = 256


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            convolution = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(convolution, nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.first_norm(self.first(x)))
        return F.relu(self.second_norm(self.second(y)) + self.shortcut(x))


def resnet(width=20):
    layers = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    inputs = width
    for stage, stride in enumerate([1, 2, 2, 2]):
        outputs = width * 2**stage
        layers += [Block(inputs, outputs, stride), Block(outputs, outputs, 1)]
        inputs = outputs
    layers += [nn.AvgPool2d(4), nn.Flatten(), nn.Linear(inputs, CLASSES, bias=False)]
    return nn.Sequential(*layers)


def mlp():
    layers = []
    for inputs, outputs in zip(NEURONS, NEURONS[1:]):
        layers += [nn.Linear(inputs, outputs, bias=False), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def labels(samples):
    return torch.arange(samples) % CLASSES


def step(network, x, optimiser):
    y = labels(len(x))

    def call():
        optimiser.zero_grad(set_to_none=False)
        F.cross_entropy(network(x), y).backward()
        optimiser.step()

    return call


def evaluation(network, x):
    network.eval()
    y = labels(len(x))

    def call():
        with torch.inference_mode():
            F.cross_entropy(network(x), y)

    return call


def mlp_step(samples):
    network = mlp()
    return step(network, torch.randn(samples, NEURONS[0]), torch.optim.SGD(network.parameters(), 1e-4))


def mlp_step_by_hand(samples):
    """Forward, loss and backward as products into buffers made once: no autograd, no allocation."""
    x, y = torch.randn(samples, NEURONS[0]), labels(samples)
    weights = [torch.randn(o, i) * 0.05 for i, o in zip(NEURONS, NEURONS[1:])]
    hidden = [torch.empty(samples, width) for width in NEURONS[1:]]
    backward = [torch.empty(samples, width) for width in NEURONS[1:]]
    gradients = [torch.empty_like(weight) for weight in weights]
    target = F.one_hot(y, CLASSES).float()

    def call():
        inputs = x
        for layer, weight in enumerate(weights):
            torch.mm(inputs, weight.t(), out=hidden[layer])
            if layer < 2:
                hidden[layer].clamp_(min=0)
            inputs = hidden[layer]
        torch.softmax(hidden[2], 1, out=backward[2])
        backward[2].sub_(target).div_(samples)
        for layer in (2, 1, 0):
            inputs = x if layer == 0 else hidden[layer - 1]
            torch.mm(backward[layer].t(), inputs, out=gradients[layer])
            if layer > 0:
                torch.mm(backward[layer], weights[layer], out=backward[layer - 1])
                backward[layer - 1].mul_(hidden[layer - 1] > 0)
        for weight, gradient in zip(weights, gradients):
            weight.add_(gradient, alpha=-1e-4)

    def without_autograd():
        with torch.inference_mode():
            call()

    return without_autograd


def resnet_step(layout):
    network = resnet().to(memory_format=layout)
    x = torch.randn(BATCH, 3, 32, 32).to(memory_format=layout)
    return step(network, x, torch.optim.SGD(network.parameters(), 1e-4, momentum=0.9))


def resnet_evaluation(layout, tuned):
    network = resnet().eval().to(memory_format=layout)
    x = torch.randn(BATCH, 3, 32, 32).to(memory_format=layout)
    if tuned:
        with torch.inference_mode():
            network = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(network, x)))
    return evaluation(network, x)


# What PyTorch runs, by the name that `neurogain bench` gives to the same work.
SUBJECTS = [
    ("training step of the MLP, batch 128", "eager", lambda: mlp_step(128)),
    ("training step of the MLP, batch 128", "by hand", lambda: mlp_step_by_hand(128)),
    ("training step of the MLP, batch 16", "eager", lambda: mlp_step(16)),
    ("training step of the MLP, batch 16", "by hand", lambda: mlp_step_by_hand(16)),
    ("evaluation of 2115 images by the MLP", "eager", lambda: evaluation(mlp(), torch.randn(2115, 784))),
    ("training step of the slim ResNet-18, batch 256", "eager", lambda: resnet_step(torch.contiguous_format)),
    ("training step of the slim ResNet-18, batch 256", "channels last", lambda: resnet_step(torch.channels_last)),
    (
        "evaluation of 256 images by the slim ResNet-18",
        "eager",
        lambda: resnet_evaluation(torch.contiguous_format, False),
    ),
    (
        "evaluation of 256 images by the slim ResNet-18",
        "channels last",
        lambda: resnet_evaluation(torch.channels_last, False),
    ),
    (
        "evaluation of 256 images by the slim ResNet-18",
        "channels last, frozen and fused",
        lambda: resnet_evaluation(torch.channels_last, True),
    ),
]


def measure(call, seconds=1.0):
    """Median seconds a call, over a second of calls but at least three."""
    call()
    taken, start = [], time.perf_counter()
    while len(taken) < 3 or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        call()
        taken.append(time.perf_counter() - before)
    return statistics.median(taken)


def ours(program, threads):
    """Seconds of every model that `neurogain bench` measures, by name."""
    found = {}
    for part in ("MLP", "ResNet"):
        command = [program, "bench", part, "--threads", str(threads), "--json"]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found |= {row["kernel"]: row["seconds"] for row in json.loads(text)["kernels"]}
    return found


def main():
    root = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--program", default=str(root / "target/release/neurogain"))
    arguments = parser.parse_args()
    if not Path(arguments.program).is_file():
        sys.exit(f"{arguments.program}: no such program; cargo build --release makes it")
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    calls = [make() for _, _, make in SUBJECTS]
    theirs, mine = [[] for _ in SUBJECTS], {}
    for _ in range(arguments.rounds):
        for call, seconds in zip(calls, theirs):
            seconds.append(measure(call))
        for name, seconds in ours(arguments.program, arguments.threads).items():
            mine.setdefault(name, []).append(seconds)
    print(f"PyTorch {torch.__version__}, {arguments.threads} thread(s), medians of {arguments.rounds} rounds\n")
    print("| work | PyTorch | its ms | neurogain, ms | ratio (least, largest) |")
    print("| --- | --- | --- | --- | --- |")
    for (name, variant, _), seconds in zip(SUBJECTS, theirs):
        ratios = [a / b for a, b in zip(mine[name], seconds)]
        print(
            f"| {name} | {variant} | {statistics.median(seconds) * 1e3:.2f}"
            f" | {statistics.median(mine[name]) * 1e3:.2f}"
            f" | {statistics.median(ratios):.2f} ({min(ratios):.2f}, {max(ratios):.2f}) |"
        )


main()
