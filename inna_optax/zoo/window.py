"""How far a window can go: the sizes of convolutions and pooling."""

from inna_optax.zoo.arguments import check_padding


def output_size(size: int, window: int, stride: int, padding: str) -> int:
    """Number of places that a window takes along one dimension.

    Args:
      size: of the input, in [1, inf).
      window: width of the window, in [1, inf).
      stride: step of the window, in [1, inf).
      padding: ``"SAME"`` or ``"VALID"``.

    Returns:
      The output's size.

    Raises:
      ValueError: if ``padding`` is neither, or the window does not fit once.

    Examples:
      >>> output_size(32, 5, 1, "VALID"), output_size(28, 3, 2, "SAME")
      (28, 14)
    """
    check_padding(padding)
    if padding == "SAME":
        return -(-size // stride)
    if size < window:
        raise ValueError(
            f"An image of {size} pixels is too small here for a window of {window}"
            ' without padding: use larger images or padding="SAME".'
        )
    return (size - window) // stride + 1
