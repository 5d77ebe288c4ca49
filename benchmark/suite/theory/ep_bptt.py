"""Updates of ep over the nudged steps beside those of bptt (Ernoult et al. 2019, figure 2).

From a settled state, the update that ep has gathered after k nudged steps tends, as beta -> 0, to
the gradient that backpropagation through time has gathered over the last k steps of the free phase.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmark.algorithms.bptt import BPTT
from benchmark.algorithms.ep import EP
from benchmark.algorithms.families.settled import Settled
from benchmark.data.mnist5k import Mnist5k
from benchmark.networks.hopfield import Hopfield, HopfieldConv
from benchmark.streams import stream

SAMPLES, FREE_STEPS, NUDGED_STEPS, BETA = 20, 100, 15, 0.02
NETWORKS: dict[str, tuple[type[Hopfield], dict[str, Any]]] = {
    "fc 784-512-512-10": (Hopfield, {"hidden": (512, 512)}),
    "conv 1-16-32-10": (HopfieldConv, {"channels": (16, 32)}),
}


def updates(algorithm: Settled, x: Tensor, y: Tensor) -> list[Tensor]:
    """The update of every block's weight."""
    weights: list[Any] = [block.synapse.weight for block in algorithm.net.blocks]  # type: ignore[union-attr]
    objective = algorithm.double().credit(x, y).objective
    return list(torch.autograd.grad(objective, weights, allow_unused=True, materialize_grads=True))


def network(title: str, seed: int) -> Hopfield:
    """An untrained network in float64, its weights small enough to settle within the free phase."""
    cls, options = NETWORKS[title]
    generator = stream(seed, "init")
    net = cls((1, 28, 28), 10, generator, **options, activation="sigmoid", init="lecun_uniform")
    for p in net.parameters():
        p.data *= 0.7
    return net.double()


def run(seed: int = 0) -> dict[str, Any]:
    """Per network, layer and nudging: ||ep - bptt|| / ||bptt|| after k nudged steps.

    Besides, the summed update of the strongest output synapse of both, over the nudged steps.
    On images of mnist5k.
    """
    numbers: dict[str, Any] = {"beta": BETA, "steps": list(range(1, NUDGED_STEPS + 1))}
    data = Mnist5k()
    data.prepare_data()
    data.setup("fit")
    images, labels = next(iter(data.val_dataloader()))
    x, y = images[:SAMPLES].double(), labels[:SAMPLES]
    base: dict[str, Any] = {"loss": "mse", "free_steps": FREE_STEPS}
    for title in NETWORKS:
        net = network(title, seed)
        bptt = [updates(BPTT(net, back_steps=k, **base), x, y) for k in numbers["steps"]]
        layers = range(len(net.blocks))
        place = [int(g.abs().argmax()) for g in bptt[-1]]
        numbers[title] = {"bptt": _entries(bptt, place)}
        for nudging in ("one_sided", "symmetric"):
            ep = [
                updates(EP(net, beta=BETA, nudging=nudging, nudged_steps=k, **base), x, y)  # type: ignore[arg-type]
                for k in numbers["steps"]
            ]
            numbers[title][nudging] = _entries(ep, place)
            pairs = list(zip(ep, bptt, strict=True))
            numbers[title][f"{nudging} error"] = [
                [float((a[k] - b[k]).norm() / bptt[-1][k].norm()) for a, b in pairs] for k in layers
            ]
    return numbers


def _entries(updates: list[list[Tensor]], place: list[int]) -> list[list[float]]:
    """One synapse of each layer, over the nudged steps."""
    return [[float(u[k].flatten()[i]) for u in updates] for k, i in enumerate(place)]


def summary(numbers: dict[str, Any]) -> str:
    lines = []
    for title in NETWORKS:
        for nudging in ("one_sided", "symmetric"):
            errors = ", ".join(f"{layer[-1]:.1e}" for layer in numbers[title][f"{nudging} error"])
            lines.append(f"{title}, {nudging}: relative distance of each layer's update {errors}")
    return "\n".join(lines)


def figure(numbers: dict[str, Any], path: Path) -> None:
    """Above: one synapse of each layer, ep beside bptt. Below: the distance of all of them."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(8, 6.4), layout="constrained")
    axes = fig.subplots(2, len(NETWORKS), sharex=True)
    steps = numbers["steps"]
    for column, title in enumerate(NETWORKS):
        above, below = axes[0][column], axes[1][column]
        own = numbers[title]
        for k, truth in enumerate(own["bptt"]):
            scale = truth[-1]
            for name, style in (("bptt", "-"), ("symmetric", ".")):
                values = [v / scale for v in own[name][k]]
                label = f"{'ep' if name == 'symmetric' else name}, layer {k + 1}"
                above.plot(steps, values, style, color=f"C{k}", label=label)
            for nudging, style in (("one_sided", ":"), ("symmetric", "-")):
                error = own[f"{nudging} error"][k]
                name = nudging.replace("_", "-")
                below.semilogy(steps, error, style, color=f"C{k}", label=f"{name}, layer {k + 1}")
        above.set(title=title, ylabel="update of one synapse" if column == 0 else "")
        below.set(xlabel="nudged steps", ylabel="relative distance" if column == 0 else "")
        above.legend(frameon=False, fontsize=7)
        below.legend(frameon=False, fontsize=7)
    fig.savefig(path, dpi=120)
