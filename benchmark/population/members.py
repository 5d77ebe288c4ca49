"""What each member of a population sees of its run: a trainer and callbacks of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from benchmark.algorithm import Algorithm


class Seat:
    """The trainer as one member sees it.

    Attributes:
        datamodule: the data in the order of the member's seed.
        logger: the member's.
        is_global_zero: whether it shows the progress of all.
        should_stop: whether this member ends; the others go on.
    """

    __slots__ = ("_trainer", "datamodule", "is_global_zero", "logger", "should_stop")

    def __init__(self, trainer: Trainer, datamodule: Any, logger: Any, speaks: bool) -> None:
        self._trainer, self.datamodule, self.logger = trainer, datamodule, logger
        self.is_global_zero, self.should_stop = speaks, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trainer, name)


class Each(Callback):
    """Calls the callbacks of each member, with the member and its seat.

    A member whose callbacks stop it keeps the weights it has then, while the others go on. One that
    diverged is called no more.

    Args:
        members: the algorithms.
        seats: of the members.
        kinds: for each kind of callback those of the members, in their order.

    Attributes:
        ended: for each member the state that it ended with before the others, or None.
    """

    def __init__(
        self,
        members: Sequence[Algorithm],
        seats: Sequence[Seat],
        kinds: Sequence[Sequence[Callback]],
    ) -> None:
        self.members, self.seats, self.kinds = members, seats, kinds
        self.ended: list[dict[str, Tensor] | None] = [None] * len(members)

    def _call(self, hook: str, *args: Any) -> None:
        for kind in self.kinds:
            for s in self.running:
                getattr(kind[s], hook)(self.seats[s], self.members[s], *args)

    @property
    def running(self) -> list[int]:
        """Members that still train."""
        return [s for s, m in enumerate(self.members) if self.ended[s] is None and not m.diverged]

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for member, seat in zip(self.members, self.seats, strict=True):
            member.trainer = seat  # type: ignore[assignment]
        self._call("on_fit_start")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._call("on_train_start")
        self._see_who_ends(trainer)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._call("on_train_epoch_start")

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, *args: Any
    ) -> None:
        self._call("on_train_batch_start", *args)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        self._call("on_train_batch_end", *args)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._call("on_validation_start")

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, *args: Any
    ) -> None:
        self._call("on_validation_batch_start", *args)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._call("on_train_epoch_end")
        self._see_who_ends(trainer)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        self._call("on_exception", exception)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Give the members that ended before the others the weights of then."""
        for s, state in enumerate(self.ended):
            if state is not None:
                self.members[s].load_state_dict(state)
            for kind in self.kinds:
                kind[s].on_fit_end(self.seats[s], self.members[s])  # type: ignore[arg-type]

    def _see_who_ends(self, trainer: Trainer) -> None:
        for s in self.running:
            if self.seats[s].should_stop:
                state = self.members[s].state_dict()
                self.ended[s] = {name: t.detach().clone() for name, t in state.items()}
        trainer.should_stop |= not self.running

    def state_dict(self) -> dict[str, Any]:
        return {
            "ended": self.ended,
            "callbacks": [[own.state_dict() for own in kind] for kind in self.kinds],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.ended = state_dict["ended"]
        for kind, states in zip(self.kinds, state_dict["callbacks"], strict=True):
            for own, state in zip(kind, states, strict=True):
                own.load_state_dict(state)
