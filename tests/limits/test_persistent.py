"""States that are kept from step to step: settled particles of samples, and sampled chains."""

import torch

from benchmark.suite.rows.machine import Machine
from benchmark.suite.run.runner import run, run_folder
from tests.conformance.rows import dying_in_epoch, row_of


def test_particles_are_the_samples_own_and_in_the_checkpoint(tmp_path):
    row = row_of("ep", "--algorithm.persistent=true", "--algorithm.free_steps=3", epochs=1)
    record = run(row, 0, Machine(accelerator="cpu"), tmp_path)
    checkpoint = torch.load(run_folder(tmp_path, row, 0) / "last.ckpt", weights_only=True)
    particles = [v for k, v in checkpoint["state_dict"].items() if k.startswith("particle")]
    assert [list(p.shape[1:]) for p in particles] == [[24], [16], [10]]
    seen = particles[0].ne(0).any(1).sum()
    assert len(particles[0]) == record["dataset"]["train"]
    assert seen == len(particles[0]) // 50 * 50  # every sample of a whole mini-batch, once
    assert particles[0].unique(dim=0).shape[0] >= seen


def test_resumed_in_mid_epoch_the_samples_keep_their_particles(tmp_path):
    row = row_of("ep", "--algorithm.persistent=true", "--algorithm.free_steps=3")
    machine = Machine(accelerator="cpu", checkpoint_seconds=0)
    whole = run(row, 0, machine, tmp_path / "whole")
    with dying_in_epoch("ep", 1):
        run(row, 0, machine, tmp_path / "parts")
    parts = run(row, 0, machine, tmp_path / "parts")
    assert parts["weights_sha256"] == whole["weights_sha256"]


def test_resumed_in_mid_epoch_the_chains_go_on(tmp_path):
    row = row_of("cd", "--algorithm.chains=10")
    machine = Machine(accelerator="cpu", checkpoint_seconds=0)
    whole = run(row, 0, machine, tmp_path / "whole")
    with dying_in_epoch("cd", 1):
        run(row, 0, machine, tmp_path / "parts")
    parts = run(row, 0, machine, tmp_path / "parts")
    assert parts["weights_sha256"] == whole["weights_sha256"]
