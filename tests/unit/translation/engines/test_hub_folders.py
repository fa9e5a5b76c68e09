"""What a model's folder says about its kind and its languages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.shared.errors import Misconfigured, TooLarge
from services.translation.engines.hub_folders import kind_of, most_pieces, tongues
from services.translation.engines.hub_languages import Kind
from services.translation.languages import Pair

MANY = frozenset({"__en__", "__pt__", "__es__", "__zh__", "__no__"})
NLLB = frozenset({"eng_Latn", "por_Latn", "zho_Hans", "zho_Hant", "nob_Latn"})
ROMANCE = frozenset({">>pt<<", ">>pt_br<<", ">>es<<", "▁a"})


def write(folder: Path, name: str, content: Any) -> None:
    (folder / name).write_text(json.dumps(content))


def refused(folder: Path, name: str, kind: Kind, vocabulary: frozenset[str]) -> str:
    with pytest.raises(Misconfigured) as error:
        tongues(folder, name, kind, vocabulary)
    return error.value.code


@pytest.mark.parametrize(
    ("name", "pair"),
    [
        ("Helsinki-NLP/opus-mt-en-pt", Pair("en", "pt")),
        ("opus-mt-tc-big-en-por", Pair("en", "pt")),
        ("opus-mt-jap-en", Pair("ja", "en")),
        ("opus-mt-pt_br-en", Pair("pt", "en")),
    ],
)
def test_a_marians_name_tells_its_pair(tmp_path: Path, name: str, pair: Pair) -> None:
    assert tongues(tmp_path, name, Kind.MARIAN, frozenset()).pairs == (pair,)


def test_its_own_settings_go_before_its_name(tmp_path: Path) -> None:
    write(tmp_path, "tokenizer_config.json", {"source_lang": "de", "target_lang": "fr"})
    assert tongues(tmp_path, "opus-mt-en-pt", Kind.MARIAN, frozenset()).pairs == (Pair("de", "fr"),)


def test_a_marian_into_a_family_offers_its_target_tokens(tmp_path: Path) -> None:
    found = tongues(tmp_path, "opus-mt-en-ROMANCE", Kind.MARIAN, ROMANCE)
    assert found.pairs == (Pair("en", "es"), Pair("en", "pt"))
    assert found.target_token(Pair("en", "pt")) == ">>pt<<"


@pytest.mark.parametrize("name", ["opus-mt-ROMANCE-en", "opus-mt-en-ROMANCE", "my-model", ""])
def test_a_marian_that_nothing_tells_the_languages_of_is_refused(tmp_path: Path, name: str) -> None:
    assert refused(tmp_path, name, Kind.MARIAN, frozenset()) == "languages_unknown"


def test_languages_json_tells_them(tmp_path: Path) -> None:
    write(tmp_path, "languages.json", {"pairs": [["es", "en"], ["pt-BR", "en"]]})
    found = tongues(tmp_path, "opus-mt-ROMANCE-en", Kind.MARIAN, frozenset())
    assert found.pairs == (Pair("es", "en"), Pair("pt", "en"))
    assert found.target_token(Pair("es", "en")) == ""


def test_languages_json_chooses_region_and_script(tmp_path: Path) -> None:
    write(tmp_path, "languages.json", {"pairs": [["en", "pt-BR"]]})
    found = tongues(tmp_path, "opus-mt-en-ROMANCE", Kind.MARIAN, ROMANCE)
    assert (found.pairs, found.target_token(Pair("en", "pt"))) == ((Pair("en", "pt"),), ">>pt_br<<")
    write(tmp_path, "languages.json", {"languages": ["en", "zh-Hant"]})
    found = tongues(tmp_path, "nllb", Kind.NLLB, NLLB)
    assert found.pairs == (Pair("en", "zh"), Pair("zh", "en"))
    assert found.target_token(Pair("en", "zh")) == "zho_Hant"
    assert found.source_code(Pair("zh", "en")) == "zho_Hant"


def test_models_of_many_languages_offer_every_direction_but_a_language_with_itself(tmp_path: Path) -> None:
    found = tongues(tmp_path, "nllb", Kind.NLLB, NLLB)
    assert len(found.pairs) == 4 * 3 + 2 * 3  # Norwegian has two names.
    assert Pair("nb", "no") not in found.pairs
    assert len(tongues(tmp_path, "m2m", Kind.M2M100, MANY).pairs) == 5 * 4 + 2 * 4


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"pairs": [["en", "de"]]}, Kind.M2M100),
        ({"languages": ["zh-Hans", "zh-Hant", "en"]}, Kind.NLLB),
        ({"pairs": [["en", "es"], ["en", "de"]]}, Kind.MARIAN),
        ({"pairs": [["en"]]}, Kind.M2M100),
        ({"kind": "t5"}, Kind.M2M100),
    ],
)
def test_a_wrong_languages_json_is_refused(tmp_path: Path, content: Any, kind: Kind) -> None:
    write(tmp_path, "languages.json", content)
    vocabulary = {Kind.M2M100: MANY, Kind.NLLB: NLLB, Kind.MARIAN: ROMANCE}[kind]
    assert refused(tmp_path, "x", kind, vocabulary) == "languages_file_wrong"


def test_a_damaged_languages_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "languages.json").write_text("{")
    assert refused(tmp_path, "x", Kind.M2M100, MANY) == "model_damaged"


def test_a_tokenizer_that_lost_its_languages_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, "nllb", Kind.NLLB, frozenset({"▁a"})) == "languages_unknown"


@pytest.mark.parametrize(
    ("architecture", "tokenizer", "kind"),
    [
        ("m2m_100", "NllbTokenizer", Kind.NLLB),
        ("m2m_100", "NllbTokenizerFast", Kind.NLLB),
        ("m2m_100", "M2M100Tokenizer", Kind.M2M100),
    ],
)
def test_the_tokenizer_tells_m2m100_and_nllb_apart(
    tmp_path: Path, architecture: str, tokenizer: str, kind: Kind
) -> None:
    write(tmp_path, "config.json", {"model_type": architecture})
    write(tmp_path, "tokenizer_config.json", {"tokenizer_class": tokenizer})
    assert kind_of(tmp_path) is kind


def test_a_marian_is_known_by_its_files(tmp_path: Path) -> None:
    write(tmp_path, "config.json", {"model_type": "marian"})
    (tmp_path / "source.spm").touch()
    assert kind_of(tmp_path) is Kind.MARIAN


@pytest.mark.parametrize("architecture", ["t5", "nllb-moe", "m2m_100"])
def test_another_model_is_refused_until_somebody_vouches_for_it(tmp_path: Path, architecture: str) -> None:
    write(tmp_path, "config.json", {"model_type": architecture})
    with pytest.raises(Misconfigured) as error:
        kind_of(tmp_path)
    assert error.value.code == "model_kind_unknown"
    write(tmp_path, "languages.json", {"kind": "nllb"})
    assert kind_of(tmp_path) is Kind.NLLB


def test_a_translation_may_grow_but_not_for_ever() -> None:
    assert most_pieces(5, 512) == 31
    assert most_pieces(500, 512) == 512
    with pytest.raises(TooLarge) as error:
        most_pieces(513, 512)
    assert error.value.code == "sentence_too_long"
