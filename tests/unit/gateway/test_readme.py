"""The gateway's pages speak of everything that goes in and comes out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.gateway.jobs.spec import MAX_SPEC_BYTES, json_schema
from services.gateway.settings import GatewaySettings


@pytest.fixture
def spoken_of(repository: Path) -> set[str]:
    """Every word that the page about jobs sets as code."""
    text = (repository / "services/gateway/jobs/FORMAT.md").read_text(encoding="utf-8")
    return {word for code in re.findall(r"`([^`\n]+)`", text) for word in re.findall(r"\w+", code)}


def names(schema: Any) -> Iterator[str]:
    """Yield every field and every named value of a JSON Schema."""
    if isinstance(schema, list):
        for each in schema:
            yield from names(each)
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        yield from (value for value in schema.get("enum", ()) if isinstance(value, str))
        for each in schema.values():
            yield from names(each)


def test_every_field_of_a_spec_is_explained(spoken_of: set[str]) -> None:
    assert set(names(json_schema())) - spoken_of == set()


def test_every_field_of_a_result_is_explained(repository: Path, spoken_of: set[str]) -> None:
    schema = json.loads((repository / "services/gateway/jobs/result.schema.json").read_text())
    assert set(names(schema)) - spoken_of == set()


def test_the_caps_are_stated(repository: Path) -> None:
    page = (repository / "services/gateway/README.md").read_text(encoding="utf-8")
    assert f"| {GatewaySettings().gateway_max_upload_bytes} |" in page
    routes = (repository / "services/gateway/api/README.md").read_text(encoding="utf-8")
    assert f"{MAX_SPEC_BYTES >> 10} KiB" in routes
    assert "up to 2 GiB" in (repository / "README.md").read_text(encoding="utf-8")
