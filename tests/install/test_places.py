"""Where the code lies is known in a checkout, and is no folder of others once it is installed."""

import subprocess

import torch

from benchmark.suite.launch import slurm
from benchmark.suite.records.places import CHECKOUT
from benchmark.suite.run import environment


def test_slurms_tasks_find_the_checkout_and_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert slurm._path() == f"{CHECKOUT}:{tmp_path}"
    monkeypatch.setattr(slurm, "CHECKOUT", None)  # as installed
    assert slurm._path() == str(tmp_path)


def test_a_record_names_the_checkouts_commit(monkeypatch, tmp_path):
    known = lambda: environment.environment(torch.device("cpu"), 1, "32-true")  # noqa: E731
    if (CHECKOUT / ".git").exists():
        git = ["git", "-C", CHECKOUT, "rev-parse", "HEAD"]
        head = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
        assert known()["commit"] == head and "version" not in known()
    git = ["git", "-c", "user.name=n", "-c", "user.email=e", "-C", tmp_path]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "another project"]):
        subprocess.run([*git, *command], check=True)
    (tmp_path / "unpacked").mkdir()
    monkeypatch.setattr(environment, "CHECKOUT", tmp_path / "unpacked")
    assert known()["commit"] is None and known()["version"]
    monkeypatch.setattr(environment, "CHECKOUT", None)
    assert known()["commit"] is None
