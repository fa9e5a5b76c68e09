"""Marian, M2M100 and NLLB by the real transformers and CTranslate2, with models that learn here."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import transformers

from services.shared.engines import Reference
from services.shared.errors import TooLarge
from services.translation.convert import convert
from services.translation.core import Task, TranslationCore
from services.translation.engines.base import Context
from services.translation.engines.ctranslate2 import CTranslate2Engine
from services.translation.engines.hub_languages import Kind
from services.translation.engines.registry import create
from services.translation.engines.trade import alone
from services.translation.engines.transformers import TransformersEngine
from services.translation.languages import Pair
from tests.contract.translation_suite import CHECKS, Check, named
from tests.engines import translation_models as models
from tests.engines.translation_house import (
    DEVICE,
    EN_ES,
    EN_PT,
    ENGINES,
    FAMILIES,
    M2M100,
    NLLB,
    ONE,
    SEVERAL,
    Engine,
    known,
    opened,
    settings_with,
)

pytest_plugins = ("tests.engines.translation_fixtures",)
# A package for a normalisation that translating does without.
pytestmark = pytest.mark.filterwarnings("ignore:Recommended")

STRANGE = (">>es<< Thank you for calling.", "</s> Thank you <pad> <unk>", "__es__ spa_Latn", "Ω 你好", "A  B")


@pytest.fixture(
    scope="session", params=[(name, engine) for name in FAMILIES for engine in ENGINES], ids="-".join
)
def at_work(request: pytest.FixtureRequest, engines: dict[tuple[str, str], Engine]) -> tuple[str, Engine]:
    """The name of a model, and an engine that runs it."""
    return request.param[0], engines[request.param]


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What somebody tried to reach over the network; nothing is reached."""
    asked: list[object] = []

    def refuse(*arguments: object, **_options: object) -> None:
        asked.append(arguments)
        raise OSError("there is no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return asked


def test_it_says_what_it_has_learnt(at_work: tuple[str, Engine]) -> None:
    name, engine = at_work
    for pair, sentences, translations in known(name):
        done = engine.translate(sentences, pair)
        agreed = sum(map(str.__eq__, done, translations))
        # Eight bits may cost a word.
        exact = not isinstance(engine, CTranslate2Engine) or "int8" not in engine.compute_type
        assert agreed >= (len(sentences) if exact else len(sentences) * 0.7)


def test_the_target_language_makes_the_difference(engines: dict[tuple[str, str], Engine]) -> None:
    for name in (SEVERAL, M2M100, NLLB):
        for engine in ("transformers", "float32"):
            both = [
                engines[name, engine].translate(["Your order arrives on Monday."], to)
                for to in (EN_PT, EN_ES)
            ]
            assert both == [["Seu pedido chega na segunda-feira."], ["Su pedido llega el lunes."]]


def test_a_batch_says_what_one_by_one_says(at_work: tuple[str, Engine]) -> None:
    name, engine = at_work
    for pair, sentences, _ in known(name):
        assert engine.translate(sentences, pair) == [engine.translate([each], pair)[0] for each in sentences]


@pytest.mark.parametrize("check", CHECKS, ids=named)
def test_it_keeps_the_promises_of_every_engine(at_work: tuple[str, Engine], check: Check) -> None:
    check(at_work[1])


@pytest.mark.parametrize("name", FAMILIES)
def test_beams_find_the_same(
    name: str, checkpoints: dict[str, Path], conversions: dict[tuple[str, str], Path]
) -> None:
    for engine, folder in (
        ("transformers", checkpoints[name]),
        ("ctranslate2", conversions[name, "float32"]),
    ):
        searching = opened(engine, folder, translation_beam=3)
        for pair, sentences, translations in known(name):
            assert searching.translate(sentences, pair) == list(translations)


def test_a_model_knows_several_translations_and_the_usual_one_is_the_likeliest(
    at_work: tuple[str, Engine],
) -> None:
    name, engine = at_work
    for pair, sentences, _ in known(name):
        others = engine.others(sentences, pair, Context(), [0] * len(sentences))
        assert [each[0] for each in others] == engine.translate(sentences, pair)
        assert all(len({*each}) > 1 for each in others)


def test_a_shorter_translation_of_a_real_model_is_short_enough_or_the_usual_one(
    at_work: tuple[str, Engine],
) -> None:
    name, engine = at_work
    pair, sentences, _ = next(iter(known(name)))
    core = TranslationCore(alone(engine), 10_000)
    (usual,) = core.translate(Task(sentences[:1], pair.source, pair.target)).texts
    for most in range(1, len(usual.text) + 2, 4):
        task = Task(sentences[:1], pair.source, pair.target, max_characters=most)
        (done,) = core.translate(task).texts
        assert len(done.text) <= most or done == usual


def test_the_weights_are_where_the_settings_say(engines: dict[tuple[str, str], Engine]) -> None:
    assert {engine.device.partition(":")[0] for engine in engines.values()} == {DEVICE}
    checkpoint, converted = engines[ONE, "transformers"], engines[ONE, "float32"]
    assert isinstance(checkpoint, TransformersEngine)
    assert {each.device.type for each in checkpoint._model.parameters()} == {DEVICE}
    assert {each.dtype for each in checkpoint._model.parameters()} == {torch.float32}
    assert isinstance(converted, CTranslate2Engine)
    assert converted.compute_type == "float32"
    assert converted._translator.num_translators == min(
        2, len(os.sched_getaffinity(0)) if DEVICE == "cpu" else 2
    )


def test_a_number_format_can_be_chosen(
    checkpoints: dict[str, Path], conversions: dict[tuple[str, str], Path]
) -> None:
    half = opened("transformers", checkpoints[M2M100], translation_compute_type="bfloat16")
    assert isinstance(half, TransformersEngine)
    assert half._model.dtype == torch.bfloat16
    # Any conversion runs in any format of the device, whatever it was written in.
    eight = opened("ctranslate2", conversions[M2M100, "float32"], translation_compute_type="int8")
    assert isinstance(eight, CTranslate2Engine)
    assert eight.compute_type.startswith("int8")


def test_an_engine_offers_what_its_model_knows(at_work: tuple[str, Engine]) -> None:
    name, engine = at_work
    if name in {ONE, SEVERAL}:
        assert engine.pairs == ((EN_PT,) if name == ONE else (EN_ES, EN_PT))
        return
    languages = {pair.source for pair in engine.pairs}
    assert {"en", "pt", "es", "zh", "ar", "hi", "no"} <= languages
    assert len(languages) > (190 if name == NLLB else 100)


def test_the_codes_are_those_of_the_library() -> None:
    assert set(Kind.NLLB.codes(models.NLLB_CODES).values()) == set(models.NLLB_CODES)
    tokens = {f"__{code}__" for code in models.M2M100_CODES}
    assert set(Kind.M2M100.codes(tokens).values()) == set(models.M2M100_CODES)


@pytest.mark.parametrize("name", FAMILIES)
def test_marks_in_a_text_are_text(name: str, engines: dict[tuple[str, str], Engine]) -> None:
    checkpoint, converted = engines[name, "transformers"], engines[name, "float32"]
    assert checkpoint.translate(STRANGE, EN_PT) == converted.translate(STRANGE, EN_PT)
    assert isinstance(converted, CTranslate2Engine)
    pieces = {piece for text in STRANGE for piece in converted._subwords.cut(text)}
    assert not pieces & {">>es<<", "</s>", "<pad>", "__es__", "spa_Latn"}


def test_a_sentence_that_is_too_long_is_refused(at_work: tuple[str, Engine]) -> None:
    with pytest.raises(TooLarge) as error:
        at_work[1].translate(["order " * 600], EN_PT)
    assert error.value.code == "sentence_too_long"


def test_nothing_is_asked_of_the_network(
    checkpoints: dict[str, Path], conversions: dict[tuple[str, str], Path], outside: list[object]
) -> None:
    for name in FAMILIES:
        for engine, folder in (
            ("transformers", checkpoints[name]),
            ("ctranslate2", conversions[name, "int8"]),
        ):
            assert opened(engine, folder).translate(["Thank you for calling."], EN_PT)[0]
    assert outside == []


@pytest.mark.parametrize("name", FAMILIES)
def test_a_conversion_runs_without_pytorch(name: str, conversions: dict[tuple[str, str], Path]) -> None:
    script = (
        "import sys\n"
        "sys.modules.update(torch=None, transformers=None)\n"
        "from services.translation.engines.ctranslate2 import load\n"
        "from services.translation.languages import Pair\n"
        "from services.translation.settings import TranslationSettings\n"
        "engine = load(TranslationSettings(), sys.argv[1])\n"
        "print(engine.translate(['Thank you for calling.'], Pair('en', 'pt')))"
    )
    command = (sys.executable, "-c", script, str(conversions[name, "float32"]))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['Obrigado por ligar.']"


def test_the_core_says_which_weights_translated(engines: dict[tuple[str, str], Engine]) -> None:
    for name in FAMILIES:
        engine = engines[name, "float32"]
        done = TranslationCore(alone(engine), 1_000).translate(
            Task([models.ENGLISH[1]], "en-GB", "pt-BR", ())
        )
        assert done.texts[0].text == models.PORTUGUESE[1]
        assert done.model == engine.model
        assert len(done.model.sha256) == 64


def test_languages_json_narrows_a_model(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoints[NLLB], tmp_path / "few")
    (folder / "languages.json").write_text(json.dumps({"languages": ["en", "es"]}))
    engine = opened("transformers", folder)
    assert engine.pairs == (EN_ES, Pair("es", "en"))
    assert engine.translate(models.ENGLISH[:10], EN_ES) == list(models.SPANISH)


def test_a_model_is_found_by_its_hub_name(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(checkpoints[ONE], tmp_path / "hub" / "owner" / "opus-mt-en-pt")
    settings = settings_with(models_dir=tmp_path)
    engine = create(Reference("transformers", "owner/opus-mt-en-pt"), settings)
    assert (engine.model.name, engine.pairs) == ("owner/opus-mt-en-pt", (EN_PT,))


def test_a_marian_of_the_older_layout_works(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoints[ONE], tmp_path / "opus-mt-en-pt")
    model = transformers.MarianMTModel.from_pretrained(folder)
    # Nothing that is tied or computed, and how to generate beside the sizes.
    tied = {"lm_head.weight", *(f"model.{half}.embed_tokens.weight" for half in ("encoder", "decoder"))}
    kept = {name: each for name, each in model.state_dict().items() if name not in tied}
    torch.save(kept, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    (folder / "generation_config.json").unlink()
    pad = model.config.pad_token_id
    older = {"num_beams": 6, "max_length": 512, "bad_words_ids": [[pad]], "static_position_embeddings": True}
    sizes = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**sizes, **older}))
    engine = opened("transformers", folder)
    assert engine.translate(models.ENGLISH, EN_PT) == list(models.PORTUGUESE)


def test_an_m2m100_whose_files_do_not_list_its_languages_works(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(checkpoints[M2M100], tmp_path / "m2m100")
    (folder / "added_tokens.json").unlink()
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "M2M100Tokenizer"}')
    converted = convert(str(folder), tmp_path / "converted", "float32", settings_with()).folder
    for engine in (opened("transformers", folder), opened("ctranslate2", converted)):
        assert engine.translate(models.ENGLISH[:10], EN_ES) == list(models.SPANISH)


def test_an_nllb_that_names_its_source_last_is_asked_so(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoints[NLLB], tmp_path / "nllb")
    told = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**told, "legacy_behaviour": True}))
    converted = convert(str(folder), tmp_path / "converted", "float32", settings_with()).folder
    checkpoint, conversion = opened("transformers", folder), opened("ctranslate2", converted)
    assert isinstance(checkpoint, TransformersEngine)
    numbers = checkpoint._encoded(["Thank you for calling."], EN_PT)["input_ids"][0]
    last = checkpoint._tokenizer.convert_ids_to_tokens(numbers)[-2:]
    assert isinstance(conversion, CTranslate2Engine)
    assert last == conversion._marked([], EN_PT) == ["</s>", "eng_Latn"]
