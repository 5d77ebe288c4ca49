"""The lock file pins what pyproject.toml asks for, by hashes alone."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
PINS = [Requirement(line.rstrip(" \\")) for line in LOCK.splitlines() if line[:1].isalnum()]


def asked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    constraints = (ROOT / "constraints.txt").read_text().splitlines()
    extras = project["optional-dependencies"].values()
    lines = [line for group in (project["dependencies"], *extras, constraints) for line in group]
    return [Requirement(line) for line in lines if not line.startswith("#")]


def test_every_requirement_has_a_pin_within_its_bounds():
    for requirement in asked():
        pins = [pin for pin in PINS if name(pin) == name(requirement)]
        versions = [next(iter(pin.specifier)).version for pin in pins]
        assert versions and all(v in requirement.specifier for v in versions), str(requirement)


def name(requirement):
    return re.sub(r"[-_.]+", "-", requirement.name).lower()


def test_every_pin_has_hashes_and_no_place_of_its_own():
    blocks = re.split(r"^(?=\w)", LOCK, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(PINS) > 50
    for block in blocks:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block.splitlines()[0]
    assert not re.search(r"://|file:|--(extra-)?index|--find-links|^[./]| @ ", LOCK, re.MULTILINE)


def test_a_machine_has_one_version_of_each():
    for python in ("3.11", "3.12", "3.13"):
        for system, machine in (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64")):
            here = {
                "python_version": python, "python_full_version": f"{python}.1",
                "sys_platform": system, "platform_machine": machine,
                "platform_system": system.title(), "platform_python_implementation": "CPython",
                "implementation_name": "cpython",
            }  # fmt: skip
            chosen = [name(p) for p in PINS if p.marker is None or p.marker.evaluate(here)]
            assert len(chosen) == len(set(chosen)) and {"torch", "numpy", "scipy"} <= set(chosen)
