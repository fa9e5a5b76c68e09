"""The rewritten graphs compute what the published one does."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from services.tts.engines.kokoro_graph import duration_predictor, with_signed_activations
from services.tts.engines.onnx_wire import (
    MODEL_GRAPH,
    Graph,
    Node,
    Tensor,
    encode,
    encode_number,
    graph_of,
    node,
    texts,
)

FLOAT, UINT8, INT32 = 1, 2, 6


def tensor(name: str, kind: int, values: NDArray[Any]) -> bytes:
    dims = b"".join(encode_number(1, size) for size in values.shape)
    body = dims + encode_number(Tensor.DATA_TYPE, kind) + encode(Tensor.NAME, name)
    return encode(Graph.INITIALIZER, body + encode(Tensor.RAW_DATA, values.tobytes()))


def value(field: Graph, name: str, kind: int, *dims: int) -> bytes:
    shape = b"".join(encode(1, encode_number(1, size)) for size in dims)
    described = encode(1, encode_number(1, kind) + encode(2, shape))
    return encode(field, encode(1, name) + encode(2, described))


def model(*graph: bytes) -> memoryview:
    opset = encode(8, encode(1, "") + encode_number(2, 20))
    return memoryview(encode_number(1, 9) + opset + encode(MODEL_GRAPH, encode(2, "test") + b"".join(graph)))


def run(encoded: bytes | memoryview, **inputs: NDArray[Any]) -> NDArray[Any]:
    session = onnxruntime.InferenceSession(bytes(encoded), providers=["CPUExecutionProvider"])
    (output,) = session.run(None, inputs)
    return np.asarray(output)


def quantised_convolutions(weights: NDArray[np.uint8]) -> memoryview:
    """Two convolutions of one quantised tensor, added, as in the published graph."""
    quantised = b"".join(
        (
            encode(Node.INPUT, "x"),
            *(encode(Node.OUTPUT, name) for name in ("q", "scale", "zero")),
            encode(Node.OP_TYPE, "DynamicQuantizeLinear"),
        )
    )
    return model(
        encode(Graph.NODE, quantised),
        node("ConvInteger", ("q", "w", "zero", "w_zero"), "left"),
        node("ConvInteger", ("q", "w", "zero"), "right"),
        node("Add", ("left", "right"), "y"),
        tensor("w", UINT8, weights),
        tensor("w_zero", UINT8, np.array(7, np.uint8)),
        value(Graph.INPUT, "x", FLOAT, 1, weights.shape[1], 50),
        value(Graph.OUTPUT, "y", INT32, 1, weights.shape[0], 48),
    )


def test_signed_activations_change_no_bit_of_the_result() -> None:
    random = np.random.default_rng(1)
    # Small weights, so that processors whose kernel saturates agree too.
    published = quantised_convolutions(random.integers(0, 60, (4, 5, 3), np.uint8))
    x = random.normal(3, 5, (1, 5, 50)).astype(np.float32)
    rewritten = with_signed_activations(published)
    assert np.array_equal(run(rewritten, x=x), run(published, x=x))


def test_each_tensor_is_flipped_once_however_many_convolutions_read_it() -> None:
    published = quantised_convolutions(np.ones((4, 5, 3), np.uint8))
    kinds = [
        kind
        for field in graph_of(memoryview(with_signed_activations(published)))
        if field.number == Graph.NODE
        for kind in texts(field.content, Node.OP_TYPE)
    ]
    assert kinds.count("BitwiseXor") == kinds.count("Cast") == 2
    assert kinds.count("ConvInteger") == 2


def speaker() -> memoryview:
    """Durations are 2 x + 1; what follows them stands for the vocoder."""
    return model(
        node("Mul", ("x", "two"), "doubled"),
        node("Add", ("doubled", "one"), "durations"),
        node("Div", ("durations", "speed"), "hurried"),
        node("Mul", ("hurried", "heavy"), "audio"),
        tensor("two", FLOAT, np.array(2, np.float32)),
        tensor("one", FLOAT, np.array(1, np.float32)),
        tensor("heavy", FLOAT, np.ones(1000, np.float32)),
        value(Graph.INPUT, "x", FLOAT, 1),
        value(Graph.INPUT, "speed", FLOAT, 1),
        value(Graph.OUTPUT, "audio", FLOAT, 1000),
    )


def test_the_duration_predictor_gives_durations_before_the_speed() -> None:
    predictor = duration_predictor(speaker())
    assert run(predictor, x=np.array([3], np.float32)).tolist() == [7]


def test_the_duration_predictor_leaves_the_rest_of_the_model_behind() -> None:
    predictor = memoryview(duration_predictor(speaker()))
    weights = [texts(it.content, Tensor.NAME) for it in graph_of(predictor) if it.number == Graph.INITIALIZER]
    assert weights == [["two"], ["one"]]


def test_a_model_without_speed_is_refused() -> None:
    with pytest.raises(ValueError, match="speed"):
        duration_predictor(quantised_convolutions(np.ones((4, 5, 3), np.uint8)))
