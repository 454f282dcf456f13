import jax.numpy as jnp

import inna_optax


def test_arrays_are_not_compared():
    """They may be tracers, or today's value of an injected schedule."""
    inna_optax.inna(jnp.asarray(3.0), alpha=jnp.asarray(-1.0))
    inna_optax.inna(lambda count: 3.0)
