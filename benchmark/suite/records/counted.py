"""What a row costs, counted: one line for each recorded row, ``results/counted.csv``."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from benchmark.errors import UserError
from benchmark.suite.records.files import write_atomically
from benchmark.suite.records.reading import read_csv
from benchmark.suite.records.schema import Count, Hash, NotNegative

NAME = "counted.csv"


class Counted(Struct, frozen=True, kw_only=True):
    """Of one row, whatever its seed.

    Attributes:
        row_hash: of the row.
        batch_size: samples of a mini-batch.
        steps: mini-batches of an epoch.
        flops: operations of a step's matrix products and convolutions.
        passes: samples that the lowest synapse answers, per sample of the mini-batch.
        peak_bytes: memory of all tensors of a step at their most.
        parameters: of the network.
    """

    row_hash: Hash
    batch_size: Count
    steps: Count
    flops: NotNegative
    passes: NotNegative
    peak_bytes: Count
    parameters: Count

    def total(self, epochs: int) -> float:
        """Operations of a run of so many epochs."""
        return self.flops * self.steps * epochs


def read(results: Path) -> dict[str, Counted]:
    """Costs by row hash; none where nothing was counted.

    Raises:
        UserError: the file is broken.
    """
    path = results / NAME
    if not path.exists():
        return {}
    try:
        lines = [msgspec.convert(line, Counted, strict=False) for line in read_csv(path, "costs")]
    except msgspec.ValidationError as error:
        raise UserError(
            f"broken costs {path}: {error}; remove the file, and `make costs` counts anew"
        ) from error
    return {line.row_hash: line for line in lines}


def write(results: Path, costs: Mapping[str, Counted]) -> None:
    """Write the costs of all rows, in the order of their hashes."""
    file = io.StringIO()
    names = [field.name for field in structs.fields(Counted)]
    writer = csv.DictWriter(file, names, lineterminator="\n")
    writer.writeheader()
    for _, cost in sorted(costs.items()):
        writer.writerow({k: f"{v:.12g}" if isinstance(v, float) else v
                         for k, v in structs.asdict(cost).items()})  # fmt: skip
    write_atomically(results / NAME, file.getvalue())
