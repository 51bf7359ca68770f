"""Trained networks in PyTorch: the multilayer perceptron and the slim ResNet-18 of arXiv 2507.14056.

PyTorch is imported when a network is loaded, so that tables and arrays do not need it.
"""

from .arrays import effective_weights, weights
from .runs import FileError, Run
from .tables import find_job


def load_network(run: Run, job: str):
    """The trained network of a job as a `torch.nn.Module` in evaluation mode, from images
    `[samples][channels][height][width]`, as `inputs` gives them, to logits.

    The weights of its layers are W_eff = g·W: it is an ordinary network without gains. Supported are `network.kind`
    `mlp` and `slim-resnet18` of the stability-gap experiments, trained by gradient descent; others are an error.
    """
    _check_supported(run, job)
    modules = _modules()
    tensors = effective_weights(weights(run, job))
    take = _Take(run.path / "weights" / f"{job}.safetensors", tensors)
    network = modules[run.config["network"]["kind"]](take)
    take.nothing_is_left()
    return network.eval()


def _check_supported(run, job):
    config = run.path / "config.toml"
    if run.system != "stability-gap":
        raise FileError(config, f"networks of {run.system} experiments cannot be loaded, only those of stability-gap")
    kind = run.config["network"]["kind"]
    if kind not in ("mlp", "slim-resnet18"):
        raise FileError(config, f"network.kind is {kind!r}; only mlp and slim-resnet18 can be loaded")
    name = find_job(run, job).method
    method = next(method for method in run.config["methods"] if method["name"] == name)
    learner = method.get("learner", "gradient-descent")
    if learner != "gradient-descent":
        raise FileError(config, f"the learner of {name} is {learner!r}; only gradient-descent can be loaded")


class _Take:
    """Hands out the tensors of a file, each once, as PyTorch's parameters."""

    def __init__(self, path, tensors):
        self.path = path
        self.tensors = dict(tensors)

    def __call__(self, name):
        import torch

        if name not in self.tensors:
            raise FileError(self.path, f"it has no tensor {name!r}")
        return torch.from_numpy(self.tensors.pop(name).copy())

    def layers(self):
        """The names of the tensors that are left, hidden layers in their order, then the output."""
        hidden = sum(name.startswith("hidden") for name in self.tensors)
        return [f"hidden{number}" for number in range(1, hidden + 1)] + ["output"]

    def nothing_is_left(self):
        if self.tensors:
            raise FileError(self.path, f"it has tensors of another network: {', '.join(sorted(self.tensors))}")


def _modules():
    """The networks' classes; a function, because their base is PyTorch's."""
    try:
        import torch
    except ImportError as error:
        raise ImportError("networks need PyTorch: pip install torch") from error
    from torch import nn
    from torch.nn import functional

    def linear(weight):
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        layer.weight = nn.Parameter(weight)
        return layer

    def convolution(weight, stride=1):
        # [outputs][height][width][inputs] in the file.
        weight = weight.permute(0, 3, 1, 2).contiguous()
        outputs, inputs, size, _ = weight.shape
        layer = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
        layer.weight = nn.Parameter(weight)
        return layer

    def norm(take, name):
        gamma, running = take(f"{name}.gamma"), take(f"{name}.running")
        layer = nn.BatchNorm2d(len(gamma))
        layer.weight, layer.bias = nn.Parameter(gamma), nn.Parameter(take(f"{name}.beta"))
        layer.running_mean.copy_(running[0])
        layer.running_var.copy_(running[1])
        return layer

    class Mlp(nn.Module):
        def __init__(self, take):
            super().__init__()
            self.layers = nn.ModuleList(linear(take(name)) for name in take.layers())

        def forward(self, x):
            # Pixels row after row, the channels of a pixel together.
            x = x.permute(0, 2, 3, 1).flatten(1)
            *hidden, output = self.layers
            for layer in hidden:
                x = functional.relu(layer(x))
            return output(x)

    class Block(nn.Module):
        def __init__(self, take, name, stride, has_shortcut):
            super().__init__()
            self.first = convolution(take(f"{name}.first"), stride)
            self.first_norm = norm(take, f"{name}.first_norm")
            self.second = convolution(take(f"{name}.second"))
            self.second_norm = norm(take, f"{name}.second_norm")
            self.shortcut = nn.Identity()
            if has_shortcut:
                layer = convolution(take(f"{name}.shortcut"), stride)
                self.shortcut = nn.Sequential(layer, norm(take, f"{name}.shortcut_norm"))

        def forward(self, x):
            y = functional.relu(self.first_norm(self.first(x)))
            return functional.relu(self.second_norm(self.second(y)) + self.shortcut(x))

    class SlimResNet(nn.Module):
        def __init__(self, take):
            super().__init__()
            self.stem = convolution(take("stem"))
            self.stem_norm = norm(take, "stem_norm")
            blocks = []
            for stage in range(1, 5):
                for block in (1, 2):
                    # The first block of stages 2 to 4 halves the image and doubles the channels.
                    changes = stage > 1 and block == 1
                    blocks.append(Block(take, f"stage{stage}.block{block}", 2 if changes else 1, changes))
            self.blocks = nn.Sequential(*blocks)
            self.head = linear(take("head"))

        def forward(self, x):
            maps = self.blocks(functional.relu(self.stem_norm(self.stem(x))))
            return self.head(torch.mean(maps, dim=(2, 3)))

    return {"mlp": Mlp, "slim-resnet18": SlimResNet}
