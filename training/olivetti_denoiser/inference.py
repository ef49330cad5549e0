"""Forward passes compiled once for one tile side, the same to the last bit for any batch.

>>> restore = compile_pass(model, side=64)
>>> restored = restore(tiles)                # float32 N×64×64×1
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np


def compile_pass(
    model: keras.Model, side: int, batch: int | None = None
) -> Callable[..., np.ndarray]:
    """Compiles a model for inference.

    On OpenVINO the graph is compiled here rather than in Keras, for two reasons: Keras leaves the
    precision to OpenVINO, which on processors with AMX means bfloat16 and pictures that are
    6e-4 away from those of other machines; and its `predict` looks up the graph at each call.

    Args:
        model: a functional model of one output, whose inputs are N×H×W×C or N×1×1×C.
        side: the height and width that every input but N×1×1×C will have.
        batch: the only N that will come, or None for any.

    Returns:
        A function from float32 inputs to the output, float32. Not to be called twice at once.
    """
    if keras.config.backend() != "openvino":
        own = keras.Model(model.inputs, model.outputs)  # Keras keeps one compiled shape a model
        return lambda *inputs: np.asarray(own.predict_on_batch(list(inputs)))

    import openvino

    # By name, since export would take a second unnamed input for the argument `training`.
    named = keras.Model({tensor.name: tensor for tensor in model.inputs}, model.outputs[0])
    signature = {
        name: keras.layers.InputSpec(
            shape=(batch, *(length or side for length in tensor.shape[1:])), dtype="float32"
        )
        for name, tensor in named.input.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.xml"
        named.export(str(path), format="openvino", verbose=False, input_signature=[signature])
        core = openvino.Core()
        graph = core.read_model(path)
        compiled = core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda *inputs: compiled(list(inputs))[0]
