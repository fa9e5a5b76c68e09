"""Reads and writes the parts of an ONNX file that graph surgery needs, straight on the protobuf wire format.

The onnx package would hold a 90 MB model several times over in Python objects; here the weights
stay slices of one buffer. Field numbers are those of onnx.proto (ONNX IR, stable by contract),
the encoding is https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

MODEL_GRAPH: Final = 7
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


class Graph(IntEnum):
    """Fields of GraphProto."""

    NODE = 1
    INITIALIZER = 5
    INPUT = 11
    OUTPUT = 12
    VALUE_INFO = 13


class Node(IntEnum):
    """Fields of NodeProto."""

    INPUT = 1
    OUTPUT = 2
    OP_TYPE = 4
    ATTRIBUTE = 5


class Tensor(IntEnum):
    """Fields of TensorProto."""

    DATA_TYPE = 2
    NAME = 8
    RAW_DATA = 9


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message.

    Attributes:
        number: Which field.
        content: Bytes of a string or sub-message; empty for a number.
        raw: The whole field as it stands in the file.
    """

    number: int
    content: memoryview
    raw: memoryview

    @property
    def text(self) -> str:
        """The content as a string."""
        return str(self.content, "utf-8")


def fields(message: memoryview) -> Iterator[Field]:
    """Yield the fields of an encoded message in order.

    Raises:
        ValueError: the bytes are no protobuf message.
    """
    at = 0
    while at < len(message):
        start = at
        tag, at = _read_varint(message, at)
        content = message[at:at]
        kind = tag & 7
        if kind == _LENGTH:
            length, at = _read_varint(message, at)
            content = message[at : at + length]
            at += length
        elif kind == _VARINT:
            _, at = _read_varint(message, at)
        elif kind in (_FIXED32, _FIXED64):
            at += 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"Wire type {kind} is not used by ONNX; the file is damaged.")
        if at > len(message):
            raise ValueError("The message ends inside a field; the file is damaged.")
        yield Field(tag >> 3, content, message[start:at])


def texts(message: memoryview, number: int) -> list[str]:
    """Return the strings that a message holds in one field."""
    return [field.text for field in fields(message) if field.number == number]


def encode(number: int, content: bytes | str) -> bytes:
    """Encode a string or sub-message field."""
    body = content.encode() if isinstance(content, str) else content
    return _varint(number << 3 | _LENGTH) + _varint(len(body)) + body


def encode_number(number: int, value: int) -> bytes:
    """Encode an integer field; `value` is not negative."""
    return _varint(number << 3 | _VARINT) + _varint(value)


def node(op_type: str, inputs: Iterable[str], output: str, attributes: bytes = b"") -> bytes:
    """Encode a graph's node field; `attributes` are encoded node fields."""
    body = b"".join(encode(Node.INPUT, name) for name in inputs)
    body += encode(Node.OUTPUT, output) + encode(Node.OP_TYPE, op_type) + attributes
    return encode(Graph.NODE, body)


def with_graph(model: memoryview, graph: Iterable[bytes | memoryview]) -> bytes:
    """Return a model with its graph replaced by these encoded graph fields."""
    head = [field.raw for field in fields(model) if field.number != MODEL_GRAPH]
    body = b"".join(graph)
    length = _varint(MODEL_GRAPH << 3 | _LENGTH) + _varint(len(body))
    return b"".join((*head, length, body))


def graph_of(model: memoryview) -> list[Field]:
    """Return the fields of a model's graph."""
    return [each for field in fields(model) if field.number == MODEL_GRAPH for each in fields(field.content)]


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data):
            raise ValueError("The message ends inside a number; the file is damaged.")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return value, at


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits per byte
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
