"""Amounts and times are written as the target language does, whatever an engine makes of their signs."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from services.translation.core import Task
from services.translation.languages import Pair
from tests.unit.translation.marking import Marking, core_of


class Provincial(Marking):
    """Knows one currency, and no way to write hours but one."""

    def translate(self, texts: Sequence[str], pair: Pair) -> list[str]:
        return [
            re.sub(r"[€£]|R\$ ?|(?<=\d)h(?=\d)|\bpm", "", text) for text in super().translate(texts, pair)
        ]


@pytest.mark.parametrize(
    ("text", "target", "held"),
    [
        ("It is £91,683 now.", "pt-BR", "£ 91.683"),
        ("It is €7 or €8.50.", "pt-BR", "€ 7 or_pt € 8,50."),
        ("It is $7 now.", "pt-BR", "US$ 7"),
        ("É R$ 1.234,50 agora.", "en-US", "R$1,234.50"),
        ("É às 14h30 agora.", "en-US", "2:30 pm"),
        ("It is at 2:30 pm now.", "pt-BR", "14h30"),
    ],
)
def test_currencies_and_hours_are_not_left_to_an_engine_that_does_not_know_them(
    text: str, target: str, held: str
) -> None:
    engine = Provincial("a", "en-pt pt-en")
    source = "en-US" if target == "pt-BR" else "pt-BR"
    (done,) = core_of(engine).translate(Task([text], source, target)).texts
    assert held in done.text
    assert (done.warnings, len(engine.asked)) == ((), 1)
