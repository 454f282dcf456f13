r"""Figure 4.3: gradient variations on mini-batches, from naive to Step-Tuned SGD.

The robust regression of section 4.7 with N = 500 rows, P = 30 variables and independent
mini-batches of 50 rows, 250 epochs.  SGD; Step-Tuned SGD (Algorithm 3); and the
heuristic methods of section 4.9: Stochastic-GV, Exact-GV and Expected-GV (Algorithms 4
to 6).  All with the algorithms' own decay :math:`1/(k+1)^{1/2+\delta}` of the step,
:math:`\delta = 0.001`, SGD too.

An epoch is N / 50 = 10 gradients on mini-batches, so that every method has made the
same number of steps: Step-Tuned SGD, which uses each mini-batch twice, sees 5 of them
in an epoch, the others 10 (and k counts mini-batches).  As in the thesis, the cost of
the full gradients of Exact-GV and of the expectation in Expected-GV is not counted.
That expectation is not estimated but computed (`expected_curvature`).

The thesis does not say which bounds of the step factor it took.  The factor is the
inverse of a curvature, so bounds that suit one problem do not suit another.  Here the
default ones, 0.5 and 2, hold Exact-GV and Expected-GV at 2 nearly always (the readings
`share_at_upper_bound`): but for the first step they are SGD with another learning rate.
The figure is therefore made twice, with the default bounds (upper row) and with three
times those (lower row), where the factors of Stochastic-GV and Exact-GV do vary.
The readings `sgd_with_a_short_first_step` are a control: SGD, as widely searched, with
a quarter of its first step, which is what the bounds of the lower row make of gamma_0.
It has most of what Exact-GV and Expected-GV gain over SGD.

Of each method 48 settings are run, and those chosen that yield the smallest loss after
50 epochs: for each draw of the problem its own, and one for all draws, tuned on 20
others (`regression_search`).  48 learning rates from 1 to 100 for SGD; for the others
half as many, times 1 and 2 for :math:`\nu` (section 4.5 also searches 5, which the
upper bound 2 makes equal to 2).  With three times the bounds the learning rates are
divided by 3 and :math:`\nu` is multiplied by 3.

The thesis does not give the initial point: it is drawn from N(0, I).  The thesis shows
one draw of the problem; here are 20, of which the left panels show the first.  Both
scales are the same.

Source: Castera's thesis (https://theses.hal.science/tel-04186508), sections 4.3.3, 4.7
and 4.9.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from inna_optax import (
    exact_gv_sgd,
    expected_gv_sgd,
    inverse_power_schedule,
    step_tuned_sgd,
    stochastic_gv_sgd,
)
from inna_optax.experiments.figures import style
from inna_optax.experiments.figures.regression_search import (
    PROTOCOLS,
    choose,
    draw_band,
    draw_points,
    draw_problems,
    for_each_draw,
    grid,
    quartiles,
    rounded,
    setting_at,
)
from inna_optax.landscapes import RobustRegression
from inna_optax.transforms._curvature import clip_step

DELTA = 0.001
BOUNDS = {"default_bounds": (0.5, 2.0), "triple_bounds": (1.5, 6.0)}
SEED = 0

Bounds = tuple[float, float]
Draw = tuple[RobustRegression, jax.Array, jax.Array]  # problem, start, mini-batches.


class Method(NamedTuple):
    """A method compared: how to make it, how it looks."""

    label: str
    make: Callable[[Mapping[str, Any], Bounds], optax.GradientTransformation]
    colour: str
    line: Any
    marker: str
    needs: str | None = None  # the extra argument of its update.
    uses: int = 1  # gradients on each mini-batch.
    has_nu: bool = True


class Sizes(NamedTuple):
    """How much is run."""

    draws: int = 20  # and as many for tuning.
    num_rows: int = 500
    dim: int = 30
    batch_size: int = 50
    epochs: int = 250
    search_epochs: int = 50
    learning_rates: int = 24  # every method has twice as many settings.

    def gradients(self) -> int:
        """Gradients on mini-batches in an epoch."""
        return self.num_rows // self.batch_size


def _sgd(setting: Mapping[str, Any], bounds: Bounds) -> optax.GradientTransformation:
    del bounds
    return optax.sgd(inverse_power_schedule(setting["learning_rate"], 0.5 + DELTA))


def _sgd_short_first_step(
    setting: Mapping[str, Any], bounds: Bounds
) -> optax.GradientTransformation:
    """SGD whose first step is shortened as the bounds do gamma_0 = 1 beside 6."""
    _, high = bounds
    schedule = inverse_power_schedule(setting["learning_rate"], 0.5 + DELTA)
    first = clip_step(1.0, *bounds) / high
    return optax.sgd(lambda count: jnp.where(count == 0, first, 1.0) * schedule(count))


def _family(make: Callable[..., Any]) -> Callable[..., optax.GradientTransformation]:
    def with_setting(
        setting: Mapping[str, Any], bounds: Bounds
    ) -> optax.GradientTransformation:
        low, high = bounds
        return make(**setting, gamma_min=low, gamma_max=high, delta=DELTA)

    return with_setting


METHODS = {
    "sgd": Method("SGD", _sgd, style.BLACK, (0, (1, 1)), "^", has_nu=False),
    "stochastic_gv": Method(
        "Stochastic-GV", _family(stochastic_gv_sgd), style.PURPLE, "-.", "D"
    ),
    "exact_gv": Method(
        "Exact-GV",
        _family(exact_gv_sgd),
        style.GREEN,
        (0, (6, 2)),
        "s",
        needs="full_grads",
    ),
    "expected_gv": Method(
        "Expected-GV",
        _family(expected_gv_sgd),
        style.VERMILLION,
        "--",
        "v",
        needs="curvature",
    ),
    "step_tuned_sgd": Method(
        "Step-Tuned SGD", _family(step_tuned_sgd), style.BLUE, "-", "o", uses=2
    ),
}
# Not drawn: a reading tells how much of the others' gain it has.
CONTROL = METHODS["sgd"]._replace(make=_sgd_short_first_step)


def settings_of(
    method: Method, bounds: Bounds, learning_rates: int
) -> dict[str, np.ndarray]:
    """The settings tried of a method, `2 * learning_rates`."""
    rates = np.geomspace(1, 100, 2 * learning_rates)
    if not method.has_nu:
        return {"learning_rate": rates}
    _, high = bounds
    return grid(learning_rate=rates[1::2] * (2 / high), nu=np.array([high / 2, high]))


def mini_batches(
    key: jax.Array, draws: int, count: int, num_rows: int, batch_size: int
) -> jax.Array:
    """Independent subsets of rows, each uniform among those of its size.

    Returns:
      Indices, shape (draws, count, batch_size).
    """

    def subsets(key: jax.Array) -> np.ndarray:
        # The rows of the smallest of independent numbers (XLA would sort them all).
        numbers = np.asarray(jax.random.uniform(key, (count, num_rows)))
        return np.argpartition(numbers, batch_size - 1, axis=1)[:, :batch_size]

    return jnp.stack([subsets(key) for key in jax.random.split(key, draws)])


def expected_curvature(
    problem: RobustRegression, theta: jax.Array, batch_size: int
) -> jax.Array:
    r"""The expectation of :math:`\nabla^2 J_A \nabla J_A` over mini-batches A.

    A is uniform among the subsets of m of the N rows.  With :math:`H_n, g_n` of row n
    and :math:`H, g` of the full loss, the probabilities m / N that A has row n and
    m (m - 1) / (N (N - 1)) that it has two given rows make

    .. math::
      E[H_A g_A] = \frac{N - m}{m (N - 1)} \cdot \frac1N \sum_n H_n g_n
        + \frac{N (m - 1)}{m (N - 1)} H g

    in which :math:`H_n g_n` is the gradient of :math:`\tfrac12 \|g_n\|^2`, and
    :math:`g_n = -N A_n \, \partial J / \partial b_n`.
    """
    rows, m = problem.targets.shape[0], batch_size
    squared_lengths = jnp.sum(problem.features**2, axis=1)

    def mean_half_squared_norm(theta: jax.Array) -> jax.Array:
        slopes = rows * jax.grad(
            lambda targets: problem._replace(targets=targets).objective(theta)
        )(problem.targets)
        return 0.5 * jnp.mean(slopes**2 * squared_lengths)

    grad_fn = jax.grad(problem.objective)
    _, of_full_loss = jax.jvp(grad_fn, (theta,), (grad_fn(theta),))
    of_rows = jax.grad(mean_half_squared_norm)(theta)
    return (rows - m) / (m * (rows - 1)) * of_rows + rows * (m - 1) / (
        m * (rows - 1)
    ) * of_full_loss


def train(
    method: Method, bounds: Bounds, epochs: int, gradients: int
) -> Callable[[Draw, Mapping[str, jax.Array]], tuple[jax.Array, jax.Array]]:
    """A run of one method on mini-batches.

    Args:
      method: the method.
      bounds: of its step factor.
      epochs: number of epochs.
      gradients: gradients on mini-batches in an epoch.

    Returns:
      A function of a draw and a setting, that returns the full loss after each epoch,
      the start first, shape (epochs + 1,), and the step factor gamma at the end of each
      epoch, shape (epochs,), 1 for a method without.
    """

    def run(
        draw: Draw, setting: Mapping[str, jax.Array]
    ) -> tuple[jax.Array, jax.Array]:
        problem, start, batches = draw
        total = epochs * gradients
        batches = jnp.repeat(batches, method.uses, axis=0)[:total]
        solver = optax.with_extra_args_support(method.make(setting, bounds))

        def extra_args(theta: jax.Array) -> dict[str, jax.Array]:
            if method.needs == "full_grads":
                return {"full_grads": jax.grad(problem.objective)(theta)}
            if method.needs == "curvature":
                size = batches.shape[1]
                return {"curvature": expected_curvature(problem, theta, size)}
            return {}

        def update(carry: Any, rows: jax.Array) -> Any:
            theta, state = carry
            grads = jax.grad(problem.batch_objective)(theta, rows)
            updates, state = solver.update(grads, state, theta, **extra_args(theta))
            return (optax.apply_updates(theta, updates), state), None

        def epoch(carry: Any, rows: jax.Array) -> Any:
            loss = problem.objective(carry[0])
            carry, _ = jax.lax.scan(update, carry, rows)
            return carry, (loss, optax.tree.get(carry[1], "gamma", 1.0))

        (theta, _), (losses, gammas) = jax.lax.scan(
            epoch,
            (start, solver.init(start)),
            batches.reshape(epochs, gradients, -1),
        )
        return jnp.append(losses, problem.objective(theta)), gammas

    return run


def measure(sizes: Sizes) -> dict[str, Any]:
    """Runs everything: see :func:`compute`."""
    key_problems, key_batches = jax.random.split(jax.random.key(SEED))
    draws = (
        *draw_problems(key_problems, 2 * sizes.draws, sizes.num_rows, sizes.dim),
        mini_batches(
            key_batches,
            2 * sizes.draws,
            sizes.epochs * sizes.gradients(),
            sizes.num_rows,
            sizes.batch_size,
        ),
    )
    sgd = search_and_train(METHODS["sgd"], BOUNDS["default_bounds"], draws, sizes)
    control = search_and_train(CONTROL, BOUNDS["triple_bounds"], draws, sizes)
    readings: dict[str, Any] = {}
    rows = {}
    for key, bounds in BOUNDS.items():
        outcomes = {"sgd": sgd}
        for name, method in METHODS.items():
            if name != "sgd":
                outcomes[name] = search_and_train(method, bounds, draws, sizes)
        readings |= read(outcomes, key, sizes)
        rows[key] = {name: _curves(own, sizes) for name, own in outcomes.items()}
    for protocol in PROTOCOLS:
        what = f"sgd_with_a_short_first_step_minus_sgd_at_{sizes.search_epochs}"
        readings |= read_gain(control, sgd, protocol, f"{what}_{protocol}", sizes)
    return {"readings": readings, "rows": rows}


class Outcome(NamedTuple):
    """What a method did with the settings that the two protocols choose."""

    settings: dict[str, list[dict[str, float]]]  # by protocol, of each draw.
    losses: dict[str, np.ndarray]  # by protocol, shape (draws, epochs + 1).
    at_upper_bound: float  # share of step factors, with the held-out setting.


def search_and_train(
    method: Method, bounds: Bounds, draws: Draw, sizes: Sizes
) -> Outcome:
    """Chooses a method's settings, then trains with them on the draws looked at."""
    gradients = sizes.gradients()
    settings = settings_of(method, bounds, sizes.learning_rates)
    run = train(method, bounds, sizes.search_epochs, gradients)
    scores = for_each_draw(run, draws, settings)[0][:, :, -1]
    chosen = choose(np.where(np.isfinite(scores), scores, np.inf), sizes.draws)

    both = np.stack([chosen[protocol] for protocol in PROTOCOLS], axis=1)
    losses, gammas = for_each_draw(
        train(method, bounds, sizes.epochs, gradients),
        jax.tree.map(lambda x: x[: sizes.draws], draws),
        {key: values[both] for key, values in settings.items()},
    )
    held_out = gammas[:, PROTOCOLS.index("held_out")]
    return Outcome(
        {
            protocol: [setting_at(settings, index) for index in own]
            for protocol, own in chosen.items()
        },
        {protocol: losses[:, i] for i, protocol in enumerate(PROTOCOLS)},
        float(np.mean(held_out > 0.999 * bounds[1])),
    )


def read(outcomes: Mapping[str, Outcome], bounds: str, sizes: Sizes) -> dict[str, Any]:
    """What section 4.3.3 says of the figure, in numbers."""
    epoch, end = sizes.search_epochs, sizes.epochs
    readings: dict[str, Any] = {}
    for protocol in PROTOCOLS:
        median = {}
        for name, outcome in outcomes.items():
            losses = outcome.losses[protocol]
            median[name] = np.median(losses, axis=0).tolist()
            readings[f"{name}_median_at_{epoch}_{bounds}_{protocol}"] = median[name][
                epoch
            ]
            if name != "sgd":
                what = f"{name}_minus_sgd_at_{epoch}_{bounds}_{protocol}"
                readings |= read_gain(outcome, outcomes["sgd"], protocol, what, sizes)
        for claim, holds in claims(median, epoch, 3 * epoch, end).items():
            readings[f"{claim}_{bounds}_{protocol}"] = bool(holds)
        if protocol == "held_out":
            for name, curve in median.items():
                for later in (3 * epoch, end):
                    readings[f"{name}_median_at_{later}_{bounds}"] = curve[later]
            readings[f"step_tuned_sgd_median_at_{epoch}_epochs_of_data_{bounds}"] = (
                median["step_tuned_sgd"][2 * epoch]
            )
    for name, outcome in outcomes.items():
        if name != "sgd":
            readings[f"{name}_share_at_upper_bound_{bounds}"] = outcome.at_upper_bound
    return readings


def read_gain(
    outcome: Outcome, sgd: Outcome, protocol: str, what: str, sizes: Sizes
) -> dict[str, float]:
    """The difference from SGD after the search's epochs, over draws; small is good."""
    losses, reference = outcome.losses[protocol], sgd.losses[protocol]
    gain = (losses - reference)[:, sizes.search_epochs]
    return {
        f"{what}_mean": float(gain.mean()),
        f"{what}_standard_error": float(gain.std(ddof=1) / np.sqrt(len(gain))),
    }


def claims(
    median: Mapping[str, list[float]], epoch: int, middle: int, end: int
) -> dict[str, bool]:
    """The statements of section 4.3.3, on median losses by method and epoch."""
    sgd, exact, expected = median["sgd"], median["exact_gv"], median["expected_gv"]
    naive, ours = median["stochastic_gv"], median["step_tuned_sgd"]
    return {
        "exact_gv_is_below_sgd": exact[epoch] < sgd[epoch],
        "expected_gv_is_below_sgd": expected[epoch] < sgd[epoch],
        "exact_gv_is_below_sgd_at_three_times_as_many_epochs": exact[middle]
        < sgd[middle],
        "sgd_ends_below_exact_gv": sgd[end] < exact[end],
        "expected_gv_is_below_exact_gv": expected[epoch] < exact[epoch],
        "stochastic_gv_is_above_exact_and_expected_gv": naive[epoch]
        > max(exact[epoch], expected[epoch]),
        "stochastic_gv_is_above_sgd": naive[epoch] > sgd[epoch],
        "step_tuned_sgd_is_nearer_expected_gv_than_sgd": abs(
            ours[epoch] - expected[epoch]
        )
        < abs(ours[epoch] - sgd[epoch]),
    }


def _curves(outcome: Outcome, sizes: Sizes) -> dict[str, Any]:
    """What is drawn of one method."""
    return {
        "first_draw_setting": outcome.settings["tuned_per_draw"][0],
        "first_draw_loss": rounded(outcome.losses["tuned_per_draw"][0]),
        "held_out_setting": outcome.settings["held_out"][0],
        "held_out_loss": quartiles(outcome.losses["held_out"]),
        "loss_at_search": {
            protocol: rounded(losses[:, sizes.search_epochs])
            for protocol, losses in outcome.losses.items()
        },
    }


def compute(scale: str) -> dict[str, Any]:
    """Searches the settings of the five methods on 20 draws of the problem.

    Args:
      scale: "desk" or "paper", which are the same here.

    Returns:
      Plain data for :func:`draw`, with "settings" and "readings".
    """
    return result_of(Sizes(), {"scale": scale, "cut": "none"})


def result_of(sizes: Sizes, notes: Mapping[str, str]) -> dict[str, Any]:
    """The result at the given sizes."""
    return {
        "settings": {
            **notes,
            **sizes._asdict(),
            "settings_per_method": 2 * sizes.learning_rates,
            "bounds": {key: list(bounds) for key, bounds in BOUNDS.items()},
            "delta": DELTA,
            "epoch": f"{sizes.gradients()} gradients",
            "initial_point": "N(0, I)",
            "seed": SEED,
            "grids": {
                key: {
                    method: {
                        name: rounded(np.unique(values))
                        for name, values in settings_of(
                            METHODS[method], bounds, sizes.learning_rates
                        ).items()
                    }
                    for method in ("sgd", "step_tuned_sgd")
                }
                for key, bounds in BOUNDS.items()
            },
        },
        **measure(sizes),
    }


def draw(result: dict[str, Any]) -> Any:
    """One draw as in the thesis, the median of all, and every draw at the search."""
    settings = result["settings"]
    figure = style.new_figure(11.5, 8.0)
    panels = figure.subplots(
        len(result["rows"]), 3, width_ratios=(1, 1, 1.15), sharey=True
    )
    for (one, many, ends), (key, methods) in zip(
        panels, result["rows"].items(), strict=True
    ):
        low, high = settings["bounds"][key]
        where = f"step factor in [{low:g}, {high:g}]"
        _draw_curves(one, many, methods, settings["epochs"])
        _draw_ends(ends, methods)
        one.set_title(f"{where}:\nthe first draw, settings tuned on it", fontsize=10)
        many.set_title(
            f"median and quartiles of {settings['draws']} draws,\n"
            "one setting tuned on other draws",
            fontsize=10,
        )
        ends.set_title(
            f"every draw after {settings['search_epochs']} epochs,\nand the median\n",
            fontsize=10,
        )
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=5,
        frameon=False,
        title=_caption(settings),
        title_fontsize=8,
    )
    figure.suptitle("Gradient variations on mini-batches", fontsize=12)
    return figure


def _draw_curves(one: Any, many: Any, methods: Mapping[str, Any], epochs: int) -> None:
    x = np.arange(epochs + 1)
    for name, own in methods.items():
        method = METHODS[name]
        look = {"color": method.colour, "linestyle": method.line}
        one.plot(x, own["first_draw_loss"], label=method.label, **look)
        draw_band(
            many, x, own["held_out_loss"], method.label, method.colour, method.line
        )
    for axis in (one, many):
        axis.set_xlim(0, epochs)
        axis.set_xlabel("epochs")
        axis.set_ylabel(r"$\mathcal{J}(\theta)$")
        style.tidy(axis)


def _draw_ends(axis: Any, methods: Mapping[str, Any]) -> None:
    for group, protocol in enumerate(PROTOCOLS):
        for place, (name, own) in enumerate(methods.items()):
            draw_points(
                axis,
                1.8 * group + 0.33 * (place - 2),
                own["loss_at_search"][protocol],
                METHODS[name].colour,
                METHODS[name].marker,
                ".2f",
            )
    axis.set_xticks(
        [0, 1.8],
        ["one setting, tuned\non other draws", "settings tuned\non each draw"],
    )
    style.tidy(axis)


def _caption(settings: dict[str, Any]) -> str:
    text = (
        f"N = {settings['num_rows']}, P = {settings['dim']}, mini-batches of"
        f" {settings['batch_size']}, an epoch is {settings['epoch']},"
        f" {settings['settings_per_method']} settings a method, start N(0, I)"
    )
    return text if settings["cut"] == "none" else f"{text}; cut: {settings['cut']}"
