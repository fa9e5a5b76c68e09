"""Two rewrites of a Piper voice's graph: its noise given from outside, and its duration predictor alone.

A Piper voice draws random numbers while it runs, some for how long each phoneme takes and some for how it
sounds. With the numbers given, the same request sounds the same, and the predictor alone says exactly how
long the whole graph will speak.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.tts.engines.onnx_parts import part_making, value
from services.tts.engines.onnx_wire import (
    Field,
    Graph,
    Node,
    Tensor,
    encode,
    encode_number,
    graph_of,
    node,
    texts,
    with_graph,
)

# The input that both rewritten graphs have besides the published ones: floats, as many as are needed or more.
NOISE: Final = "noise"

_INT64: Final = 7  # TensorProto.DataType
_START: Final = "noise_start"


def with_given_noise(model: memoryview) -> bytes:
    """Return the model with its random numbers read from NOISE, each time from the beginning."""
    graph: list[bytes | memoryview] = []
    for field in graph_of(model):
        if field.number == Graph.NODE and texts(field.content, Node.OP_TYPE) == ["RandomNormalLike"]:
            (like,), (drawn,) = texts(field.content, Node.INPUT), texts(field.content, Node.OUTPUT)
            graph.extend(_read(like, drawn))
        else:
            graph.append(field.raw)
    start = encode_number(1, 1) + encode_number(Tensor.DATA_TYPE, _INT64) + encode(Tensor.NAME, _START)
    graph.append(encode(Graph.INITIALIZER, start + encode(Tensor.RAW_DATA, bytes(8))))
    graph.append(encode(Graph.INPUT, value(NOISE)))
    return with_graph(model, graph)


def _read(like: str, drawn: str) -> Iterator[bytes]:
    """Take as many numbers as a tensor has, in its shape."""
    yield node("Shape", (like,), f"{drawn}_shape")
    yield node("ReduceProd", (f"{drawn}_shape",), f"{drawn}_size")
    yield node("Slice", (NOISE, _START, f"{drawn}_size"), f"{drawn}_flat")
    yield node("Reshape", (f"{drawn}_flat", f"{drawn}_shape"), drawn)


def duration_predictor(model: memoryview) -> bytes:
    """Return the part that says how many frames each phoneme takes, before they are scaled and rounded up.

    Args:
        model: What `with_given_noise` returned.

    Raises:
        ValueError: no node rounds scaled durations up, so this is another kind of model.
    """
    nodes = [field for field in graph_of(model) if field.number == Graph.NODE]
    made_by = {out: field for field in nodes for out in texts(field.content, Node.OUTPUT)}
    for field in nodes:
        if texts(field.content, Node.OP_TYPE) == ["Ceil"]:
            return part_making(model, _unscaled(made_by.get(texts(field.content, Node.INPUT)[0])))
    raise ValueError("No node of the graph rounds durations up.")


def _unscaled(scaling: Field | None) -> str:
    if scaling is None or texts(scaling.content, Node.OP_TYPE) != ["Mul"]:
        raise ValueError("No node of the graph scales durations before they are rounded up.")
    return texts(scaling.content, Node.INPUT)[0]
