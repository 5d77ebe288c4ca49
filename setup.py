"""Configs and published numbers lie at the top level here, and inside the package of a wheel.

The page's templates lie beside its modules.
"""

from setuptools import find_packages, setup

ASSETS = {f"benchmark.suite.assets.{path.replace('/', '.')}": path
          for path in ("configs", "results/published")}  # fmt: skip

setup(
    packages=[*find_packages(include=["benchmark*"]), *ASSETS],
    package_dir=ASSETS,
    package_data={
        **{name: ["**/*.yaml", "*.csv"] for name in ASSETS},
        "benchmark.suite.tables.page": ["templates/*"],
    },
)
