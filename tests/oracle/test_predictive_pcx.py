"""Predictive coding beside the library pcx (Pinchetti et al. 2024), where that is installed."""

import numpy as np
import pytest
import torch

from benchmark.algorithms.ipc import IPC
from benchmark.algorithms.pc import PC
from tests.oracle.tiny import data, network

pytest.importorskip("pcx", reason="pip install pcx", exc_type=ImportError)
import jax
import jax.numpy as jnp
import optax
import pcx as px
import pcx.functional as pxf
import pcx.nn as pxnn
import pcx.predictive_coding as pxc
import pcx.utils as pxu

jax.config.update("jax_enable_x64", True)
LR, STATE_LR, MOMENTUM, STEPS = 0.1, 0.2, 0.5, 3


class Theirs(pxc.EnergyModule):
    """The tiny network as value nodes; the label pulls the last one by beta."""

    def __init__(self, weights, loss):
        super().__init__()
        self.layers = [pxnn.Linear(W.shape[1], W.shape[0], bias=False) for W in weights]
        for layer, W in zip(self.layers, weights, strict=True):
            layer.nn.weight.set(jnp.asarray(W.numpy()))
        last = pxc.se_energy if loss == "mse" else pxc.ce_energy
        self.vodes = [*(pxc.Vode() for _ in weights[:-1]), pxc.Vode(last)]
        self.vodes[-1].h.frozen = True
        self.prediction = px.static((lambda u: u) if loss == "mse" else jax.nn.softmax)

    def __call__(self, x, t, beta=1.0):
        for vode, layer in zip(self.vodes[:-1], self.layers[:-1], strict=True):
            x = vode(jnp.tanh(layer(x)))
        self.vodes[-1](self.layers[-1](x))
        if t is not None:
            p = self.prediction.get()(self.vodes[-1].get("u"))
            self.vodes[-1].set("h", p + beta * (t - p))
        return self.vodes[-1].get("u")


@pxf.vmap(
    pxu.M(pxc.VodeParam | pxc.VodeParam.Cache).to((None, 0)), in_axes=(0, 0, None), out_axes=0
)
def forward(x, t, beta, *, model):
    return model(x, t, beta)


@pxf.vmap(
    pxu.M(pxc.VodeParam | pxc.VodeParam.Cache).to((None, 0)),
    in_axes=(0,), out_axes=(None, 0), axis_name="batch",
)  # fmt: skip
def energy(x, *, model):
    logits = model(x, None)
    return jax.lax.pmean(model.energy().sum(), "batch"), logits


def their_weights(W, x, t, loss, beta, incremental):
    """Weights after a step of plain descent: one for all, or one beside each of the states'."""
    model = Theirs(W, loss)
    x, t = jnp.asarray(x.numpy()), jnp.asarray(t.numpy())
    with pxu.step(model, pxc.STATUS.INIT, clear_params=pxc.VodeParam.Cache):
        forward(x, t, beta, model=model)
    free = pxu.M_hasnot(pxc.VodeParam, frozen=True)
    optim = pxu.Optim(lambda: optax.sgd(STATE_LR, MOMENTUM), free(model))
    both = pxu.M_hasnot(pxc.VodeParam, frozen=True) | pxu.M(pxnn.LayerParam)
    weights = pxu.Optim(lambda: optax.sgd(LR / beta), pxu.M(pxnn.LayerParam)(model))

    def slopes():
        with pxu.step(model, clear_params=pxc.VodeParam.Cache):
            of = pxf.value_and_grad(both.to([False, True]), has_aux=True)(energy)
            return of(x, model=model)[1]["model"]

    for _ in range(STEPS):
        g = slopes()
        optim.step(model, g, scale_by=len(x))
        if incremental:
            weights.step(model, g)
    if not incremental:
        weights.step(model, slopes())
    return [np.asarray(layer.nn.weight.get()) for layer in model.layers]


def our_weights(rule, x, y):
    weights = [block.synapse.weight for block in rule.net.blocks]
    for credit in rule.credits(x.view(-1, 1, 2, 3), y):
        for W, g in zip(weights, torch.autograd.grad(credit.objective, weights), strict=True):
            W.data -= LR * g
    return [W.detach().numpy() for W in weights]


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
@pytest.mark.parametrize("beta", [1.0, -0.4])
@pytest.mark.parametrize("incremental", [False, True])
def test_a_step(loss, beta, incremental):
    net, W = network(activation="tanh")
    x, y, t = data()
    options = dict(steps=STEPS, state_lr=STATE_LR, state_momentum=MOMENTUM, beta=beta, loss=loss)
    rule = IPC(net, order="at_once", **options) if incremental else PC(net, **options)
    ours = our_weights(rule.double(), x, y)
    theirs = their_weights(W, x, t, loss, beta, incremental)
    for own, other, start in zip(ours, theirs, W, strict=True):
        assert np.abs(own - start.numpy()).max() > 1e-3
        np.testing.assert_allclose(own, other, rtol=1e-9, atol=1e-11)
