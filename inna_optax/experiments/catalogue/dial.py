"""Figure "damping": INNA in momentum's units, beside Nesterov's method tuned alike.

All runs are of `damped_momentum`, which contains the heavy ball and Nesterov's method.
Both get as many trials: where one has the share of the fresh gradient to choose, the
other has more memories and more rates.
"""

import itertools
from collections.abc import Iterable

from inna_optax.experiments.catalogue.problems import Scale
from inna_optax.experiments.catalogue.protocols import MODERN, Entry, Protocol

PROTOCOL = MODERN

# On 2 CPU cores: digits in minutes, each of the others in hours.
_CUT = Scale(epochs=10, seeds=3, train_examples=12_800, test_examples=2_000)
DESK = {
    "digits": Scale(epochs=50, seeds=5),
    "mnist-lenet": Scale(epochs=2, seeds=3),
    "e": _CUT,
    "f": _CUT,
}

SHARES = (0.1, 0.2, 0.3, 0.5)
MOMENTA = (0.9, 0.97, 0.99)  # memories of 10, 33 and 100 steps
RATES = (0.5, 1.0, 2.0, 4.0)  # effective ones
NESTEROV_MOMENTA = (0.5, 0.8, 0.9, 0.95, 0.97, 0.99)
NESTEROV_RATES = tuple(2.0 ** (k / 2) for k in range(-2, 6))


def entries(protocol: Protocol) -> list[Entry]:
    """The dial, Nesterov's method with as many trials, and the heavy ball with fewer.

    An effective rate is the learning rate over 1 - momentum.
    """
    damped = protocol.entry("damped_momentum")

    def entry(
        name: str, label: str, points: Iterable[tuple[float, float, float]]
    ) -> Entry:
        grid = tuple(
            {
                **damped.grid[0],
                "learning_rate": rate * (1 - momentum),
                "momentum": momentum,
                "damping": share,
            }
            for rate, momentum, share in points
        )
        return damped._replace(name=name, label=label, grid=grid)

    nesterov = itertools.product(NESTEROV_RATES, NESTEROV_MOMENTA)
    return [
        entry(
            "damped_momentum",
            "INNA: damped momentum",
            itertools.product(RATES, MOMENTA, SHARES),
        ),
        entry("nesterov", "Nesterov", ((a, mu, 1 - mu**2) for a, mu in nesterov)),
        entry(
            "heavy_ball",
            "heavy ball",
            ((a, mu, 1 - mu) for a, mu in itertools.product(RATES, MOMENTA)),
        ),
    ]
