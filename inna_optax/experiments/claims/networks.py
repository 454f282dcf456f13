"""The papers' claims about training networks, judged over seeds."""

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from inna_optax.experiments.claims.claim import (
    Claim,
    Record,
    Verdict,
    by_case,
    verdict,
)
from inna_optax.experiments.claims.order import Order, all_below, order

LOSS, DATA_LOSS = "final_train_loss", "final_train_data_loss"
ACCURACY = "final_test_accuracy"


def seeds_of(summary: Record, name: str, metric: str = LOSS) -> list[float]:
    """A final value of each seed of an entry.

    Records of an older format keep the best, the worst and the mean: of three seeds all
    follow from them, of more these two stand for all.  A seed that diverged has an
    infinite loss, and an accuracy below all others.
    """
    entry = summary["optimizers"][name]
    spread = entry[metric] or {"by_seed": []}
    diverged = entry.get("diverged", 0)
    values = spread.get("by_seed")
    if values is None:
        values = [spread["best"], spread["worst"]]
        if len(summary["seeds"]) - diverged == 3:
            values.append(3 * spread["mean"] - sum(values))
    worst = -math.inf if metric == ACCURACY else math.inf
    return [*values, *[worst] * diverged]


def sign_of(metric: str) -> int:
    """What makes the lower value of a metric the better one."""
    return -1 if metric == ACCURACY else 1


def costs_of(summary: Record, name: str, metric: str = LOSS) -> list[float]:
    """A final value of each seed of an entry, signed so that the lower is better."""
    return [sign_of(metric) * value for value in seeds_of(summary, name, metric)]


def mean(summary: Record, name: str, metric: str = LOSS) -> float:
    """The mean over seeds of a final value of an entry."""
    values = seeds_of(summary, name, metric)
    return sum(values) / len(values)


def ends_ahead(
    summary: Record,
    firsts: Iterable[str],
    seconds: Iterable[str],
    metric: str = LOSS,
) -> Order:
    """Whether each of the first entries ends better than each of the second ones."""
    return all_below(
        [costs_of(summary, name, metric) for name in firsts],
        [costs_of(summary, name, metric) for name in seconds],
    )


def others(summary: Record, *names: str) -> list[str]:
    """The entries but those."""
    return [name for name in summary["optimizers"] if name not in names]


def label(summary: Record, name: str) -> str:
    """An entry's name as it is printed."""
    return summary["optimizers"][name]["label"]


def shown(summary: Record, names: Iterable[str], metric: str = LOSS) -> str:
    """The means of some entries, by their labels."""
    form = ".1%" if metric == ACCURACY else ".3g"

    def text(value: float) -> str:
        return f"{value:{form}}" if math.isfinite(value) else "with a diverged seed"

    return ", ".join(
        f"{label(summary, name)} {text(mean(summary, name, metric))}" for name in names
    )


def needed(orders: Mapping[str, Order]) -> str:
    """How many seeds would tell what cannot be told, in words."""
    texts = [
        f"{case}: some {found.seeds} seeds would tell"
        for case, found in orders.items()
        if found.below is None and found.seeds
    ]
    return f" ({'; '.join(texts)})" if texts else ""


def on_problems(
    summaries: Mapping[str, Record],
    text: Callable[[Record], str],
    judge: Callable[[Record], Order],
    all_problems: Iterable[str],
) -> Verdict:
    """A claim that is judged on each problem."""
    orders = {name: judge(summary) for name, summary in summaries.items()}
    measured = "; ".join(f"({n}) {text(summary)}" for n, summary in summaries.items())
    holds = {name: found.below for name, found in orders.items()}
    return measured + needed(orders), by_case(holds, "on", all_problems)


def at_once(text: str, found: Order) -> Verdict:
    """A claim about one record."""
    return text + needed({"undecided": found}), verdict(found.below)


# Chapter 2.


def value_at(summary: Record, name: str, share: float, edge: str = "mean") -> float:
    """The training loss of an entry after a share of its gradient evaluations."""
    curves = summary["optimizers"][name]["curves"]
    count = curves["gradient_evaluations"]
    row = max(i for i, x in enumerate(count) if x <= share * count[-1])
    return _number(curves["train_loss"][edge][row])


def _number(value: float | None) -> float:
    """A value of a record, where null stands for one that is not finite."""
    return math.inf if value is None else value


def alpha_and_beta_matter_little(summary: Record) -> Verdict:
    """The final accuracies of the four settings."""
    values = [mean(summary, name, ACCURACY) for name in summary["optimizers"]]
    return (
        "test accuracy: " + shown(summary, summary["optimizers"], ACCURACY),
        verdict(max(values) - min(values) <= 0.02),
    )


def alpha_and_beta_change_the_speed(summary: Record) -> Verdict:
    """The share of training after which each is at the worst final loss."""
    goal = max(mean(summary, name) for name in summary["optimizers"])
    times = {}
    for name, entry in summary["optimizers"].items():
        curves = entry["curves"]
        count, losses = curves["gradient_evaluations"], curves["train_loss"]["mean"]
        reached = [n for n, x in zip(count, losses, strict=True) if _number(x) <= goal]
        times[name] = reached[0] / count[-1] if reached else 1.0
    cells = (f"{label(summary, name)} {share:.0%}" for name, share in times.items())
    return (
        f"the largest final loss, {goal:.3g}, is reached after these shares of the"
        f" epochs: {', '.join(cells)}",
        verdict(2 * min(times.values()) <= max(times.values())),
    )


def good_default(summary: Record) -> Verdict:
    """The final training losses of the four settings."""
    name = "inna-alpha0.5-beta0.1"
    orders = [ends_ahead(summary, [other], [name]) for other in others(summary, name)]
    beaten = any(found.below for found in orders)
    return (
        "training loss: " + shown(summary, summary["optimizers"]),
        verdict(not beaten),
    )


def inna_and_adam_ahead(summary: Record) -> Verdict:
    """The final training losses of the four."""
    orders = {
        label(summary, name): ends_ahead(summary, [name], ["sgd", "adagrad"])
        for name in ("inna", "adam")
    }
    holds = {name: found.below for name, found in orders.items()}
    return (
        "training loss: "
        + shown(summary, ("inna", "adam", "sgd", "adagrad"))
        + needed(orders),
        by_case(holds, "for"),
    )


def adam_is_faster_early(summary: Record) -> Verdict:
    """The training losses of both after a tenth of the epochs."""
    adam, inna = (
        [value_at(summary, name, 0.1, edge) for edge in ("smallest", "largest")]
        for name in ("adam", "inna")
    )
    means = [value_at(summary, name, 0.1) for name in ("adam", "inna")]
    holds = True if adam[1] < inna[0] else False if inna[1] < adam[0] else None
    return "after a tenth of the epochs: Adam {:.3g}, INNA {:.3g}".format(
        *means
    ), verdict(holds)


def inna_is_most_accurate(summary: Record) -> Verdict:
    """INNA's final accuracy and those of all others that were run."""
    return at_once(
        "test accuracy: " + shown(summary, summary["optimizers"], ACCURACY),
        ends_ahead(summary, ["inna"], others(summary, "inna"), ACCURACY),
    )


def power_below(summary: Record, first: str, second: str) -> Verdict:
    """The final training losses with each power, and of Adam."""
    return at_once(
        "training loss: " + shown(summary, summary["optimizers"]),
        ends_ahead(summary, [first], [second]),
    )


# Chapter 4.


def parts_of_the_loss(
    summaries: Mapping[str, Record], judge: Callable[[Record, str], Order]
) -> dict[str, Order]:
    """A verdict on each problem, and on (d) one without the penalty, too."""
    orders = {name: judge(summary, LOSS) for name, summary in summaries.items()}
    if "d" in summaries and _has_parts(summaries["d"]):
        orders["d without the penalty"] = judge(summaries["d"], DATA_LOSS)
    return orders


def _has_parts(summary: Record) -> bool:
    return all(entry.get(DATA_LOSS) for entry in summary["optimizers"].values())


def step_tuned_below_sgd(**summaries: Record) -> Verdict:
    """The final training losses of both on each problem."""
    names = ("step_tuned_sgd", "sgd")
    orders = parts_of_the_loss(
        summaries, lambda s, metric: ends_ahead(s, names[:1], names[1:], metric)
    )
    texts = [f"({n}) {shown(s, names)}" for n, s in summaries.items()]
    if "d without the penalty" in orders:
        texts.append(f"without the penalty {shown(summaries['d'], names, DATA_LOSS)}")
    holds = {name: found.below for name, found in orders.items()}
    return "; ".join(texts) + needed(orders), by_case(holds, "on", "abcdef")


def step_tuned_is_best(**summaries: Record) -> Verdict:
    """All final training losses on each problem."""
    return on_problems(
        summaries,
        lambda s: shown(s, s["optimizers"]),
        lambda s: ends_ahead(s, ["step_tuned_sgd"], others(s, "step_tuned_sgd")),
        "ab",
    )


def sudden_drop(**summaries: Record) -> Verdict:
    """The steepest fall of the training loss, after a tenth of the epochs."""
    falls = {
        name: [steepest_fall(s, optimizer) for optimizer in ("step_tuned_sgd", "sgd")]
        for name, s in summaries.items()
    }
    return (
        "the training loss is divided, within a twentieth of the epochs, by at most: "
        + "; ".join(
            f"({n}) Step-Tuned SGD {a:.2f}, SGD {b:.2f}" for n, (a, b) in falls.items()
        ),
        by_case({n: a >= 2 and a > b for n, (a, b) in falls.items()}, "on", "abcdef"),
    )


def steepest_fall(summary: Record, name: str) -> float:
    """By how much the loss is divided within a twentieth of training, at most.

    After the first tenth, in which every method is steep.  Where rows are further
    apart, from one to the next.
    """
    curves = summary["optimizers"][name]["curves"]
    count = curves["gradient_evaluations"]
    losses = [_number(x) for x in curves["train_loss"]["mean"]]
    falls = [1.0]
    for i, start in enumerate(count[:-1]):
        if start < 0.1 * count[-1]:
            continue
        within = [j for j, x in enumerate(count) if 0 < x - start <= 0.05 * count[-1]]
        for j in within or [i + 1]:
            falls.append(losses[i] / losses[j])
    return max(falls)


def step_tuned_generalizes(**summaries: Record) -> Verdict:
    """The accuracies of both on each problem."""
    names = ("step_tuned_sgd", "sgd")
    values = {
        problem: [mean(s, name, ACCURACY) for name in names]
        for problem, s in summaries.items()
    }
    texts = (f"({n}) {shown(s, names, ACCURACY)}" for n, s in summaries.items())
    holds = {n: ours > sgd - 0.01 for n, (ours, sgd) in values.items()}
    return "; ".join(texts), by_case(holds, "on", "abcef")


def adaptive_ahead_on_the_autoencoder(d: Record) -> Verdict:
    """The final training losses of the four, with the penalty and without."""
    names = ("adam", "rmsprop", "sgd", "step_tuned_sgd")
    metrics = {"with the penalty": LOSS}
    if _has_parts(d):
        metrics["without"] = DATA_LOSS
    orders = {
        part: ends_ahead(d, names[:2], names[2:], metric)
        for part, metric in metrics.items()
    }
    texts = (f"{part}: {shown(d, names, metric)}" for part, metric in metrics.items())
    holds = {part: found.below for part, found in orders.items()}
    return "; ".join(texts) + needed(orders), by_case(holds, "for the loss")


def normalization_helps_step_tuned(e: Record, f: Record) -> Verdict:
    """Its loss over SGD's without and with the normalization, at the same length."""
    measured = (
        f"its training loss over SGD's: {_over_sgd(e)} without (e), {_over_sgd(f)} with"
        " (f)"
    )
    made = [(s["train_examples"], s["epochs"]) for s in (e, f)]
    if made[0] != made[1]:
        lengths = " and ".join(f"{n:,} images for {m} epochs" for n, m in made)
        return f"{measured}, of {lengths}", verdict(None)
    return at_once(measured, order(_logs_over_sgd(f), _logs_over_sgd(e)))


def _over_sgd(summary: Record) -> str:
    """The ratio of the means, or how many seeds of whom have none."""
    names = ("step_tuned_sgd", "sgd")
    for name in names:
        if diverged := summary["optimizers"][name].get("diverged", 0):
            count = len(summary["seeds"])
            return f"{diverged} of {count} seeds of {label(summary, name)} diverged"
    ours, sgd = (mean(summary, name) for name in names)
    return f"{ours / sgd:.2f}"


def _logs_over_sgd(summary: Record) -> list[float]:
    """The logarithm of Step-Tuned SGD's final loss over SGD's, of each seed.

    Both start from the same initialization.  If a seed diverged, each is held against
    SGD's mean.
    """
    ours, sgd = (seeds_of(summary, name) for name in ("step_tuned_sgd", "sgd"))
    if not all(map(math.isfinite, [*ours, *sgd])):
        sgd = [mean(summary, "sgd")] * len(ours)
    return [
        math.inf if math.isinf(x) else math.log(x) - math.log(y)
        for x, y in zip(ours, sgd, strict=False)
    ]


def each_batch_twice(
    once: Record, twice: Record, names: Sequence[str], raises: bool
) -> Verdict:
    """The final training losses with one step and with two on a mini-batch."""
    orders = {}
    for name in names:
        values = [seeds_of(s, name) for s in (once, twice)]
        orders[label(once, name)] = order(*(values if raises else values[::-1]))
    texts = (
        f"{label(once, n)} {mean(once, n):.4f}, {mean(twice, n):.4f}" for n in names
    )
    holds = {name: found.below for name, found in orders.items()}
    return "once and twice: " + "; ".join(texts) + needed(orders), by_case(holds, "for")


def inna_generalizes_best(**summaries: Record) -> Verdict:
    """INNA's accuracy and those of all others that were run, on each problem."""
    return on_problems(
        summaries,
        lambda s: shown(s, s["optimizers"], ACCURACY),
        lambda s: ends_ahead(s, ["inna"], others(s, "inna"), ACCURACY),
        "abcef",
    )


def inna_among_three(**summaries: Record) -> Verdict:
    """INNA's place by the mean final training loss."""
    places, holds = {}, {}
    for problem, summary in summaries.items():
        names = sorted(summary["optimizers"], key=functools.partial(mean, summary))
        places[problem] = f"({problem}) {names.index('inna') + 1} of {len(names)}"
        # The exception is (e).
        holds[problem] = (names.index("inna") < 3) == (problem != "e")
    return f"its place: {'; '.join(places.values())}", by_case(holds, "on", "abcdef")


def scale(summary: Record) -> str:
    """What was run of the published setting, in a few words."""
    published = summary["published"]
    note = f", {summary['data_note']}" if "data_note" in summary else ""
    title = summary["title"].splitlines()[0].split(" (")[0]
    network = f" with {summary['title'].splitlines()[-1].split(' (')[0]}"
    return (
        f"{title}{network}: {summary['train_examples']:,} of"
        f" {published['train_examples']:,} images{note}, {summary['epochs']} of"
        f" {published['epochs']} epochs, {len(summary['seeds'])} of"
        f" {published['seeds']} seeds"
    )


APART = (
    "by more than two standard errors of the difference, without overlap of the seeds"
)

OF_NETWORKS = (
    Claim(
        "INNA's final accuracy is insensitive to (α, β)",
        "Figure 2.2",
        "the four final accuracies lie within 2 points",
        ("2.2",),
        alpha_and_beta_matter_little,
    ),
    Claim(
        "(α, β) mostly affect the training speed",
        "Figure 2.2",
        "the fastest reaches the largest of the four final training losses in at most"
        " half of the epochs that the slowest takes",
        ("2.2",),
        alpha_and_beta_change_the_speed,
    ),
    Claim(
        "(0.5, 0.1) is a good default",
        "Figure 2.2",
        f"no other of the four ends below it, {APART}",
        ("2.2",),
        good_default,
    ),
    Claim(
        "INNA and Adam train better than SGD and AdaGrad",
        "Figure 2.3",
        f"the final training loss is below those of both, {APART}; judged for each",
        ("2.3",),
        inna_and_adam_ahead,
    ),
    Claim(
        "Adam is faster than INNA in the early training",
        "Figure 2.3",
        "its training loss after a tenth of the epochs is below INNA's for all seeds",
        ("2.3",),
        adam_is_faster_early,
    ),
    Claim(
        "INNA has the best test accuracy almost every time",
        "Figure 2.3",
        f"it is above that of every other, {APART}",
        ("2.3",),
        inna_is_most_accurate,
    ),
    Claim(
        "INNA with steps k^(-1/4) trains faster than with k^(-1/2)",
        "Figure 2.4",
        f"it ends below, {APART}",
        ("2.4",),
        functools.partial(power_below, first="inna-power-1-4", second="inna-power-1-2"),
    ),
    Claim(
        "k^(-1/16) decays too slowly",
        "Figure 2.4",
        f"INNA with k^(-1/4) ends below INNA with it, {APART}",
        ("2.4",),
        functools.partial(
            power_below, first="inna-power-1-4", second="inna-power-1-16"
        ),
    ),
    Claim(
        "INNA with steps k^(-1/4) outperforms Adam",
        "Figure 2.4",
        f"it ends below, {APART}",
        ("2.4",),
        functools.partial(power_below, first="inna-power-1-4", second="adam"),
    ),
    Claim(
        "Step-Tuned SGD ends below SGD's training loss in 5 of 6 problems",
        "section 4.5.2",
        f"{APART}; judged on each problem",
        tuple("abcdef"),
        step_tuned_below_sgd,
        whole=False,
    ),
    Claim(
        "Step-Tuned SGD trains best of all on (a) and (b)",
        "section 4.5.2",
        f"its final training loss is below that of every other, {APART}",
        tuple("ab"),
        step_tuned_is_best,
        whole=False,
    ),
    Claim(
        "the loss of Step-Tuned SGD drops suddenly",
        "section 4.5.2",
        "after the first tenth of the epochs its training loss is halved within a"
        " twentieth of them, and SGD's never falls as much",
        tuple("abcdef"),
        sudden_drop,
        whole=False,
    ),
    Claim(
        "Step-Tuned SGD generalizes as well as SGD",
        "section 4.5.2",
        "its mean final accuracy is at most a point below; judged on each problem",
        tuple("abcef"),
        step_tuned_generalizes,
        whole=False,
    ),
    Claim(
        "Adam and RMSprop are ahead of SGD and Step-Tuned SGD on the auto-encoder (d)",
        "section 4.5.2",
        f"the final training losses of both are below those of both, {APART}",
        ("d",),
        adaptive_ahead_on_the_autoencoder,
    ),
    Claim(
        "batch normalization helps Step-Tuned SGD",
        "Figure 4.6",
        "its final training loss over SGD's, seed by seed, is smaller on (f) than on"
        f" (e), {APART}",
        ("e", "f"),
        normalization_helps_step_tuned,
    ),
    Claim(
        "each mini-batch twice usually raises the training loss of SGD, INNA, Adam and"
        " RMSprop",
        "Figure 4.5 (d)",
        f"the final training loss with two steps is larger, {APART}; judged for each",
        ("d", "4.5 (d)"),
        functools.partial(
            each_batch_twice, names=("sgd", "inna", "adam", "rmsprop"), raises=True
        ),
    ),
    Claim(
        "on (c) it lowers the training loss of Adam and RMSprop",
        "Figure 4.5 (c)",
        f"the final training loss with two steps is smaller, {APART}; judged for each",
        ("c", "4.5 (c)"),
        functools.partial(each_batch_twice, names=("adam", "rmsprop"), raises=False),
    ),
    Claim(
        "INNA has the best test accuracy (the thesis: on (b) and (f), very good on all"
        " but (d))",
        "remark 4.5",
        f"it is above that of every other, {APART}; judged on each problem",
        tuple("abcef"),
        inna_generalizes_best,
        whole=False,
    ),
    Claim(
        "INNA is among the three best in training, except on (e)",
        "remark 4.5",
        "by the mean final training loss; judged on each problem",
        tuple("abcdef"),
        inna_among_three,
        whole=False,
    ),
)
