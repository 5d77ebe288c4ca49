"""Training steps that are written down once and repeated from then on, without autograd.

Every step of most algorithms does the same operations on other numbers. Autograd, the optimizer and
Python find them anew each time, which on small networks costs as much as a matrix product. Here one
step is written down as it runs, as a list of operations on tensors, and that list is repeated: the
same kernels in the same order, hence the same weights to the last bit. What nobody reads falls
away, the value of the objective above all. torch.compile would go further, after a minute or two.
"""

from benchmark.speed.repeated import Replay

__all__ = ["Replay"]
