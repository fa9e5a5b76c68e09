"""Every error has one gRPC status, and travels with its code and family."""

from __future__ import annotations

import grpc
import pytest

from services.shared import errors
from services.shared.rpc import client, wire

TREE = [cls for cls in errors.tree() if cls.__module__ == errors.__name__]


@pytest.mark.parametrize("family", TREE, ids=lambda cls: cls.family)
def test_an_error_travels_with_its_code_and_family(family: type[errors.DragomanError]) -> None:
    trailers = dict(wire.trailers(family("Why.", code="narrow")))
    assert trailers == {"dragoman-code": "narrow", "dragoman-family": family.family}
    assert all(name == name.lower() and text.isascii() for name, text in trailers.items())


def test_an_error_that_a_room_narrows_has_the_status_of_its_family() -> None:
    class EmptyFields(errors.InvalidRequest):
        """Defined outside the tree."""

    assert wire.status_of(EmptyFields("Why.")) is grpc.StatusCode.INVALID_ARGUMENT


def test_every_error_and_nothing_else_has_a_status() -> None:
    assert set(wire.STATUS) == set(TREE)
    assert grpc.StatusCode.OK not in wire.STATUS.values()


def test_the_channel_retries_only_what_may_pass() -> None:
    retried = [cls for cls, status in wire.STATUS.items() if status is grpc.StatusCode.UNAVAILABLE]
    assert retried == [errors.Unavailable, errors.ConnectionLost]


def test_the_channel_retries_no_method_that_answers_with_a_stream() -> None:
    names = [f"/{each['service']}/{each['method']}" for each in client.RETRIED]
    assert "/dragoman.v1.Asr/Transcribe" in names
    assert "/dragoman.v1.Codec/Probe" in names
    assert not {"/dragoman.v1.Codec/Decode", "/dragoman.v1.Tts/Synthesize"}.intersection(names)


def test_an_error_without_a_status_is_internal() -> None:
    assert type(wire.from_rpc(grpc.RpcError())) is errors.InternalError


def test_served_time_is_read_from_trailing_metadata() -> None:
    assert wire.served_ms((("other", b"1"), (wire.SERVED_KEY, "42"))) == 42
    assert wire.served_ms((("other", "1"),)) == wire.served_ms(()) == wire.served_ms(None) == 0


@pytest.mark.parametrize(
    ("cause", "code", "says"),
    [
        (
            "ipv4:10.0.0.1:1: OPENSSL_internal:CERTIFICATE_VERIFY_FAILED: certificate has expired: OK",
            "tls_refused",
            "(CERTIFICATE_VERIFY_FAILED: certificate has expired)",
        ),
        ("last error: UNAVAILABLE: ipv4:10.0.0.1:1: Socket closed", "unavailable", "hung up"),
        ("last error: UNKNOWN: ipv4:10.0.0.1:1: Connection refused", "unavailable", "cannot be reached"),
        ("", "unavailable", "cannot be reached"),
    ],
)
def test_a_server_that_is_not_reached_is_told_from_one_that_is_not_trusted(
    cause: str, code: str, says: str
) -> None:
    error = wire._unreached(cause)
    assert type(error) is errors.Unavailable
    assert error.code == code
    assert says in error.detail
    assert "10.0.0.1" not in error.detail


def test_a_chunk_fits_into_a_message_many_times() -> None:
    assert wire.CHUNK_BYTES * 16 <= wire.MAX_MESSAGE_BYTES
