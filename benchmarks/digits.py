"""A problem of the experiments on scikit-learn's digits: no download, real images."""

import jax.numpy as jnp
import numpy as np

from inna_optax.experiments.catalogue.problems import PROBLEMS
from inna_optax.experiments.running.setting import Setting, open_setting


def on_digits(name: str, examples: int) -> Setting:
    """The problem of that name on so many digits, at its own batch size.

    Problems whose networks take CIFAR-10's images get the digits in 32 x 32 x 3 pixels.
    """
    digits, problem = PROBLEMS["digits"], PROBLEMS[name]
    setting = open_setting(digits, digits.paper, train_examples=examples)
    if name == "digits":
        return setting

    def enlarged(images: np.ndarray) -> np.ndarray:
        shape = (-1, *setting.facts.shape)
        tall = images.reshape(shape).repeat(4, axis=1)
        wide = tall.repeat(4, axis=2).repeat(3, axis=3)
        return jnp.asarray(wide.reshape(len(wide), -1))

    arrays = [
        {**part, "images": enlarged(np.asarray(part["images"]))}
        for part in setting.arrays
    ]
    return setting._replace(
        problem=problem,
        facts=setting.facts._replace(shape=(32, 32, 3)),
        arrays=type(setting.arrays)(*arrays),
        batch_size=problem.batch_size,
    )
