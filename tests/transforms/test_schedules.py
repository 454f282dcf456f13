import jax
import jax.numpy as jnp
import numpy as np

from inna_optax import inverse_power_schedule


def test_values():
    schedule = inverse_power_schedule(2.0, power=0.75, transition_steps=7)
    counts = np.arange(40)
    expected = 2.0 / (counts // 7 + 1) ** 0.75
    np.testing.assert_allclose(schedule(jnp.asarray(counts)), expected, rtol=1e-6)
    np.testing.assert_allclose([schedule(k) for k in range(40)], expected, rtol=1e-6)


def test_arguments_can_be_traced():
    values = jax.vmap(
        lambda init, power, n: inverse_power_schedule(init, power, n)(10)
    )(jnp.array([1.0, 2.0]), jnp.array([0.5, 1.0]), jnp.array([1, 5]))
    np.testing.assert_allclose(values, [11**-0.5, 2 / 3], rtol=1e-6)
