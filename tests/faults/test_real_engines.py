"""The same promises with the real models: what is killed under them costs time, and no word or sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from services.shared.tasks import SERVICES
from tests.faults.calls import Results, results
from tests.faults.installation import Installation, Plan
from tests.faults.trial import Trial
from tests.support.waiting import until

_ENGINES: Final = {"ASR": "faster-whisper", "TRANSLATION": "fxtranslate", "TTS": "kokoro", "CODEC": "pyav"}
_RECORDING: Final = (Path(__file__).parents[1] / "data" / "en-phone-number.wav").read_bytes()
_SPEC: Final[dict[str, Any]] = {
    "kind": "speech_translation",
    "source_language": "en",
    "target_language": "pt-BR",
    "outputs": ["transcript", "subtitles", "audio"],
    "audio": {"codec": "flac", "layout": "per_channel"},
}


@pytest.fixture(scope="module")
def plan() -> Plan:
    """One process of each kind: every model is there once."""
    engines = {f"DRAGOMAN_{service}_ENGINES": engine for service, engine in _ENGINES.items()}
    return Plan(1, 1, 1, engines | {"DRAGOMAN_UNIT_DEADLINE_S": "120"})


@pytest.fixture(scope="module")
def reference(installation: Installation) -> Results:
    """What the real models make of the recording when nothing disturbs them."""
    job = installation.client.submit(_SPEC, _RECORDING)
    assert installation.client.wait(job, 120)["state"] == "succeeded"
    return results(installation.client, job)


@pytest.mark.parametrize("service", SERVICES)
def test_a_model_server_killed_at_its_work_changes_no_result(trial: Trial, service: str) -> None:
    (server,) = trial.installation.servers(service)
    (job,) = trial.submit(1, _SPEC, _RECORDING)
    stages = {"codec": "codec.encode", "asr": "asr.transcribe", "tts": "tts.synthesize"}
    trial.installation.hold_at(stages.get(service, "translation.translate"), job)
    server.kill()
    trial.hit()
    trial.installation.release()
    # Before that, the channel itself might call the new one again.
    until(lambda: trial.ledger.attempts([job]) >= 1)
    server.start()
    trial.over(job, 120)
    assert trial.settle().reruns >= 1


def test_redis_killed_under_the_models_changes_no_result(trial: Trial) -> None:
    (job,) = trial.submit(1, _SPEC, _RECORDING)
    trial.installation.hold_at("asr.transcribe", job)
    trial.installation.redis.kill()
    trial.hit()
    trial.installation.release()
    trial.installation.start_redis()
    trial.over(job, 120)
    trial.settle()
