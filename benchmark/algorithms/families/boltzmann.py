"""What cd and classrbm share: a stack of machines that learn from samples of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from benchmark.algorithm import Algorithm
from benchmark.credit.sampling import Machine
from benchmark.engine.turns import Layers, Turns
from benchmark.errors import UserError
from benchmark.networks import Network
from benchmark.networks.rbm import RBM
from benchmark.options import Count, CountOrZero


class Boltzmann(Algorithm):
    """Base of rules for stacks of restricted Boltzmann machines.

    A machine learns by contrastive divergence (Hinton 2002), on the probabilities of the one below:

        Delta theta = -lr <d F(v) / d theta>_data + lr <d F(v) / d theta>_samples

    with samples v after k rounds of sampling from the data, or from chains that are kept from step
    to step (Tieleman 2008).
    """

    readout: bool = False  # the last block learns by itself, after the machines

    def __init__(
        self,
        net: Network,
        *,
        steps: Count = 1,
        chains: CountOrZero = 0,
        layers: Layers = "together",
        **base: Any,
    ) -> None:
        """
        Args:
            steps: rounds of sampling, k in CD-k.
            chains: kept from step to step, with samples that learning starts from instead of the
                data; none for contrastive divergence.
            layers: learn all together, or one after the other, each for its share of the epochs.
        """
        super().__init__(net, **base)
        if not isinstance(net, RBM):
            raise UserError(
                f"{type(self).__name__.lower()} needs a network that samples: choose --network rbm"
            )
        self.steps, self.chains = steps, chains
        blocks: list[Any] = list(net.blocks)
        self.machines = [
            Machine(block, b) for block, b in zip(blocks[:-1], net.visible_biases, strict=True)
        ]
        self.turns = Turns(layers, len(self.machines) + self.readout)
        if self.turns.greedy:
            self.traits = replace(self.traits, same_steps=False)
        if chains:
            for k, machine in enumerate(self.machines):
                v = torch.rand(chains, len(machine.b), generator=self.feedback_stream(k))
                self.register_buffer(f"chain{k}", v.round())

    def check_epochs(self, epochs: int) -> None:
        self.turns.check(epochs)

    def learns(self, k: int) -> bool:
        """Whether block ``k`` learns now: all do, or one after the other."""
        return self.turns.has(k, self)

    def samples(self, k: int, v: Tensor) -> Tensor:
        """Samples of machine ``k``, from its data ``v`` or from its chains."""
        if not self.chains:
            return self.machines[k].gibbs(v, self.steps, self.noise)
        chain = self.get_buffer(f"chain{k}")
        return chain.copy_(self.machines[k].gibbs(chain, self.steps, self.noise))

    def contrast(self, k: int, v: Tensor) -> Tensor:
        """Whose gradient is that of machine ``k``'s update on its data ``v``: F(data) - F(samples).

        Averages over data and samples; zero where the machine does not learn now.
        """
        if not self.learns(k):
            return v.new_zeros(())
        machine, v_model = self.machines[k], self.samples(k, v)
        return machine.free_energy(v).mean() - machine.free_energy(v_model).mean()

    def reference(self, x: Tensor, y: Tensor) -> Tensor | None:
        """None: machines follow likelihoods of their own, none of them the task loss."""
        return None

    def energy_of(self, k: int, v: Tensor) -> Tensor:
        """F(v) = -log sum_h exp(-E(v, h)) of machine ``k``, ``[N]``."""
        return self.machines[k].free_energy(v)

    def fantasies(self, v: Tensor, y: Tensor, rounds: int) -> tuple[Tensor, Tensor]:
        """Patterns of the lowest machine and classes, after rounds of sampling from v and y."""
        return self.machines[0].gibbs(v, rounds, self.noise), y

    @torch.no_grad()
    def measurements(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Each machine's mean squared error of reconstruction, and its mean free energy."""
        found, v = {}, x.flatten(1)
        for k, machine in enumerate(self.machines):
            h = machine.hidden(v)
            found[f"reconstruction/blocks.{k}"] = (machine.visible(h) - v).square().mean().double()
            found[f"free_energy/blocks.{k}"] = self.energy_of(k, v).mean().double()
            v = h
        return found
