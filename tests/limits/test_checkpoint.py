"""A checkpoint is what was written, or refused."""

import random

import pytest
import torch

from benchmark.engine.checkpoint import PARTS, CheckpointFile, to_resume
from benchmark.errors import UserError


def parts():
    weights = torch.randn(50, 40, generator=torch.Generator().manual_seed(0))
    state = {"W": weights, "b": weights[0].clone()}
    return {**{part: [0] for part in PARTS}, "state_dict": state}


@pytest.mark.parametrize("kind", ["zeroed", "flipped", "cut", "moved"])
def test_damage_anywhere_is_seen_or_changes_nothing(kind, tmp_path):
    path, draws, seen = tmp_path / "last.ckpt", random.Random(kind), 0
    CheckpointFile().save_checkpoint(parts(), path)
    whole = path.read_bytes()
    for _ in range(60):
        contents, at = bytearray(whole), draws.randrange(len(whole) - 64)
        if kind == "zeroed":
            contents[at : at + 64] = bytes(64)
        elif kind == "flipped":
            contents[at] ^= 1 << draws.randrange(8)
        elif kind == "cut":
            del contents[at:]
        else:
            del contents[at : at + 8]
        path.write_bytes(contents)
        try:
            assert to_resume(path) == path
        except UserError as error:
            assert "delete it" in str(error) and "\n" not in str(error)
            seen += 1
        else:
            read = torch.load(path, weights_only=True)["state_dict"]
            assert all(
                torch.equal(read[name], value) for name, value in parts()["state_dict"].items()
            )
    assert seen > 30


def test_it_is_written_where_it_is_to_be(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    CheckpointFile().save_checkpoint(parts(), tmp_path / "last.ckpt")
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]
