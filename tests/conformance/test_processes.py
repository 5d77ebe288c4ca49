"""Two processes train as their joined updates say, for every algorithm."""

import json
import os
import signal
import socket
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist

from benchmark.algorithms import ALGORITHMS
from benchmark.engine.distributed import together
from benchmark.errors import UserError
from benchmark.streams import stream
from benchmark.suite.rows.machine import Machine
from benchmark.suite.rows.row import build_data
from benchmark.suite.run.runner import run, run_folder
from tests.conformance.pictures import draw_images
from tests.conformance.rows import built, objectives, row_of, stopping_row, two_process_row

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.xdist_group("processes")  # one worker, one launch


def launch(module, *args, world=2, **env):
    """Output of ``world`` processes of a module; fails if one fails."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    base = dict(os.environ, MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), WORLD_SIZE=str(world))
    children = [
        subprocess.Popen(
            [sys.executable, "-m", module, *map(str, args)], cwd=ROOT, text=True,
            env={**base, "LOCAL_RANK": str(r), "NODE_RANK": "0", "OMP_NUM_THREADS": "1", **env},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        for r in range(world)
    ]  # fmt: skip
    outputs = [child.communicate(timeout=140)[0] for child in children]
    assert [child.returncode for child in children] == [0] * world, "\n".join(outputs)
    return outputs


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    results = tmp_path_factory.mktemp("ddp")
    draw_images(results / "images")
    launch("tests.conformance.ddp_worker", results, *ALGORITHMS)
    return results


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_two_processes_take_the_mean_of_their_updates(name, two_processes, tmp_path):
    """Where a rule neither draws noise nor reads the batch, that is one process on the joined
    batches. Where it does, two replicas stand for it: each takes its half, draws its own noise,
    and both take the mean of their gradients.

    assert_replicas_equal has compared the two ranks bit for bit at the end of each run.
    """
    row = two_process_row(name)
    record = next((two_processes / "records").glob(f"*{row.hash}-s0.json"))
    two = json.loads(record.read_text())
    assert two["environment"]["world_size"] == 2
    algorithm, *_ = built(row)
    if algorithm.traits.joins:
        one = run(row, 0, Machine(accelerator="cpu"), tmp_path)
        assert two["metrics"]["test_acc"] == pytest.approx(one["metrics"]["test_acc"], abs=0.11)
        assert two["metrics"]["train_loss"] == pytest.approx(one["metrics"]["train_loss"], rel=1e-6)
        expected = _weights(tmp_path, row)
    else:
        expected = [v for v in replicas(row).state_dict().values() if v.is_floating_point()]
    for a, b in zip(expected, _weights(two_processes, row), strict=True):
        # float64; training amplifies the rounding of the two sums, a missed average shows at 1e-2
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-8)


def replicas(row):
    """A rule after one epoch of two replicas, written out."""
    both, optimizers = [], []
    for _ in range(2):
        algorithm, *_ = built(row)
        algorithm._trainer = SimpleNamespace(max_epochs=1, current_epoch=0)
        both.append(algorithm.double())
        optimizers += algorithm.configure_optimizers()[0]
    data = build_data(row, 0)
    data.prepare_data()
    data.setup("fit")
    xs, ys = (torch.cat(chunks) for chunks in zip(*data.train_dataloader(), strict=True))
    batches = zip(*(t.split(row.data["batch_size"]) for t in (xs.double(), ys)), strict=True)
    for step, (x, y) in enumerate(batches):
        for rank, algorithm in enumerate(both):
            algorithm._step, algorithm._noise = step, stream(0, "noise", 0, step, rank)
        shares = zip(both, x.chunk(2), y.chunk(2), strict=True)
        for scalars in zip(*(objectives(*share, whole=True) for share in shares), strict=True):
            descend_together(scalars, both, optimizers)
    return both[0]


def descend_together(scalars, both, optimizers):
    for algorithm, scalar in zip(both, scalars, strict=True):
        algorithm.zero_grad()
        scalar.backward()
    for a, b in zip(*(algorithm.parameters() for algorithm in both), strict=True):
        if a.grad is not None:
            a.grad, b.grad = (a.grad + b.grad) / 2, (a.grad + b.grad) / 2
    for optimizer in optimizers:
        optimizer.step()


def test_two_processes_go_on_in_mid_epoch(two_processes):
    whole, parts = (
        json.loads(next((two_processes / part / "records").glob("*.json")).read_text())
        for part in ("whole", "parts")
    )
    assert parts["weights_sha256"] == whole["weights_sha256"]
    assert [p["train_loss"] for p in parts["curve"]] == [p["train_loss"] for p in whole["curve"]]


def test_two_processes_stop_together(two_processes, tmp_path):
    """The running training error is that of all samples, so the run ends with the same epoch."""
    two = json.loads(next((two_processes / "stopped" / "records").glob("*.json")).read_text())
    one = run(stopping_row(), 0, Machine(accelerator="cpu"), tmp_path)
    assert two["ended_by"] == one["ended_by"] == "stop"
    assert two["epochs_trained"] == one["epochs_trained"] < 6


def test_another_number_of_processes_counts_no_sample_twice(monkeypatch):
    processes = [(torch.tensor([loss, 1.0, 2.0]), {}) for loss in (1.0, 2.0, 3.0)]
    sums = []
    for rank in (0, 1):
        algorithm, *_ = built(row_of("bp"))
        monkeypatch.setattr(type(algorithm), "global_rank", rank)
        algorithm._trainer = SimpleNamespace(world_size=2)
        algorithm.on_load_checkpoint({"in_epoch": {"step": 7, "processes": processes}})
        algorithm.on_train_start()
        sums.append(algorithm.sums.values.tolist())
    assert sums == [[6, 3, 6], [0, 0, 0]]


def _weights(results, row):
    state = torch.load(run_folder(results, row, 0) / "last.ckpt", weights_only=True)["state_dict"]
    return [v for v in state.values() if v.is_floating_point()]


def test_noise_is_drawn_per_process(monkeypatch):
    """Same seed, epoch and step: another process draws another mask, the same one repeats."""
    masks = []
    for rank in (0, 1, 0):
        algorithm, x, _ = built(row_of("bp", "--network.dropout=0.5"))
        monkeypatch.setattr(type(algorithm), "global_rank", rank)
        algorithm.net.renew_dropout(algorithm.noise)
        algorithm.net(x)
        masks.append(algorithm.net.dropouts[0].mask)
    assert torch.equal(masks[0], masks[2]) and not torch.equal(masks[0], masks[1])


def test_plain_ddp_is_refused():
    algorithm, *_ = built(row_of("bp"))

    class Plain:
        world_size, strategy, precision = 2, object(), "32-true"

    algorithm._trainer = Plain()
    with pytest.raises(UserError, match="LocalDDP"):
        type(algorithm).setup(algorithm, "fit")


def _all_but_the_second(rank, file, said):
    dist.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
    dist.barrier()
    if rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    try:
        with together():
            for _ in range(1000):
                dist.all_reduce(torch.ones(1000))
    except UserError as error:
        said.put(str(error))


def test_a_killed_process_ends_the_others_in_one_line(tmp_path):
    context = get_context("fork")
    said = context.Queue()
    both = [
        context.Process(target=_all_but_the_second, args=(rank, tmp_path / "store", said))
        for rank in (0, 1)
    ]
    for process in both:
        process.start()
    assert "the same command goes on" in said.get(timeout=60)
    for process in both:
        process.join()
