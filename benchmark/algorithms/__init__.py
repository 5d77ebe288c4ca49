"""Table of contents: every learning algorithm by name, one file each."""

from benchmark.algorithm import Algorithm
from benchmark.algorithms.bp import BP
from benchmark.algorithms.dfa import DFA
from benchmark.algorithms.dtp import DTP
from benchmark.algorithms.fa import FA
from benchmark.algorithms.pepita import PEPITA
from benchmark.registry import Registry

ALGORITHMS: Registry[Algorithm] = Registry(
    "algorithm",
    {
        "bp": BP,
        "fa": FA,
        "dfa": DFA,
        "pepita": PEPITA,
        "dtp": DTP,
    },
)
