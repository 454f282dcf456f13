"""What the papers claim of training networks, held against the records.

Each claim is judged by a rule written here, on final values averaged over the seeds.
A claim whose records are not in the folder is not tested.
"""

import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

# Where the comparison of each problem of Table 4.1 is kept in the folder of records,
# and that of each figure.
PLACES = {
    "a": "compare-a/summary.json",
    "b": "compare-b/summary.json",
    "c": "compare-c/summary.json",
    "d": "figure-4.4/figure-4.4.json",
    "e": "figure-4.6/figure-4.6.json",
    "f": "figure-4.6/figure-4.6.json",
    "4.5 (d)": "figure-4.5/figure-4.5.json",
    "2.2": "figure-2.2/figure-2.2.json",
    "2.3": "figure-2.3/figure-2.3.json",
    "2.4": "figure-2.4/figure-2.4.json",
}
NOT_TESTED = "not tested"

Summary = dict[str, Any]
# What was measured, in words, and whether it agrees.
Verdict = tuple[str, str]


class Claim(NamedTuple):
    """A claim, and how it is judged.

    `records` are keys of PLACES.  If the claim needs them `whole`, `judge` is given
    their summaries in order; else those that are there, by name.
    """

    claim: str
    source: str
    records: tuple[str, ...]
    judge: Callable[..., Verdict]
    whole: bool = True


def load(folder: pathlib.Path, name: str) -> Summary | None:
    """A comparison's summary, None if its record is not in the folder."""
    path = folder / PLACES[name]
    if not path.exists():
        return None
    record = json.loads(path.read_text())
    if "problems" not in record:
        return record
    problem = {"4.5 (d)": "d"}.get(name, name if len(name) == 1 else "mnist-nin")
    return record["problems"].get(problem)


def loss(summary: dict, name: str) -> float:
    """The mean over seeds of an entry's final training loss."""
    return summary["optimizers"][name]["final_train_loss"]["mean"]


def accuracy(summary: dict, name: str) -> float:
    """The mean over seeds of an entry's final test accuracy."""
    return summary["optimizers"][name]["final_test_accuracy"]["mean"]


def by_problem(holds: Mapping[str, bool | None], possible: str) -> str:
    """A verdict for a claim on several problems; None where it cannot be told."""
    parts = []
    for word, value in (("agrees", True), ("disagrees", False), ("level", None)):
        names = [name for name, held in holds.items() if held is value]
        parts += [f"{word} on {', '.join(names)}"] if names else []
    missing = [name for name in possible if name not in holds]
    parts += [f"{NOT_TESTED} on {', '.join(missing)}"] if missing else []
    return "; ".join(parts)


def step_tuned_below_sgd(**summaries: Summary) -> Verdict:
    """By the final training loss on each problem."""
    losses = {
        name: (loss(s, "step_tuned_sgd"), loss(s, "sgd"))
        for name, s in summaries.items()
    }
    return (
        "Step-Tuned SGD, SGD: "
        + "; ".join(f"({n}) {a:.3g}, {b:.3g}" for n, (a, b) in losses.items()),
        by_problem({name: a < b for name, (a, b) in losses.items()}, "abcdef"),
    )


def normalization_helps_step_tuned(e: Summary, f: Summary) -> Verdict:
    """By its loss over SGD's on (e) and on (f)."""
    ratios = [loss(s, "step_tuned_sgd") / loss(s, "sgd") for s in (e, f)]
    return (
        "its training loss over SGD's: {:.2f} without (e), {:.2f} with (f)".format(
            *ratios
        ),
        "agrees" if ratios[1] < ratios[0] else "disagrees",
    )


def adaptive_ahead_on_the_autoencoder(d: Summary) -> Verdict:
    """Both below SGD and Step-Tuned SGD."""
    names = ("adam", "rmsprop", "sgd", "step_tuned_sgd")
    values = {name: loss(d, name) for name in names}
    ahead = max(values["adam"], values["rmsprop"]) < min(
        values["sgd"], values["step_tuned_sgd"]
    )
    return (
        "training loss of Adam, RMSprop, SGD, Step-Tuned SGD: "
        + ", ".join(f"{values[name]:.4f}" for name in names),
        "agrees" if ahead else "disagrees",
    )


def alpha_and_beta_matter_little(summary: Summary) -> Verdict:
    """By the spread of the four final accuracies."""
    entries = summary["optimizers"]
    accuracies = [accuracy(summary, name) for name in entries]
    cells = [
        "({alpha:g}, {beta:g})".format(**entry["hyperparameters"])
        + f" {accuracy(summary, name):.1%}, {loss(summary, name):.3g}"
        for name, entry in entries.items()
    ]
    return (
        "test accuracy, training loss: " + "; ".join(cells),
        "agrees" if max(accuracies) - min(accuracies) <= 0.02 else "disagrees",
    )


def inna_and_adam_ahead(summary: Summary) -> Verdict:
    """Each below SGD and AdaGrad."""
    names = ("inna", "adam", "sgd", "adagrad")
    values = {name: loss(summary, name) for name in names}
    ahead: dict[str, bool | None] = {
        summary["optimizers"][name]["label"]: values[name]
        < min(values["sgd"], values["adagrad"])
        for name in ("inna", "adam")
    }
    return (
        "training loss of INNA, Adam, SGD, AdaGrad: "
        + ", ".join(f"{values[name]:.3g}" for name in names)
        + f" (at the start {loss_at_the_start(summary):.3g})",
        by_problem(ahead, "").replace(" on ", " for "),
    )


def loss_at_the_start(summary: Summary) -> float:
    """The mean training loss before the first update."""
    firsts = [
        entry["curves"]["train_loss"]["mean"][0]
        for entry in summary["optimizers"].values()
    ]
    return sum(firsts) / len(firsts)


def slower_decay_is_faster(summary: Summary) -> Verdict:
    """By the final training loss."""
    values = {n: loss(summary, f"inna-power-1-{n}") for n in (2, 4, 8, 16)}
    return (
        "training loss with k^(-1/2), k^(-1/4), k^(-1/8), k^(-1/16), and of Adam: "
        + ", ".join(f"{x:.3g}" for x in (*values.values(), loss(summary, "adam"))),
        "agrees" if values[4] < values[2] else "disagrees",
    )


def each_batch_twice_hurts(once: Summary, twice: Summary) -> Verdict:
    """By the final training loss on (d), from 1% on."""
    names = ("sgd", "inna", "adam", "rmsprop")
    pairs = {name: (loss(once, name), loss(twice, name)) for name in names}
    holds = {
        once["optimizers"][n]["label"]: None if abs(b / a - 1) < 0.01 else b > a
        for n, (a, b) in pairs.items()
    }
    return (
        "(d), once and twice: "
        + "; ".join(
            f"{once['optimizers'][n]['label']} {a:.4f}, {b:.4f}"
            for n, (a, b) in pairs.items()
        ),
        by_problem(holds, "").replace(" on ", " for "),
    )


def inna_generalizes_best(**summaries: Summary) -> Verdict:
    """By the final test accuracy on each problem."""
    texts, holds = [], {}
    for problem, summary in summaries.items():
        values = {name: accuracy(summary, name) for name in summary["optimizers"]}
        others = {name: v for name, v in values.items() if name != "inna"}
        best = max(others, key=others.__getitem__)
        label = summary["optimizers"][best]["label"]
        holds[problem] = values["inna"] > others[best]
        texts.append(
            f"({problem}) {values['inna']:.1%}, best of the others"
            f" {others[best]:.1%} ({label})"
        )
    return "; ".join(texts), by_problem(holds, "abcef")


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
    Claim(
        "Step-Tuned SGD ends below SGD's training loss in 5 of 6 problems",
        "section 4.5.2",
        tuple("abcdef"),
        step_tuned_below_sgd,
        whole=False,
    ),
    Claim(
        "batch normalization helps Step-Tuned SGD",
        "Figure 4.6",
        ("e", "f"),
        normalization_helps_step_tuned,
    ),
    Claim(
        "Adam and RMSprop are ahead on the auto-encoder (d)",
        "section 4.5.2",
        ("d",),
        adaptive_ahead_on_the_autoencoder,
    ),
    Claim(
        "INNA's final accuracy does not hang on (α, β): the four within 2 points",
        "Figure 2.2",
        ("2.2",),
        alpha_and_beta_matter_little,
    ),
    Claim(
        "INNA and Adam train better than SGD and AdaGrad",
        "Figure 2.3",
        ("2.3",),
        inna_and_adam_ahead,
    ),
    Claim(
        "INNA with steps k^(-1/4) trains faster than with k^(-1/2)",
        "Figure 2.4",
        ("2.4",),
        slower_decay_is_faster,
    ),
    Claim(
        "each mini-batch twice raises the training loss of SGD, INNA, Adam, RMSprop"
        " (by 1% or more)",
        "Figure 4.5",
        ("d", "4.5 (d)"),
        each_batch_twice_hurts,
    ),
    Claim(
        "INNA has the best test accuracy (the thesis: on (b) and (f), very good on all"
        " but (d))",
        "remark 4.5",
        tuple("abcef"),
        inna_generalizes_best,
        whole=False,
    ),
)


def table(folder: pathlib.Path) -> str:
    """The table of the records in `folder`, then what was run of each setting."""
    summaries = {name: load(folder, name) for name in PLACES}
    lines = ["| the papers claim | where | measured | |", "|---|---|---|---|"]
    scales: dict[str, None] = {}
    for claim in CLAIMS:
        found = {n: s for n in claim.records if (s := summaries[n]) is not None}
        measured, verdict = "-", NOT_TESTED
        if found and not claim.whole:
            measured, verdict = claim.judge(**found)
        elif len(found) == len(claim.records):
            measured, verdict = claim.judge(*found.values())
        else:
            found = {}
        lines.append(f"| {claim.claim} | {claim.source} | {measured} | {verdict} |")
        scales |= dict.fromkeys(scale(summary) for summary in found.values())
    return "\n".join([*lines, "", "Run here: " + "; ".join(scales) + "."])
