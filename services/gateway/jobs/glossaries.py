"""A job's glossary: the copy of it that the job keeps, and what became of its terms."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from services.gateway.jobs.model import Job
from services.gateway.jobs.spec import JobSpec
from services.shared.artifacts.base import ArtifactStore
from services.shared.errors import InvalidRequest

# Of the copy, under the job's prefix: stages read it there, and it is gone when the job is.
GLOSSARY_NAME: Final = "glossary.json"
TERM_MISSED: Final = "term_missed"
Json = dict[str, Any]


class Glossaries(Protocol):
    """Knows the tenants' glossaries."""

    def snapshot(self, tenant: str, glossary_id: str) -> Mapping[str, Any] | None:
        """Return a tenant's glossary as it stands: id, version, name, terms; None when there is none."""
        ...


class NoGlossaries:
    """There are none."""

    def snapshot(self, tenant: str, glossary_id: str) -> Mapping[str, Any] | None:
        """Return None."""


def named(spec: JobSpec, tenant: str, glossaries: Glossaries) -> Mapping[str, Any] | None:
    """Return the glossary that a job names, as it stands; None when it names none.

    Raises:
        InvalidRequest: (code unknown_glossary) the tenant has no such glossary.
    """
    glossary_id = getattr(spec, "glossary_id", None)
    if glossary_id is None:
        return None
    found = glossaries.snapshot(tenant, glossary_id)
    if found is None:
        detail = "glossary_id is none of your glossaries: make one with POST /v1/glossaries first."
        raise InvalidRequest(detail, code="unknown_glossary")
    return found


def kept(job: Job, glossary: Mapping[str, Any] | None, artifacts: ArtifactStore) -> Json:
    """Keep a glossary for the stages of a job; return what the stored spec says of it.

    Raises:
        StorageFailure: there is no room for it.
    """
    if glossary is None:
        return {}
    stored = artifacts.put(f"{job.prefix}{GLOSSARY_NAME}", json.dumps(glossary, ensure_ascii=False).encode())
    names = {name: glossary[name] for name in ("id", "version")}
    return {"glossary": {"key": stored.key, "size_bytes": stored.size_bytes, **names}}


def missed(uses: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the warning of a text of whose terms one was missed; none where none was."""
    return [] if all(use["hit"] for use in uses) else [TERM_MISSED]


def summary(spec: Mapping[str, Any], uses: Iterable[Mapping[str, Any]]) -> Json:
    """Return what a result says of the whole job's glossary; nothing where it has none.

    Args:
        spec: Of the job, as it is stored.
        uses: Of the terms, in every text of the job.
    """
    if "glossary" not in spec:
        return {}
    counted: dict[tuple[str, str], Json] = {}
    for use in uses:
        term = {"source": use["source"], "target": use["target"], "hits": 0, "misses": 0}
        counted.setdefault((use["source"], use["target"]), term)["hits" if use["hit"] else "misses"] += 1
    named = {name: spec["glossary"][name] for name in ("id", "version")}
    return {"glossary": {**named, "terms": list(counted.values())}}
