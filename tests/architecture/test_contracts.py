"""The protos call one thing by one name, and every message survives the wire."""

from __future__ import annotations

import re

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given, settings
from hypothesis import strategies as st

from protos.v1 import asr_pb2, codec_pb2, common_pb2, models_pb2, translation_pb2, tts_pb2

FILES: tuple[FileDescriptor, ...] = tuple(
    module.DESCRIPTOR for module in (common_pb2, asr_pb2, translation_pb2, tts_pb2, codec_pb2, models_pb2)
)
MODEL_SERVICES = (asr_pb2.DESCRIPTOR, translation_pb2.DESCRIPTOR, tts_pb2.DESCRIPTOR)

# What a field that mentions a quantity must be called, so that its unit is in its name.
TERMS = {
    "sample_?rate|hertz|hz$": r"(source_)?sample_rates?_hertz",
    "bitrate|kbps": r"(default_)?bitrates?_kbps",
    "duration|offset|begin|start|end$|_at$": r"(max_)?duration_ms|start_ms|end_ms",
    "sec(ond)?s?$|_s$|millis|micros|nanos": r"(?!)",
    "lang": r"language_code|languages|(source|target|pivot)_language|language_confidence",
    "size|bytes|length": r"size_bytes",
    "mime|content_type|media": r"media_type",
    "score|prob": r"average_log_probability|no_speech_probability",
    "conf(?!ig)": r"(language_)?confidence",
}

# The smallest value each type can hold beside its default, and some that use all of its bits.
VALUES = {
    FieldDescriptor.TYPE_STRING: st.text(max_size=20),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=20),
    FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_DOUBLE: st.floats(allow_nan=False),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
}


MESSAGES = [message for file in FILES for message in file.message_types_by_name.values()]
FIELDS = [field for message in MESSAGES for field in message.fields]


def methods(*files: FileDescriptor) -> list[MethodDescriptor]:
    services = [service for file in files for service in file.services_by_name.values()]
    return [method for service in services for method in service.methods]


def carries(message: Descriptor, name: str) -> bool:
    """Whether a message holds a field of that name, itself or in the message that opens its stream."""
    opening = (each.message_type for each in message.fields if each.number == 1 and each.containing_oneof)
    return any(name in each.fields_by_name for each in (message, *opening) if each is not None)


def filled(descriptor: Descriptor) -> st.SearchStrategy[Message]:
    """Messages of one type with any of their fields set."""
    kind = GetMessageClass(descriptor)
    known = {field.name: value_of(field) for field in descriptor.fields}
    alternatives = [field.name for oneof in descriptor.oneofs for field in oneof.fields]
    plain = {name: value for name, value in known.items() if name not in alternatives}
    chosen = [st.just({}), *(st.fixed_dictionaries({name: known[name]}) for name in alternatives)]
    return st.builds(
        lambda some, one: kind(**some, **one), st.fixed_dictionaries({}, optional=plain), st.one_of(chosen)
    )


def value_of(field: FieldDescriptor) -> st.SearchStrategy[object]:
    single: st.SearchStrategy[object]
    if field.message_type is not None:
        single = filled(field.message_type)
    elif field.enum_type is not None:
        single = st.sampled_from([value.number for value in field.enum_type.values])
    else:
        single = VALUES[field.type]
    return st.lists(single, max_size=3) if field.is_repeated else single


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: str(field.full_name))
def test_a_quantity_has_its_unit_in_its_one_name(field: FieldDescriptor) -> None:
    for mention, term in TERMS.items():
        if re.search(mention, field.name):
            assert re.fullmatch(term, field.name)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: str(field.full_name))
def test_times_and_sizes_are_64_bit_and_nothing_else_is(field: FieldDescriptor) -> None:
    measured = field.name.endswith(("_ms", "_bytes"))
    assert measured == (field.type == FieldDescriptor.TYPE_INT64)


def test_a_name_stands_for_one_type_in_all_files() -> None:
    types: dict[str, set[int]] = {}
    for field in FIELDS:
        if field.message_type is None:
            types.setdefault(field.name, set()).add(field.type)
    assert {name: kinds for name, kinds in types.items() if len(kinds) > 1} == {}


@pytest.mark.parametrize("method", methods(*FILES), ids=lambda method: str(method.full_name))
def test_every_request_says_who_asks(method: MethodDescriptor) -> None:
    assert carries(method.input_type, "context")


@pytest.mark.parametrize("method", methods(*MODEL_SERVICES), ids=lambda method: str(method.full_name))
def test_every_response_of_a_model_names_it(method: MethodDescriptor) -> None:
    assert carries(method.output_type, "model")


@pytest.mark.parametrize("method", methods(*FILES), ids=lambda method: str(method.full_name))
def test_a_stream_opens_with_its_config_or_info(method: MethodDescriptor) -> None:
    for streams, message in (
        (method.client_streaming, method.input_type),
        (method.server_streaming, method.output_type),
    ):
        if streams:
            assert message.fields_by_number[1].name in {"config", "info"}
            assert message.fields_by_number[1].containing_oneof is not None


def test_every_enum_begins_with_unspecified() -> None:
    enums = [enum for file in FILES for enum in file.enum_types_by_name.values()]
    assert [enum.name for enum in enums if not enum.values_by_number[0].name.endswith("_UNSPECIFIED")] == []


@pytest.mark.parametrize("descriptor", MESSAGES, ids=lambda descriptor: str(descriptor.name))
@given(data=st.data())
@settings(max_examples=20)
def test_a_message_survives_the_wire_and_json(descriptor: Descriptor, data: st.DataObject) -> None:
    message = data.draw(filled(descriptor))
    assert type(message).FromString(message.SerializeToString()) == message
    assert json_format.Parse(json_format.MessageToJson(message), type(message)()) == message
