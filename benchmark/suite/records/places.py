"""Where configs and published numbers lie: beside the code, or in the package once it is built.

In a checkout they lie at the top level; setup.py puts them into ``benchmark/suite/assets`` of a
wheel, under the same names.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[2]
_BUILT = _PACKAGE / "suite" / "assets"

CHECKOUT = None if _BUILT.is_dir() else _PACKAGE.parent
ROOT = CHECKOUT or _BUILT
CONFIGS = ROOT / "configs"
PUBLISHED = ROOT / "results" / "published"


def find(config: Path) -> Path:
    """A config file or folder: as named from the current folder, else ours of that name."""
    ours = ROOT / config
    return ours if not config.exists() and ours.exists() else config
