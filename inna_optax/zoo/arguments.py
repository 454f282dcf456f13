"""Checks of what the networks are made from.

Only what would otherwise fail late, or not at all, is checked, and only by the
networks: their layers take what they are given.
"""

from typing import Any

from flax import nnx

from inna_optax._checks import as_counts, shown

PADDINGS = ("SAME", "VALID")


def as_image_shape(
    input_shape: Any, *, padding: str = "SAME", smallest: int = 1
) -> tuple[int, ...]:
    """`input_shape` as (height, width, channels) of images that are large enough.

    Args:
      input_shape: what the user passed for it.
      padding: of the network, for the error.
      smallest: the smallest height and width that the network takes.

    Raises:
      TypeError: if `input_shape` is not a sequence of integers.
      ValueError: if there are not three, or height or width is too small.
    """
    shape = as_counts("input_shape", input_shape)
    if len(shape) != 3:
        raise ValueError(
            f"input_shape must be (height, width, channels), got {shown(input_shape)}."
        )
    if min(shape[:2]) < smallest:
        raise ValueError(
            f"input_shape is too small: height and width must be in [{smallest}, inf)"
            f" with padding={padding!r}, got {shape}."
        )
    return shape


def check_padding(padding: Any) -> None:
    """Raises a ValueError unless `padding` is one of :data:`PADDINGS`."""
    if padding not in PADDINGS:
        raise ValueError(f'padding must be "SAME" or "VALID", got {shown(padding)}.')


def check_rngs(rngs: Any) -> None:
    """Raises a TypeError unless `rngs` are Flax's, which a key of JAX is not."""
    if not isinstance(rngs, nnx.Rngs):
        raise TypeError(
            f"rngs must be random keys of Flax, such as nnx.Rngs(0), got {shown(rngs)}."
        )
