"""Runs a model server in a network namespace that has nothing but a loopback, and asks it for one answer.

Run by `unshare --net`; prints what came as JSON. Native code cannot get round the kernel.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import grpc

from protos.v1 import (
    asr_pb2,
    asr_pb2_grpc,
    codec_pb2,
    codec_pb2_grpc,
    common_pb2,
    models_pb2,
    models_pb2_grpc,
    translation_pb2,
    translation_pb2_grpc,
    tts_pb2,
    tts_pb2_grpc,
)
from services.asr.engines.base import SAMPLE_RATE_HZ
from services.cli.stack.health import server_ready
from services.shared.rpc import client
from tests.support.speech import prompt
from tests.support.waiting import until

_RECORDING: Final = Path(__file__).parents[1] / "data" / "en-phone-number.wav"
_PORT: Final = 50_999
_OUTSIDE: Final = ("192.0.2.1", 443)
_SET_FLAGS, _UP_AND_RUNNING = 0x8914, 0x41


def wake_loopback() -> None:
    """Bring up the only interface."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH14s", b"lo", _UP_AND_RUNNING, b""))


def attempts() -> int:
    """Return how often anything in this namespace tried to send where no way leads."""
    old = Path("/proc/net/snmp").read_text(encoding="ascii").splitlines()
    names, values = (line.split() for line in old if line.startswith("Ip: "))
    new = dict(line.split() for line in Path("/proc/net/snmp6").read_text(encoding="ascii").splitlines())
    return int(values[names.index("OutNoRoutes")]) + int(new.get("Ip6OutNoRoutes", 0))


def notices_attempts() -> bool:
    """Say whether a try to get out fails, and is counted."""
    before = attempts()
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.connect(_OUTSIDE)
        return False
    return attempts() > before


def _asr(channel: grpc.Channel) -> str:
    audio = prompt("en-phone-number").tobytes()
    layout = common_pb2.PcmFormat(sample_rate_hertz=SAMPLE_RATE_HZ, channel_count=1)
    config = asr_pb2.TranscribeConfig(format=layout, language_code="en")

    def requests() -> Iterator[asr_pb2.TranscribeRequest]:
        yield asr_pb2.TranscribeRequest(config=config)
        for chunk in client.chunks(audio):
            yield asr_pb2.TranscribeRequest(audio=chunk)

    return asr_pb2_grpc.AsrStub(channel).Transcribe(requests(), timeout=120).text


def _translation(channel: grpc.Channel) -> str:
    request = translation_pb2.TranslateRequest(
        source_language="en", target_language="pt", texts=["Good morning."]
    )
    return translation_pb2_grpc.TranslationStub(channel).Translate(request, timeout=60).translations[0].text


def _tts(channel: grpc.Channel) -> str:
    request = tts_pb2.SynthesizeRequest(text="Good morning.", language_code="en")
    answers = tts_pb2_grpc.TtsStub(channel).Synthesize(request, timeout=120)
    return f"{sum(len(each.audio) for each in answers)} bytes"


def _codec(channel: grpc.Channel) -> str:
    def requests() -> Iterator[codec_pb2.DecodeRequest]:
        yield codec_pb2.DecodeRequest(config=codec_pb2.DecodeConfig())
        for chunk in client.chunks(_RECORDING.read_bytes()):
            yield codec_pb2.DecodeRequest(file=chunk)

    first = next(iter(codec_pb2_grpc.CodecStub(channel).Decode(requests(), timeout=60)))
    return first.info.container


ASKED: Final[dict[str, Callable[[grpc.Channel], str]]] = {
    "asr": _asr,
    "translation": _translation,
    "tts": _tts,
    "codec": _codec,
}


def answered(service: str) -> dict[str, Any]:
    """Start a server, ask it for its work and its models, and end it."""
    server = subprocess.Popen(
        (sys.executable, "-P", "-m", f"services.{service}.server"),
        env={**os.environ, f"DRAGOMAN_{service.upper()}_PORT": str(_PORT)},
        stdout=sys.stderr,
    )
    target = f"127.0.0.1:{_PORT}"
    try:
        until(lambda: server.poll() is not None or server_ready(target), 180)
        with client.channel(target) as channel:
            answer = ASKED[service](channel)
            held = models_pb2_grpc.ModelsStub(channel).ListModels(models_pb2.ListModelsRequest(), timeout=30)
    finally:
        server.terminate()
        server.wait(60)
    models = [{"reference": each.reference, "sha256": each.model.sha256} for each in held.models]
    return {"answer": answer, "models": models, "attempts": attempts()}


if __name__ == "__main__":
    wake_loopback()
    noticed = notices_attempts()
    before = attempts()
    found = answered(sys.argv[1])
    found["attempts"] -= before
    print(json.dumps({"noticed": noticed, **found}))
