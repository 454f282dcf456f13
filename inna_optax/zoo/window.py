"""The output sizes of convolutions and pooling."""

import math


def output_size(size: int, window: int, stride: int, padding: str) -> int:
    """Number of positions of a window along one dimension.

    Args:
      size: size of the input, in [window, inf) with padding ``"VALID"``, else in
        [1, inf).
      window: width of the window, in [1, inf).
      stride: step of the window, in [1, inf).
      padding: ``"SAME"`` or ``"VALID"``.

    Returns:
      The output's size.

    Examples:
      >>> output_size(32, 5, 1, "VALID"), output_size(28, 3, 2, "SAME")
      (28, 14)
    """
    if padding == "SAME":
        return math.ceil(size / stride)
    return (size - window) // stride + 1
