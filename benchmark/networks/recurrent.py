"""Recurrent cells for convolutional layers: what a layer does with its input from step to step."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Kind = Literal["time_decay", "simple", "gru", "lstm", "reciprocal_gated"]
State = tuple[Tensor, ...]


class Cell(nn.Module):
    """A map of a layer's input x_t [N, C, H, W] and its state to an activity h_t of that shape.

    Args:
        channels: C.
        activation: f.
        kernel: of the recurrent convolutions, odd.
    """

    states = 1

    def __init__(self, channels: int, activation: nn.Module, kernel: int) -> None:
        super().__init__()
        self.activation, self.channels, self.kernel = activation, channels, kernel

    def recurrent(self, n_in: int = 1, n_out: int = 1) -> nn.Conv2d:
        """A convolution that keeps the size, from and to multiples of C channels."""
        C = self.channels
        return nn.Conv2d(n_in * C, n_out * C, self.kernel, padding=self.kernel // 2)

    def start(self, x: Tensor) -> State:
        """The state before the first step: zeros."""
        return (torch.zeros_like(x),) * self.states

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """h_t and the new state."""
        raise NotImplementedError


class TimeDecay(Cell):
    """a_t = tau a_{t-1} + x_t,  h_t = f(a_t): a leak for each channel, no synapse. The control.

    tau = sigmoid(t) is learned and starts at 1/2.
    """

    def __init__(self, channels: int, activation: nn.Module, kernel: int) -> None:
        super().__init__(channels, activation, kernel)
        self.decay = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        (a,) = state
        a = self.decay.sigmoid() * a + x
        return self.activation(a), (a,)


class Simple(Cell):
    """h_t = f(W_h * h_{t-1} + x_t)."""

    def __init__(self, channels: int, activation: nn.Module, kernel: int) -> None:
        super().__init__(channels, activation, kernel)
        self.W_h = self.recurrent()

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        (h,) = state
        h = self.activation(self.W_h(h) + x)
        return h, (h,)


class GRU(Cell):
    """r, z = sigmoid(W * [x_t, h_{t-1}]);  h_t = z h_{t-1} + (1 - z) f(x_t + U * (r h_{t-1})).

    Cho et al. 2014, with convolutions.
    """

    def __init__(self, channels: int, activation: nn.Module, kernel: int) -> None:
        super().__init__(channels, activation, kernel)
        self.W, self.U = self.recurrent(2, 2), self.recurrent()

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        (h,) = state
        r, z = self.W(torch.cat([x, h], 1)).sigmoid().chunk(2, 1)
        h = z * h + (1 - z) * self.activation(x + self.U(r * h))
        return h, (h,)


class LSTM(Cell):
    """i, f, o, g = W * [x_t, h_{t-1}];  c_t = s(f) c_{t-1} + s(i) tanh(g);  h_t = s(o) tanh(c_t).

    s is the sigmoid (Hochreiter & Schmidhuber 1997, Gers et al. 2000; with convolutions Shi et al.
    2015, without peepholes).
    """

    states = 2

    def __init__(self, channels: int, activation: nn.Module, kernel: int) -> None:
        super().__init__(channels, activation, kernel)
        self.W = self.recurrent(2, 4)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        c, h = state
        i, f, o, g = self.W(torch.cat([x, h], 1)).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return h, (c, h)


class ReciprocalGated(Cell):
    """The cell gates the input of the output, and the output gates the input of the cell.

        c_t = f((1 - s(W_cc * c_{t-1})) c_{t-1} + (1 - s(W_hc * h_{t-1})) x_t)
        h_t = f((1 - s(W_hh * h_{t-1})) h_{t-1} + (1 - s(W_ch * c_{t-1})) x_t)

    s is the sigmoid: both integrate what comes in, unless told not to (Nayebi et al. 2018).
    """

    states = 2

    def __init__(self, channels: int, activation: nn.Module, kernel: int) -> None:
        super().__init__(channels, activation, kernel)
        self.W_cc, self.W_hc = self.recurrent(), self.recurrent()
        self.W_hh, self.W_ch = self.recurrent(), self.recurrent()

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        c, h = state

        def open_(W: nn.Module, gate: Tensor) -> Tensor:
            return 1 - W(gate).sigmoid()

        c_next = self.activation(open_(self.W_cc, c) * c + open_(self.W_hc, h) * x)
        h_next = self.activation(open_(self.W_hh, h) * h + open_(self.W_ch, c) * x)
        return h_next, (c_next, h_next)


CELLS: dict[Kind, type[Cell]] = {
    "time_decay": TimeDecay,
    "simple": Simple,
    "gru": GRU,
    "lstm": LSTM,
    "reciprocal_gated": ReciprocalGated,
}
