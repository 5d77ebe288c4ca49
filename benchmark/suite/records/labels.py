"""Which rows are comparable, and readable names for networks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from benchmark.suite.records.records import Record, data_of

# Training choices that are tuned for each algorithm, like its optimizer: they do not change what
# network or what task it is.
TUNED_NETWORK = {"dropout", "input_dropout", "init", "first_init", "bias_init"}
TUNED_DATA = {"batch_size", "normalize"}
SIZES = ("channels", "hidden", "widths")

Key = str


def network_key(record: Record) -> Key:
    """Equal for two records exactly when they train the same architecture."""
    return _canonical(_without(_identity(record)["network"], TUNED_NETWORK))


def task_key(record: Record) -> Key:
    """Equal for two records exactly when backprop on one is the baseline of the other: the same
    data (checksum, split, and options such as augmentation), architecture and number of epochs, and
    adversarial inputs of one size or none."""
    data = _without(_identity(record)["data"], TUNED_DATA)
    row = record["row"]
    moved = row.get("adversarial_eps", 0.0)
    return _canonical([data_of(record), data, network_key(record), row["epochs"], moved])


def _identity(record: Record) -> Mapping[str, Any]:
    """The options that differ from the defaults; all, where a record does not tell them apart."""
    identity: Mapping[str, Any] = record.get("identity") or record["row"]
    return identity


def network_labels(records: Iterable[Record]) -> dict[Key, str]:
    """A readable label for each architecture: name, sizes, activation (``mlp 2x800 tanh``).

    Different architectures never share a label: where they would, the options in which they differ
    are appended (``mlp 1024 relu bias=False``).
    """
    networks = {
        network_key(record): _without(record["row"]["network"], TUNED_NETWORK) for record in records
    }
    homonyms: dict[str, list[Key]] = {}
    for key in sorted(networks):
        homonyms.setdefault(_short(networks[key]), []).append(key)
    labels = {}
    for label, keys in homonyms.items():
        options = sorted({option for key in keys for option in networks[key]})
        differing = [o for o in options if len({_canonical(networks[k].get(o)) for k in keys}) > 1]
        for key in keys:
            labels[key] = " ".join([label, *(f"{o}={networks[key].get(o)}" for o in differing)])
    return labels


def hidden_layers(network: Mapping[str, Any]) -> int | None:
    """How many hidden layers a network's options list, None where they list none."""
    lists = [network[key] for key in SIZES if isinstance(network.get(key), list)]
    return sum(map(len, lists)) if lists else None


def _short(network: Mapping[str, Any]) -> str:
    sizes = [_sizes(network[key]) for key in SIZES if network.get(key) is not None]
    return " ".join([network["name"], *sizes, str(network.get("activation") or "")]).strip()


def _sizes(value: Any) -> str:
    if isinstance(value, list) and len(value) > 1 and len({*map(str, value)}) == 1:
        return f"{len(value)}x{value[0]}"
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)


def _without(options: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key not in names}


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
