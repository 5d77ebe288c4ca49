"""Table of contents: every learning algorithm by name, one file each."""

from benchmark.algorithm import Algorithm
from benchmark.algorithms.afa import AFA
from benchmark.algorithms.bp import BP
from benchmark.algorithms.bptt import BPTT
from benchmark.algorithms.chl import CHL
from benchmark.algorithms.dfa import DFA
from benchmark.algorithms.dtp import DTP
from benchmark.algorithms.ep import EP
from benchmark.algorithms.ep_vf import EPVF
from benchmark.algorithms.fa import FA
from benchmark.algorithms.ff import FF
from benchmark.algorithms.pepita import PEPITA
from benchmark.algorithms.pepita_hebbian import PEPITAHebbian
from benchmark.algorithms.pepita_tl import PEPITATL
from benchmark.registry import Registry

ALGORITHMS: Registry[Algorithm] = Registry(
    "algorithm",
    {
        "bp": BP,
        "fa": FA,
        "dfa": DFA,
        "pepita": PEPITA,
        "afa": AFA,
        "pepita_hebbian": PEPITAHebbian,
        "pepita_tl": PEPITATL,
        "ff": FF,
        "dtp": DTP,
        "ep": EP,
        "ep_vf": EPVF,
        "chl": CHL,
        "bptt": BPTT,
    },
)
