"""When a person should look at a result: what holds for all tenants, and what one of them has set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, Protocol

# Under which a job's stored spec holds the policy that it was submitted under.
SPEC_FIELD: Final = "review"


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """The bounds within which nobody needs to look.

    Attributes:
        min_confidence: Of a region's recognition, 0 to 1. Whisper's mean token probability on clean telephone
            speech lies well above the default; below, words are guesses.
        min_entity_confidence: Of each word that an entity was heard in, 0 to 1. Below the default lie most
            digits that were heard wrong, and few of the others: README.md has the figures.
        max_delay_ms: By which speech may begin later than its region. People leave some 200 ms between turns
            (Stivers et al., PNAS 2009): what begins clearly later is heard when the answer to it begins.
        max_word_error_rate: Of made speech that was heard again, 0 to 1. What it gets wrong of speech
            that is right is less: names and rare words, mostly.
        ignored: Codes that are no reason for a review.
    """

    min_confidence: float = 0.5
    min_entity_confidence: float = 0.3
    max_delay_ms: int = 300
    max_word_error_rate: float = 0.25
    ignored: tuple[str, ...] = ()

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> ReviewPolicy:
        """Return the policy of a stored spec; of a job from before there were any, what held then."""
        kept = spec.get(SPEC_FIELD) or {}
        known = {each.name: kept[each.name] for each in fields(cls) if each.name in kept}
        return replace(cls(**known), ignored=tuple(known.get("ignored", ())))

    def document(self) -> dict[str, Any]:
        """Return it as a stored spec holds it."""
        return {SPEC_FIELD: asdict(self)}


@dataclass(frozen=True, slots=True)
class OwnPolicy:
    """What a tenant has set of it: None where the installation's holds."""

    min_confidence: float | None = None
    min_entity_confidence: float | None = None
    max_delay_ms: int | None = None
    max_word_error_rate: float | None = None
    ignored: tuple[str, ...] | None = None

    def over(self, installation: ReviewPolicy) -> ReviewPolicy:
        """Return what holds for the tenant."""
        return replace(installation, **self.given())

    def given(self) -> dict[str, Any]:
        """Return only what the tenant has set."""
        return {name: value for name, value in asdict(self).items() if value is not None}


class Policies(Protocol):
    """Knows the tenants' policies."""

    def policy(self, tenant: str) -> ReviewPolicy:
        """Return what holds for a tenant now."""
        ...


class SamePolicy:
    """Holds all tenants to the installation's policy."""

    def policy(self, tenant: str) -> ReviewPolicy:
        """Return it."""
        del tenant
        return ReviewPolicy()
