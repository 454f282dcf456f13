"""The papers' claims about training networks, on final values averaged over seeds."""

from inna_optax.experiments.claims.claim import (
    Claim,
    Record,
    Verdict,
    by_case,
    verdict,
)


def loss(summary: Record, name: str) -> float:
    """The mean over seeds of an entry's final training loss."""
    return summary["optimizers"][name]["final_train_loss"]["mean"]


def accuracy(summary: Record, name: str) -> float:
    """The mean over seeds of an entry's final test accuracy."""
    return summary["optimizers"][name]["final_test_accuracy"]["mean"]


def step_tuned_below_sgd(**summaries: Record) -> Verdict:
    """The final training losses of both on each problem."""
    losses = {
        name: (loss(s, "step_tuned_sgd"), loss(s, "sgd"))
        for name, s in summaries.items()
    }
    return (
        "Step-Tuned SGD, SGD: "
        + "; ".join(f"({n}) {a:.3g}, {b:.3g}" for n, (a, b) in losses.items()),
        by_case({name: a < b for name, (a, b) in losses.items()}, "on", "abcdef"),
    )


def normalization_helps_step_tuned(e: Record, f: Record) -> Verdict:
    """Its loss over SGD's without and with the normalization, at the same length."""
    ratios = [loss(s, "step_tuned_sgd") / loss(s, "sgd") for s in (e, f)]
    measured = "its training loss over SGD's: {:.2f} without (e), {:.2f} with (f)"
    made = [(s["train_examples"], s["epochs"]) for s in (e, f)]
    if made[0] != made[1]:
        lengths = " and ".join(f"{n:,} images for {m} epochs" for n, m in made)
        return f"{measured.format(*ratios)}, of {lengths}", verdict(None)
    return measured.format(*ratios), verdict(ratios[1] < ratios[0])


def adaptive_ahead_on_the_autoencoder(d: Record) -> Verdict:
    """The final training losses of the four."""
    names = ("adam", "rmsprop", "sgd", "step_tuned_sgd")
    values = {name: loss(d, name) for name in names}
    ahead = max(values["adam"], values["rmsprop"]) < min(
        values["sgd"], values["step_tuned_sgd"]
    )
    return (
        "training loss of Adam, RMSprop, SGD, Step-Tuned SGD: "
        + ", ".join(f"{values[name]:.4f}" for name in names),
        verdict(ahead),
    )


def alpha_and_beta_matter_little(summary: Record) -> Verdict:
    """The final accuracy and loss of each setting."""
    entries = summary["optimizers"]
    accuracies = [accuracy(summary, name) for name in entries]
    cells = [
        "({alpha:g}, {beta:g})".format(**entry["hyperparameters"])
        + f" {accuracy(summary, name):.1%}, {loss(summary, name):.3g}"
        for name, entry in entries.items()
    ]
    return (
        "test accuracy, training loss: " + "; ".join(cells),
        verdict(max(accuracies) - min(accuracies) <= 0.02),
    )


def inna_and_adam_ahead(summary: Record) -> Verdict:
    """The final training losses of the four."""
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
        by_case(ahead, "for"),
    )


def loss_at_the_start(summary: Record) -> float:
    """The mean training loss before the first update."""
    firsts = [
        entry["curves"]["train_loss"]["mean"][0]
        for entry in summary["optimizers"].values()
    ]
    return sum(firsts) / len(firsts)


def slower_decay_is_faster(summary: Record) -> Verdict:
    """The final training losses with each power, and of Adam."""
    values = {n: loss(summary, f"inna-power-1-{n}") for n in (2, 4, 8, 16)}
    return (
        "training loss with k^(-1/2), k^(-1/4), k^(-1/8), k^(-1/16), and of Adam: "
        + ", ".join(f"{x:.3g}" for x in (*values.values(), loss(summary, "adam"))),
        verdict(values[4] < values[2]),
    )


def each_batch_twice_hurts(once: Record, twice: Record) -> Verdict:
    """The final training losses on (d) with one step and two on a mini-batch."""
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
        by_case(holds, "for", undecided="level"),
    )


def inna_generalizes_best(**summaries: Record) -> Verdict:
    """INNA's accuracy and the best of the others on each problem."""
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
    return "; ".join(texts), by_case(holds, "on", "abcef")


def scale(summary: Record) -> str:
    """What was run of the published setting, in a few words."""
    published = summary["published"]
    note = f", {summary['data_note']}" if "data_note" in summary else ""
    title = summary["title"].splitlines()[0].split(" (")[0]
    return (
        f"{title}: {summary['train_examples']:,} of {published['train_examples']:,}"
        f" images{note}, {summary['epochs']} of {published['epochs']} epochs,"
        f" {len(summary['seeds'])} of {published['seeds']} seeds"
    )


OF_NETWORKS = (
    Claim(
        "Step-Tuned SGD ends below SGD's training loss in 5 of 6 problems",
        "section 4.5.2",
        "its mean final training loss is below SGD's; judged on each problem",
        tuple("abcdef"),
        step_tuned_below_sgd,
        whole=False,
    ),
    Claim(
        "batch normalization helps Step-Tuned SGD",
        "Figure 4.6",
        "its final training loss over SGD's is smaller on (f) than on (e)",
        ("e", "f"),
        normalization_helps_step_tuned,
    ),
    Claim(
        "Adam and RMSprop are ahead on the auto-encoder (d)",
        "section 4.5.2",
        "the larger of their final training losses is below those of SGD and Step-Tuned"
        " SGD",
        ("d",),
        adaptive_ahead_on_the_autoencoder,
    ),
    Claim(
        "INNA's final accuracy is insensitive to (α, β): the four within 2 points",
        "Figure 2.2",
        "the largest and the smallest of the four final accuracies differ by at most 2"
        " points",
        ("2.2",),
        alpha_and_beta_matter_little,
    ),
    Claim(
        "INNA and Adam train better than SGD and AdaGrad",
        "Figure 2.3",
        "the final training loss is below those of SGD and AdaGrad; judged for each",
        ("2.3",),
        inna_and_adam_ahead,
    ),
    Claim(
        "INNA with steps k^(-1/4) trains faster than with k^(-1/2)",
        "Figure 2.4",
        "the final training loss with k^(-1/4) is below that with k^(-1/2)",
        ("2.4",),
        slower_decay_is_faster,
    ),
    Claim(
        "each mini-batch twice raises the training loss of SGD, INNA, Adam, RMSprop"
        " (by 1% or more)",
        "Figure 4.5",
        "the final training loss with two steps is larger by 1% or more; judged for"
        " each, level within 1%",
        ("d", "4.5 (d)"),
        each_batch_twice_hurts,
    ),
    Claim(
        "INNA has the best test accuracy (the thesis: on (b) and (f), very good on all"
        " but (d))",
        "remark 4.5",
        "its mean final test accuracy is above that of every other; judged on each"
        " problem",
        tuple("abcef"),
        inna_generalizes_best,
        whole=False,
    ),
)
