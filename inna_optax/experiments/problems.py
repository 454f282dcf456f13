"""The problems, as declarative records: a new one is an entry, not a code path."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from inna_optax.data import Dataset
    from inna_optax.training import Task


class Problem(NamedTuple):
    """One training problem: data, network, objective, and the published setting."""

    name: str
    title: str  # as it stands above a figure
    dataset: str
    # Made when asked for: the table is read without importing any network.
    task: "Callable[[Dataset], Task]"
    batch_size: int
    epochs: int
    source: str  # where the setting comes from


def _digits(dataset: "Dataset") -> "Task":
    from inna_optax.experiments.tasks import classification_task
    from inna_optax.zoo import MLP

    def network(dataset: "Dataset", rngs: Any) -> MLP:
        pixels = dataset.train_images[0].size
        return MLP(pixels, (64, 32), dataset.classes, rngs=rngs)

    return classification_task(network, dataset, weight_decay=1e-4)


PROBLEMS = {
    problem.name: problem
    for problem in (
        Problem(
            name="digits",
            title="8x8 digits, perceptron 64-64-32-10 (ELU)",
            dataset="digits",
            task=_digits,
            batch_size=32,
            epochs=100,
            source="the protocol of section 4.5 on scikit-learn's digits",
        ),
    )
}
