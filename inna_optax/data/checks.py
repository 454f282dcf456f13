"""Checks of every data set, wherever it comes from."""

import numpy as np

from inna_optax.data.errors import DataError


def check_labels(labels: np.ndarray, classes: int, place: object) -> None:
    """Checks that integer `labels` are in [0, classes).

    Args:
      labels: the labels.
      classes: the number of classes.
      place: where the labels come from, for the error.

    Raises:
      DataError: if one is not.
    """
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        raise DataError(
            f"{place}: labels must be in [0, {classes}),"
            f" got {labels[wrong[0]]} at example {wrong[0]}"
        )
