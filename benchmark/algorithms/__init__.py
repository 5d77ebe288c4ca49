"""Table of contents: every learning algorithm by name, one file each."""

from benchmark.algorithm import Algorithm
from benchmark.algorithms.aa import AA
from benchmark.algorithms.afa import AFA
from benchmark.algorithms.ao_sdtp import AOSDTP
from benchmark.algorithms.bp import BP
from benchmark.algorithms.bp_deepsup import BPDeepSup
from benchmark.algorithms.bptt import BPTT
from benchmark.algorithms.brsf import BRSF
from benchmark.algorithms.burst import Burst
from benchmark.algorithms.ccl import CCL
from benchmark.algorithms.cd import CD
from benchmark.algorithms.chl import CHL
from benchmark.algorithms.classrbm import ClassRBM
from benchmark.algorithms.cwc import CwC
from benchmark.algorithms.ddtp_linear import DDTPLinear
from benchmark.algorithms.dfa import DFA
from benchmark.algorithms.dfc import DFC
from benchmark.algorithms.dgl import DGL
from benchmark.algorithms.drtp import DRTP
from benchmark.algorithms.dtp import DTP
from benchmark.algorithms.dualprop import DualProp
from benchmark.algorithms.ebd import EBD
from benchmark.algorithms.ep import EP
from benchmark.algorithms.ep_vf import EPVF
from benchmark.algorithms.epc import EPC
from benchmark.algorithms.es import ES
from benchmark.algorithms.fa import FA
from benchmark.algorithms.ff import FF
from benchmark.algorithms.fg import FG
from benchmark.algorithms.frsf import FRSF
from benchmark.algorithms.ga import GA
from benchmark.algorithms.ia import IA
from benchmark.algorithms.ifa import IFA
from benchmark.algorithms.ipc import IPC
from benchmark.algorithms.kp import KP
from benchmark.algorithms.ldtp import LDTP
from benchmark.algorithms.mono_forward import MonoForward
from benchmark.algorithms.noprop import NoProp
from benchmark.algorithms.np import NP
from benchmark.algorithms.pc import PC
from benchmark.algorithms.pepita import PEPITA
from benchmark.algorithms.pepita_hebbian import PEPITAHebbian
from benchmark.algorithms.pepita_tl import PEPITATL
from benchmark.algorithms.pepita_video import PEPITAVideo
from benchmark.algorithms.primitives import PrimitiveSum
from benchmark.algorithms.sa import SA
from benchmark.algorithms.scff import SCFF
from benchmark.algorithms.sdtp import SDTP
from benchmark.algorithms.sigprop import SigProp
from benchmark.algorithms.softhebb import SoftHebb
from benchmark.algorithms.tp import TP
from benchmark.algorithms.usf import USF
from benchmark.algorithms.wm import WM
from benchmark.algorithms.wp import WP
from benchmark.registry import Registry

ALGORITHMS: Registry[Algorithm] = Registry(
    "algorithm",
    Algorithm,
    {
        "bp": BP,
        "fa": FA,
        "dfa": DFA,
        "ebd": EBD,
        "usf": USF,
        "brsf": BRSF,
        "frsf": FRSF,
        "kp": KP,
        "wm": WM,
        "ia": IA,
        "sa": SA,
        "aa": AA,
        "primitives": PrimitiveSum,
        "ifa": IFA,
        "drtp": DRTP,
        "pepita": PEPITA,
        "afa": AFA,
        "pepita_hebbian": PEPITAHebbian,
        "pepita_tl": PEPITATL,
        "pepita_video": PEPITAVideo,
        "ff": FF,
        "scff": SCFF,
        "cwc": CwC,
        "tp": TP,
        "dtp": DTP,
        "sdtp": SDTP,
        "ao_sdtp": AOSDTP,
        "ddtp_linear": DDTPLinear,
        "ldtp": LDTP,
        "ep": EP,
        "ep_vf": EPVF,
        "chl": CHL,
        "dualprop": DualProp,
        "dfc": DFC,
        "burst": Burst,
        "bptt": BPTT,
        "pc": PC,
        "epc": EPC,
        "ipc": IPC,
        "dgl": DGL,
        "mono_forward": MonoForward,
        "bp_deepsup": BPDeepSup,
        "ccl": CCL,
        "sigprop": SigProp,
        "noprop": NoProp,
        "np": NP,
        "wp": WP,
        "fg": FG,
        "softhebb": SoftHebb,
        "cd": CD,
        "classrbm": ClassRBM,
        "es": ES,
        "ga": GA,
    },
)
