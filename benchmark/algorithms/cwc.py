"""Channel-wise competition (Papachristodoulou et al. 2024): each class has its own channels."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.algorithm import Algorithm, Credit
from benchmark.credit.goodness import Length, same_length
from benchmark.errors import UserError
from benchmark.networks import Block, Network
from benchmark.traits import Traits


class CwC(Algorithm):
    """Channel-wise competitive learning: each class has channels of its own, and they compete.

        G_j = mean over the channels of class j, and places, of h_k^2
        Delta W_k = -lr d/dW_k CE(G, y)                           (Papachristodoulou et al. 2024)

    in every layer by itself, from a single pass. The channels (or units) are shared out in equal
    parts, in their order. The class whose channels are the most active wins: by the goodness of all
    layers. The output block is left out. The direction of the layer below is read, as in ff; the
    authors' convolutions have a batch norm instead, and read groups of channels in every other
    layer, and their layers take turns.
    """

    traits = Traits(
        "forward-forward", "Papachristodoulou et al.", 2024,
        teacher="label", networks="blocks", same_steps=True,
    )  # fmt: skip

    def __init__(self, net: Network, *, length: Length = "rms", **base: Any) -> None:
        """
        Args:
            length: what is scaled to 1 before each layer: root mean square or Euclidean norm.
        """
        super().__init__(net, **base)
        if self.loss != "cross_entropy":
            raise UserError(f"cwc has no use for the loss {self.loss}: choose cross_entropy")
        *shapes, (self.classes,) = net.shapes()[1:]
        if not all(isinstance(block, Block) for block in net.blocks) or not shapes:
            raise UserError(
                "cwc needs hidden layers of plain blocks (one synapse each): mlp, lenet"
            )
        if (fewest := min(shape[0] for shape in shapes)) < self.classes:
            raise UserError(
                f"cwc gives each of {self.classes} classes channels of its own, and a layer has "
                f"{fewest}: make it wider"
            )
        self.length = length
        del net.blocks[-1]

    def scores(self, x: Tensor) -> list[Tensor]:
        """The goodness of the classes in every layer, ``[N, classes]``, the graph cut between."""
        found = []
        for block in self.net.blocks:
            x = block(same_length(x, self.length).detach())
            squares = x.square().flatten(2).mean(2) if x.dim() > 2 else x.square()
            shares = squares.tensor_split(self.classes, 1)
            found.append(torch.stack([share.mean(1) for share in shares], 1))
        return found

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        G = torch.stack(self.scores(x))
        objective = torch.stack([F.cross_entropy(G_k, y) for G_k in G]).sum()
        return Credit(objective, G.sum(0))

    def predict(self, x: Tensor) -> Tensor:
        return torch.stack(self.scores(x)).sum(0)

    def reference(self, x: Tensor, y: Tensor) -> None:
        """None: the layers follow losses of their own, none of them a common one's gradient."""
