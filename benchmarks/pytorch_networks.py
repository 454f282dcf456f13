"""The zoo's networks in PyTorch, as its users would write them, for comparison."""

import itertools
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

Make = Callable[[], nn.Module]


def unit(
    inputs: int,
    outputs: int,
    window: int,
    activation: Make,
    *,
    norm: bool,
    pad: int = 0,
) -> list[nn.Module]:
    """A convolution, batch normalization if any, an activation."""
    conv = nn.Conv2d(inputs, outputs, window, padding=pad, bias=not norm)
    return [conv, *([nn.BatchNorm2d(outputs)] if norm else []), activation()]


def lenet(*, norm: bool) -> nn.Module:
    def dense(inputs: int, outputs: int) -> list[nn.Module]:
        layer = nn.Linear(inputs, outputs, bias=not norm)
        return [layer, *([nn.BatchNorm1d(outputs)] if norm else []), nn.ELU()]

    return nn.Sequential(
        *unit(3, 6, 5, nn.ELU, norm=norm),
        nn.MaxPool2d(2),
        *unit(6, 16, 5, nn.ELU, norm=norm),
        nn.MaxPool2d(2),
        nn.Flatten(),
        *dense(400, 120),
        *dense(120, 84),
        nn.Linear(84, 10),
    )


def nin(activation: Make, *, norm: bool) -> nn.Module:
    def stage(window: int, *widths: int) -> list[nn.Module]:
        layers = []
        for inputs, outputs in itertools.pairwise(widths):
            layers += unit(inputs, outputs, window, activation, norm=norm)
            window = 1
        return layers

    return nn.Sequential(
        *stage(5, 3, 192, 160, 96),
        nn.MaxPool2d(3, 2),
        nn.Dropout(0.5),
        *stage(5, 96, 192, 192, 192),
        nn.AvgPool2d(3, 2),
        nn.Dropout(0.5),
        *stage(3, 192, 192, 192, 10),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(10, 10),
    )


class ResidualBlock(nn.Module):
    """Two convolutions around which the input is led, with zeros for new channels."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.stride, self.new_channels = stride, outputs - inputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (batch, inputs, height, width) to the strided size, with outputs."""
        around = x
        if self.stride > 1:
            around = around[:, :, :: self.stride, :: self.stride]
        if self.new_channels:
            around = functional.pad(around, (0, 0, 0, 0, 0, self.new_channels))
        return functional.relu(self.branch(x) + around)


def resnet20() -> nn.Module:
    layers, channels = unit(3, 16, 3, nn.ReLU, norm=True, pad=1), 16
    for outputs in (16, 32, 64):
        for _ in range(3):
            stride = 1 if outputs == channels else 2
            layers.append(ResidualBlock(channels, outputs, stride))
            channels = outputs
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)
    )


def autoencoder() -> nn.Module:
    widths = (784, 1000, 500, 250, 30, 250, 500, 1000, 784)
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.SiLU()]
    del layers[8]  # the code is linear
    layers[-1] = nn.Sigmoid()
    return nn.Sequential(*layers, nn.Unflatten(1, (1, 28, 28)))


# By the names in layers.py.
NETWORKS: dict[str, Make] = {
    "lenet": lambda: lenet(norm=False),
    "lenet, batch norm": lambda: lenet(norm=True),
    "nin, chapter 2": lambda: nin(nn.ReLU, norm=False),
    "nin, chapter 4": lambda: nin(nn.ELU, norm=True),
    "resnet20": resnet20,
    "autoencoder": autoencoder,
}
