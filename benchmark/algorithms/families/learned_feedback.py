"""What rules with learned feedback weights share."""

from typing import Any

from torch import Tensor

from benchmark.algorithms.fa import FA
from benchmark.credit.feedback import carriers, learn
from benchmark.networks import Network


class LearnedFeedback(FA):
    """Feedback alignment whose B is trained, wherever an error comes back through it."""

    shares_update = False

    def __init__(self, net: Network, **fa: Any) -> None:
        super().__init__(net, **fa)
        self.carriers = carriers(self.net, self.net.example())
        for synapse in self.carriers:
            learn(synapse, self.shares_update)

    def input_signal(self, x: Tensor, y: Tensor) -> None:
        """None: no error passes the first layer's B in training, so it has learned nothing."""

    def feedback_weights(self) -> list[Tensor]:
        return [synapse.B for synapse in self.carriers]

    def feedback_options(self) -> dict[str, Any]:
        """The optimizer's options for B where they differ from those for W."""
        return {}

    def param_groups(self) -> list[dict[str, Any]]:
        (forward,) = super().param_groups()
        learned = {id(B) for B in self.feedback_weights()}
        forward["params"] = [p for p in forward["params"] if id(p) not in learned]
        feedback = {
            "name": "feedback",
            "params": self.feedback_weights(),
            **self.feedback_options(),
        }
        return [forward] + [feedback] * bool(learned)
