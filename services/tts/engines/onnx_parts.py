"""Cuts the part of an ONNX graph out that makes one of its tensors."""

from __future__ import annotations

from typing import Final

from services.tts.engines.onnx_wire import (
    Field,
    Graph,
    Node,
    Tensor,
    encode,
    encode_number,
    graph_of,
    texts,
    with_graph,
)

FLOAT: Final = 1  # TensorProto.DataType


def value(name: str) -> bytes:
    """Encode a graph's input or output of floats: its name and type, of any shape."""
    return encode(1, name) + encode(2, encode(1, encode_number(1, FLOAT)))


def part_making(model: memoryview, tensor: str) -> bytes:
    """Return the part of a model whose only output is one of its tensors, of floats."""
    graph = graph_of(model)
    needed = ancestors([field for field in graph if field.number == Graph.NODE], tensor)
    kept = [field.raw for field in graph if _is_needed(field, needed)]
    return with_graph(model, [*kept, encode(Graph.OUTPUT, value(tensor))])


def ancestors(nodes: list[Field], name: str) -> set[str]:
    """Return the names of all tensors that `name` depends on, and its own."""
    made_by = {out: field for field in nodes for out in texts(field.content, Node.OUTPUT)}
    needed: set[str] = set()
    waiting = [name]
    while waiting:
        tensor = waiting.pop()
        if tensor not in needed:
            needed.add(tensor)
            waiting += texts(made_by[tensor].content, Node.INPUT) if tensor in made_by else ()
    return needed


def _is_needed(field: Field, needed: set[str]) -> bool:
    match field.number:
        case Graph.NODE:
            return not needed.isdisjoint(texts(field.content, Node.OUTPUT))
        case Graph.INITIALIZER:
            return not needed.isdisjoint(texts(field.content, Tensor.NAME))
        case Graph.INPUT:
            return not needed.isdisjoint(texts(field.content, 1))
        case Graph.OUTPUT | Graph.VALUE_INFO:
            return False
    return True
