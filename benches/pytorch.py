#!/usr/bin/env python3
"""neurogain compared with PyTorch: the same training steps and evaluations, taking turns on one machine.

    cargo build --release                       (--features cuda for a card)
    pip install torch numpy
    benches/pytorch.py [--device cpu|cuda] [--threads N] [--rounds N] [--program target/release/neurogain]

Each round first runs every PyTorch subject, then `neurogain bench "MLP"` and `neurogain bench "ResNet"`;
medians over the rounds are compared. PyTorch's layers here have no gains, so that it does a little less.
On a card PyTorch computes in FP32 as neurogain does (no TF32), also as one CUDA graph, made by hand and by
torch.compile; neurogain reads the loss of every step, PyTorch is waited for after as many as fill 20 ms.
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


def prepare(network):
    """What is done to a network before it is measured."""
    return network


def labels(samples):
    return torch.arange(samples) % CLASSES


def step(network, x, optimizer):
    y, run = labels(len(x)), prepare(network)

    def call():
        # Gradients of a compiled network are memory of its graph, which the next call overwrites.
        optimizer.zero_grad(set_to_none=run is not network)
        F.cross_entropy(run(x), y).backward()
        optimizer.step()

    return call


def evaluation(network, x):
    network.eval()
    y, run = labels(len(x)), prepare(network)

    def call():
        with torch.inference_mode():
            F.cross_entropy(run(x), y)

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


# PyTorch's subjects, under the name that `neurogain bench` gives to the same work.
PROCESSOR = [
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


def in_a_graph(make):
    """The same as one CUDA graph of the whole call."""
    call, side = make(), torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()

    def replay(call=call):  # network and batch live as long as what replays them
        graph.replay()

    return replay


def compiled(make):
    """The same, the network compiled, with CUDA graphs."""
    global prepare
    prepare = lambda network: torch.compile(network, mode="reduce-overhead", dynamic=False)
    try:
        call = make()
    finally:
        prepare = lambda network: network

    def marked():
        torch.compiler.cudagraph_mark_step_begin()
        call()

    return marked


# The subjects on a GPU: the same work under the same names, with channels last for images.
WORK = [
    ("training step of the MLP, batch 128", lambda: mlp_step(128)),
    ("training step of the MLP, batch 16", lambda: mlp_step(16)),
    ("evaluation of 2115 images by the MLP", lambda: evaluation(mlp(), torch.randn(2115, 784))),
    ("training step of the slim ResNet-18, batch 256", lambda: resnet_step(torch.channels_last)),
    ("evaluation of 256 images by the slim ResNet-18", lambda: resnet_evaluation(torch.channels_last, False)),
]
CARD = [
    subject
    for name, make in WORK
    for subject in [
        (name, "eager", make),
        (name, "one CUDA graph", lambda make=make: in_a_graph(make)),
        (name, "compiled", lambda make=make: compiled(make)),
    ]
]


def measure_on_card(call, rounds=15):
    """Median seconds a call, over rounds of as many as fill 20 ms, waited for together."""

    def taken(calls):
        torch.cuda.synchronize()
        before = time.perf_counter()
        for _ in range(calls):
            call()
        torch.cuda.synchronize()
        return time.perf_counter() - before

    for _ in range(3):
        call()
    calls = 1
    while taken(calls) < 0.02:
        calls *= 2
    return statistics.median(taken(calls) / calls for _ in range(rounds))


def measure(call, seconds=1.0):
    """Median seconds a call, over a second of calls but at least three."""
    call()
    taken, start = [], time.perf_counter()
    while len(taken) < 3 or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        call()
        taken.append(time.perf_counter() - before)
    return statistics.median(taken)


def ours(program, flags):
    """Seconds of every model that `neurogain bench` measures, by name."""
    found = {}
    for part in ("MLP", "ResNet"):
        command = [program, "bench", part, *flags, "--json"]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found |= {row["kernel"]: row["seconds"] for row in json.loads(text)["kernels"]}
    return found


def main():
    root = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--program", default=str(root / "target/release/neurogain"))
    arguments = parser.parse_args()
    if not Path(arguments.program).is_file():
        sys.exit(f"{arguments.program}: no such program; cargo build --release makes it")
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    subjects, timed = PROCESSOR, measure
    flags, where = ["--threads", str(arguments.threads)], f"{arguments.threads} thread(s)"
    if arguments.device == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = True
        subjects, timed = CARD, measure_on_card
        flags, where = ["--device", "cuda"], torch.cuda.get_device_name()
    # Not as the default device, which would slow every call down.
    with torch.device(arguments.device):
        calls = [make() for _, _, make in subjects]
    theirs, mine = [[] for _ in subjects], {}
    for _ in range(arguments.rounds):
        for call, seconds, (name, variant, _) in zip(calls, theirs, subjects):
            try:
                seconds.append(timed(call))
            except RuntimeError as error:
                sys.stderr.write(f"{name}, {variant}: {error}\n")
        for name, seconds in ours(arguments.program, flags).items():
            mine.setdefault(name, []).append(seconds)
    print(f"PyTorch {torch.__version__}, {where}, medians of {arguments.rounds} rounds\n")
    print("| work | PyTorch | its ms | neurogain, ms | ratio (least, largest) |")
    print("| --- | --- | --- | --- | --- |")
    for (name, variant, _), seconds in zip(subjects, theirs):
        if len(seconds) < arguments.rounds:
            print(f"| {name} | {variant} | failed | | |")
            continue
        ratios = [a / b for a, b in zip(mine[name], seconds)]
        print(
            f"| {name} | {variant} | {statistics.median(seconds) * 1e3:.3f}"
            f" | {statistics.median(mine[name]) * 1e3:.3f}"
            f" | {statistics.median(ratios):.2f} ({min(ratios):.2f}, {max(ratios):.2f}) |"
        )


main()
