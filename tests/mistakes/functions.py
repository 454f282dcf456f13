"""What can be wrong in calls of the public functions.

Wrong types, values outside their ranges, NaN, misspelt names: one mistake an
expression.  Expressions use the public functions by their names, the subpackages,
`jax`, `jnp`, `np` and `optax`, and these:

    params, key       two ones; a key of `jax.random`
    opaque            Step-Tuned SGD in opaque mode
    grad_fn, loss_fn  from such params to a gradient, to a loss
    rngs, shape       `nnx.Rngs(0)`; (32, 32, 3), a colour image's
    digits            the data set of that name
    task, make_solver, sizes, program, arrays
                      a training task, what it takes to make a program of it, the
                      program, and its data on the device
    mesh, other_mesh  a mesh of one device; one with another axis
"""

import functools
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

import inna_optax
from inna_optax import data, dynamics, landscapes, training, zoo

SUBPACKAGES = {
    "dynamics": dynamics,
    "landscapes": landscapes,
    "zoo": zoo,
    "data": data,
    "training": training,
}

EXPRESSIONS = {
    "inna_optax": r"""
inna(-0.1)
inna("0.1")
inna(0.1, alpha=-1)
inna(0.1, beta=-0.1)
inna(2.0)
inna(0.1, initial_speed=np.nan)
inna(0.1, velocity_dtype="flaot32")
inna(np.float32(2.0))
inna(np.ones(1))
inna(jnp.ones(1))
inna(0.1).init({"activation": len})
damped_momentum(-0.1)
damped_momentum(0.1, 1.0)
damped_momentum(0.1, damping=-0.2)
damped_momentum(0.1, velocity_dtype=int)
innaprop(np.inf)
innaprop(0.1, alpha=-1)
innaprop(0.1, beta=0.0)
innaprop(10.0)
innaprop(0.1, decay=1.0)
innaprop(0.1, eps=0.0)
innaprop(0.1, eps_root=-1e-8)
innaprop(0.1, weight_decay=-1e-4)
innaprop(0.1, velocity_dtype=int)
optax.inject_hyperparams(innaprop)(0.1).init(params.astype("bfloat16"))
innaprop(0.1).update(params, innaprop(0.1).init(params))
step_tuned_sgd(-0.1)
step_tuned_sgd(0.1, nu=0)
step_tuned_sgd(0.1, beta=1.0)
step_tuned_sgd(0.1, gamma_min=0.0)
step_tuned_sgd(0.1, gamma_max=np.inf)
step_tuned_sgd(0.1, gamma_min=3.0)
step_tuned_sgd(0.1, delta=0.5)
step_tuned_sgd(0.1, opaque_mode="no")
step_tuned_sgd(0.1, accumulator_dtype="int8")
step_tuned_sgd(0.1, axis_name=0)
opaque.update(params, opaque.init(params), params)
opaque.update(params, opaque.init(params), params, grad_fn=jax.value_and_grad(loss_fn))
opaque.update(params, opaque.init(params), params, grad_fn=loss_fn)
barzilai_borwein(-0.1)
barzilai_borwein(0.1, nu=-2.0)
barzilai_borwein(0.1, negative_curvature="absolut")
barzilai_borwein(0.1, axis_name=["data"])
stochastic_gv_sgd(-0.1)
stochastic_gv_sgd(0.1, nu=0)
stochastic_gv_sgd(0.1, gamma_min=-0.5)
stochastic_gv_sgd(0.1, gamma_max=0.0)
stochastic_gv_sgd(0.1, delta=0.5)
stochastic_gv_sgd(0.1, axis_name=0)
exact_gv_sgd(-0.1)
exact_gv_sgd(0.1, nu=0)
exact_gv_sgd(0.1, gamma_min=-0.5)
exact_gv_sgd(0.1, gamma_max=0.4)
exact_gv_sgd(0.1, delta=0.0)
exact_gv_sgd(0.1, axis_name=0)
exact_gv_sgd(0.1).update(params, exact_gv_sgd(0.1).init(params))
expected_gv_sgd(-0.1)
expected_gv_sgd(0.1, nu=0)
expected_gv_sgd(0.1, gamma_min="0.5")
expected_gv_sgd(0.1, gamma_max=np.nan)
expected_gv_sgd(0.1, delta=1)
expected_gv_sgd(0.1, axis_name=0)
expected_gv_sgd(0.1).update(params, expected_gv_sgd(0.1).init(params))
inverse_power_schedule(-0.1)
inverse_power_schedule(0.1, power=-0.5)
inverse_power_schedule(0.1, transition_steps=0)
inverse_power_schedule(0.1, transition_steps=2.5)
momentum_from_inna(0.0)
momentum_from_inna(0.1, alpha=0.0)
momentum_from_inna(0.1, beta=-0.1)
momentum_from_inna(np.array([0.1, 3.0]))
inna_from_momentum(0.0)
inna_from_momentum(0.1, momentum=1.0)
inna_from_momentum(0.1, damping=-0.2)
momentum_from_quasi_hyperbolic(0.0)
momentum_from_quasi_hyperbolic(0.1, beta=1.0)
momentum_from_quasi_hyperbolic(0.1, nu=1.5)
quasi_hyperbolic_from_momentum(0.0)
quasi_hyperbolic_from_momentum(0.1, momentum=0.0)
quasi_hyperbolic_from_momentum(0.1, damping=1.5)
quasi_hyperbolic_from_momentum(0.1, 0.9, damping=0.05)
phase_variable(params, ())
phase_variable(params, (), alpha=-1)
phase_variable(params, (), beta=0)
phase_variable((params, params), inna(0.1).init(params))
""",
    "inna_optax.dynamics": r"""
dynamics.din_flow(grad_fn, alpha=-1)
dynamics.din_flow(grad_fn, beta=-0.1)
dynamics.solve_din(grad_fn, params, t1=0)
dynamics.solve_din(grad_fn, params, t1=1, alpha=-1)
dynamics.solve_din(grad_fn, params, t1=1, beta=-0.1)
dynamics.solve_din(grad_fn, params, t1=1, beta=0, psi0=params)
dynamics.solve_din(grad_fn, params, t1=1, alpha=lambda t: np.ones(1))
dynamics.solve_din(grad_fn, params, t1=1, v0=params, psi0=params)
dynamics.solve_din(grad_fn, params, t1=1, ts=[0.5, 2.0])
dynamics.solve_din(grad_fn, params, t1=1, ts=[0.5, 0.2])
dynamics.solve_din(grad_fn, params, t1=1, ts=[0.5, np.nan])
dynamics.solve_din(grad_fn, params, t1=1, ts=[])
dynamics.solve_din(grad_fn, params, t1=1, ts=0.5)
dynamics.solve_din(grad_fn, params, t1=1, rtol=0)
dynamics.solve_din(grad_fn, params, t1=1, atol=-1e-7)
dynamics.solve_din(grad_fn, params, t1=1, max_steps=0)
dynamics.solve_din(grad_fn, params, t1=1, solver="Kvaerno5")
dynamics.lyapunov("2.0", params)
dynamics.lyapunov(2.0, params, alpha=-1)
dynamics.lyapunov(2.0, params, beta=0)
dynamics.lyapunov_min(None, params)
dynamics.lyapunov_min(2.0, params, alpha=np.nan)
dynamics.lyapunov_min(2.0, params, beta=-0.1)
dynamics.lyapunov_max(None, params)
dynamics.lyapunov_max(2.0, params, alpha=np.inf)
dynamics.lyapunov_max(2.0, params, beta=0)
dynamics.oscillation_interval(-1, 0.1)
dynamics.oscillation_interval(0.5, np.nan)
dynamics.is_gradient_like(-1, 0.1)
dynamics.is_gradient_like(0.5, -0.1)
dynamics.flow_eigenvalues(np.inf, 0.5, 0.1)
dynamics.flow_eigenvalues(2.0, -1, 0.1)
dynamics.flow_eigenvalues(2.0, 0.5, -0.1)
dynamics.map_eigenvalues(np.nan, 0.5, 0.1, 0.01)
dynamics.map_eigenvalues(2.0, -1, 0.1, 0.01)
dynamics.map_eigenvalues(2.0, 0.5, -0.1, 0.01)
dynamics.map_eigenvalues(2.0, 0.5, 0.1, -0.01)
dynamics.saddle_avoiding_step_size(-1, 0.1, 50)
dynamics.saddle_avoiding_step_size(0.5, 0, 50)
dynamics.saddle_avoiding_step_size(0.5, 0.1, -50)
dynamics.stable_step_size(-1, 0.1, 50)
dynamics.stable_step_size(0.5, -0.1, 50)
dynamics.stable_step_size(0.5, 0.1, [1, 50])
dynamics.stable_step_size(0.5, 0.1, -50)
dynamics.hessian_extremes(loss_fn, {})
dynamics.hessian_extremes(loss_fn, np.int32([1, 2]))
dynamics.hessian_extremes(loss_fn, params, iterations=0)
dynamics.hessian_extremes(loss_fn, params, iterations=1e3)
dynamics.hessian_extremes(loss_fn, params, key=0)
dynamics.diagnose(loss_fn, {})
dynamics.diagnose(loss_fn, params, alpha=-1)
dynamics.diagnose(loss_fn, params, beta=0)
dynamics.fastest_settings(0.0, 1.0)
dynamics.fastest_settings(1.0, -1.0)
dynamics.fastest_settings(1.0, 2.0, "quadratc")
dynamics.diagnose(loss_fn, params, iterations=0)
dynamics.diagnose(loss_fn, params, key=0)
""",
    "inna_optax.landscapes": r"""
landscapes.robust_regression(0)
landscapes.robust_regression(key, num_rows=0)
landscapes.robust_regression(key, dim=30.0)
landscapes.robust_regression(key, dim=-1)
""",
    "inna_optax.zoo": r"""
zoo.MLP(0, (64, 32), 10, rngs=rngs)
zoo.MLP(64, 32, 10, rngs=rngs)
zoo.MLP(64, (64, 0), 10, rngs=rngs)
zoo.MLP(64, (64, 32), 0, rngs=rngs)
zoo.MLP(64, (64, 32), 10, rngs=0)
zoo.AutoEncoder(784, rngs=rngs)
zoo.AutoEncoder((28, 28.0, 1), rngs=rngs)
zoo.AutoEncoder((28, 28), widths=(500, -30), rngs=rngs)
zoo.AutoEncoder((28, 28), widths=(), rngs=rngs)
zoo.AutoEncoder((28, 28), rngs=None)
zoo.LeNet(0, shape, rngs=rngs)
zoo.LeNet(10, (32, 32), rngs=rngs)
zoo.LeNet(10, (15, 28, 1), rngs=rngs)
zoo.LeNet(10, shape, padding="same", rngs=rngs)
zoo.LeNet(10, shape, rngs=0)
zoo.NiN(True, shape, rngs=rngs)
zoo.NiN(-10, shape, rngs=rngs)
zoo.NiN(10, (28, 26, 1), rngs=rngs)
zoo.NiN(10, shape, padding="VALIDE", rngs=rngs)
zoo.NiN(10, shape, dropout=1.0, rngs=rngs)
zoo.NiN(10, shape, rngs=0)
zoo.ResNet20(10.0, shape, rngs=rngs)
zoo.ResNet20(0, shape, rngs=rngs)
zoo.ResNet20(10, (32, 32), rngs=rngs)
zoo.ResNet20(10, (32, 0, 3), rngs=rngs)
zoo.ResNet20(10, shape, rngs=0)
zoo.Transformer(0, rngs=rngs)
zoo.Transformer(256.0, rngs=rngs)
zoo.Transformer(256, width=0, rngs=rngs)
zoo.Transformer(256, width=100, rngs=rngs)
zoo.Transformer(256, layers=0, rngs=rngs)
zoo.Transformer(256, heads=0, rngs=rngs)
zoo.Transformer(256, heads=2.5, rngs=rngs)
zoo.Transformer(256, rngs=0)
""",
    "inna_optax.data": r"""
data.load("minst")
data.load("mnist", "nowhere")
data.load("mnist", 3)
data.head("digits", 100)
data.head(digits, 0)
data.head(digits, 100.0)
data.head(digits, 100, 361)
data.load_text("nowhere")
data.load_text(".")
data.load_text(3)
data.load_text(context=0)
data.load_text(context=128.0)
data.unigram_bits("text")
data.bigram_bits(digits)
""",
    "inna_optax.training": r"""
training.make_mesh(8)
training.make_mesh({"dat": 8})
training.make_mesh({"data": 0})
training.make_mesh({"data": 2}, jax.devices()[:1])
training.make_mesh({"data": 1}, "cpu")
training.array_shardings(params, None)
training.array_shardings(params, other_mesh)
training.with_shardings(params, {"data": 2})
training.put_examples(3, mesh)
training.put_examples({"images": 3}, None)
training.put_examples([1, 2, 3], mesh)
training.put_examples(params, {"data": 2})
training.make_program(digits, make_solver, **sizes)
training.make_program(task, inna(0.1), **sizes)
training.make_program(task, make_solver, examples=0, batch_size=5)
training.make_program(task, make_solver, examples=10, batch_size=0)
training.make_program(task, make_solver, examples=10, batch_size=11)
training.make_program(task, make_solver, **sizes, uses_per_batch=0)
training.make_program(task, make_solver, **sizes, evaluation_batch=0)
training.make_program(task, make_solver, **sizes, mesh=8)
training.make_program(task, make_solver, **sizes, evaluated=8)
training.vectorize(task)
training.fit(task, arrays, 0, {}, epochs=1)
training.fit(program, digits, 0, {}, epochs=1)
training.fit(program, arrays, -1, {}, epochs=1)
training.fit(program, arrays, 0.5, {}, epochs=1)
training.fit(program, arrays, 0, {}, epochs=-1)
training.fit(program, arrays, 0, {}, epochs=1, evaluate_every=0)
training.fit(program, arrays, 0, {}, epochs=1, resume="checkpoints")
training.evaluate(task, program.start(0, {}), digits[1:3])
training.evaluate(program, params, digits[1:3])
training.evaluate(program, program.start(0, {}), 3)
training.Checkpoints(3)
training.Checkpoints("checkpoints", keep=0)
training.Checkpoints("checkpoints", identity="mine")
training.write_json(3, {})
training.write_json("results.json", [1, 2])
training.append_history(3, [{"epoch": 0}])
training.append_history("history.csv", [])
training.write_history(3, [{"epoch": 0}])
training.write_history("history.csv", [])
""",
}
EXPRESSIONS = {module: text.splitlines()[1:] for module, text in EXPRESSIONS.items()}


@functools.cache
def namespace() -> dict[str, Any]:
    """What the expressions can name."""
    task = training.Task(
        init=lambda key: (jax.random.normal(key), {}),
        loss=lambda params, state, batch, key: (params**2, state),
        metrics=lambda params, state, batch: {"loss": 0.0 * batch[1]},
        penalty=lambda params: params**2,
    )
    sizes = {"examples": 10, "batch_size": 5}
    digits = data.load("digits")

    def make_solver(hyperparameters):
        return optax.sgd(0.1)

    return {
        **{name: getattr(inna_optax, name) for name in inna_optax.__all__},
        **SUBPACKAGES,
        "jax": jax,
        "jnp": jnp,
        "np": np,
        "optax": optax,
        "params": jnp.ones(2),
        "opaque": inna_optax.step_tuned_sgd(0.1, opaque_mode=True),
        "key": jax.random.key(0),
        "grad_fn": jnp.sin,
        "loss_fn": jnp.sum,
        "rngs": nnx.Rngs(0),
        "shape": (32, 32, 3),
        "digits": digits,
        "task": task,
        "make_solver": make_solver,
        "sizes": sizes,
        "program": training.make_program(task, make_solver, **sizes),
        "arrays": training.Arrays(train=digits[1:3], test=digits[3:5]),
        "mesh": training.make_mesh({"data": 1}),
        "other_mesh": jax.sharding.Mesh(jax.devices()[:1], "x"),
    }


def answer(expression: str) -> str:
    """What is raised, as the last line of a traceback has it.

    To be called in an empty folder, which must stay so.
    """
    try:
        value = eval(expression, dict(namespace()))
    except (ValueError, TypeError, KeyError, data.DataError) as error:
        line = f"{type(error).__name__}: {error}"
    else:
        line = f"not refused: {value!r}"
    assert "\n" not in line
    assert not list(pathlib.Path().iterdir()), "something was written"
    return line
