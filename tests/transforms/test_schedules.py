import jax
import jax.numpy as jnp
import numpy as np
import optax

from inna_optax import inverse_power_schedule


def test_values():
    schedule = inverse_power_schedule(2.0, power=0.75, transition_steps=7)
    counts = np.arange(40)
    expected = 2.0 / (counts // 7 + 1) ** 0.75
    np.testing.assert_allclose(schedule(jnp.asarray(counts)), expected, rtol=1e-6)
    np.testing.assert_allclose([schedule(k) for k in range(40)], expected, rtol=1e-6)


def test_is_constant_before_its_start():
    """After a warm-up optax calls it with counts below zero, and selects."""
    warm_up = optax.linear_schedule(0.0, 0.1, 10)

    def joined(init):
        return optax.join_schedules([warm_up, inverse_power_schedule(init)], [10])

    with jax.debug_nans(True):
        np.testing.assert_allclose(joined(0.1)(3), 0.03, rtol=1e-6)
        assert jax.grad(lambda init: joined(init)(3))(0.1) == 0
    assert inverse_power_schedule(0.1)(-5) == inverse_power_schedule(0.1)(0)


def test_arguments_can_be_traced():
    values = jax.vmap(
        lambda init, power, n: inverse_power_schedule(init, power, n)(10)
    )(jnp.array([1.0, 2.0]), jnp.array([0.5, 1.0]), jnp.array([1, 5]))
    np.testing.assert_allclose(values, [11**-0.5, 2 / 3], rtol=1e-6)
