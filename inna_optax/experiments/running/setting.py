"""A problem with its data, ready for the engine."""

import pathlib
import types
from collections.abc import Mapping
from typing import Any, NamedTuple

from jax.sharding import Mesh

from inna_optax import data
from inna_optax.experiments.catalogue.contenders import Contender
from inna_optax.experiments.catalogue.problems import DataFacts, Problem, Scale
from inna_optax.experiments.catalogue.schedules import Schedule
from inna_optax.experiments.errors import ArgumentError, UserError
from inna_optax.experiments.running.examples import load_examples
from inna_optax.experiments.running.tasks import make_task
from inna_optax.training import Arrays, Program, make_program, put_examples
from inna_optax.training.program import count_examples


class Setting(NamedTuple):
    """What all runs of a command share."""

    problem: Problem
    facts: DataFacts
    arrays: Arrays  # on the device: the only copy
    batch_size: int
    epochs: int  # for an optimizer that uses each mini-batch once
    whole: tuple[int, int]  # training and test examples of the published setting
    each_batch_twice: bool = False  # by every optimizer, as in Figure 4.5
    data_note: str | None = None  # what the user says of the data
    mesh: Mesh | None = None  # the devices, None for the default one
    validation: Any = None  # examples held out from training, on the device
    validation_examples: int = 0
    searches: bool = False  # whether the held-out examples take the test set's place
    title: str = ""  # of the data, as above a figure
    data_identity: Mapping[str, Any] = types.MappingProxyType({})  # beside its name

    def for_search(self) -> "Setting":
        """The setting of runs that choose hyperparameters: the test set is not used."""
        if self.validation is None:
            return self
        arrays = self.arrays._replace(test=self.validation)
        return self._replace(arrays=arrays, searches=True)

    def uses_per_batch(self, contender: Contender) -> int:
        """Gradient steps made on each mini-batch."""
        return max(contender.uses_per_batch, 2 if self.each_batch_twice else 1)

    def describe(self) -> dict[str, Any]:
        """The setting as it stands in records."""
        return {
            "problem": self.problem.name,
            "dataset": self.facts.name,
            **self.data_identity,
            **({"data_note": self.data_note} if self.data_note else {}),
            "train_examples": self.facts.train_examples,
            "test_examples": self.facts.test_examples,
            "batch_size": self.batch_size,
            "weight_decay": self.problem.weight_decay,
            **(
                {
                    "validation_examples": self.validation_examples,
                    "tested_on": "validation" if self.searches else "test",
                }
                if self.validation_examples
                else {}
            ),
        }


def open_setting(
    problem: Problem,
    scale: Scale,
    *,
    dataset: str | None = None,
    data_dir: pathlib.Path | None = None,
    train_examples: int | None = None,
    batch_size: int | None = None,
    each_batch_twice: bool = False,
    data_note: str | None = None,
    mesh: Mesh | None = None,
    validation: float = 0.0,
) -> Setting:
    """Loads the problem's data and puts them on the device.

    Args:
      problem: what is trained.
      scale: how much of it; a smaller data set is taken whole.
      dataset: one of the problem's; its first if None.
      data_dir: see :func:`inna_optax.data.load` and :func:`inna_optax.data.load_text`.
      train_examples: how many to train on, in [1, those there are]; the scale's if
        None.
      batch_size: the problem's if None.
      each_batch_twice: whether every optimizer makes two steps on a mini-batch.
      data_note: what records and pictures say of the data.
      mesh: the devices; the default one if None.
      validation: the share of the training examples that is held out, the last ones.

    Raises:
      UserError: if the data are not found or not as they must be, or a number is
        outside its range.
    """
    try:
        loaded = load_examples(problem, dataset, data_dir)
    except data.DataError as error:
        raise UserError(str(error)) from error
    available, tested = map(count_examples, (loaded.train, loaded.test))
    whole = (min(problem.paper.train_examples or available, available), tested)
    if train_examples is None:
        train_examples = min(scale.train_examples or available, available)
    elif not 1 <= train_examples <= available:
        raise ArgumentError(
            "train_examples",
            f"must be in [1, {available}] for {loaded.name}, got {train_examples}",
        )
    batch_size = batch_size or problem.batch_size
    if batch_size > train_examples:
        raise ArgumentError(
            "batch_size",
            f"must be in [1, {train_examples}], the number of training examples, got"
            f" {batch_size}",
        )
    if mesh and batch_size % mesh.shape["data"]:
        raise ArgumentError(
            "batch_size",
            f"must be a multiple of {mesh.shape['data']}, the size of the mesh's axis"
            f" data, got {batch_size}",
        )
    test_examples = min(scale.test_examples or tested, tested)
    held_out = round(validation * train_examples)
    trained = train_examples - held_out

    def placed(arrays: Mapping[str, Any], first: int, last: int) -> Any:
        return put_examples({k: x[first:last] for k, x in arrays.items()}, mesh)

    return Setting(
        problem,
        DataFacts(
            loaded.name,
            train_examples=trained,
            test_examples=test_examples,
            shape=loaded.shape,
            classes=loaded.classes,
            maximum=loaded.maximum,
        ),
        Arrays(
            train=placed(loaded.train, 0, trained),
            test=placed(loaded.test, 0, test_examples),
        ),
        batch_size,
        scale.epochs,
        whole,
        each_batch_twice,
        data_note,
        mesh,
        placed(loaded.train, trained, train_examples) if held_out else None,
        held_out,
        title=loaded.title,
        data_identity=loaded.identity,
    )


def program_for(
    setting: Setting, contender: Contender, schedule: Schedule | None
) -> Program:
    """The functions of one run of `contender` on the setting's problem."""
    examples, uses = setting.facts.train_examples, setting.uses_per_batch(contender)

    def make_solver(hyperparameters: Mapping[str, Any]) -> Any:
        updates_per_epoch = examples // setting.batch_size * uses
        return contender.solver(hyperparameters, schedule, updates_per_epoch)

    return make_program(
        make_task(setting.problem, setting.facts),
        make_solver,
        examples=examples,
        batch_size=setting.batch_size,
        uses_per_batch=uses,
        mesh=setting.mesh,
        evaluated=contender.evaluated,
    )
