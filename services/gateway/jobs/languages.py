"""BCP-47 language tags: their one spelling, and which tag may stand for which."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

AUTO: Final = "auto"


def canonical(tag: str) -> str:
    """Return a tag in the case that RFC 5646, section 2.1.1 recommends: "PT-br" gives "pt-BR"."""
    primary, *rest = tag.split("-")
    cases = {2: str.upper, 4: str.title}
    return "-".join([primary.lower(), *(cases.get(len(part), str.lower)(part) for part in rest)])


def serves(supported: str, asked: str) -> bool:
    """Say whether one tag does for another: "pt" and "pt-BR" do, "pt-PT" and "pt-BR" do not."""
    one, other = supported.lower() + "-", asked.lower() + "-"
    return one.startswith(other) or other.startswith(one)


def same_language(one: str, other: str) -> bool:
    """Say whether two tags differ at most in script, region or variant: "pt-PT" and "pt-BR" do not."""
    return one.partition("-")[0].lower() == other.partition("-")[0].lower()


def any_serves(supported: Iterable[str], asked: str) -> bool:
    """Say whether one of the supported tags does for `asked`."""
    return any(serves(each, asked) for each in supported)
