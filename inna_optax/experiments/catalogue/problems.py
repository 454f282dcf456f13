"""The problems, as declarative records: a new one is an entry, not a code path."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from inna_optax.experiments.catalogue.protocols import (
    CHAPTER_2,
    CHAPTER_4,
    MODERN,
    Protocol,
)

# How the data sets are called above a figure.
DATASETS = {
    "digits": "8x8 digits",
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
}
TEXT = "text"  # which has the title of its source


class Scale(NamedTuple):
    """How much of a problem is run."""

    epochs: int
    seeds: int
    train_examples: int | None = None  # None for all
    test_examples: int | None = None


class DataFacts(NamedTuple):
    """What is known of a data set, apart from its arrays."""

    name: str
    train_examples: int
    test_examples: int
    shape: tuple[int, ...]  # of an example: (height, width, channels), or its tokens
    classes: int
    maximum: int  # the value of a white pixel, or the largest token


class Problem(NamedTuple):
    """One training problem: data, network, objective, and the published setting."""

    name: str
    title: str  # the network, as it stands above a figure
    datasets: tuple[str, ...]  # the published one, and others that fit
    # Networks are imported when asked for: the table is read without any.
    network: Callable[[DataFacts, Any], Any]  # facts, nnx.Rngs -> module
    objective: str  # "cross-entropy", "mean square" or "bits per byte"
    protocol: Protocol
    batch_size: int
    paper: Scale
    desk: Scale  # what 2 CPU cores do in an afternoon
    source: str  # where the setting comes from
    weight_decay: float = 0.0  # lambda of section 4.5.1
    context: int = 0  # of text: the bytes from which the next one is predicted


def _mlp(facts: DataFacts, rngs: Any) -> Any:
    from inna_optax.zoo import MLP

    pixels = math.prod(facts.shape)
    return MLP(pixels, (64, 32), facts.classes, rngs=rngs)


def _nin(facts: DataFacts, rngs: Any) -> Any:
    from inna_optax.zoo import NiN

    return NiN(facts.classes, facts.shape, rngs=rngs)


def _nin_chapter_4(facts: DataFacts, rngs: Any) -> Any:
    import jax

    from inna_optax.zoo import NiN, batch_norm

    return NiN(
        facts.classes,
        facts.shape,
        activation=jax.nn.elu,
        normalization=batch_norm,
        rngs=rngs,
    )


def _resnet(facts: DataFacts, rngs: Any) -> Any:
    from inna_optax.zoo import ResNet20

    return ResNet20(facts.classes, facts.shape, rngs=rngs)


def _autoencoder(facts: DataFacts, rngs: Any) -> Any:
    from inna_optax.zoo import AutoEncoder

    return AutoEncoder(facts.shape, rngs=rngs)


def _lenet(facts: DataFacts, rngs: Any) -> Any:
    from inna_optax.zoo import LeNet

    return LeNet(facts.classes, facts.shape, rngs=rngs)


def _lenet_normalized(facts: DataFacts, rngs: Any) -> Any:
    from inna_optax.zoo import LeNet, batch_norm

    return LeNet(facts.classes, facts.shape, normalization=batch_norm, rngs=rngs)


def _transformer(facts: DataFacts, rngs: Any, *, width: int, layers: int) -> Any:
    from inna_optax.zoo import Transformer

    return Transformer(facts.classes, width=width, layers=layers, rngs=rngs)


def _chapter_2(dataset: str) -> Problem:
    return Problem(
        name=f"{dataset}-nin",
        title="Network in Network (ReLU)",
        datasets=(dataset,),
        network=_nin,
        objective="cross-entropy",
        protocol=CHAPTER_2,
        batch_size=32,
        # The papers split all three data sets 50,000 to 10,000.
        paper=Scale(epochs=200, seeds=5, train_examples=50_000),
        desk=Scale(epochs=10, seeds=2, train_examples=1_000, test_examples=500),
        source="section 2.6.2",
    )


def _table_4_1(
    name: str,
    title: str,
    network: Callable[[DataFacts, Any], Any],
    *datasets: str,
    epochs: int,
    desk: Scale,
    objective: str = "cross-entropy",
) -> Problem:
    return Problem(
        name=name,
        title=title,
        datasets=datasets,
        network=network,
        objective=objective,
        protocol=CHAPTER_4,
        batch_size=128,
        paper=Scale(epochs=epochs, seeds=3),
        desk=desk,
        source=f"Table 4.1 ({name})",
        weight_decay=1e-4,
    )


def _language_model(
    name: str,
    title: str,
    *,
    width: int,
    layers: int,
    context: int,
    paper: Scale,
    desk: Scale,
    source: str,
) -> Problem:
    return Problem(
        name=name,
        title=title,
        datasets=(TEXT,),
        network=functools.partial(_transformer, width=width, layers=layers),
        objective="bits per byte",
        protocol=MODERN,
        batch_size=32,
        paper=paper,
        desk=desk,
        source=f"in neither paper: {source}",
        context=context,
    )


_SMALL = Scale(epochs=20, seeds=3, train_examples=10_000, test_examples=2_000)
_LARGE = Scale(epochs=10, seeds=2, train_examples=1_280, test_examples=500)

PROBLEMS = {
    problem.name: problem
    for problem in (
        Problem(
            name="digits",
            title="perceptron 64-64-32-10 (ELU)",
            datasets=("digits",),
            network=_mlp,
            objective="cross-entropy",
            protocol=CHAPTER_4,
            batch_size=32,
            paper=Scale(epochs=100, seeds=3),
            desk=Scale(epochs=100, seeds=3),
            source="the protocol of section 4.5 on scikit-learn's digits",
            weight_decay=1e-4,
        ),
        _chapter_2("mnist"),
        _chapter_2("cifar10"),
        _chapter_2("cifar100"),
        # For chapter 2's claims on a machine without an accelerator: 30 epochs take 2
        # CPU cores some minutes.
        Problem(
            name="mnist-lenet",
            title="LeNet (ELU)",
            datasets=("mnist", "fashion_mnist"),
            network=_lenet,
            objective="cross-entropy",
            protocol=CHAPTER_2,
            batch_size=32,
            paper=Scale(epochs=200, seeds=5, train_examples=50_000),
            desk=Scale(epochs=30, seeds=3, train_examples=50_000),
            source="the protocol of section 2.6.2 on LeNet",
        ),
        _language_model(
            "gpt",
            "transformer of 0.8M parameters",
            width=128,
            layers=4,
            context=128,
            # Some minutes on 2 CPU cores, 625 updates.
            paper=Scale(epochs=1, seeds=3, train_examples=20_000, test_examples=1_000),
            desk=Scale(epochs=2, seeds=3, train_examples=3_200, test_examples=500),
            source="a language model of bytes",
        ),
        # For comparisons of many runs on a machine without an accelerator: 300 updates
        # take a CPU core half a minute.
        _language_model(
            "gpt-tiny",
            "transformer of 0.1M parameters",
            width=64,
            layers=2,
            context=64,
            paper=Scale(epochs=1, seeds=3, train_examples=64_000, test_examples=1_000),
            desk=Scale(epochs=1, seeds=3, train_examples=9_600, test_examples=1_000),
            source="`gpt`, a seventh of its size",
        ),
        _table_4_1(
            "a",
            "ResNet-20 (ReLU, batch normalization)",
            _resnet,
            "cifar10",
            epochs=500,
            desk=_LARGE,
        ),
        _table_4_1(
            "b",
            "ResNet-20 (ReLU, batch normalization)",
            _resnet,
            "cifar100",
            epochs=500,
            desk=_LARGE,
        ),
        _table_4_1(
            "c",
            "Network in Network (ELU, batch normalization)",
            _nin_chapter_4,
            "cifar10",
            epochs=300,
            desk=_LARGE._replace(train_examples=640),
        ),
        _table_4_1(
            "d",
            "auto-encoder 784-1000-500-250-30 (SiLU)",
            _autoencoder,
            "mnist",
            "fashion_mnist",
            epochs=500,
            desk=_SMALL,
            objective="mean square",
        ),
        _table_4_1("e", "LeNet (ELU)", _lenet, "cifar10", epochs=300, desk=_SMALL),
        _table_4_1(
            "f",
            "LeNet (ELU, batch normalization)",
            _lenet_normalized,
            "cifar10",
            epochs=300,
            desk=_SMALL,
        ),
    )
}
