"""What pages say in words about records is what the records hold."""

import itertools
import json
import math
import pathlib
import statistics

import pytest

from inna_optax import inna_from_momentum
from inna_optax.experiments.claims.networks import ends_ahead
from inna_optax.experiments.claims.order import order
from inna_optax.experiments.figures.comparison import is_at_the_edge
from inna_optax.experiments.figures.damping import describe_rate

ROOT = pathlib.Path(__file__).parent.parent
PAPERS = ROOT / "benchmarks" / "results" / "papers"


def page(name):
    return (ROOT / "docs" / name).read_text()


def read(path):
    return json.loads((PAPERS / path).read_text())


def optimizers(figure, folder=None, problem="digits"):
    record = read(f"{folder or figure}/{figure}.json")
    return record["problems"][problem]["optimizers"]


def compared(name):
    return read(f"compare-{name}/summary.json")["optimizers"]


def seeds(entry, metric):
    return entry[metric]["by_seed"]


def ahead(found, first, second, metric):
    """Whether the first ends better than the second, None if it cannot be told.

    A seed that diverged is behind all others.
    """
    return ends_ahead({"optimizers": found}, [first], [second], metric).below


def test_the_share_on_the_digits():
    """Lowest in training with the least spread, no better in test, undecided."""
    found = optimizers("figure-damping")
    ours, nesterov = found["damped_momentum"], found["nesterov"]
    losses = {name: seeds(e, "final_train_loss") for name, e in found.items()}
    chosen = ours["hyperparameters"]
    assert (chosen["momentum"], chosen["damping"]) == (0.99, 0.1)
    for measure in (statistics.mean, statistics.stdev):
        assert min(losses, key=lambda name: measure(losses[name])) == "damped_momentum"
    assert order(losses["damped_momentum"], losses["nesterov"]).below is None
    accuracy = "final_test_accuracy"
    assert ours[accuracy]["mean"] <= nesterov[accuracy]["mean"]
    assert "a memory of 100 steps with a tenth of the fresh gradient ends lowest" in (
        page("inna-in-one-line.md")
    )


def test_the_share_with_a_constant_rate_and_with_a_penalty():
    """Alike without a schedule; with the penalty Nesterov's share, and no lower."""
    constant, penalty = (
        optimizers("figure-damping", f"figure-damping-{name}")
        for name in ("constant", "penalty")
    )
    pairs = itertools.permutations(
        (seeds(entry, "final_train_loss") for entry in constant.values()), 2
    )
    assert not any(order(*pair).below for pair in pairs)
    ours, nesterov = (penalty[x] for x in ("damped_momentum", "nesterov"))
    for entry, share in ((ours, 0.2), (nesterov, 0.19)):
        chosen = entry["hyperparameters"]
        assert (chosen["momentum"], round(chosen["damping"], 3)) == (0.9, share)
    losses = [seeds(entry, "final_train_loss") for entry in (nesterov, ours)]
    assert order(*losses).below
    assert "0.2 beside 0.19; it then ends above" in page("inna-in-one-line.md")


def test_the_share_on_lenet():
    """Lower in training where it ends, from two seeds of three; test the other way."""
    found = optimizers("figure-damping", "figure-damping-e", problem="e")
    ours, nesterov, heavy_ball = found.values()
    for entry, share in ((ours, 0.1), (nesterov, 0.06)):
        chosen = entry["hyperparameters"]
        assert (chosen["momentum"], round(chosen["damping"], 2)) == (0.97, share)
        assert round(chosen["learning_rate"] / (1 - chosen["momentum"]), 9) == 1
    assert heavy_ball["hyperparameters"]["momentum"] == 0.9
    losses = seeds(ours, "final_train_loss")
    assert (len(losses), ours["diverged"], nesterov["diverged"]) == (2, 1, 0)
    assert max(losses) < nesterov["final_train_loss"]["mean"]
    for metric in ("final_train_loss", "final_test_accuracy"):
        means = [entry[metric]["mean"] for entry in (ours, nesterov, heavy_ball)]
        assert means == sorted(means)
    assert "Two of INNA's seeds end below the mean of Nesterov's, and the third" in (
        page("inna-in-one-line.md")
    )
    assert "of which one diverged on LeNet" in (ROOT / "README.md").read_text()


def test_the_share_on_mnist():
    """Level, but for a grid whose smallest rate is too large for Nesterov's method."""
    of_small, of_large = (
        optimizers("figure-damping", f"figure-damping-{name}", problem="mnist-lenet")
        for name in ("mnist-small", "mnist")
    )
    ours, nesterov = of_small["damped_momentum"], of_small["nesterov"]
    assert (ours["diverged"], nesterov["diverged"]) == (1, 0)
    accuracy, loss = "final_test_accuracy", "final_train_loss"
    for pair in itertools.permutations(("damped_momentum", "nesterov")):
        for metric in (loss, accuracy):
            assert ahead(of_small, *pair, metric) is None
    assert describe_rate(nesterov) == "0.354"
    assert ahead(of_large, "damped_momentum", "nesterov", loss)
    assert ahead(of_large, "damped_momentum", "nesterov", accuracy) is None
    for name in ("damped_momentum", "nesterov"):
        assert describe_rate(of_large[name]) == "0.5 (edge of the grid)"
    text = page("inna-in-one-line.md")
    assert "**The two are level**, in training and in test, and one of INNA's" in text
    assert "at 0.35 it catches up" in text


def test_the_share_on_four_problems():
    """What the page and README conclude: lower means on two, better in test on none."""
    folders = {
        "digits": "figure-damping",
        "e": "figure-damping-e",
        "f": "figure-damping-f",
        "mnist-lenet": "figure-damping-mnist-small",
    }
    lower = set()
    for problem, folder in folders.items():
        found = optimizers("figure-damping", folder, problem=problem)
        pair = ("damped_momentum", "nesterov")
        ours, nesterov = (found[name]["final_train_loss"]["mean"] for name in pair)
        assert ahead(found, *pair, "final_train_loss") is None
        assert not ahead(found, *pair, "final_test_accuracy")
        if ours < 0.9 * nesterov:
            lower.add(problem)
    assert lower == {"digits", "e"}
    readme = (ROOT / "README.md").read_text()
    assert "within the spread of the seeds, of which one diverged on LeNet; level" in (
        readme
    )
    assert "**What comes of it, on four problems**" in page("inna-in-one-line.md")


def test_the_share_with_batch_normalization():
    """Level in both; short memories, and the largest rates that were tried."""
    found = optimizers("figure-damping", "figure-damping-f", problem="f")
    ours, nesterov, _ = found.values()
    for metric in ("final_train_loss", "final_test_accuracy"):
        assert ahead(found, "damped_momentum", "nesterov", metric) is None
    for entry, momentum in ((ours, 0.9), (nesterov, 0.8)):
        assert entry["hyperparameters"]["momentum"] == momentum
        assert "edge" in describe_rate(entry)
        assert float(describe_rate(entry).split()[0]) > 3.9
    assert min(point["hyperparameters"]["momentum"] for point in ours["search"]) == 0.9
    text = page("inna-in-one-line.md")
    assert "Nesterov's method takes 5 steps, INNA the shortest that it was" in text
    assert "Both take their largest effective rate. Larger ones, from 2 to 23," in text
    larger = optimizers("figure-damping", "figure-damping-f-large", problem="f")
    for name in ("damped_momentum", "nesterov"):
        assert describe_rate(larger[name]) == "2 (edge of the grid)"
    for pair in itertools.permutations(("damped_momentum", "nesterov")):
        for metric in ("final_train_loss", "final_test_accuracy"):
            assert ahead(larger, *pair, metric) is None


def test_beside_what_people_use_on_the_digits():
    """Nine of ten are close; Step-Tuned SGD ends well from one seed of three."""
    found = optimizers("figure-modern")
    accuracy = "final_test_accuracy"
    others = [name for name in found if name != "step_tuned_sgd"]
    means = [found[name][accuracy]["mean"] for name in others]
    assert (len(found), len(others)) == (10, 9)
    assert max(means) - min(means) <= 0.015
    for name in ("inna", "damped_momentum", "innaprop"):
        for baseline in ("momentum", "adamw"):
            assert ahead(found, name, baseline, accuracy) is None
    losses = {name: found[name]["final_train_data_loss"]["mean"] for name in others}
    assert min(losses, key=losses.__getitem__) == "muon"
    ours = found["step_tuned_sgd"]
    (end,) = seeds(ours, accuracy)
    assert (end > 0.9, ours["diverged"]) == (True, 2)
    assert "ends well from one seed of three and diverges from the others" in (
        page("choosing.md")
    )


def test_beside_what_people_use_on_cifar10():
    """INNAprop and AdamW lead in test; INNA is below momentum in training only."""
    found = optimizers("figure-modern", "figure-modern-f", problem="f")
    accuracy, loss = "final_test_accuracy", "final_train_data_loss"
    for name in found.keys() - {"innaprop", "adamw"}:
        assert ahead(found, "innaprop", name, accuracy)
    assert ahead(found, "innaprop", "adamw", accuracy) is None
    assert ahead(found, "innaprop", "adamw", loss)
    for other in ("momentum", "nesterov"):
        assert ahead(found, "inna", other, accuracy) is None
        assert ahead(found, "inna", other, loss)
        for name in ("damped_momentum", "step_tuned_sgd"):
            assert ahead(found, name, other, accuracy) is None
            assert ahead(found, name, other, loss) is None
    losses = {name: entry[loss]["mean"] for name, entry in found.items()}
    muon, second, *_ = sorted(losses.values())
    assert losses["muon"] == muon < second / 5
    chosen = found["innaprop"]["hyperparameters"]
    in_units = inna_from_momentum(0.005, 0.5, 0.3)
    for name, value in in_units._asdict().items():
        assert math.isclose(chosen[name], value, rel_tol=1e-5)
    at_an_edge = {name for name, entry in found.items() if is_at_the_edge(entry)}
    assert at_an_edge == {"nesterov", "adamw", "schedule_free_adamw", "muon"}
    edges = "Nesterov momentum, AdamW, Schedule-Free AdamW and Muon chose the largest"
    assert edges in page("choosing.md")
    assert "INNAprop and AdamW lead in test accuracy, level with each other" in (
        page("choosing.md")
    )
    assert "`inna_from_momentum(0.005, 0.5, 0.3)`" in page("choosing.md")


def test_beside_what_people_use_with_a_transformer():
    """Adaptive methods lead; INNAprop is level with AdamW, INNA with Nesterov."""
    found = optimizers("figure-modern", "figure-modern-gpt", problem="gpt-tiny")
    metric = "final_test_loss"
    bits = {name: entry[metric]["mean"] for name, entry in found.items()}
    momenta = {"momentum", "nesterov", "damped_momentum", "inna", "step_tuned_sgd"}
    assert min(bits[name] for name in momenta) > bits["adamw"] + 0.7
    assert ahead(found, "innaprop", "adamw", metric) is None
    assert ahead(found, "adamw", "innaprop", metric) is None
    assert found["adamw"]["hyperparameters"]["b1"] == 0.5
    for best in ("muon", "schedule_free_adamw"):
        for name in ("adamw", "innaprop"):
            assert ahead(found, best, name, metric)
    assert ahead(found, "muon", "schedule_free_adamw", metric)
    assert ahead(found, "inna", "nesterov", metric) is None
    assert ahead(found, "inna", "momentum", metric)
    spreads = [
        statistics.stdev(seeds(found[name], metric))
        for name in ("inna", "nesterov", "momentum")
    ]
    assert min(spreads) == spreads[0]
    given = {name: entry["gradient_evaluations"] for name, entry in found.items()}
    assert given.pop("step_tuned_sgd") == 540
    assert set(given.values()) == {270}
    sentence = f"{bits['innaprop']:.2f} beside {bits['adamw']:.2f} bits"
    assert sentence in page("choosing.md")
    path = PAPERS / "figure-modern-gpt" / "figure-modern.json"
    summary = json.loads(path.read_text())["problems"]["gpt-tiny"]
    counts = f"Counts of pairs of bytes predict {summary['bigram_bits']:.2f} bits."
    assert counts in page("choosing.md")


@pytest.mark.parametrize(
    ("folder", "problem", "metric"),
    [
        ("figure-modern-f", "f", "final_test_accuracy"),
        ("figure-modern-gpt", "gpt-tiny", "final_test_loss"),
    ],
)
def test_innaprop_beside_adamw_and_momentum(folder, problem, metric):
    """What README says of both problems, and of the digits where it differs."""
    found = optimizers("figure-modern", folder, problem=problem)
    for name in ("momentum", "nesterov"):
        assert ahead(found, "innaprop", name, metric)
    assert ahead(found, "innaprop", "adamw", metric) is None
    assert ahead(found, "inna", "nesterov", metric) is None
    readme = (ROOT / "README.md").read_text()
    assert "INNAprop is level with AdamW, and ahead of momentum on a LeNet" in readme
    assert "On the digits none is ahead of momentum or AdamW." in readme


def test_the_share_that_innaprop_chose():
    """The same on the digits and on CIFAR-10; half of each step in the transformer."""
    for settings, (folder, problem) in {
        (0.005, 0.5, 0.3): ("figure-modern", "digits"),
        (0.002, 0.8, 0.5): ("figure-modern-gpt", "gpt-tiny"),
    }.items():
        found = optimizers("figure-modern", folder, problem=problem)
        chosen = found["innaprop"]["hyperparameters"]
        for name, value in inna_from_momentum(*settings)._asdict().items():
            assert math.isclose(chosen[name], value, rel_tol=1e-5)
    row = (
        "`inna_from_momentum(a * (1 - μ), μ, 0.3)`, with momenta down to 0.5 and shares"
    )
    assert row in page("choosing.md")


def test_lenet_with_batch_normalization_on_all_of_cifar10():
    found = compared("f")
    losses = {name: entry["final_train_loss"] for name, entry in found.items()}
    accuracies = {name: entry["final_test_accuracy"] for name, entry in found.items()}
    inna, ours = losses.pop("inna"), accuracies.pop("step_tuned_sgd")
    assert inna["worst"] < min(loss["best"] for loss in losses.values())
    assert ours["worst"] > max(accuracy["best"] for accuracy in accuracies.values())
    means = [entry["final_test_accuracy"]["mean"] for entry in found.values()]
    inna, ours, sgd, adam, rmsprop = (f"{100 * mean:.1f}" for mean in means)
    sentence = (
        f"{ours}% in the mean, INNA {inna}%, SGD {sgd}%, Adam {adam}%, RMSprop"
        f" {rmsprop}%, each of its three seeds above all seeds of the others"
    )
    assert sentence in page("choosing.md")
    rounded = f"65% beside SGD's {means[2]:.0%} and Adam's {means[3]:.0%}"
    assert rounded in (ROOT / "README.md").read_text()


def test_lenet_without_batch_normalization_on_all_of_cifar10():
    """INNA lowest in training; Step-Tuned SGD loses two of the seeds it searched."""
    summary = read("compare-e/summary.json")
    found = summary["optimizers"]
    losses = {name: entry["final_train_loss"] for name, entry in found.items()}
    inna = losses.pop("inna")
    assert inna["worst"] < min(loss["best"] for loss in losses.values())
    assert len(seeds(found["inna"], "final_train_loss")) == 3
    assert "rmsprop" not in found
    ours, sgd = found["step_tuned_sgd"], found["sgd"]
    assert (ours["diverged"], len(summary["seeds"])) == (2, 3)
    chosen = ours["hyperparameters"]
    twice = 2 * sgd["hyperparameters"]["learning_rate"]
    assert chosen["gamma_max"] * chosen["learning_rate"] == twice
    (searched,) = (p for p in ours["search"] if p["hyperparameters"] == chosen)
    assert len(searched["by_seed"]) == 2
    assert max(searched["by_seed"]) < 1.1
    assert len(ours["search"]) == 15
    text = page("results.md")
    assert "Step-Tuned SGD diverges from two seeds of three, in the first epoch" in text
    assert "(results.md#the-papers-claims) the best of 15." in page("caveats.md")


def test_who_leads_under_the_thesiss_protocol():
    """INNA in training on a, e and f; nowhere in test; Adam and RMSprop on d."""
    of_e, of_f = map(compared, "ef")
    of_a = optimizers("figure-4.4", "figure-4.4-a", problem="a")
    of_d = optimizers("figure-4.4", "figure-4.4-d", problem="d")
    accuracy, loss = "final_test_accuracy", "final_train_loss"
    for found in (of_a, of_e, of_f):
        losses = {name: entry[loss] for name, entry in found.items()}
        inna = losses.pop("inna")
        assert inna["worst"] < min(spread["best"] for spread in losses.values())
        accuracies = {name: entry[accuracy]["mean"] for name, entry in found.items()}
        assert max(accuracies, key=accuracies.__getitem__) != "inna"
    means = {
        name: [entry[metric]["mean"] for metric in (loss, accuracy)]
        for name, entry in of_e.items()
    }
    inna, adam, sgd = (means[name] for name in ("inna", "adam", "sgd"))
    sentence = f"{inna[0]:.3f} beside Adam's {adam[0]:.3f} and SGD's {sgd[0]:.3f}"
    assert sentence in page("choosing.md")
    for name, other in itertools.permutations(("inna", "adam", "sgd"), 2):
        assert ahead(of_e, name, other, accuracy) is None
        assert round(100 * means[name][1]) in (59, 60)
    best = max(of_a, key=lambda name: of_a[name][accuracy]["mean"])
    assert (best, ahead(of_a, "adam", "inna", accuracy)) == ("adam", None)
    percents = [f"{of_a[n][accuracy]['mean']:.0%}" for n in ("adam", "inna")]
    assert "{} beside INNA's {}".format(*percents) in page("choosing.md")
    places = sorted(of_d, key=lambda name: of_d[name][loss]["mean"])
    assert places[:2] == ["adam", "rmsprop"]
    assert "INNA fits convolutional networks best, and is nowhere the best in test" in (
        page("choosing.md")
    )


def test_the_grid_decides_between_inna_and_momentum():
    """INNA lowest with a rate per decade, Nesterov over both grids; test: no one."""
    loss, accuracy = "final_train_loss", "final_test_accuracy"
    for problem in "ef":
        decades = compared(f"{problem}-momentum")
        between = compared(f"{problem}-momentum-3")
        for name in decades.keys() - {"inna"}:
            assert ahead(decades, "inna", name, loss)
        best = {
            name: min(grid[name][loss]["mean"] for grid in (decades, between))
            for name in decades
        }
        assert best["nesterov"] == min(best.values()) < best["inna"] * 0.68
        # Its best rate is of the thesis's grid, momentum's is not.
        assert best["inna"] == decades["inna"][loss]["mean"]
        assert best["nesterov"] == between["nesterov"][loss]["mean"]
        for grid, name in itertools.product((decades, between), decades):
            beside_inna = {"inna": decades["inna"], "other": grid[name]}
            assert not ahead(beside_inna, "other", "inna", accuracy)
    assert "Over both grids Nesterov momentum does, by a third" in page("choosing.md")
    assert "With rates between, Nesterov momentum ends lower" in (
        (ROOT / "README.md").read_text()
    )


def test_two_steps_on_each_mini_batch():
    """Lower for SGD and INNA, at the largest learning rate of the grid."""
    once = optimizers("figure-4.4", "figure-4.4-d", problem="d")
    twice = optimizers("figure-4.5", "figure-4.5-d", problem="d")
    for name in ("sgd", "inna"):
        pair = (seeds(found[name], "final_train_loss") for found in (twice, once))
        assert order(*pair).below
        for entry in (once[name], twice[name]):
            assert entry["hyperparameters"]["learning_rate"] == 1.0
        assert twice[name]["epochs"] == once[name]["epochs"] / 2
    assert "With two steps on each mini-batch SGD and INNA end lower" in (
        page("results.md")
    )


def test_a_smaller_alpha_ends_lower_on_lenet():
    found = optimizers("figure-2.2", problem="mnist-lenet")
    lowest, *others = (seeds(x, "final_train_loss") for x in found.values())
    first, *rest = (x["hyperparameters"] for x in found.values())
    assert (first["alpha"], first["beta"]) == (0.1, 0.1)
    for entry, losses in zip(rest, others, strict=True):
        assert entry["learning_rate"] == first["learning_rate"]
        assert entry["alpha"] == 5 * first["alpha"]
        assert order(lowest, losses).below
    assert "the first, $(0.1, 0.1)$, ends lowest" in page("results.md")


def test_slower_decays_end_lower_on_lenet():
    found = optimizers("figure-2.4", problem="mnist-lenet")
    losses = [
        seeds(found[f"inna-power-1-{n}"], "final_train_loss") for n in (2, 4, 8, 16)
    ]
    for slower, faster in zip(losses[1:], losses, strict=False):
        assert order(slower, faster).below
    adam = seeds(found["adam"], "final_train_loss")
    assert [order(of_inna, adam).below for of_inna in losses[1:]] == [None, True, True]
    assert "by every slower decay, down to $k^{-1/16}$" in page("results.md")
    sentence = "With $k^{-1/8}$ and $k^{-1/16}$ it also ends below Adam in training"
    assert sentence in page("results.md")
    assert "each slower decay ended lower" in page("choosing.md")


def test_what_the_share_buys_and_costs():
    """The numbers of the bullets are the figure's readings."""
    path = PAPERS / "figures" / "figure-momentum-rates.json"
    readings = json.loads(path.read_text())["readings"]
    text = page("inna-in-one-line.md")

    def said(name):
        return f"{readings[name]:.0f}"

    damp = "steps_to_damp_at_memory_100_and_rate_5"
    slow = "kappa_100_relative_steps_at_memory_100"
    stable = "largest_stable_rate_at_memory_100"
    heavy, share = "heavy_ball", "share_0.2"
    for sentence in (
        f"a factor of e in {said(f'{damp}_{heavy}')} steps, with $c = 0.2$ in"
        f" {said(f'{damp}_{share}')}.",
        f"the heavy ball takes {said(f'{slow}_{heavy}')} times the steps",
        f"$c = 0.2$ takes {said(f'{slow}_{share}')} times",
        f"that is {said(f'{stable}_{share}')} against {said(f'{stable}_{heavy}')}",
    ):
        assert sentence in text


def test_updates_measured_on_a_gpu():
    path = ROOT / "benchmarks" / "results" / "step_cost_gpu.json"
    results = {r["params"]: r["rows"] for r in json.loads(path.read_text())["results"]}
    rows = results[10**9]
    adamw = rows["optax.adamw"]["milliseconds"]
    nesterov = rows["optax.sgd, nesterov"]["milliseconds"]
    ratios = [
        rows["inna"]["milliseconds"] / nesterov,
        *(rows[n]["milliseconds"] / adamw for n in ("innaprop", "step_tuned_sgd")),
        rows["PyTorch AdamW, fused"]["milliseconds"] / adamw,
    ]
    sentence = (
        "INNA takes {:.2f} times that of Nesterov momentum, INNAprop's {:.2f} times"
        " and Step-Tuned SGD's {:.2f} times that of AdamW"
    )
    assert sentence.format(*ratios) in page("costs.md")
    assert f"PyTorch's fused AdamW takes {ratios[-1]:.2f}." in page("costs.md")


def test_a_transformers_update_costs_the_same():
    path = ROOT / "benchmarks" / "results" / "systems.json"
    rows = json.loads(path.read_text())["transformer"]
    found = {(row["chip"], row["optimizer"]): row for row in rows}
    more = []
    for chip in ("H100", "v5e"):
        for ours, other in (("innaprop", "adamw"), ("inna", "nesterov")):
            pair = [found[chip, name] for name in (ours, other)]
            for key in ("bytes", "in_place_bytes", "temporary_bytes"):
                assert abs(pair[0][key] / pair[1][key] - 1) < 0.005
            more.append(pair[0]["kernels"] - pair[1]["kernels"])
    assert more == [0, -1, 15, 14]
    assert "a TPU starts some 15 small kernels more" in page("costs.md")
