"""The figures and the tables, by their numbers in the thesis."""

import importlib
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from inna_optax.experiments.catalogue import dial, modern
from inna_optax.experiments.catalogue.problems import PROBLEMS, Problem, Scale
from inna_optax.experiments.catalogue.protocols import Entry as Compared
from inna_optax.experiments.catalogue.protocols import Protocol
from inna_optax.experiments.catalogue.schedules import Decay

# Where the modules are that compute and draw.
MODULES = "inna_optax.experiments.figures"


class Drawn(NamedTuple):
    """A figure or a table, and the module that computes it.

    A figure's module has `compute(scale) -> dict` and `draw(result) -> Figure`.  The
    result is written as JSON, its "readings" (a flat dict of numbers) are printed, and
    the picture is drawn from it and nothing else.  `scale` is "desk" or "paper".

    A table's module has `compute() -> dict` and `HEADERS`, which stand over its "rows".
    """

    title: str
    module: str

    def load(self) -> Any:
        """The module."""
        return importlib.import_module(f"{MODULES}.{self.module}")


FIGURES = {
    "1.7": Drawn("why SGD needs vanishing steps", "figure_1_7"),
    "2.1": Drawn("the role of alpha and beta in INNA", "figure_2_1"),
    "3.1": Drawn("two functions with singular Hessians", "figure_3_1"),
    "3.2": Drawn("spirals of INNA on a quadratic", "figure_3_2"),
    "3.3": Drawn("INNA near a strict saddle", "figure_3_3"),
    "4.1": Drawn("steps of negative and positive curvature", "figure_4_1"),
    "4.2": Drawn("Barzilai-Borwein steps on a non-convex regression", "figure_4_2"),
    "4.3": Drawn("gradient variations on mini-batches", "figure_4_3"),
    "alpha-beta": Drawn("what alpha and beta do: a map", "alpha_beta_map"),
    "momentum-rates": Drawn("how fast and how stable momentum is", "momentum_rates"),
}


TABLES = {
    "3.1": Drawn("where INNA goes from the neighbourhood of a saddle", "table_3_1")
}


class Comparison(NamedTuple):
    """A figure of optimizers that train networks on several problems."""

    title: str
    problems: tuple[str, ...]
    entries: Callable[[Protocol], Sequence[Compared]]
    each_batch_twice: bool = False
    others: tuple[str, ...] = ()  # problems that are run if asked for
    protocol: Protocol | None = None  # in place of the problem's
    desk: Mapping[str, Scale] = types.MappingProxyType({})  # likewise, by problem
    weight_decay: float | None = None  # likewise
    validation: float = 0.0  # the share of the training examples that judges the search
    module: str = "comparison"  # which draws it

    def problem(self, name: str) -> Problem:
        """The problem of that name, as the figure has it."""
        problem = PROBLEMS[name]
        return problem._replace(
            protocol=self.protocol or problem.protocol,
            desk=self.desk.get(name, problem.desk),
            weight_decay=(
                problem.weight_decay if self.weight_decay is None else self.weight_decay
            ),
        )

    def load(self) -> Any:
        """The module that draws, by its function `draw_comparisons`."""
        return importlib.import_module(f"{MODULES}.{self.module}")


def _all_of_the_chapter(protocol: Protocol) -> list[Compared]:
    return [protocol.entry(name) for name in protocol.optimizers]


def _alpha_and_beta(protocol: Protocol) -> list[Compared]:
    """INNA at the four choices of section 2.6.2.1."""
    return [
        protocol.entry("inna")
        .changed({"alpha": alpha, "beta": beta})
        ._replace(
            name=f"inna-alpha{alpha}-beta{beta}",
            label=f"INNA, α = {alpha}, β = {beta}",
        )
        for alpha, beta in ((0.1, 0.1), (0.5, 0.1), (0.5, 0.5), (0.5, 1.0))
    ]


def _decays(protocol: Protocol) -> list[Compared]:
    """INNA with steps gamma_0 k^(-q), and Adam."""
    inna = [
        protocol.entry("inna")._replace(
            name=f"inna-power-1-{n}",
            label=f"INNA, k^(-1/{n})",
            schedule=Decay(1 / n, "update"),
        )
        for n in (2, 4, 8, 16)
    ]
    return [*inna, protocol.entry("adam")]


_CHAPTER_2 = ("mnist-nin", "cifar10-nin", "cifar100-nin")
_FAST = ("mnist-lenet",)

COMPARISONS = {
    "2.2": Comparison(
        "INNA's sensitivity to alpha and beta",
        _CHAPTER_2,
        _alpha_and_beta,
        others=_FAST,
    ),
    "2.3": Comparison(
        "INNA beside SGD, AdaGrad and Adam",
        _CHAPTER_2,
        _all_of_the_chapter,
        others=_FAST,
    ),
    "2.4": Comparison("INNA with slower decays", _CHAPTER_2, _decays, others=_FAST),
    "4.4": Comparison(
        "Step-Tuned SGD beside others", ("a", "b", "c", "d"), _all_of_the_chapter
    ),
    "4.5": Comparison(
        "each mini-batch used twice by all",
        ("a", "b", "c", "d"),
        _all_of_the_chapter,
        each_batch_twice=True,
    ),
    "4.6": Comparison(
        "LeNet without and with batch normalization", ("e", "f"), _all_of_the_chapter
    ),
    "damping": Comparison(
        "the share of the fresh gradient, beside Nesterov's method",
        tuple(dial.DESK),
        dial.entries,
        protocol=dial.PROTOCOL,
        desk=dial.DESK,
        weight_decay=0.0,
        module="damping",
    ),
    "modern": Comparison(
        "what is used today, tuned alike",
        tuple(modern.DESK),
        modern.entries,
        others=("gpt",),
        protocol=modern.PROTOCOL,
        desk=modern.DESK,
        weight_decay=0.0,
        validation=modern.VALIDATION,
        module="modern",
    ),
}
