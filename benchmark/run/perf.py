"""``make perf``: our training step beside a bare PyTorch loop and beside its own matrix products.

All three run in turns within one Trainer.fit, a chunk of mini-batches each, so that they share the
machine's state; medians of the per-chunk times are compared. Our time is everything between two
chunks: loading data, the Trainer's loop, the update, the metrics.
"""

from __future__ import annotations

import statistics
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from lightning.pytorch import Callback, Trainer
from torch import Tensor

from benchmark.errors import UserError
from benchmark.measure.perf_settling import report
from benchmark.run.parse import Names, parse, read_config, row_parser, to_row
from benchmark.run.row import Row, build_algorithm, build_data

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


# ---- measuring -----------------------------------------------------------------------------


class Turns(Callback):
    """After each of our chunks, the same number of bare steps and of bare matrix products."""

    def __init__(
        self, bare: Step, batches: Iterator[tuple[Tensor, Tensor]], mm: Callable[[], None]
    ):
        self.bare, self.batches, self.mm = bare, batches, mm
        self.times: dict[str, list[float]] = {"ours": [], "bare": [], "products": []}
        self._end: float | None = None

    def on_train_batch_end(
        self, trainer: Trainer, module: Any, out: Any, batch: Any, i: int
    ) -> None:
        start = time.perf_counter()
        steps = len(batch[1]) // trainer.datamodule.local_batch_size  # type: ignore[attr-defined]
        if self._end is not None:
            self.times["ours"].append((start - self._end) / steps)
        for name, step in (("bare", self._bare_step), ("products", self.mm)):
            start = time.perf_counter()
            for _ in range(steps):
                step()
            self.times[name].append((time.perf_counter() - start) / steps)
        self._end = time.perf_counter()

    def _bare_step(self) -> None:
        self.bare(*next(self.batches))

    def on_train_epoch_end(self, *_: Any) -> None:
        self._end = None


def bare_batches(images: Tensor, labels: Tensor, n: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Mini-batches as a bare loop makes them of resident uint8 images."""
    while True:
        for part in torch.randperm(len(labels)).split(n):
            if len(part) == n:
                yield images[part].flatten(1).float().div(255), labels[part]


def measure(row: Row, folder: Path) -> dict[str, float]:
    """Median milliseconds per step: ours, bare, products."""
    data = build_data(row, 0)
    data.prepare_data()
    data.setup("fit")
    algorithm = build_algorithm(row, 0, data.shape, data.classes)
    loader = data.train_dataloader()
    n, name = row.data["batch_size"], row.algorithm["name"]
    images = loader.images[..., : data.shape[1], : data.shape[2]]
    inputs = images[0].numel()
    turns = Turns(
        getattr(Bare(algorithm, row), name),
        bare_batches(images, loader.labels, n),
        products(name, n, inputs, row.network["hidden"][0], data.classes),
    )
    trainer = Trainer(
        max_epochs=row.epochs, callbacks=[turns], logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0,
        use_distributed_sampler=False, accelerator="cpu", default_root_dir=str(folder),
    )  # fmt: skip
    trainer.fit(algorithm, datamodule=data)
    return {k: 1000 * statistics.median(v[2:]) for k, v in turns.times.items()}


# Times its own matrix products that public code takes for one training step, data included
# (measured on two CPU cores): what a user would otherwise run.
PUBLIC = {
    "pepita": "the public PEPITA notebook takes 3.1x",
    "fa": "BioTorch's fa (LeNet) takes 4.5x",
    "dtp": "the public DTP code takes 6.5x",
}


def main(args: list[str]) -> None:
    """Print a line per algorithm: milliseconds per step and the two ratios."""
    parser = ArgumentParser(prog="python -m benchmark perf", description=main.__doc__)
    parser.add_argument("--dataset", default="mnist5k")
    parser.add_argument("--root", default="data", help="folder of the data sets")
    parser.add_argument("--algorithm", default="bp,fa,dfa,pepita,dtp")
    parser.add_argument("--epochs", type=int, default=20, help="passes over the training set")
    parser.add_argument("--settling", action="store_true", help="time settling steps instead")
    options = parser.parse_args(args)
    if options.settling:
        print(report())
        return
    print(f"{options.dataset}, 1 hidden layer of 1024, batch 64, {torch.get_num_threads()} threads")
    print("algorithm   ours ms   bare ms   products ms   ours/bare   ours/products")
    for name in options.algorithm.split(","):
        if not hasattr(Bare, name):
            raise UserError(f"perf has no bare loop for {name!r}")
        names = Names(name, options.dataset, "mlp")
        overrides = [f"--data.root={options.root}"] if options.dataset != "mnist5k" else []
        row = to_row(parse(row_parser(names), read_config(names.default_config),
                           [f"--epochs={options.epochs}", *overrides], "perf"))  # fmt: skip
        t = measure(row, Path("results"))
        ratios = f"{t['ours'] / t['bare']:9.2f}x {t['ours'] / t['products']:14.2f}x"
        print(f"{name:9} {t['ours']:9.3f} {t['bare']:9.3f} {t['products']:13.3f} {ratios}"
              f"   {PUBLIC.get(name, '')}")  # fmt: skip
