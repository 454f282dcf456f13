"""What the papers claim of training networks, held against the records.

Each claim is judged by a rule written here, on final values averaged over the seeds.
A claim whose records are not in `results` is not tested.
"""

import json
import pathlib
from typing import Any, NamedTuple

RESULTS = pathlib.Path(__file__).parent / "results"

# Where the comparison of each problem of Table 4.1 is kept.
PLACES = {
    "a": "compare-a/summary.json",
    "b": "compare-b/summary.json",
    "c": "compare-c/summary.json",
    "d": "figure-4.4/figure-4.4.json",
    "e": "figure-4.6/figure-4.6.json",
    "f": "figure-4.6/figure-4.6.json",
}
NOT_TESTED = "not tested"


class Claim(NamedTuple):
    """A row of the table."""

    claim: str
    source: str
    measured: str
    verdict: str
    tested: tuple[dict, ...]  # the summaries that it rests on


def load(path: str, problem: str | None = None) -> dict | None:
    """A comparison's summary, None if its record is not there."""
    if not (RESULTS / path).exists():
        return None
    record = json.loads((RESULTS / path).read_text())
    return record["problems"].get(problem) if "problems" in record else record


def table_4_1() -> dict[str, dict]:
    """The summaries of the problems of Table 4.1 that were run."""
    found = {name: load(path, name) for name, path in PLACES.items()}
    return {name: summary for name, summary in found.items() if summary}


def loss(summary: dict, name: str) -> float:
    return summary["optimizers"][name]["final_train_loss"]["mean"]


def accuracy(summary: dict, name: str) -> float:
    return summary["optimizers"][name]["final_test_accuracy"]["mean"]


def by_problem(holds: dict[str, bool | None], possible: str) -> str:
    """A verdict for a claim on several problems; None where it cannot be told."""
    parts = []
    for word, value in (("agrees", True), ("disagrees", False), ("level", None)):
        names = [name for name, held in holds.items() if held is value]
        parts += [f"{word} on {', '.join(names)}"] if names else []
    missing = [name for name in possible if name not in holds]
    parts += [f"{NOT_TESTED} on {', '.join(missing)}"] if missing else []
    return "; ".join(parts)


def step_tuned_below_sgd() -> Claim:
    summaries = table_4_1()
    losses = {
        name: (loss(s, "step_tuned_sgd"), loss(s, "sgd"))
        for name, s in summaries.items()
    }
    return Claim(
        "Step-Tuned SGD ends below SGD's training loss in 5 of 6 problems",
        "section 4.5.2",
        "Step-Tuned SGD, SGD: "
        + "; ".join(f"({n}) {a:.3g}, {b:.3g}" for n, (a, b) in losses.items()),
        by_problem({name: a < b for name, (a, b) in losses.items()}, "abcdef"),
        tuple(summaries.values()),
    )


def normalization_helps_step_tuned() -> Claim:
    found = table_4_1()
    e, f = found.get("e"), found.get("f")
    claim = "batch normalization helps Step-Tuned SGD", "Figure 4.6"
    if not (e and f):
        return Claim(*claim, "", NOT_TESTED, ())
    ratios = [loss(s, "step_tuned_sgd") / loss(s, "sgd") for s in (e, f)]
    return Claim(
        *claim,
        "its training loss over SGD's: {:.2f} without (e), {:.2f} with (f)".format(
            *ratios
        ),
        "agrees" if ratios[1] < ratios[0] else "disagrees",
        (e, f),
    )


def adaptive_ahead_on_the_autoencoder() -> Claim:
    d = table_4_1().get("d")
    claim = "Adam and RMSprop are ahead on the auto-encoder (d)", "section 4.5.2"
    if not d:
        return Claim(*claim, "", NOT_TESTED, ())
    names = ("adam", "rmsprop", "sgd", "step_tuned_sgd")
    values = {name: loss(d, name) for name in names}
    ahead = max(values["adam"], values["rmsprop"]) < min(
        values["sgd"], values["step_tuned_sgd"]
    )
    return Claim(
        *claim,
        "training loss of Adam, RMSprop, SGD, Step-Tuned SGD: "
        + ", ".join(f"{values[name]:.4f}" for name in names),
        "agrees" if ahead else "disagrees",
        (d,),
    )


def alpha_and_beta_matter_little() -> Claim:
    summary = load("figure-2.2/figure-2.2.json", "mnist-nin")
    claim = (
        "INNA's final accuracy does not hang on (α, β): the four within 2 points",
        "Figure 2.2",
    )
    if not summary:
        return Claim(*claim, "", NOT_TESTED, ())
    entries = summary["optimizers"]
    accuracies = [accuracy(summary, name) for name in entries]
    cells = [
        "({alpha:g}, {beta:g})".format(**entry["hyperparameters"])
        + f" {accuracy(summary, name):.1%}, {loss(summary, name):.3g}"
        for name, entry in entries.items()
    ]
    return Claim(
        *claim,
        "test accuracy, training loss: " + "; ".join(cells),
        "agrees" if max(accuracies) - min(accuracies) <= 0.02 else "disagrees",
        (summary,),
    )


def inna_and_adam_ahead() -> Claim:
    summary = load("figure-2.3/figure-2.3.json", "mnist-nin")
    claim = "INNA and Adam train better than SGD and AdaGrad", "Figure 2.3"
    if not summary:
        return Claim(*claim, "", NOT_TESTED, ())
    names = ("inna", "adam", "sgd", "adagrad")
    values = {name: loss(summary, name) for name in names}
    ahead = {
        summary["optimizers"][name]["label"]: values[name]
        < min(values["sgd"], values["adagrad"])
        for name in ("inna", "adam")
    }
    return Claim(
        *claim,
        "training loss of INNA, Adam, SGD, AdaGrad: "
        + ", ".join(f"{values[name]:.3g}" for name in names)
        + f" (at the start {loss_at_the_start(summary):.3g})",
        by_problem(ahead, "").replace(" on ", " for "),
        (summary,),
    )


def loss_at_the_start(summary: dict) -> float:
    """The mean training loss before the first update."""
    firsts = [
        entry["curves"]["train_loss"]["mean"][0]
        for entry in summary["optimizers"].values()
    ]
    return sum(firsts) / len(firsts)


def slower_decay_is_faster() -> Claim:
    summary = load("figure-2.4/figure-2.4.json", "mnist-nin")
    claim = "INNA with steps k^(-1/4) trains faster than with k^(-1/2)", "Figure 2.4"
    if not summary:
        return Claim(*claim, "", NOT_TESTED, ())
    values = {n: loss(summary, f"inna-power-1-{n}") for n in (2, 4, 8, 16)}
    return Claim(
        *claim,
        "training loss with k^(-1/2), k^(-1/4), k^(-1/8), k^(-1/16), and of Adam: "
        + ", ".join(f"{x:.3g}" for x in (*values.values(), loss(summary, "adam"))),
        "agrees" if values[4] < values[2] else "disagrees",
        (summary,),
    )


def each_batch_twice_hurts() -> Claim:
    once = table_4_1().get("d")
    twice = load("figure-4.5/figure-4.5.json", "d")
    claim = (
        "each mini-batch twice raises the training loss of SGD, INNA, Adam, RMSprop"
        " (by 1% or more)",
        "Figure 4.5",
    )
    if not (once and twice):
        return Claim(*claim, "", NOT_TESTED, ())
    names = ("sgd", "inna", "adam", "rmsprop")
    pairs = {name: (loss(once, name), loss(twice, name)) for name in names}
    holds = {
        once["optimizers"][n]["label"]: None if abs(b / a - 1) < 0.01 else b > a
        for n, (a, b) in pairs.items()
    }
    return Claim(
        *claim,
        "(d), once and twice: "
        + "; ".join(
            f"{once['optimizers'][n]['label']} {a:.4f}, {b:.4f}"
            for n, (a, b) in pairs.items()
        ),
        by_problem(holds, "").replace(" on ", " for "),
        (once, twice),
    )


def inna_generalizes_best() -> Claim:
    found = {name: s for name, s in table_4_1().items() if name != "d"}
    texts, holds = [], {}
    for problem, summary in found.items():
        values = {name: accuracy(summary, name) for name in summary["optimizers"]}
        others = {name: v for name, v in values.items() if name != "inna"}
        best = max(others, key=others.__getitem__)
        label = summary["optimizers"][best]["label"]
        holds[problem] = values["inna"] > others[best]
        texts.append(
            f"({problem}) {values['inna']:.1%}, best of the others"
            f" {others[best]:.1%} ({label})"
        )
    return Claim(
        "INNA has the best test accuracy (the thesis: on (b) and (f), very good on all"
        " but (d))",
        "remark 4.5",
        "; ".join(texts),
        by_problem(holds, "abcef"),
        tuple(found.values()),
    )


def scale(summary: dict[str, Any]) -> str:
    """What was run of the published setting, in a few words."""
    published = summary["published"]
    note = f", {summary['data_note']}" if "data_note" in summary else ""
    title = summary["title"].splitlines()[0].split(" (")[0]
    return (
        f"{title}: {summary['train_examples']:,} of {published['train_examples']:,}"
        f" images{note}, {summary['epochs']} of {published['epochs']} epochs,"
        f" {len(summary['seeds'])} of {published['seeds']} seeds"
    )


CLAIMS = (
    step_tuned_below_sgd,
    normalization_helps_step_tuned,
    adaptive_ahead_on_the_autoencoder,
    alpha_and_beta_matter_little,
    inna_and_adam_ahead,
    slower_decay_is_faster,
    each_batch_twice_hurts,
    inna_generalizes_best,
)


def table() -> str:
    """The table, and below it how much of each published setting was run."""
    claims = [claim() for claim in CLAIMS]
    lines = [
        "| the papers claim | where | measured | |",
        "|---|---|---|---|",
        *(
            f"| {c.claim} | {c.source} | {c.measured or '-'} | {c.verdict} |"
            for c in claims
        ),
    ]
    scales = dict.fromkeys(scale(s) for claim in claims for s in claim.tested)
    return "\n".join([*lines, "", "Run here: " + "; ".join(scales) + "."])
