"""Write a model as ONNX files, for C#, Rust, JavaScript and the page in the browser.

    python -m olivetti_denoiser.publish.onnx_export model_card outputs/onnx
    >>> write_onnx(model, "outputs/onnx")
    >>> check_onnx(model, "outputs/onnx")        # the largest difference to Keras

Three files of one opset, each whole by itself: `model.onnx` (picture to restored picture), and its
two parts, `estimator.onnx` (picture to level) and `restorer.onnx` (picture and level to restored
picture). Pictures are float32 N×C×H×W in [0, 1], the field's order in ONNX; levels are N×1×1×1. N,
H and W are free, H and W multiples of the network's stride. A sub-model that is called twice has
its weights once.

The graph is written from the Keras layers one by one, on any backend: what exporters make of the
whole model is a broken file (tf2onnx) or one of a fixed size (JAX). An unknown layer is an error.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras
    from onnx import NodeProto, TensorProto

OPSET, IR_VERSION = 17, 8  # of 2022, so that older runtimes read it too
FOLDER = "onnx"  # in the model repository
MODEL, ESTIMATOR, RESTORER = "model.onnx", "estimator.onnx", "restorer.onnx"
TOLERANCE = 1e-6
AXES = (0, 2, 3, 1)  # where Keras's N, H, W, C stand in ONNX
ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "softplus": "Softplus", "tanh": "Tanh"}
MERGES = {"Add": "Add", "Subtract": "Sub", "Multiply": "Mul"}
CHECKED = ((2, 64), (1, 128))  # pictures and their side


def write_onnx(model: keras.Model, folder: str | Path) -> list[Path]:
    """Writes a model, and its estimator and restorer where it is made of them.

    Args:
        model: a functional model as `residual_unet` or `with_mirror` builds it.
        folder: where the files go; created where missing.

    Returns:
        The files.

    Raises:
        ValueError: a layer, or an option of one, that this writer does not know.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, part in _parts(model).items():
        paths.append(folder / name)
        paths[-1].write_bytes(to_onnx(part))
    return paths


def check_onnx(model: keras.Model, folder: str | Path, tolerance: float = TOLERANCE) -> float:
    """Compares the files with Keras on noisy pictures, with ONNX Runtime.

    Returns:
        The largest difference.

    Raises:
        ValueError: it is above the tolerance, or a file cannot be run; names the file.
    """
    import onnxruntime

    from olivetti_denoiser.inference import compile_pass

    worst = 0.0
    for name, part in _parts(model).items():
        path = Path(folder) / name
        try:
            session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        except Exception as error:  # its own classes, one for each way in which a file is broken
            raise ValueError(f"ONNX Runtime cannot open it: {error}. Received: {path}") from None
        for count, side in CHECKED:
            pictures = _noisy_pictures(count, side, part.inputs[0].shape[-1])
            levels = np.linspace(0.05, 0.15, count, dtype=np.float32).reshape(-1, 1, 1, 1)
            given = [pictures, levels][: len(part.inputs)]
            expected = compile_pass(part, side)(*given)
            feed = {
                entry.name: np.ascontiguousarray(value.transpose(0, 3, 1, 2))
                for entry, value in zip(session.get_inputs(), given, strict=True)
            }
            got = session.run(None, feed)[0].transpose(0, 2, 3, 1)
            worst = max(worst, float(np.abs(got - expected).max()))
            if not worst <= tolerance:
                raise ValueError(
                    f"an ONNX file must be within {tolerance:g} of Keras. "
                    f"Received: {path}, {worst:g} away"
                )
    return worst


def to_onnx(model: keras.Model) -> bytes:
    """Returns the ONNX file of one functional model.

    Raises:
        ValueError: see `write_onnx`.
    """
    import onnx
    from onnx import TensorProto, helper

    graph = _Graph()
    names = {id(tensor): tensor.name for tensor in model.inputs}
    inputs = [_info(tensor, tensor.name) for tensor in model.inputs]
    (result,) = graph.add_model(model, [names[id(tensor)] for tensor in model.inputs])
    output = "sigma" if model.outputs[0].shape[1:] == (1, 1, 1) else "restored"
    graph.nodes.append(helper.make_node("Identity", [result], [output]))
    made = helper.make_model(
        helper.make_graph(
            graph.nodes,
            model.name,
            inputs,
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, _dims(model.outputs[0]))],
            list(graph.constants.values()),
        ),
        producer_name="olivetti-denoiser",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.checker.check_model(made, full_check=True)
    return made.SerializeToString()


class _Graph:
    """Nodes and constants of an ONNX graph that grows layer by layer."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}
        # (variable, order of its axes): the name of its constant
        self._named: dict[tuple, str] = {}

    def add_model(self, model, given) -> list[str]:
        """Adds a functional model that is given tensors of these names; returns its outputs'."""
        known = {id(tensor): name for tensor, name in zip(model.inputs, given, strict=True)}
        depths = model._nodes_by_depth
        for depth in sorted(depths, reverse=True):
            for node in depths[depth]:
                if node.is_input:
                    continue
                inputs = [known[id(tensor)] for tensor in node.arguments.keras_tensors]
                results = self._add(node.operation, inputs)
                known.update(zip(map(id, node.outputs), results, strict=True))
        return [known[id(tensor)] for tensor in model.outputs]

    def _add(self, layer, inputs) -> list[str]:
        if hasattr(layer, "_nodes_by_depth"):
            return self.add_model(layer, inputs)
        kind = type(layer).__name__
        if kind in MERGES and len(inputs) == 2:
            return [self._node(MERGES[kind], inputs)]
        write = getattr(self, f"_write_{kind.lower()}", None)
        if write is None:
            raise ValueError(f"this layer has no ONNX form here. Received: {kind} {layer.name!r}")
        return [write(layer, *inputs)]

    def _node(self, operation, inputs, **attributes) -> str:
        from onnx import helper

        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, inputs, [name], **attributes))
        return name

    def _constant(self, value, dtype=np.float32, key=None) -> str:
        from onnx import numpy_helper

        if key in self._named:
            return self._named[key]
        name = f"c{len(self.constants)}"
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value, dtype), name)
        if key is not None:
            self._named[key] = name
        return name

    def _weights(self, variable, order=(0,)) -> str:
        value = np.asarray(variable.numpy()).transpose(order)
        return self._constant(value, key=(id(variable), order))

    def _activated(self, name, layer, tensor) -> str:
        if name == "linear":
            return tensor
        if name == "silu":
            return self._node("Mul", [tensor, self._node("Sigmoid", [tensor])])
        if name in ACTIVATIONS:
            return self._node(ACTIVATIONS[name], [tensor])
        raise ValueError(
            f"an activation must be linear, silu, {', '.join(ACTIVATIONS)}. "
            f"Received: {name} of {layer.name!r}"
        )

    def _slice(self, tensor, axis, start, end, step=1) -> str:
        ends = [self._constant([value], np.int64) for value in (start, end, AXES[axis], step)]
        return self._node("Slice", [tensor, *ends])

    def _write_activation(self, layer, tensor):
        return self._activated(layer.activation.__name__, layer, tensor)

    def _write_average(self, layer, *inputs):
        return self._node("Mean", list(inputs))

    def _write_concatenate(self, layer, *inputs):
        return self._node("Concat", list(inputs), axis=AXES[layer.axis])

    def _write_conv2d(self, layer, tensor):
        weights = [self._weights(layer.kernel, (3, 2, 0, 1))]
        result = self._convolution("Conv", layer, tensor, weights)
        return self._activated(layer.activation.__name__, layer, result)

    def _write_conv2dtranspose(self, layer, tensor):
        if layer.kernel_size != layer.strides:  # others are padded in ways that differ
            raise ValueError(
                "a transposed convolution's kernel must be as large as its stride. "
                f"Received: {layer.kernel_size} and {layer.strides} of {layer.name!r}"
            )
        weights = [self._weights(layer.kernel, (3, 2, 0, 1))]
        result = self._convolution("ConvTranspose", layer, tensor, weights)
        return self._activated(layer.activation.__name__, layer, result)

    def _convolution(self, operation, layer, tensor, weights):
        if layer.use_bias:
            weights.append(self._weights(layer.bias))
        same = layer.padding == "same" and operation == "Conv"
        return self._node(
            operation,
            [tensor, *weights],
            kernel_shape=list(layer.kernel_size),
            strides=list(layer.strides),
            dilations=list(layer.dilation_rate),
            group=layer.groups if operation == "Conv" else 1,
            auto_pad="SAME_UPPER" if same else "VALID",
        )

    def _write_cropping2d(self, layer, tensor):
        for axis, (before, after) in zip((1, 2), layer.cropping, strict=True):
            if before or after:
                tensor = self._slice(tensor, axis, before, -after or np.iinfo(np.int64).max)
        return tensor

    def _write_flip(self, operation, tensor):
        return self._slice(tensor, operation.axis, -1, np.iinfo(np.int64).min + 1, step=-1)

    def _write_globalaveragepooling2d(self, layer, tensor):
        if not layer.keepdims:
            raise ValueError(f"global pooling must keep its axes. Received: {layer.name!r}")
        return self._node("GlobalAveragePool", [tensor])

    def _write_rescaling(self, layer, tensor):
        if layer.scale != 1:
            tensor = self._node("Mul", [tensor, self._constant(layer.scale)])
        if layer.offset != 0:
            tensor = self._node("Add", [tensor, self._constant(layer.offset)])
        return tensor

    def _write_unitnormalization(self, layer, tensor):
        (axis,) = layer.axis if isinstance(layer.axis, (list, tuple)) else (layer.axis,)
        length = self._node("ReduceL2", [tensor], axes=[AXES[axis]], keepdims=1)
        length = self._node("Max", [length, self._constant(1e-6)])  # as Keras keeps from zero
        return self._node("Div", [tensor, length])


def _parts(model):
    """What is written, by its file's name."""
    from olivetti_denoiser.model import estimator_of, restorer_of, takes_sigma

    parts = {MODEL: model}
    if takes_sigma(model):
        parts |= {ESTIMATOR: estimator_of(model), RESTORER: restorer_of(model)}
    return parts


def _info(tensor, name):
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, _dims(tensor))


def _dims(tensor):
    _, height, width, channels = tensor.shape
    return ["N", channels, height or "H", width or "W"]


def _noisy_pictures(count, side, channels):
    """Waves with noise, N×side×side×channels."""
    rng = np.random.default_rng(0)
    waves = np.sin(np.arange(side)[:, None] / 7.0) * np.cos(np.arange(side) / 11.0)
    clean = 0.5 + 0.3 * waves[None, :, :, None]
    noisy = clean + 0.1 * rng.standard_normal((count, side, side, channels))
    return np.clip(noisy, 0.0, 1.0).astype(np.float32)


def main(model_folder: str, target: str) -> None:
    """Writes and checks the ONNX files of a model folder."""
    from olivetti_denoiser.denoiser import load_folder

    model = load_folder(Path(model_folder))
    for path in write_onnx(model, target):
        print(f"{path.stat().st_size:>10,}  {path}")
    print(f"at most {check_onnx(model, target):.1e} away from Keras")


if __name__ == "__main__":
    from olivetti_denoiser.streams import print_any_character

    print_any_character()
    main(*sys.argv[1:])
