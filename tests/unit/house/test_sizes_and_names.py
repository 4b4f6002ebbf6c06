"""Modules and functions stay small, and names say what a thing is."""

import ast
from pathlib import PurePath

import pytest

from tests.unit.house.tree import PACKAGES, parsed, product_python, text, written_python

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
# Names that say nothing, so that anything ends up in them.
DRAWERS = {"base_utils", "common", "helper", "helpers", "misc", "util", "utils"}
# A migration is one long list of statements, and is never read twice.
LONG_FUNCTIONS_ALLOWED = ("migrations/versions/",)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(name: str) -> list[Function]:
    return [node for node in ast.walk(parsed(name)) if isinstance(node, Function)]


def lines(function: Function) -> int:
    assert function.end_lineno is not None
    return function.end_lineno - function.lineno + 1


def test_no_module_is_longer_than_400_lines() -> None:
    sizes = {name: text(name).count("\n") for name in written_python()}
    assert {name: size for name, size in sizes.items() if size > MODULE_LINES_MAX} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    long = {
        f"{name}:{function.name}": lines(function)
        for name in written_python()
        if not name.startswith(LONG_FUNCTIONS_ALLOWED)
        for function in functions(name)
        if lines(function) > FUNCTION_LINES_MAX
    }
    assert long == {}


def test_the_median_function_of_the_product_has_at_most_ten_lines() -> None:
    sizes = sorted(lines(function) for name in product_python() for function in functions(name))
    assert sizes[len(sizes) // 2] <= 10


@pytest.mark.parametrize("part", sorted(DRAWERS))
def test_no_module_or_folder_is_a_drawer(part: str) -> None:
    assert [name for name in written_python() if part in PurePath(name).with_suffix("").parts] == []


def test_every_installed_module_says_what_it_owns() -> None:
    silent = [
        name for name in product_python() if text(name) and not ast.get_docstring(parsed(name))
    ]
    assert silent == []


def test_every_package_is_typed_for_its_users() -> None:
    assert [name for name, path in PACKAGES.items() if not (path / "py.typed").is_file()] == []
