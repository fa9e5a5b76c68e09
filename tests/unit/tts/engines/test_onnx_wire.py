"""The wire format is read back as it was written, and damage is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tts.engines.onnx_wire import (
    MODEL_GRAPH,
    Graph,
    Node,
    encode,
    encode_number,
    fields,
    graph_of,
    node,
    texts,
    with_graph,
)

numbers = st.integers(1, 10_000)
contents = st.lists(st.tuples(numbers, st.one_of(st.binary(max_size=300), st.integers(0, 2**63))))


def encoded(content: list[tuple[int, bytes | int]]) -> bytes:
    return b"".join(
        encode_number(number, value) if isinstance(value, int) else encode(number, value)
        for number, value in content
    )


@given(contents)
def test_fields_come_back_in_order_with_their_bytes(content: list[tuple[int, bytes | int]]) -> None:
    message = encoded(content)
    read = list(fields(memoryview(message)))
    assert [field.number for field in read] == [number for number, _ in content]
    assert [bytes(field.content) for field in read] == [
        b"" if isinstance(value, int) else value for _, value in content
    ]
    assert b"".join(field.raw for field in read) == message


@given(contents, st.data())
def test_a_cut_message_is_refused_unless_cut_between_fields(
    content: list[tuple[int, bytes | int]], data: st.DataObject
) -> None:
    message = encoded(content)
    ends = {0}
    for field in fields(memoryview(message)):
        ends.add(max(ends) + len(field.raw))
    cut = data.draw(st.integers(0, len(message)))
    if cut in ends:
        assert len(list(fields(memoryview(message[:cut])))) == sorted(ends).index(cut)
    else:
        with pytest.raises(ValueError, match="damaged"):
            list(fields(memoryview(message[:cut])))


def test_fixed_width_numbers_are_stepped_over() -> None:
    message = bytes([1 << 3 | 1, *range(8), 2 << 3 | 5, *range(4)]) + encode(3, "after")
    assert [field.number for field in fields(memoryview(message))] == [1, 2, 3]


def test_a_group_is_refused_because_onnx_has_none() -> None:
    with pytest.raises(ValueError, match="Wire type 3"):
        list(fields(memoryview(bytes([1 << 3 | 3]))))


def test_a_node_has_its_inputs_output_and_type() -> None:
    (field,) = fields(memoryview(node("Add", ("left", "right"), "sum")))
    assert field.number == Graph.NODE
    assert texts(field.content, Node.INPUT) == ["left", "right"]
    assert texts(field.content, Node.OUTPUT) == ["sum"]
    assert texts(field.content, Node.OP_TYPE) == ["Add"]


def test_replacing_the_graph_keeps_the_rest_of_the_model() -> None:
    model = encode_number(1, 9) + encode(2, "producer") + encode(MODEL_GRAPH, node("Add", ("a",), "b"))
    changed = memoryview(with_graph(memoryview(model), [node("Mul", ("a",), "b")]))
    assert texts(changed, 2) == ["producer"]
    assert [texts(each.content, Node.OP_TYPE) for each in graph_of(changed)] == [["Mul"]]
