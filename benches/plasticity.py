"""SGD on Random-Label MNIST and Permuted MNIST in NumPy: an independent check of the plasticity benchmarks.

usage: python3 benches/plasticity.py DIR [SEEDS]

DIR holds MNIST's four IDX files, without gzip. Network, batches and learning rate are those of the presets
`random-label-mnist` and `permuted-mnist-plasticity`; weights, orders, labels and permutations are NumPy's own, so that only
means over seeds can be compared. Printed are the final accuracy and LCA_0, for several initialisations and choices of images,
which are what a description of these benchmarks leaves open.
"""

import pathlib
import sys

import numpy as np

SIZES = [784, 100, 100, 10]
BATCH, RATE = 16, 0.01


def read(directory):
    def bytes_of(name, header):
        return np.fromfile(pathlib.Path(directory) / name, dtype=np.uint8)[header:]

    halves = []
    for name in ["train", "t10k"]:
        images = bytes_of(f"{name}-images-idx3-ubyte", 16).reshape(-1, 784)
        halves += [images.astype(np.float32) / 255, bytes_of(f"{name}-labels-idx1-ubyte", 8)]
    return halves


def network(random, initialisation):
    """Weights and biases: PyTorch's default, or N(0, 1/inputs) or N(0, 2/inputs) with biases of 0."""
    layers = []
    for inputs, outputs in zip(SIZES, SIZES[1:]):
        if initialisation == "pytorch":
            bound = 1 / np.sqrt(inputs)
            layer = [random.uniform(-bound, bound, shape) for shape in [(inputs, outputs), outputs]]
        else:
            variance = {"lecun": 1, "he": 2}[initialisation] / inputs
            layer = [random.normal(0, np.sqrt(variance), (inputs, outputs)), np.zeros(outputs)]
        layers.append([part.astype(np.float32) for part in layer])
    return layers


def forward(layers, x):
    activity = [x]
    for number, (weights, bias) in enumerate(layers):
        z = activity[-1] @ weights + bias
        activity.append(z if number + 1 == len(layers) else np.maximum(z, 0))
    return activity


def update(layers, x, labels):
    activity = forward(layers, x)
    logits = activity[-1] - activity[-1].max(1, keepdims=True)
    d = np.exp(logits)
    d /= d.sum(1, keepdims=True)
    d[np.arange(len(labels)), labels] -= 1
    d /= len(labels)
    for number in reversed(range(len(layers))):
        weights, bias = layers[number]
        dw, db = activity[number].T @ d, d.sum(0)
        d = (d @ weights.T) * (activity[number] > 0)
        weights -= RATE * dw
        bias -= RATE * db


def curve(layers, random, train, test, epochs, ticks):
    """The accuracies on `test` before and during a task; the last is at its end."""
    x, labels = train
    each = -(-len(x) // BATCH)
    iterations = epochs * each
    at = {tick * iterations // ticks for tick in range(ticks + 1)}
    accuracies = []
    for iteration in range(iterations + 1):
        if iteration in at:
            accuracies.append((forward(layers, test[0])[-1].argmax(1) == test[1]).mean())
        place = iteration % each
        if place == 0:
            order = random.permutation(len(x))
        if iteration < iterations:
            batch = order[place * BATCH : (place + 1) * BATCH]
            update(layers, x[batch], labels[batch])
    return accuracies


def stream(seed, initialisation, tasks, epochs, ticks):
    """Final accuracy and LCA_0 of a stream; `tasks(random)` yields training and test samples."""
    random = np.random.default_rng(seed)
    layers = network(random, initialisation)
    ends, fresh = [], []
    for train, test in tasks(random):
        ends.append(curve(layers, random, train, test, epochs, ticks)[-1])
        fresh.append(np.mean(curve(network(random, initialisation), random, train, test, epochs, ticks)))
    return 100 * np.mean(ends), 100 * np.mean(fresh)


def some(count, of, choice):
    return np.arange(count) if choice == "first" else np.arange(count) * of // count


def main(directory, seeds=5):
    x, labels, test_x, test_labels = read(directory)

    def random_labels(choice):
        images = x[some(1200, len(x), choice)]

        def tasks(random):
            for _ in range(12):
                samples = (images, random.integers(0, 10, len(images)))
                yield samples, samples

        return tasks

    def permuted(choice, test_choice):
        chosen, tested = some(10000, len(x), choice), some(1000, len(test_x), test_choice)

        def tasks(random):
            for _ in range(20):
                order = random.permutation(784)
                yield (x[chosen][:, order], labels[chosen]), (test_x[tested][:, order], test_labels[tested])

        return tasks

    def report(text, initialisation, tasks, epochs, ticks):
        runs = [stream(seed, initialisation, tasks, epochs, ticks) for seed in range(1, int(seeds) + 1)]
        (end, fresh), (spread, _) = np.mean(runs, 0), np.std(runs, 0, ddof=1)
        print(f"{text}, {initialisation}: final {end:.2f} ± {spread:.2f}, LCA_0 {fresh:.2f}", flush=True)

    for choice in ["first", "spread"]:
        report(f"random labels, {choice} images", "pytorch", random_labels(choice), 25, 30)
    for choice, test_choice in [("spread", "spread"), ("spread", "first"), ("first", "first")]:
        text = f"permuted, {choice} training and {test_choice} test images"
        report(text, "pytorch", permuted(choice, test_choice), 1, 7)
    for initialisation in ["lecun", "he"]:
        report("random labels, spread images", initialisation, random_labels("spread"), 25, 30)
        report("permuted, spread images", initialisation, permuted("spread", "spread"), 1, 7)


main(*sys.argv[1:])
