"""Seeds that train together are those that train alone."""

import re
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmark.algorithm import Credit
from benchmark.algorithms import ALGORITHMS
from benchmark.algorithms.bp import BP
from benchmark.credit.losses import task_loss
from benchmark.data.decoded import Decoded, Part
from benchmark.data.mnist5k import Mnist5k
from benchmark.engine.descent import Descent
from benchmark.engine.recorder import Recorder
from benchmark.measure import Measure
from benchmark.networks.mlp import MLP
from benchmark.population import Population, why_apart
from benchmark.population.stack import ClippedApart, stack_
from benchmark.speed import repeated
from benchmark.speed.replay import Replay
from benchmark.streams import stream
from benchmark.suite.launch.grouping import GroupJob, why_one_by_one
from benchmark.suite.launch.job import RunJob, run_jobs
from benchmark.suite.records import records
from benchmark.suite.rows.machine import Machine
from benchmark.suite.rows.parse import Names, parse, read_named, row_parser, to_row
from benchmark.suite.rows.row import build_data
from benchmark.suite.run import runner
from benchmark.suite.run.bench import Job
from benchmark.suite.run.group import group_folder, run_group
from benchmark.suite.run.runner import algorithm_for, run, run_folder
from benchmark.traits import repeats, settles
from tests.conformance.rows import digits, row_of

CPU = Machine(accelerator="cpu")
SEEDS = (0, 1, 5)
FEW = "--data.val_size=200"
README = (Path(__file__).parents[2] / "README.md").read_text()
TOGETHER = set(
    re.search(r"train together: ([\w, \n]*)\.", README)[1].replace("\n", " ").split(", ")
)


@pytest.fixture(autouse=True)
def few_digits(monkeypatch):
    """Of 700 digits: 300 to train on, 200 to validate, 200 to test."""
    train, test = (Part(p.images[::k], p.labels[::k]) for p, k in zip(parts(), (8, 5), strict=True))
    few = Decoded(train, test, digits().classes)
    monkeypatch.setattr(Mnist5k, "decode", lambda _: few)


def parts():
    return digits().train, digits().test


def tiny(name, *options, epochs=2):
    """In float64, so that joint steps differ by rounding alone; what settles takes small ones."""
    small = ["--optim.lr=0.02"] if settles(ALGORITHMS[name]) else []
    return row_of(name, FEW, "--precision=64-true", *small, *options, epochs=epochs)


def conv(name):
    names = Names(name, "mnist5k", "drtp_conv")
    args = [
        "--network.channels=[4]", "--network.hidden=[16]", "--optim.lr=0.005", "--epochs=2",
        "--data.batch_size=50", "--precision=64-true", FEW,
    ]  # fmt: skip
    config = read_named(names, names.default_config)
    return to_row(parse(row_parser(names), config, args, "conformance"))


def alone(row, tmp_path, measure=Measure(0), machine=CPU):  # noqa: B008
    return [run(row, seed, machine, tmp_path / "alone", measure=measure) for seed in SEEDS]


def together(row, tmp_path, measure=Measure(0), machine=CPU):  # noqa: B008
    run_group(row, SEEDS, machine, tmp_path / "together", measure=measure)
    paths = [records.path_of(tmp_path / "together", row.hash, seed) for seed in SEEDS]
    return [records.read(path) for path in paths]


def weights(results, row, seed):
    file = run_folder(results, row, seed) / "last.ckpt"
    return torch.load(file, weights_only=True)["state_dict"]


def assert_close(a, b, tolerance):
    assert a.keys() == b.keys()
    for name in a:
        assert (a[name] - b[name]).norm() <= tolerance * a[name].norm(), name


def assert_same(row, tmp_path):
    for seed in SEEDS:
        a, b = (weights(tmp_path / name, row, seed) for name in ("alone", "together"))
        assert_close(a, b, 1e-9)


WITHOUT = ("finished", "cost", "curve", "metrics", "alignment", "weights_sha256", "environment")


def assert_records_same(ones, others):
    for a, b in zip(ones, others, strict=True):
        assert {k: a[k] for k in a if k not in WITHOUT} == {k: b[k] for k in b if k not in WITHOUT}
        assert b["environment"] == a["environment"] | {"population": len(SEEDS)}
        assert a["metrics"] == pytest.approx(b["metrics"], nan_ok=True)
        assert a["alignment"].keys() == b["alignment"].keys()
        for one, other in zip(a["curve"], b["curve"], strict=True):
            assert one | {"seconds": 0} == pytest.approx(other | {"seconds": 0})
        for name, points in a["alignment"].items():
            for one, other in zip(points, b["alignment"][name], strict=True):
                assert one == pytest.approx(other, rel=1e-3, nan_ok=True)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_readme_tells_the_rules_whose_seeds_train_together(name):
    assert (why_one_by_one(tiny(name)) == "") == (name in TOGETHER)


def take_steps(learner, batches):
    """A step on each batch; those of a population are repeated where they can be."""
    optimizer = learner.optim.build(learner.param_groups())
    joint, step = isinstance(learner, Population), learner.learn
    descent = ClippedApart if joint else Descent
    learner.train().descend = descent(optimizer, learner.optim.clip)
    if joint:
        step = repeated(step, optimizer, learner) if repeats(learner) else step
    for k, (x, y) in enumerate(batches):
        for one in (learner, *getattr(learner, "runs", [])):
            one._step = k
        step(x, y)


VARIANTS = {
    "bp with convolutions": (conv("bp"), 1e-9),
    "fa with convolutions": (conv("fa"), 1e-9),
    "float32": (tiny("dfa", "--precision=32-true"), 1e-5),
    "clip": (tiny("bp", "--optim.clip=0.5"), 1e-9),
    "adam": (tiny("ebd", "--optim.name=adam", "--optim.momentum=0"), 1e-9),
    "groups of parameters": (tiny("softhebb", "--algorithm.readout_lr=0.1"), 1e-9),
    "mirror": (tiny("pepita", "--algorithm.feedback_form=product",
                              "--algorithm.feedback_sign=minus",
                              "--algorithm.mirror.every=2"), 1e-9),
}  # fmt: skip


@pytest.mark.parametrize("case", [*sorted(TOGETHER), *VARIANTS])
def test_together_is_one_by_one(case):
    row, tolerance = VARIANTS.get(case) or (tiny(case), 1e-9)
    data, batches = build_data(row, 0), []
    data.setup("fit")
    apart, members = ([algorithm_for(row, seed, CPU, data) for seed in SEEDS] for _ in range(2))
    for seed, own in zip(SEEDS, apart, strict=True):
        data.seed = seed
        x, y = next(iter(data.train_dataloader()))
        parts = (t.split(row.data["batch_size"]) for t in (x.to(own.dtype), y))
        batches.append(2 * [*zip(*parts, strict=True)][:4])
        take_steps(own, batches[-1])
    population = Population(members)
    population.stack = stack_(members)
    both = ([torch.stack(t) for t in zip(*own, strict=True)] for own in zip(*batches, strict=True))
    take_steps(population, both)
    for own, member in zip(apart, members, strict=True):
        assert_close(own.state_dict(), member.state_dict(), tolerance)


RECORDED = {
    "dfa": [],
    "brsf": ["--optim.momentum=0.9", "--optim.schedule=step", "--optim.milestones=[1]",
             "--data.augment=jitter"],
}  # fmt: skip


@pytest.mark.parametrize("name", RECORDED)
def test_records_and_angles_are_those_of_separate_runs(name, tmp_path):
    row = tiny(name, *RECORDED[name])
    assert_records_same(alone(row, tmp_path, Measure()), together(row, tmp_path, Measure()))
    assert_same(row, tmp_path)
    assert not group_folder(tmp_path / "together", row, SEEDS).exists()


def test_seconds_and_joules_are_shared_evenly(tmp_path, monkeypatch):
    took = {"_seconds": 30.0, "joules": 6.0}
    monkeypatch.setattr(Recorder, "_stop_clock", lambda self, _: vars(self).update(took))
    for record in together(tiny("bp"), tmp_path):
        assert record["cost"]["seconds"] == 10.0 and record["cost"]["joules"] == 2.0


def test_each_ends_where_it_would_alone(tmp_path):
    row = replace(tiny("bp", epochs=8), stop={"train_error": 0.35, "memory": 0.4})
    ones, others = alone(row, tmp_path), together(row, tmp_path)
    assert len({record["epochs_trained"] for record in ones}) > 1
    assert_records_same(ones, others)
    assert_same(row, tmp_path)


def test_one_that_diverges_lets_the_others_go_on(tmp_path, monkeypatch):
    """It is trained again alone: its record is that of a separate run, to the bit."""
    row, build = tiny("fa"), runner.build_algorithm

    def exploding(row, seed, *shape):
        algorithm = build(row, seed, *shape)
        if seed == 1:
            algorithm.net.blocks[0].synapse.weight.data *= 1e200
        return algorithm

    monkeypatch.setattr(runner, "build_algorithm", exploding)
    ones, others = alone(row, tmp_path), together(row, tmp_path)
    assert [r["status"] for r in others] == ["ok", "diverged", "ok"]
    assert others[1]["weights_sha256"] == ones[1]["weights_sha256"]
    for s in (0, 2):
        assert others[s]["metrics"] == pytest.approx(ones[s]["metrics"])


def test_killed_and_resumed_it_is_the_group_undisturbed(tmp_path, monkeypatch, capsys):
    row = tiny("ebd", "--optim.schedule=cosine", "--data.steps_per_call=2")
    step = Population.training_step

    def told(self, batch, i):
        step(self, batch, i)
        if self.current_epoch == 1 and i == 0:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch, pytest.raises(SystemExit, match="143"):
        patch.setattr(Population, "training_step", told)
        together(row, tmp_path / "killed")
    file = group_folder(tmp_path / "killed" / "together", row, SEEDS) / "last.ckpt"
    assert torch.load(file, weights_only=True)["in_epoch"]["step"] == 2
    resumed, whole = together(row, tmp_path / "killed"), together(row, tmp_path / "whole")
    for a, b in zip(resumed, whole, strict=True):
        assert a["weights_sha256"] == b["weights_sha256"] and a["metrics"] == b["metrics"]


def test_each_leaves_the_checkpoint_that_it_would_leave_alone(tmp_path):
    row = tiny("bp", "--optim.momentum=0.9")
    alone(row, tmp_path)
    others = together(row, tmp_path)
    for seed, record in zip(SEEDS, others, strict=True):
        a, b = (
            torch.load(run_folder(tmp_path / name, row, seed) / "last.ckpt", weights_only=True)
            for name in ("alone", "together")
        )
        assert {k for k in a if "datamodule" not in k} == b.keys()
        assert a["callbacks"].keys() == b["callbacks"].keys()
        assert a["hyper_parameters"] == b["hyper_parameters"] and a["loops"] == b["loops"]
        assert a["in_epoch"]["step"] == b["in_epoch"]["step"]
        (one,), (other,) = a["optimizer_states"], b["optimizer_states"]
        assert one["param_groups"] == other["param_groups"]
        torch.testing.assert_close(one["state"], other["state"])
        torch.testing.assert_close(a["in_epoch"]["processes"], b["in_epoch"]["processes"])
        again = run(row, seed, CPU, tmp_path / "together", overwrite=True)
        assert again["weights_sha256"] == record["weights_sha256"]
        assert again["metrics"] == record["metrics"]


def test_steps_are_repeated_where_the_rule_says_so(tmp_path, monkeypatch):
    steps = []
    record = Replay._record
    monkeypatch.setattr(Replay, "_record", lambda *args: steps.append(args) or record(*args))
    together(tiny("fa"), tmp_path), together(tiny("brsf"), tmp_path)
    assert len(steps) == 1


def jobs_of(row, seeds, population):
    machine = replace(CPU, population=population)
    return run_jobs([Job(row, [*seeds], machine, Measure(0), {})], Path("nowhere"))


def test_seeds_are_grouped_and_a_rest_is_a_smaller_group():
    jobs = jobs_of(tiny("bp"), range(9), 4)
    assert [getattr(job, "seeds", None) for job in jobs] == [(0, 1, 2, 3), (4, 5, 6, 7), None]
    assert jobs[2].seed == 8 and len({job.key for job in jobs}) == 3
    assert all(isinstance(job, RunJob) for job in jobs_of(tiny("bp"), range(9), 1))


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (row_of("dtp"), "descends scalars before its credit"),
        (row_of("ipc"), "several times a batch"),
        (row_of("np"), "draw noise"),
        (row_of("pc"), "vmap refuses it"),
        (row_of("bp", "--network.dropout=0.1"), "dropout"),
        (row_of("bp", "--adversarial_eps=0.1"), "adversarial"),
    ],
)
def test_those_that_cannot_train_one_by_one_and_a_line_says_why(row, why, capsys):
    jobs = jobs_of(row, range(3), 3)
    assert [job.seed for job in jobs] == [0, 1, 2]
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and why in said[0]


def test_a_rule_whose_weights_are_not_found_by_name_is_found_out():
    """It keeps a list of them: all seeds would follow the first one's weights."""
    images, labels = torch.rand(2, 8, 1, 4, 4), torch.randint(3, (2, 8))

    class Kept(BP):
        def __init__(self, net):
            super().__init__(net)
            self.kept = [*net.parameters()]

        def credit(self, x, y):
            logits = self.net(x) + x.flatten(1) @ self.kept[0].T.detach()
            return Credit(task_loss(logits, y), logits)

    def built(rule):
        return lambda seed: rule(MLP((1, 4, 4), 3, stream(seed, "init"), hidden=[]))

    assert why_apart(built(BP), images, labels) == ""
    assert "another update" in why_apart(built(Kept), images, labels)


def test_a_group_is_done_when_all_are_recorded_and_trains_the_rest(tmp_path):
    row = tiny("fa")
    (job,) = jobs_of(row, (0, 1, 5), 3)
    run(row, 1, CPU, tmp_path, measure=Measure(0))
    kept = records.path_of(tmp_path, row.hash, 1).read_text()
    assert isinstance(job, GroupJob) and not job.done(tmp_path)
    job.run(tmp_path)
    assert job.done(tmp_path) and records.path_of(tmp_path, row.hash, 1).read_text() == kept
    replace(job, again=True).run(tmp_path)
    assert records.path_of(tmp_path, row.hash, 1).read_text() != kept
