"""Groups of options: frozen dataclasses that may lie in a checkpoint."""

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

import torch

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def options(cls: type[T]) -> type[T]:
    """A frozen dataclass that ``torch.load`` admits where it loads nothing but weights."""
    made = dataclass(frozen=True)(cls)
    torch.serialization.add_safe_globals([made])
    return made
