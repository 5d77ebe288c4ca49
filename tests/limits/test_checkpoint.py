"""A checkpoint is what was written, where it is to be; damage is generated in tests/fuzz."""

import torch

from benchmark.engine.checkpoint import PARTS, CheckpointFile, to_resume


def test_it_is_written_where_it_is_to_be_and_torch_reads_it(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    weights = torch.randn(50, 40, generator=torch.Generator().manual_seed(0))
    parts, path = {part: [0] for part in PARTS} | {"run": "a", "W": weights}, tmp_path / "last.ckpt"
    CheckpointFile().save_checkpoint(parts, path)
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]
    assert to_resume(path, "a") == path
    assert torch.equal(torch.load(path, weights_only=True)["W"], weights)
