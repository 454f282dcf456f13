"""A run that `train` left in a folder: what it is of, and its last state."""

import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from inna_optax.experiments.catalogue.contenders import CONTENDERS, Contender
from inna_optax.experiments.catalogue.problems import PROBLEMS, Problem, Scale
from inna_optax.experiments.catalogue.schedules import Schedule, schedule_from
from inna_optax.experiments.errors import UserError
from inna_optax.experiments.running.examples import facts_of
from inna_optax.experiments.running.records import read_record
from inna_optax.experiments.running.setting import Setting, open_setting, program_for
from inna_optax.experiments.running.unit import quiet_threads
from inna_optax.training import (
    Arrays,
    Checkpoints,
    Program,
    Run,
    UnreadableCheckpointError,
    with_shardings,
)
from inna_optax.training.records import first_difference

RECORD, CHECKPOINTS = "results.json", "checkpoints"


class StoredRun(NamedTuple):
    """What a record says of its run."""

    folder: pathlib.Path
    record: Mapping[str, Any]
    problem: Problem
    contender: Contender
    schedule: Schedule | None

    def without_data(self) -> Setting:
        """The run's setting with no examples: for what needs their shapes only."""
        record = self.record
        counts = (record["train_examples"], record["test_examples"])
        facts = facts_of(self.problem, record["dataset"], *counts)
        return Setting(
            self.problem,
            facts,
            Arrays((), ()),
            record["batch_size"],
            epochs=0,
            whole=counts,
            each_batch_twice=self._each_batch_twice,
        )

    def with_data(self, data_dir: pathlib.Path | None) -> Setting:
        """The run's setting, its examples read again.

        Raises:
          UserError: if they are not found, or are others than the run's.
        """
        record = self.record
        scale = Scale(epochs=0, seeds=1, test_examples=record["test_examples"])
        setting = open_setting(
            self.problem,
            scale,
            dataset=record["dataset"] if self.problem.datasets[1:] else None,
            data_dir=data_dir,
            train_examples=record["train_examples"],
            batch_size=record["batch_size"],
            each_batch_twice=self._each_batch_twice,
            data_note=record.get("data_note"),
        )
        if difference := first_difference(record, setting.describe()):
            key, trained, found = difference
            raise UserError(
                f"{self.folder} was trained on other data: its {key} was {trained!r},"
                f" that of the data found is {found!r}"
            )
        return setting

    @property
    def _each_batch_twice(self) -> bool:
        return self.record["uses_per_batch"] > self.contender.uses_per_batch

    def program(self, setting: Setting) -> Program:
        """The functions of the run."""
        return program_for(setting, self.contender, self.schedule)

    def last_state(self, program: Program) -> tuple[Run, int]:
        """The run as its last checkpoint has it, and after how many updates.

        Raises:
          UserError: if there is no checkpoint that can be read.
        """
        quiet_threads()  # of what orbax says of checkpoints that it can read
        checkpoints = Checkpoints(self.folder / CHECKPOINTS)
        updates = checkpoints.latest()
        if updates is None:
            raise UserError(f"{self.folder} holds no checkpoint: 'train' writes them")
        like = jax.eval_shape(
            program.start,
            np.uint32(self.record["seed"]),
            self.record["hyperparameters"],
        )
        try:
            stored = checkpoints.restore(with_shardings(like, program.mesh), updates)
        except UnreadableCheckpointError as error:
            raise UserError(str(error)) from error
        finally:
            checkpoints.close()
        return stored.run, updates


def read_run(folder: pathlib.Path) -> StoredRun:
    """What `train` wrote into a folder.

    Raises:
      UserError: if that is no record of this package's.
    """
    path = folder / RECORD
    try:
        record = read_record(path)
    except FileNotFoundError:
        reason = f"{folder} is not a folder of 'train': it has no {RECORD}"
        raise UserError(reason) from None
    try:
        problem = PROBLEMS[record["problem"]]
        return StoredRun(
            folder,
            record,
            problem._replace(weight_decay=record["weight_decay"]),
            CONTENDERS[record["optimizer"]],
            schedule_from(record["decay"]),
        )
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{path} is of a problem or an optimizer that this version does not have"
        ) from error
