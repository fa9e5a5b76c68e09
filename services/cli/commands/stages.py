"""`dragoman stages`: how much work there is, and what the installation can do with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import typer
from rich.table import Table

from dragoman.models import AsrModel, Codec, Pair, StageDepth, Voice
from services.cli import tables
from services.cli.client import connect
from services.cli.settings import CliSettings
from services.shared.config import load

T = TypeVar("T")


def stages() -> None:
    """Show how much work waits, and which languages, pairs, voices and codecs there are."""
    with connect(load(CliSettings)) as gateway:
        found = gateway.stages()
    can = found.capabilities
    tables.show(_depths(found.stages))
    _section("Recognition", can.models.asr, _recognisers)
    _section("Translation", can.pairs, _pairs)
    if can.translates_to_english:
        typer.echo("Recognition itself translates every language that it knows into en.")
    _section(
        "Voices (* speaks where none is asked for, ! is a last resort, + is of a person)", can.voices, _voices
    )
    _section("Codecs", can.codecs, _codecs)


def _section(title: str, known: list[T] | None, filled: Callable[[Sequence[T]], Table]) -> None:
    typer.echo(f"\n{title}")
    if known is None:
        typer.echo("The service has not answered yet.")
    else:
        tables.show(filled(known))


def _depths(depths: Sequence[StageDepth]) -> Table:
    table = tables.table("stage", "queued", "running", "done")
    for each in depths:
        table.add_row(each.name, str(each.queued), str(each.running), str(each.done))
    return table


def _recognisers(models: Sequence[AsrModel]) -> Table:
    table = tables.table("model", "revision", "into en", "languages")
    for each in models:
        into_english = "yes" if each.translates_to_english else "no"
        table.add_row(each.name, each.revision, into_english, " ".join(each.languages))
    return table


def _pairs(pairs: Sequence[Pair]) -> Table:
    """Return one row for all targets that a source has through the same models."""
    rows: dict[tuple[str, str], list[str]] = {}
    for each in pairs:
        through = ", ".join(each.models) + (f" via {each.pivot_language}" if each.pivot_language else "")
        rows.setdefault((each.source_language, through), []).append(each.target_language)
    table = tables.table("from", "through", "to")
    for (source, through), targets in rows.items():
        table.add_row(source, through, " ".join(targets))
    return table


def _voices(voices: Sequence[Voice]) -> Table:
    table = tables.table("language", "female", "male", "not known")
    for language in dict.fromkeys(each.language for each in voices):
        mine = [each for each in voices if each.language == language]
        table.add_row(
            language,
            *(
                " ".join(_marked(each) for each in mine if each.gender == of)
                for of in ("female", "male", None)
            ),
        )
    return table


def _marked(voice: Voice) -> str:
    marks = ((voice.default, "*"), (voice.last_resort, "!"), (voice.cloned, "+"))
    return voice.name + "".join(mark for holds, mark in marks if holds)


def _codecs(codecs: Sequence[Codec]) -> Table:
    table = tables.table("codec", "kbit/s", "default", "model")
    for each in codecs:
        default = f"{each.default_bitrate_kbps:g}" if each.bitrates_kbps else ""
        table.add_row(
            each.name, _bitrates(each.bitrates_kbps or ()), default, each.model.name if each.model else ""
        )
    return table


def _bitrates(kbps: Sequence[float]) -> str:
    match kbps:
        case (lowest, highest):
            return f"{lowest:g} to {highest:g}"
        case _:
            return ", ".join(f"{each:g}" for each in kbps)
