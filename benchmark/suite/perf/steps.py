"""``make perf``: our training step beside a bare PyTorch loop and beside its own matrix products.

All three run in turns within one Trainer.fit, a chunk of mini-batches each, so that they share the
machine's state; medians of the per-chunk times are compared. Our time is everything between two
chunks: loading data, the Trainer's loop, the update, the metrics.

The products are those of the bare loop, as the paper writes them down; for algorithms or networks
without a bare loop, those that our own step has been seen to do.
"""

from __future__ import annotations

import logging
import math
import statistics
import time
import warnings
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from lightning.pytorch import Callback, Trainer
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from benchmark.errors import UserError
from benchmark.suite.perf import settling_costs, synapse_costs
from benchmark.suite.rows.choose import choices
from benchmark.suite.rows.parse import read_row
from benchmark.suite.rows.row import Row, build_algorithm, build_data

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module="lightning")

Step = Callable[[Tensor, Tensor], None]


# ---- bare loops: each algorithm on x - W1 - relu - W2, as one would write it down ----------------


class Bare:
    """Weights, feedback and optimizer of a bare loop for a network with one hidden layer."""

    def __init__(self, algorithm: Any, row: Row) -> None:
        self.W1, self.W2 = (b.synapse.weight.detach().clone() for b in algorithm.net.blocks)
        self.B = {
            k: v.clone() for k, v in algorithm.named_buffers() if k.rpartition(".")[2][0] in "BF"
        }
        self.step = row.algorithm.get("step")  # of dtp
        for W in (self.W1, self.W2):
            W.requires_grad_()
        self.optimizer = torch.optim.SGD(
            [self.W1, self.W2], lr=row.optim["lr"], momentum=row.optim["momentum"], fused=True
        )

    def bp(self, x: Tensor, y: Tensor) -> None:
        self.optimizer.zero_grad()
        F.cross_entropy((x @ self.W1.t()).relu() @ self.W2.t(), y).backward()
        self.optimizer.step()

    @torch.no_grad()
    def feedback(self, x: Tensor, y: Tensor, B: Tensor) -> None:
        """fa and dfa: on one hidden layer both send e B back."""
        h = (x @ self.W1.t()).relu()
        e = self._error(h @ self.W2.t(), y)
        self.W2.grad = e.t() @ h
        self.W1.grad = ((e @ B) * (h > 0)).t() @ x
        self.optimizer.step()

    def fa(self, x: Tensor, y: Tensor) -> None:
        self.feedback(x, y, self.B["net.blocks.1.synapse.B"])

    def dfa(self, x: Tensor, y: Tensor) -> None:
        self.feedback(x, y, self.B["B0"])

    @torch.no_grad()
    def pepita(self, x: Tensor, y: Tensor) -> None:
        h = (x @ self.W1.t()).relu()
        x_err = x + len(x) * self._error(h @ self.W2.t(), y) @ self.B["F"]
        h_err = (x_err @ self.W1.t()).relu()
        self.W2.grad = self._error(h_err @ self.W2.t(), y).t() @ h_err
        self.W1.grad = ((h - h_err) / len(x)).t() @ x_err
        self.optimizer.step()

    @torch.no_grad()
    def dtp(self, x: Tensor, y: Tensor) -> None:
        h = (x @ self.W1.t()).relu()
        e = self._error(h @ self.W2.t(), y)
        self.W2.grad = e.t() @ h
        self.W1.grad = (self.step * (e @ self.W2) * (h > 0)).t() @ x
        self.optimizer.step()

    @staticmethod
    def _error(logits: Tensor, y: Tensor) -> Tensor:
        return (logits.softmax(-1) - torch.eye(logits.shape[-1])[y]) / len(y)


def products(name: str, n: int, inputs: int, hidden: int, classes: int) -> Callable[[], None]:
    """One step's matrix products, on random tensors."""
    x, h, e = (torch.randn(n, units) for units in (inputs, hidden, classes))
    W1, W2, B, F_in = torch.randn(hidden, inputs), torch.randn(classes, hidden), torch.randn(
        classes, hidden), torch.randn(classes, inputs)  # fmt: skip

    def forward() -> None:
        torch.mm(x, W1.t())
        torch.mm(h, W2.t())

    def weights() -> None:
        torch.mm(h.t(), x)
        torch.mm(e.t(), h)

    def step() -> None:
        forward()
        if name == "pepita":
            torch.mm(e, F_in)
            forward()
        else:
            torch.mm(e, B)
        weights()

    return step


class Seen(TorchDispatchMode):
    """Notes the matrix products and convolutions done while active; calling it does them again."""

    kinds = (
        torch.ops.aten.mm, torch.ops.aten.addmm, torch.ops.aten.bmm, torch.ops.aten.baddbmm,
        torch.ops.aten.convolution, torch.ops.aten.convolution_backward,
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Callable[[], object]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        if func.overloadpacket in self.kinds:
            self.calls.append(partial(func, *args, **kwargs or {}))
        return func(*args, **kwargs or {})

    def __call__(self) -> None:
        for call in self.calls:
            call()


# ---- measuring -----------------------------------------------------------------------------


PRODUCTS = (
    "aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm", "aten::mkldnn_convolution",
    "aten::convolution_backward", "aten::_slow_conv2d_forward", "aten::dot",
)  # fmt: skip


def costliest(profile: torch.profiler.profile, n: int = 3) -> str:
    """The operations beside the products that took the most time, with their shares of all."""
    spent = {e.key: e.self_cpu_time_total for e in profile.key_averages()}
    total = sum(spent.values())
    others = sorted((t, key) for key, t in spent.items() if key.removesuffix("_") not in PRODUCTS)[
        -n:
    ]
    return ", ".join(f"{key.removeprefix('aten::')} {t / total:.0%}" for t, key in others[::-1])


class Turns(Callback):
    """After each of our chunks, as many steps of the bare loop and of the matrix products.

    Our third chunk is profiled, and not timed.

    Args:
        bare: the bare loop's step with its mini-batches drawn, or None.
        mm: one step's matrix products, or None for those seen in our first chunk.
    """

    def __init__(self, bare: Callable[[], None] | None, mm: Callable[[], None] | None) -> None:
        self.bare, self.mm = bare, mm
        self.seen, self.steps_seen = Seen(), 0
        self.times: dict[str, list[float]] = {"ours": [], "bare": [], "products": []}
        self.profile: torch.profiler.profile | None = None
        self._chunks = 0
        self._end: float | None = None

    def on_train_batch_start(self, *_: Any) -> None:
        self._chunks += 1
        if self.mm is None and not self.steps_seen:
            self.seen.__enter__()
        if self._chunks == 3:
            self.profile = torch.profiler.profile(
                activities=[torch.profiler.ProfilerActivity.CPU], acc_events=True
            )
            self.profile.__enter__()

    def on_train_batch_end(
        self, trainer: Trainer, module: Any, out: Any, batch: Any, i: int
    ) -> None:
        end = time.perf_counter()
        steps = len(batch[1]) // trainer.datamodule.local_batch_size  # type: ignore[attr-defined]
        if self.profile is not None and self._chunks == 3:
            self.profile.__exit__(None, None, None)
        elif self._end is not None:
            self.times["ours"].append((end - self._end) / steps)
        if self.mm is None and not self.steps_seen:
            self.seen.__exit__(None, None, None)
            self.steps_seen = steps
        if self.bare:
            self._time("bare", self.bare, steps, steps)
        if self.mm:
            self._time("products", self.mm, steps, steps)
        else:
            with torch.no_grad():
                self._time("products", self.seen, 1, self.steps_seen)
        self._end = time.perf_counter()

    def _time(self, name: str, work: Callable[[], None], times: int, steps: int) -> None:
        start = time.perf_counter()
        for _ in range(times):
            work()
        self.times[name].append((time.perf_counter() - start) / steps)

    def on_train_epoch_end(self, *_: Any) -> None:
        self._end = None


def bare_batches(images: Tensor, labels: Tensor, n: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Mini-batches as a bare loop makes them of resident uint8 images."""
    while True:
        for part in torch.randperm(len(labels)).split(n):
            if len(part) == n:
                yield images[part].flatten(1).float().div(255), labels[part]


def measure(row: Row, folder: Path) -> tuple[dict[str, float], str]:
    """Median milliseconds per step: ours, bare (nan where there is no bare loop), products; and
    what takes the most time beside products."""
    data = build_data(row, 0)
    data.prepare_data()
    data.setup("fit")
    algorithm = build_algorithm(row, 0, data.shape, data.classes)
    turns = Turns(*bare_loop(row, data, algorithm))
    trainer = Trainer(
        max_epochs=row.epochs, callbacks=[turns], logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0,
        use_distributed_sampler=False, accelerator="cpu", default_root_dir=str(folder),
    )  # fmt: skip
    trainer.fit(algorithm, datamodule=data)
    if len(turns.times["ours"]) < 3:
        raise UserError("too few steps to time: give more --epochs, or fewer --data.steps_per_call")
    times = {k: 1000 * statistics.median(v[2:]) if v else math.nan for k, v in turns.times.items()}
    return times, costliest(turns.profile) if turns.profile else ""


def bare_loop(
    row: Row, data: Any, algorithm: Any
) -> tuple[Callable[[], None] | None, Callable[[], None] | None]:
    """The bare loop's step and its products, where somebody has written them down."""
    name, net = row.algorithm["name"], row.network
    if not hasattr(Bare, name) or net["name"] != "mlp" or len(net["hidden"]) != 1:
        return None, None
    loader = data.train_dataloader()
    n = row.data["batch_size"]
    images = loader.images[..., : data.shape[1], : data.shape[2]]
    batches = bare_batches(images, loader.labels, n)
    step: Step = getattr(Bare(algorithm, row), name)
    mm = products(name, n, images[0].numel(), net["hidden"][0], data.classes)
    return lambda: step(*next(batches)), mm


# Times its own matrix products that public code takes for one training step, data included
# (measured on two CPU cores): what a user would otherwise run.
PUBLIC = {
    "pepita": "the public PEPITA notebook takes 3.1x",
    "fa": "BioTorch's fa (LeNet) takes 4.5x",
    "dtp": "the public DTP code takes 6.5x",
}


GOAL = 1.3  # times its own matrix products
USUAL = "bp,fa,dfa,pepita,dtp,ff,ldtp"


def main(args: list[str]) -> None:
    """Print a line per row: milliseconds per step and the two ratios; and of those that take more
    than GOAL times their products, what else takes the time."""
    parser = ArgumentParser(prog="python -m benchmark perf", description=main.__doc__)
    parser.add_argument("--dataset", help="default: mnist5k")
    parser.add_argument("--network", help="default: mlp, or one that the rule can train")
    parser.add_argument("--algorithm", help=f"names with commas, or all; default: {USUAL}")
    parser.add_argument("--config", action="append", help="a complete row; repeat for several")
    parser.add_argument("--epochs", type=int, default=30, help="passes over the training set")
    parser.add_argument("--parts", action="store_true", help="time settling steps and synapses")
    options, overrides = parser.parse_known_args(args)  # the rest are options of the row
    if options.parts:
        print(f"{settling_costs.report()}\n{synapse_costs.report()}")
        return
    if options.algorithm is None and not options.config:
        options.algorithm = USUAL
    options.config = [Path(path) for path in options.config or ()]
    chosen = choices(options)
    print(f"CPU, {torch.get_num_threads()} threads")
    print("row                       ours ms   bare ms   products ms   ours/bare   ours/products")
    for choice in chosen:
        given = [f"--epochs={options.epochs}", *overrides]
        t, why = measure(read_row(choice.names, choice.path, given), Path("results"))
        label = " ".join((choice.names.dataset, choice.names.network, choice.names.algorithm))
        ratios = f"{t['ours'] / t['bare']:10.2f}x {t['ours'] / t['products']:14.2f}x"
        line = f"{label:25} {t['ours']:7.3f} {t['bare']:9.3f} {t['products']:13.3f} {ratios}"
        public = PUBLIC.get(choice.names.algorithm, "")
        print(line.replace("nanx", "   -").replace("nan", "  -"), public)
        if t["ours"] > GOAL * t["products"]:
            print(f"{'':25} above {GOAL}x: {why}")
