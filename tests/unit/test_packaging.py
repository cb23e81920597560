"""The package recipe: the folders that are packages are the ones that are installed, and nothing else is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """pyproject.toml, parsed."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_package_is_listed(project: dict[str, Any]) -> None:
    """setuptools is told by hand: a forgotten folder would be missing from the wheel only."""
    setuptools = project["tool"]["setuptools"]
    found = set()
    for package, folder in setuptools["package-dir"].items():
        for init in (ROOT / folder).rglob("__init__.py"):
            inside = init.parent.relative_to(ROOT / folder).parts
            found.add(".".join([package, *inside]))
    assert found == set(setuptools["packages"])


def test_memcube_is_a_namespace() -> None:
    """No memcube/__init__.py anywhere outside the generated stubs: it would hide the other folders' packages."""
    import memcube

    assert getattr(memcube, "__file__", None) is None
    assert [str(init) for init in ROOT.glob("memcube/__init__.py")] == []


def test_every_folder_of_code_says_it_is_typed(project: dict[str, Any]) -> None:
    """Each root package ships its py.typed."""
    for folder in project["tool"]["setuptools"]["package-dir"].values():
        assert (ROOT / folder / "py.typed").is_file(), folder


def test_constraints_pin_every_requirement(project: dict[str, Any]) -> None:
    """Whatever `make setup` and `make bench` ask for has one version in constraints.txt that satisfies it."""
    pins = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, version = re.fullmatch(r"([A-Za-z0-9._-]+)==([0-9][^ ]*)", line).groups()  # type: ignore[union-attr]
            pins[canonicalize_name(name)] = version
    table = project["project"]
    wanted = [*table["dependencies"], *table["optional-dependencies"]["dev"], *table["optional-dependencies"]["bench"]]
    wanted += [*table["optional-dependencies"]["torch"], *table["optional-dependencies"]["minilm"]]
    for text in wanted:
        requirement = Requirement(text)
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), text


def test_torch_is_the_one_that_the_readme_promises() -> None:
    """CPU PyTorch 2.13.0; the plain number lets pip take the CPU build where one is offered."""
    assert "torch==2.13.0\n" in (ROOT / "constraints.txt").read_text(encoding="utf-8")
