"""Several seeds of a row trained by one program: what it computes is what separate runs compute.

A step of a small network is shorter than what Python, and a GPU's launches, add to it. Here the
weights of S runs lie stacked, ``[S, ...]``, one call of the rule's ``credit`` under
``torch.func.vmap`` gives the updates of all, and one optimizer takes the step. Each run stays an
ordinary algorithm, whose tensors are views into the stack: validation, records and measurements
are the ordinary code. Deleting this room changes no number beyond rounding.
"""

from benchmark.population.feed import SideBySide
from benchmark.population.members import Each, Seat
from benchmark.population.reasons import why_apart
from benchmark.population.together import Population

__all__ = ["Each", "Population", "Seat", "SideBySide", "why_apart"]
