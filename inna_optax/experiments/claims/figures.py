"""The thesis's claims about figures of few variables, of regression, and Table 3.1."""

import functools
import math
from collections.abc import Callable, Iterable

from inna_optax.experiments.claims.claim import (
    Claim,
    Record,
    Verdict,
    overall,
    verdict,
)

# The settings of Figure 3.2 that are compared, with their names in its readings.
SETTINGS = {"αβ < 1": "alpha_beta_below_1", "αβ > 1": "alpha_beta_above_1"}
# How the methods of Figures 4.2 and 4.3 are tuned, with the names in their readings.
TUNINGS = {"each draw, as in the thesis": "tuned_per_draw", "other draws": "held_out"}
# A verdict on one tuning: what was measured, and whether the claim holds.
Case = tuple[str, bool | None]


def both(first: bool, second: bool) -> bool | None:
    """True or False where the two say the same, else None."""
    return first if first == second else None


def by_tuning(judge: Callable[[str], Case]) -> Verdict:
    """The verdict on both tunings; `judge` is given the name of one in the readings."""
    cases = {tuning: judge(name) for tuning, name in TUNINGS.items()}
    texts = (f"tuned on {tuning}: {text}" for tuning, (text, _) in cases.items())
    holds = {tuning: held for tuning, (_, held) in cases.items()}
    return "; ".join(texts), overall(holds, "if tuned on")


def swings(figure: Record) -> Verdict:
    """The swings across the valley in the three settings."""
    readings = figure["readings"]
    a, b, c = (readings[f"{x}_transverse_swings"] for x in "abc")
    values = ", ".join(f"{readings[f'{x}_J_at_100000']:.1e}" for x in "abc")
    return (
        f"transverse swings {a}, {b}, {c}; J at 100,000 iterations {values}",
        overall({"(b)": 2 * b <= a, "(c)": c < min(a, b)}, "for"),
    )


def slowest(figure: Record) -> Verdict:
    """The shares of the iterations in which J of (c) is above the others'."""
    shares = {
        f"({x})": figure["readings"][f"share_of_20000_to_60000_with_c_above_{x}"]
        for x in "ab"
    }
    return (
        f"J of (c) is above that of (a) in {shares['(a)']:.0%} of them, of (b) in"
        f" {shares['(b)']:.0%}",
        overall({x: share > 0.5 for x, share in shares.items()}, "for"),
    )


def spirals(figure: Record) -> Verdict:
    """How often each coordinate crosses 0, and whether its curvature lets it."""
    readings, texts, holds = figure["readings"], [], {}
    for label, name in SETTINGS.items():
        coordinates = [
            (
                readings[f"{name}_sign_changes_theta_{i}"],
                readings[f"{name}_theta_{i}_inside_the_interval"],
            )
            for i in (1, 2)
        ]
        holds[label] = all((n >= 2) == inside for n, inside in coordinates)
        shown = (f"{n} {'inside' if x else 'outside'}" for n, x in coordinates)
        texts.append(f"{label}: {', '.join(shown)}")
    return f"sign changes of θ₁, θ₂, {'; '.join(texts)}", overall(holds, "for")


def faster_below_one(figure: Record) -> Verdict:
    """The iteration from which each setting stays near the minimizer."""
    below, above = (
        figure["readings"].get(
            f"{x}_distance_stays_below_1e-6_from_iteration", math.inf
        )
        for x in SETTINGS.values()
    )
    return (
        f"within 1e-6 after {below} iterations, αβ > 1 after {above}",
        verdict(below < above),
    )


def where_runs_end(table: Record) -> Verdict:
    """The percentages of runs that end in the saddle, by where they start."""
    texts, holds = [], {}
    for start, expected in (("near_saddle", 0), ("stable_manifold", 100)):
        label = start.replace("_", " ")
        found = [
            row["percent_saddle"]
            for row in table["rows"]
            if row["initialization"] == start
        ]
        holds[label] = found == [expected] * len(found)
        texts.append(f"{label} {', '.join(f'{percent:g}%' for percent in found)}")
    return f"in the saddle end: {'; '.join(texts)}", overall(holds, "for")


def escape_counts(table: Record) -> Verdict:
    """The counts beside those that the thesis prints."""
    texts, holds = [], {}
    for row in table["rows"]:
        ours, printed = (
            row[f"escape_count_{x}_thesis"] for x in ("as_in", "printed_in")
        )
        if printed is None:
            continue
        label = row["algorithm"].replace("alpha*beta", "αβ")
        holds[label] = ours is not None and int(ours) == printed
        texts.append(f"{label} {ours:.1f} ({printed})" if ours else f"{label} none")
    return f"ours (printed): {'; '.join(texts)}", overall(holds, "for")


def fewer_iterations(figure: Record, other: str, start: str) -> Verdict:
    """The median iterations of Algorithm 2 and of the other, and who wins the draws."""
    readings, draws = figure["readings"], figure["settings"]["draws"]

    def judge(tuning: str) -> Case:
        end = f"{tuning}{start}"
        ours, theirs = (readings[f"{x}_median_{end}"] for x in ("algorithm_2", other))
        won, lost = (
            readings[f"draws_{x}_than_{other}_{end}"] for x in ("faster", "slower")
        )
        text = f"medians {ours:g}, {theirs:g}, of {draws} draws {won} won, {lost} lost"
        return text, both(ours < theirs, won > lost)

    return by_tuning(judge)


def apart_from_sgd(
    figure: Record, methods: Iterable[str], bounds: str, sign: int
) -> Verdict:
    """J minus SGD's, in pairs on the same draws: above 0, or below with `sign` -1."""

    def judge(tuning: str) -> Case:
        texts, holds, fails = [], [], []
        for method in methods:
            name = f"{method}_minus_sgd_at_50_{bounds}_{tuning}"
            mean, error = (
                figure["readings"][f"{name}_{x}"] for x in ("mean", "standard_error")
            )
            texts.append(f"{mean:+.3f} ± {error:.3f}")
            holds.append(sign * mean > 2 * error)
            fails.append(sign * mean < -2 * error)
        held = True if all(holds) else False if any(fails) else None
        return ", ".join(texts), held

    measured, word = by_tuning(judge)
    return f"J minus SGD's, {measured}", word


def near_expected_gv(figure: Record, bounds: str) -> Verdict:
    """Which of two methods Step-Tuned SGD is nearer to, in the median and by draws."""
    names = ("sgd", "expected_gv", "step_tuned_sgd")

    def nearer(sgd: float, expected: float, ours: float) -> bool:
        return abs(ours - expected) < abs(ours - sgd)

    def judge(tuning: str) -> Case:
        medians = [
            figure["readings"][f"{x}_median_at_50_{bounds}_{tuning}"] for x in names
        ]
        losses = (figure["rows"][bounds][x]["loss_at_search"][tuning] for x in names)
        draws = [nearer(*values) for values in zip(*losses, strict=True)]
        near = sum(draws)
        return (
            ", ".join(f"{median:.2f}" for median in medians)
            + f", nearer to Expected-GV in {near} of {len(draws)} draws",
            both(nearer(*medians), 2 * near > len(draws)),
        )

    measured, word = by_tuning(judge)
    return f"median J of SGD, Expected-GV, Step-Tuned SGD, {measured}", word


def _of_figure_4_2() -> Iterable[Claim]:
    others = {"absolute": "absolute-value BB", "armijo": "Armijo's line search"}
    for start, where in (("", ""), ("_from_zero", ", started at zero")):
        for other, label in others.items():
            yield Claim(
                f"Algorithm 2 needs fewer iterations than {label}",
                f"4.2{where}",
                "it does in the median, and in more draws than not; undecided if only"
                " one of both",
                ("4.2",),
                functools.partial(fewer_iterations, other=other, start=start),
            )


def _of_figure_4_3() -> Iterable[Claim]:
    bounds = {"default_bounds": "[0.5, 2]", "triple_bounds": "[1.5, 6]"}
    for name, shown in bounds.items():
        source = f"4.3, bounds {shown}"
        yield Claim(
            "Exact-GV and Expected-GV are fast",
            source,
            "after 50 epochs both are below SGD by more than two standard errors;"
            " disagrees if one is above by as much",
            ("4.3",),
            functools.partial(
                apart_from_sgd,
                methods=("exact_gv", "expected_gv"),
                bounds=name,
                sign=-1,
            ),
        )
        yield Claim(
            "Stochastic-GV is poor",
            source,
            "after 50 epochs it is above SGD by more than two standard errors;"
            " disagrees if it is below by as much",
            ("4.3",),
            functools.partial(
                apart_from_sgd, methods=("stochastic_gv",), bounds=name, sign=1
            ),
        )
        yield Claim(
            "Step-Tuned SGD is near Expected-GV",
            source,
            "after 50 epochs it is nearer to it than to SGD, in the median and in more"
            " than half of the draws; undecided if only one of both",
            ("4.3",),
            functools.partial(near_expected_gv, bounds=name),
        )


OF_FIGURES = (
    Claim(
        "(a) oscillates, (b) much less, (c) the fewest",
        "2.1",
        "(b) has at most half of the transverse swings of (a), and (c) the fewest",
        ("2.1",),
        swings,
    ),
    Claim(
        "from 20,000 to 60,000 iterations (c) is the slowest",
        "2.1",
        "J of (c) is above that of the other in more than half of them",
        ("2.1",),
        slowest,
    ),
    Claim(
        "spirals exactly where the curvatures are in the oscillation interval",
        "3.2",
        "a coordinate changes its sign twice or more if its curvature is inside, at"
        " most once if it is outside",
        ("3.2",),
        spirals,
    ),
    Claim(
        "αβ < 1 is the faster",
        "3.2",
        "its distance to the minimizer stays below 1e-6 from an earlier iteration on",
        ("3.2",),
        faster_below_one,
    ),
    Claim(
        "beside the saddle every run leaves it, on its stable manifold none does",
        "Table 3.1",
        "0% of the runs beside it end in the saddle, and 100% of those on the manifold",
        ("Table 3.1",),
        where_runs_end,
    ),
    Claim(
        "how many iterations an escape takes",
        "Table 3.1",
        "counted as in the thesis and without decimals, our numbers are those printed"
        " there",
        ("Table 3.1",),
        escape_counts,
    ),
    *_of_figure_4_2(),
    *_of_figure_4_3(),
)
