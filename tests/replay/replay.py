#!/usr/bin/env python3
"""Trains in PyTorch, in f64 and independently of the library, on batches and weights that the library can replay.

    pip install torch numpy safetensors
    tests/replay/replay.py FILE

writes FILE, of which losses.safetensors in this folder is the committed copy: `batches` `[iterations][samples]`, indices
of records of data/digits/digits.bin; the first weights of the multilayer perceptron, `hidden1`, `hidden2`, `output`; and
for each of ngm-sgd, msgd, resnet and resnet-fast the loss of each iteration's batch, before the update, and the gain it used.
`tests/suite/replayed_losses.rs` trains the library on them.

The rule is that of arXiv 2507.14056, algorithm 1, in the order of the published code: the gain is updated before the forward
pass with the entropy of the last batch (0 before the first), the layer computes with W_eff = g·W, and the gradient flows
through g·W to W, with g a constant.
"""

import sys
from pathlib import Path

import numpy
import torch
from safetensors.numpy import save_file
from torch.nn import functional

ITERATIONS, BATCH, RESNET_BATCH = 40, 32, 8
NEURONS = [64, 64, 64, 10]
WIDTH = 20
# In f32 some of the ResNet's two million ReLUs fall on the other side of their kink than in f64. At the perceptron's rate this
# grows within a few iterations, between PyTorch's own f32 and f64 too; so that rate is compared for three. At the small rate
# f32 follows f64 to six digits for all 40; a rate that is 0.1 % wrong, a momentum of 0.899 or an η of 0.40001 is then seen.
RESNET_RATE, FAST_ITERATIONS = 2.0**-19, 3
# The constants are f32 in the library.
GAMMA, G0, ETA, RATE, MOMENTUM = (float(numpy.float32(x)) for x in (0.9, 1.0, 0.4, 0.01, 0.9))
MEAN, DEVIATION = (float(numpy.float32(x)) for x in (0.3053, 0.3761))


def uniform(stream, shape):
    """Numbers in [−1, 1) with 24 bits: the upper bits of SplitMix64, whose seed is `stream`."""
    count = int(numpy.prod(shape))
    with numpy.errstate(over="ignore"):
        place = numpy.uint64(stream) << numpy.uint64(32)
        z = (place + numpy.arange(1, count + 1, dtype=numpy.uint64)) * numpy.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        z ^= z >> numpy.uint64(31)
    return ((z >> numpy.uint64(40)).astype(numpy.float64) / 2**23 - 1).reshape(shape)


def weights(stream, shape, bound):
    """First weights, uniform in [−bound, bound), as f32."""
    return (uniform(stream, shape) * bound).astype(numpy.float32)


def batches(labels):
    """Digits 0 and 1 in the first half of the iterations, then 0 to 3."""
    chosen = []
    for iteration in range(ITERATIONS):
        classes = 2 if iteration < ITERATIONS // 2 else 4
        records = numpy.flatnonzero(labels < classes)
        places = (uniform(1000 + iteration, (BATCH,)) + 1) / 2 * len(records)
        chosen.append(records[places.astype(int)])
    return numpy.array(chosen, dtype=numpy.uint16)


def inputs(pixels, maximum, mean, deviation):
    """The network's inputs, which the library rounds to f32."""
    scaled = (pixels.astype(numpy.float64) / maximum - mean) / deviation
    return torch.from_numpy(scaled.astype(numpy.float32)).double()


def colour(pixels, stream):
    """Images `[3][32][32]` of bytes: the digit with each pixel 4×4 times, its transpose and its negative, with noise."""
    digit = pixels.reshape(-1, 8, 8).astype(int)
    channels = numpy.stack([digit, digit.transpose(0, 2, 1), 16 - digit], axis=1)
    noise = (uniform(stream, (len(digit), 32, 32, 3)) + 1) * 64
    return 7 * channels.repeat(4, axis=2).repeat(4, axis=3) + noise.astype(int).transpose(0, 3, 1, 2)


class Gain:
    """The gain of the modulated layers."""

    def __init__(self):
        self.value, self.entropy = 1.0, 0.0

    def update(self):
        self.value = GAMMA * self.value + (1 - GAMMA) * G0 + ETA * self.entropy

    def observe(self, logits):
        log = functional.log_softmax(logits.detach(), dim=1)
        self.entropy = -(log.exp() * log).sum(dim=1).mean().item()


class Block(torch.nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first = torch.nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = torch.nn.BatchNorm2d(outputs)
        self.second = torch.nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = torch.nn.BatchNorm2d(outputs)
        self.shortcut = torch.nn.Identity()
        if stride != 1:
            convolution = torch.nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = torch.nn.Sequential(convolution, torch.nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = functional.relu(self.first_norm(self.first(x)))
        return functional.relu(self.second_norm(self.second(y)) + self.shortcut(x))


class ResNet(torch.nn.Module):
    """The slim ResNet-18, whose head has a gain."""

    def __init__(self):
        super().__init__()
        self.stem = torch.nn.Conv2d(3, WIDTH, 3, 1, 1, bias=False)
        self.stem_norm = torch.nn.BatchNorm2d(WIDTH)
        blocks, inputs = [], WIDTH
        for stage in range(4):
            outputs = WIDTH * 2**stage
            blocks += [Block(inputs, outputs, 1 if stage == 0 else 2), Block(outputs, outputs, 1)]
            inputs = outputs
        self.blocks = torch.nn.Sequential(*blocks)
        self.head = torch.nn.Linear(inputs, 10, bias=False)

    def forward(self, x, gain):
        maps = self.blocks(functional.relu(self.stem_norm(self.stem(x))))
        return functional.linear(maps.mean(dim=(2, 3)), gain * self.head.weight)


class Mlp(torch.nn.Module):
    """Every layer has the gain."""

    def __init__(self, layers):
        super().__init__()
        self.layers = torch.nn.ParameterList(torch.from_numpy(layer).double() for layer in layers)

    def forward(self, x, gain):
        *hidden, output = self.layers
        for layer in hidden:
            x = functional.relu(functional.linear(x, gain * layer))
        return functional.linear(x, gain * output)


def resnet():
    """With first weights from the formula: parameter i, in the order of the forward pass, has the stream 100 + i."""
    network, number = ResNet().double(), 0
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 4:
                outputs, inputs, size, _ = parameter.shape
                drawn = weights(100 + number, (outputs, size, size, inputs), 1 / numpy.sqrt(size * size * inputs))
                parameter.copy_(torch.from_numpy(drawn).permute(0, 3, 1, 2))
            elif parameter.ndim == 2:
                parameter.copy_(torch.from_numpy(weights(100 + number, tuple(parameter.shape), 0.01)))
            else:
                # Scale and shift of a normalisation are 1 and 0.
                continue
            number += 1
    return network


def train(network, optimizer, x, y, modulated):
    """The loss of each batch, and the gain that it used."""
    gain, losses, gains = Gain(), [], []
    for images, labels in zip(x, y):
        if modulated:
            gain.update()
        logits = network(images, gain.value)
        loss = functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        gain.observe(logits)
        losses.append(loss.item())
        gains.append(gain.value)
    return numpy.array(losses), numpy.array(gains)


def main(target):
    torch.use_deterministic_algorithms(True)
    root = Path(__file__).parents[2]
    records = numpy.frombuffer((root / "data/digits/digits.bin").read_bytes(), numpy.uint8).reshape(-1, 65)
    pixels, labels = records[:, :64], records[:, 64]
    chosen = batches(labels)
    y = torch.from_numpy(labels[chosen].astype(numpy.int64))
    x = inputs(pixels[chosen], 16, MEAN, DEVIATION)
    layers = [weights(place, (o, i), numpy.sqrt(3 / i)) for place, (i, o) in enumerate(zip(NEURONS, NEURONS[1:]))]
    tensors = dict(zip(("hidden1", "hidden2", "output"), layers)) | {"batches": chosen}

    def record(name, found):
        tensors[f"{name}.loss"], tensors[f"{name}.gain"] = found

    network = Mlp(layers)
    record("ngm-sgd", train(network, torch.optim.SGD(network.parameters(), RATE), x, y, True))
    network = Mlp(layers)
    optimizer = torch.optim.SGD(network.parameters(), RATE, momentum=MOMENTUM)
    record("msgd", train(network, optimizer, x, y, False))

    # As in the paper, the head learns by SGD and all other layers with momentum.
    few = chosen[:, :RESNET_BATCH]
    images = numpy.stack([colour(pixels[batch], 2000 + place) for place, batch in enumerate(few)])
    images = inputs(images, 240, 0.5, 0.25)
    for name, rate, count in (("resnet", RESNET_RATE, ITERATIONS), ("resnet-fast", RATE, FAST_ITERATIONS)):
        network = resnet()
        others = [parameter for name, parameter in network.named_parameters() if name != "head.weight"]
        groups = [{"params": [network.head.weight], "momentum": 0.0}, {"params": others, "momentum": MOMENTUM}]
        optimizer = torch.optim.SGD(groups, rate)
        record(name, train(network, optimizer, images[:count], y[:count, :RESNET_BATCH], True))
    save_file(tensors, target)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
