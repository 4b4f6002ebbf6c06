"""The overlay file's documentation, held to what the loader does."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from tokensmith_server.catalog.loader import Source, build_catalog, load_catalog
from tokensmith_server.catalog.model import Family, ImageSpec, ProviderQuirks, VideoSpec

PAGE = (Path(__file__).parents[4] / "docs" / "catalog.md").read_text("utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_of_the_page_loads(tmp_path: Path, example: str) -> None:
    overlay = tmp_path / "overlay.toml"
    overlay.write_text(example, "utf-8")
    assert load_catalog(overlay).version != load_catalog().version


def test_the_page_names_every_key_and_family() -> None:
    assert len(EXAMPLES) == 5
    names = [field.name for kind in (ImageSpec, VideoSpec) for field in fields(kind)]
    names.remove("max_input_seconds_image_orientation")
    for name in [*names, *(f"quirks.{field.name}" for field in fields(ProviderQuirks)), *Family]:
        assert f"`{name}" in PAGE, name


def test_the_defaults_of_the_page_are_those_of_the_loader() -> None:
    catalog = build_catalog([], Source("overlay", '[providers.x]\nbase_url = "http://h"'))
    quirks = catalog.providers["x"].quirks
    for field in fields(ProviderQuirks):
        shown = str(getattr(quirks, field.name))
        row = next(line for line in PAGE.splitlines() if f"`quirks.{field.name}`" in line)
        assert row.endswith(f"| `{shown.lower()}` |")
