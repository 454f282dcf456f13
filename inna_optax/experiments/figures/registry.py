"""The figures, by their numbers in the thesis."""

import importlib
from typing import Any, NamedTuple


class Entry(NamedTuple):
    """A figure, and the module of this package that computes and draws it.

    The module has `compute(scale) -> dict`, whose result is written as JSON and whose
    "readings" (a flat dict of numbers) are printed, and `draw(result) -> Figure`,
    which draws from that result and nothing else.  `scale` is "desk" or "paper".
    """

    title: str
    module: str

    def load(self) -> Any:
        """The module."""
        return importlib.import_module(f"{__package__}.{self.module}")


FIGURES = {
    "1.7": Entry("why SGD needs vanishing steps", "figure_1_7"),
    "2.1": Entry("the role of alpha and beta in INNA", "figure_2_1"),
    "3.1": Entry("two functions with singular Hessians", "figure_3_1"),
    "3.2": Entry("spirals of INNA on a quadratic", "figure_3_2"),
    "3.3": Entry("INNA near a strict saddle", "figure_3_3"),
    "4.1": Entry("steps of negative and positive curvature", "figure_4_1"),
    "4.2": Entry("Barzilai-Borwein steps on a non-convex regression", "figure_4_2"),
    "4.3": Entry("gradient variations on mini-batches", "figure_4_3"),
    "alpha-beta": Entry("what alpha and beta do: a map", "alpha_beta_map"),
}
