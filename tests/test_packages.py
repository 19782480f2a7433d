"""The generic names of Tenure's packages are its own, and hide nobody else's."""

import importlib
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ["features", "training", "serving"]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_installed_distribution_claims_the_name(package):
    claimed_by = set(packages_distributions().get(package, []))
    assert claimed_by <= {"tenure"}


@pytest.mark.parametrize("package", PACKAGES)
def test_the_name_imports_this_code(package):
    assert Path(importlib.import_module(package).__file__ or "").parent == ROOT / package


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_is_named_like_a_standard_one(package):
    names = {path.stem for path in (ROOT / package).rglob("*.py")}
    assert not names & set(sys.stdlib_module_names)
