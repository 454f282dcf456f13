"""Data sets by name."""

from collections.abc import Callable

from inna_optax.data.dataset import Dataset
from inna_optax.data.digits import load_digits

_LOADERS: dict[str, Callable[[], Dataset]] = {"digits": load_digits}
NAMES = tuple(_LOADERS)


def load(name: str) -> Dataset:
    """Loads a data set.

    Args:
      name: one of :data:`NAMES`.

    Returns:
      A :class:`Dataset`.

    Raises:
      ValueError: if ``name`` is unknown.

    Examples:
      >>> from inna_optax import data
      >>> digits = data.load('digits')
      >>> digits.train_images.shape, digits.test_images.shape
      ((1437, 8, 8, 1), (360, 8, 8, 1))
    """
    if name not in _LOADERS:
        raise ValueError(f"name must be one of {', '.join(NAMES)}, got {name!r}.")
    return _LOADERS[name]()
