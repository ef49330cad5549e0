"""What is imported is declared, what is declared is pinned, and a pin shuts no one out."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from checkout import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
GROUP = [Requirement(line) for line in PROJECT["dependency-groups"]["test"]]
OURS = {"olivetti_denoiser", "page"}
PROVIDERS = packages_distributions()  # {module: the packages that bring it}
PACKAGE = "training/olivetti_denoiser"
# Whose imports have to come with which extras; elsewhere in the package any extra will do, as the
# command line names it where something is missing.
PLACES = {
    "space": ["space"],
    f"{PACKAGE}/data": ["evaluate"],
    f"{PACKAGE}/evaluate": ["evaluate", "bm3d"],
    f"{PACKAGE}/inference": [],
    f"{PACKAGE}/network": ["train"],
    f"{PACKAGE}/publish": ["evaluate"],
    f"{PACKAGE}/train": ["train", "cuda"],
    PACKAGE: list(EXTRAS),
}


def declared(*extras):
    """The requirements of the core and of some extras, with the extras that they name."""
    lines = [*PROJECT["project"]["dependencies"], *(line for e in extras for line in EXTRAS[e])]
    found = []
    for requirement in map(Requirement, lines):
        if requirement.name == PROJECT["project"]["name"]:
            found += declared(*requirement.extras)
        else:
            found.append(requirement)
    return found


def names(requirements):
    return {canonicalize_name(requirement.name) for requirement in requirements}


def imported(path):
    """The packages that a file imports, at its top or in its functions, without Python's own."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    whole = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    parts = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.split(".")[0] for name in whole | parts} - OURS - sys.stdlib_module_names


@pytest.mark.parametrize("place", PLACES)
def test_every_import_is_declared_where_it_is_needed(place):
    allowed = names(declared(*PLACES[place]))
    used = {name for path in (ROOT / place).rglob("*.py") for name in imported(path)}
    assert used
    for name in used:
        assert {canonicalize_name(one) for one in PROVIDERS.get(name, [name])} & allowed, name


def test_no_extra_brings_what_is_not_free_for_everyone():
    assert [extra for extra in EXTRAS if "bm3d" in names(declared(extra))] == ["bm3d"]


def test_every_package_has_a_lower_bound():
    everything = declared(*EXTRAS) + GROUP
    bounded = [one for one in everything if any(spec.operator == ">=" for spec in one.specifier)]
    assert names(everything) == names(bounded)


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("space/requirements.txt", declared("space")),
        ("requirements.txt", declared("space", "train", "bm3d") + GROUP),
    ],
)
def test_everything_is_pinned_as_the_project_allows(file, wanted):
    """Run `make pins` where this fails."""
    text = (ROOT / file).read_text(encoding="utf-8")
    assert "://" not in text, "an address of a registry"
    pins = {}
    for line in re.findall(r"^[^#\s].*", text, re.M):
        pin = Requirement(line)
        (spec,) = pin.specifier
        assert spec.operator == "==", line
        pins.setdefault(canonicalize_name(pin.name), []).append(spec.version)
    for requirement in wanted:
        versions = pins[canonicalize_name(requirement.name)]
        assert all(version in requirement.specifier for version in versions), requirement
    assert "typing-extensions" in pins, "without what the packages bring"


def test_a_gradio_space_runs_the_pinned_gradio():
    card = (ROOT / "space" / "README.md").read_text(encoding="utf-8")
    (version,) = re.findall(r"^sdk_version: (\S+)$", card, re.M)
    assert f"\ngradio=={version}\n" in (ROOT / "space/requirements.txt").read_text(encoding="utf-8")
