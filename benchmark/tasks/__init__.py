"""Tasks without data by name: a network is judged by what it does."""

from benchmark.registry import Registry
from benchmark.tasks.cart_pole import CartPole
from benchmark.tasks.double_pole import DoublePole, DoublePoleBlind
from benchmark.tasks.task import Networks, Task
from benchmark.tasks.xor import XOR

__all__ = ["TASKS", "Networks", "Task"]

TASKS: Registry[Task] = Registry(
    "task",
    Task,
    {
        "xor": XOR,
        "cart_pole": CartPole,
        "double_pole": DoublePole,
        "double_pole_blind": DoublePoleBlind,
    },
)
