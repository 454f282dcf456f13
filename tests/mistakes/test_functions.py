"""Every argument of every public function, given what it does not take."""

import ast
import inspect
import re

import jax.numpy as jnp
import pytest

import inna_optax
from inna_optax import dynamics
from tests.mistakes import page
from tests.mistakes.functions import EXPRESSIONS, SUBPACKAGES, answer, namespace

ANSWERS = page.answers()

# What needs no row, and why.
FUNCTIONS_OF_THE_USER = {  # called with params, they fail in their own words
    ("din_flow", "grad_fn"),
    ("solve_din", "grad_fn"),
    ("hessian_extremes", "loss_fn"),
    ("diagnose", "loss_fn"),
}
LAYERS = {("batch_norm", "features"), ("batch_norm", "rngs")}  # their networks check
# Functions that make up a network, whichever network it is.
PARTS_OF_NETWORKS = {
    "activation",
    "output_activation",
    "normalization",
    "kernel_init",
    "pool",
    "pools",
}
PYTREES = {  # any object is one
    ("innaprop", "mask"),
    ("solve_din", "theta0"),
    ("lyapunov", "velocity"),
    ("lyapunov_min", "velocity"),
    ("lyapunov_max", "velocity"),
    ("array_shardings", "tree"),
    ("with_shardings", "tree"),
    ("fit", "hyperparameters"),  # whatever the user's make_solver reads
}


def public_functions():
    for module in (inna_optax, *SUBPACKAGES.values()):
        for name in module.__all__:
            value = getattr(module, name)
            kinds = (tuple, Exception)
            if callable(value) and not (
                isinstance(value, type) and issubclass(value, kinds)
            ):
                yield name, value


def parameters(function):
    """Their names; of a class those of its constructor, which a metaclass hides."""
    if isinstance(function, type):
        return [*inspect.signature(function.__init__).parameters][1:]
    return [*inspect.signature(function).parameters]


def arguments(call):
    """A call's function, and the expression given for each of its parameters."""
    function = eval(ast.unparse(call.func), dict(namespace()))
    given = dict(zip(parameters(function), call.args, strict=False))
    return function, given | {k.arg: k.value for k in call.keywords}


def rows():
    """For each row the call, its function, and the arguments that the answer names."""
    functions = {function for _, function in public_functions()}
    for expression in (x for module in EXPRESSIONS.values() for x in module):
        answered = ANSWERS[expression]
        call = ast.parse(expression, mode="eval").body
        function, given = arguments(call)
        if function in functions:
            words = set(re.findall(r"\w+", answered.partition(": ")[2]))
            yield call, function, words & set(given), answered


def numbers():
    """For each argument that is a number, or several, a call with a wrong one."""
    found = {}
    for call, function, named, answered in rows():
        name, _, demand = answered.partition(": ")[2].partition(" must be ")
        if name in named and re.match(r"(\w+ )*in [(\[]", demand):
            found.setdefault((function.__name__, name), call)
    return found


NUMBERS = numbers()


def test_no_argument_is_left_out():
    named = {(f.__name__, name) for _, f, names, _ in rows() for name in names}
    wanted = {
        (function.__name__, name)
        for _, function in public_functions()
        for name in parameters(function)
        if name not in PARTS_OF_NETWORKS
    }
    assert wanted - named == FUNCTIONS_OF_THE_USER | LAYERS | PYTREES


@pytest.mark.parametrize("wrong", ["np.nan", "'1'", "True", "digits"])
@pytest.mark.parametrize(("function", "name"), NUMBERS, ids=lambda s: s)
def test_what_is_no_number_is_refused(function, name, wrong):
    call = ast.parse(ast.unparse(NUMBERS[function, name]), mode="eval").body
    _, given = arguments(call)
    before, after = given[name], ast.parse(wrong, mode="eval").body
    for keyword in call.keywords:
        if keyword.value is before:
            keyword.value = after
    call.args = [after if arg is before else arg for arg in call.args]
    answered = answer(ast.unparse(call))
    assert re.match(rf"(ValueError|TypeError): {name} must be ", answered)
    assert "\n" not in answered


def test_arrays_of_times_are_looked_at():
    """Not those of hyperparameters: times are no tracer's or schedule's stand-in."""
    with pytest.raises(ValueError, match=r"^ts must be in \[0, t1\] and never"):
        dynamics.solve_din(jnp.sin, 1.0, t1=1.0, ts=jnp.array([0.5, 2.0]))
