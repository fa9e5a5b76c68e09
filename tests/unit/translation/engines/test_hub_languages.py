"""What models call languages, and what BCP-47 calls them."""

from __future__ import annotations

import pytest

from services.translation.engines.hub_languages import Kind, code_of, is_language, tag

NLLB = {"eng_Latn", "por_Latn", "zho_Hant", "zho_Hans", "arb_Arab", "nob_Latn", "kas_Deva", "kas_Arab"}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("pt", "pt"),
        ("por", "pt"),
        ("pob", "pt-BR"),
        ("pt_br", "pt-BR"),
        ("zho_Hant", "zh-Hant"),
        ("cmn_Hans", "zh-Hans"),
        ("arb_Arab", "ar-Arab"),
        ("jap", "ja"),
        ("ns", "nso"),
        ("yue_Hant", "yue-Hant"),
        ("es_419", "es-419"),
    ],
)
def test_codes_become_bcp_47(code: str, expected: str) -> None:
    assert tag(code) == expected


@pytest.mark.parametrize("family", ["ROMANCE", "mul", "zle", "gmw", "sla", "NORTH_EU", "big", ""])
def test_a_family_of_languages_is_no_language(family: str) -> None:
    assert not is_language(family)


@pytest.mark.parametrize("language", ["en", "por", "jap", "pt_br", "ckb"])
def test_a_language_is_one(language: str) -> None:
    assert is_language(language)


def test_nllb_has_codes_with_scripts() -> None:
    codes = Kind.NLLB.codes(NLLB)
    assert codes["pt"] == "por_Latn"
    assert codes["ar"] == "arb_Arab"
    assert (codes["zh"], codes["zh-Hans"], codes["zh-Hant"]) == ("zho_Hans", "zho_Hans", "zho_Hant")
    assert (codes["ks"], codes["ks-Deva"]) == ("kas_Arab", "kas_Deva")


def test_norwegian_is_found_by_both_of_its_names() -> None:
    assert Kind.NLLB.codes(NLLB)["no"] == "nob_Latn"
    assert Kind.M2M100.codes({"__no__", "__en__"})["nb"] == "no"


def test_only_what_the_vocabulary_holds_counts() -> None:
    assert set(Kind.M2M100.codes({"__en__", "__pt__", "pt", ">>es<<"})) == {"en", "pt"}


def test_a_marian_has_the_codes_of_its_target_tokens() -> None:
    pieces = {">>por<<", ">>pob<<", ">>cmn<<", ">>cmn_Hant<<", ">>cmn_Hans<<", ">>zlw<<", "▁a"}
    codes = Kind.MARIAN.codes(pieces)
    assert (codes["pt"], codes["pt-BR"]) == ("por", "pob")
    assert (codes["zh"], codes["zh-Hant"]) == ("cmn_Hans", "cmn_Hant")
    assert not any("zlw" in each for each in codes.values())


def test_a_region_stands_for_its_language_where_there_is_no_other() -> None:
    assert Kind.MARIAN.codes({">>pt_br<<"})["pt"] == "pt_br"


@pytest.mark.parametrize(
    ("kind", "code", "token"),
    [(Kind.MARIAN, "pt", ">>pt<<"), (Kind.M2M100, "pt", "__pt__"), (Kind.NLLB, "por_Latn", "por_Latn")],
)
def test_each_kind_marks_a_language_its_own_way(kind: Kind, code: str, token: str) -> None:
    assert kind.token(code) == token


def test_a_tag_without_a_code_of_its_own_takes_that_of_its_language() -> None:
    codes = {"pt": "por", "zh": "zho_Hans", "zh-Hant": "zho_Hant"}
    assert code_of(codes, "pt-BR") == "por"
    assert code_of(codes, "zh-Hant") == "zho_Hant"
    assert code_of(codes, "de") is None
