"""One step of every algorithm: deterministic and complete."""

import pytest
import torch

from benchmark.algorithms import ALGORITHMS
from tests.conformance.rows import built, gradients, row_of

every = pytest.mark.parametrize("name", list(ALGORITHMS))


@every
def test_every_trainable_tensor_gets_a_finite_gradient(name):
    params, found = gradients(*built(row_of(name)))
    assert {id(p) for p in params} == {id(p) for p in found}
    assert all(torch.isfinite(g).all() for g in found.values())


@every
def test_all_trainable_parameters_are_in_one_group(name):
    algorithm, *_ = built(row_of(name))
    grouped = [id(p) for group in algorithm.param_groups() for p in group["params"]]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {id(p) for p in algorithm.parameters() if p.requires_grad}


@every
def test_same_seed_same_update_other_seed_another(name):
    updates = []
    for seed in (0, 0, 1):
        algorithm, x, y = built(row_of(name), seed)
        params, found = gradients(algorithm, x, y)
        updates.append(torch.cat([found[p].flatten() for p in params]))
    assert torch.equal(updates[0], updates[1])
    assert not torch.equal(updates[0], updates[2])


@every
def test_logits_are_the_networks_own(name):
    algorithm, x, y = built(row_of(name))
    with torch.no_grad():
        algorithm.eval()
        expected = algorithm.predict(x)
    logits = algorithm.credit(x, y).logits
    assert logits.shape == expected.shape == (len(x), 10)


@every
def test_predict_needs_no_labels_and_changes_no_state(name):
    algorithm, x, _ = built(row_of(name))
    algorithm.eval()
    before = {k: v.clone() for k, v in algorithm.state_dict().items()}
    with torch.no_grad():
        first, second = algorithm.predict(x), algorithm.predict(x)
        alone = algorithm.predict(x[:3])
    assert torch.equal(first, second)
    torch.testing.assert_close(alone, first[:3], rtol=1e-4, atol=1e-5)
    after = algorithm.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)


@every
def test_bfloat16_autocast_gives_float32_gradients(name):
    algorithm, x, y = built(row_of(name))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        _, found = gradients(algorithm, x, y)
    assert all(g.dtype == torch.float32 and torch.isfinite(g).all() for g in found.values())
