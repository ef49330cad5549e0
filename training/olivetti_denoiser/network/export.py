"""Write a network as ONNX files, which run everywhere: in `Denoiser`, C#, Rust and the browser.

    denoiser export model_card
    >>> write_exports(model, "outputs/model")    # checked against Keras, then written
    >>> denoiser = Denoiser(to_network(model))   # without any file

Two files of one opset, each whole by itself: `estimator.onnx`, picture to noise level, and
`restorer.onnx`, picture and noise level to restored picture. Pictures are float32 N×C×H×W in
[0, 1], the field's order in ONNX; levels are N×1×1×1. N, H and W are free, H and W multiples of the
network's stride. The restorer is the U-Net alone: whoever averages over the mirror image (`mirror`
in its metadata) runs it on both.

The graph is written from the Keras layers one by one, on any backend: what exporters make of the
whole model is a broken file (tf2onnx) or one of a fixed size (JAX). An unknown layer is an error.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from olivetti_denoiser.atomic import atomic_file, atomic_folder
from olivetti_denoiser.inference.network import (
    ESTIMATOR,
    FILES,
    MIRROR,
    PARAMETERS,
    RESTORER,
    STRIDE,
    Network,
)
from olivetti_denoiser.release import LEGACY_MODEL, ONNX

if TYPE_CHECKING:
    import keras
    from onnx import NodeProto, TensorProto

OPSET, IR_VERSION = 17, 8  # of 2022, so that older runtimes read it too
TOLERANCE = 1e-6
AXES = (0, 2, 3, 1)  # where Keras's N, H, W, C stand in ONNX
ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "softplus": "Softplus", "tanh": "Tanh"}
MERGES = {"Add": "Add", "Subtract": "Sub", "Multiply": "Mul"}
CHECKED = ((2, 64), (1, 128))  # pictures and their side


def export_folder(folder: str | Path) -> float:
    """Write the ONNX files of a model folder that has the network for Keras alone.

    A gray network gets `best_model.h5` too, the format of Keras 2, without the average over the
    mirror image, which that format cannot hold.

    Args:
        folder: The model folder.

    Returns:
        The largest difference to Keras.

    Raises:
        ValueError: The folder holds no network for Keras, or see `to_onnx`.
    """
    from olivetti_denoiser.network.saving import load_folder

    return write_exports(load_folder(folder), folder)


def write_exports(model: keras.Model, folder: str | Path) -> float:
    """Write what `export_folder` writes, of a model that is at hand; return the difference."""
    from olivetti_denoiser.network.saving import save_file
    from olivetti_denoiser.network.unet import planes_of, without_mirror

    network = to_network(model)
    difference = check(model, network)
    with atomic_folder(Path(folder) / ONNX) as stage:
        for name, content in zip(FILES, network.files, strict=True):
            (stage / name).write_bytes(content)
    if planes_of(model) == 1:  # what opens that format knows gray pictures alone
        with atomic_file(Path(folder) / LEGACY_MODEL) as path:
            save_file(without_mirror(model), path)
    return difference


def to_network(model: keras.Model) -> Network:
    """Return a Keras model as the network that `Denoiser` runs.

    Raises:
        ValueError: See `to_onnx`.
    """
    from olivetti_denoiser.network.unet import averages_mirror

    estimator, restorer = _parts(model)
    told = {
        MIRROR: "true" if averages_mirror(model) else "false",
        STRIDE: str(_stride(restorer)),
        PARAMETERS: str(model.count_params()),
    }
    return Network((to_onnx(estimator), to_onnx(restorer, told)), name=model.name)


def check(model: keras.Model, network: Network, tolerance: float = TOLERANCE) -> float:
    """Compare a network with Keras on noisy pictures; return the largest difference.

    Args:
        model: The Keras model.
        network: What is said to be the same network.
        tolerance: The largest difference that passes.

    Raises:
        ValueError: The difference is above the tolerance.
    """
    estimator, restorer = _parts(model)
    worst = {ESTIMATOR: 0.0, RESTORER: 0.0}
    for count, side in CHECKED:
        pictures = _noisy_pictures(count, side, network.channels)
        levels = np.linspace(0.05, 0.15, count, dtype=np.float32).reshape(-1, 1, 1, 1)
        channels_first = np.moveaxis(pictures, -1, 1)
        expected = np.asarray(restorer.predict_on_batch([pictures, levels]))
        restored = np.moveaxis(network.restore(channels_first, levels), 1, -1)
        estimated = np.asarray(estimator.predict_on_batch(pictures)).reshape(-1)
        found = network.estimate(channels_first)
        gaps = {ESTIMATOR: _gap(found, estimated), RESTORER: _gap(restored, expected)}
        worst = {name: max(gap, gaps[name]) for name, gap in worst.items()}
    for name, gap in worst.items():
        if not gap <= tolerance:
            raise ValueError(
                f"{name} must be within {tolerance:g} of Keras. Received: {gap:g} away"
            )
    return max(worst.values())


def _gap(found, expected):
    """Return the largest difference, of values above 1 relative to the largest of these."""
    return float(np.abs(found - expected).max() / max(1.0, np.abs(expected).max()))


def to_onnx(model: keras.Model, told: dict[str, str] | None = None) -> bytes:
    """Return the ONNX file of one functional model.

    Args:
        model: The model.
        told: Metadata of the file.

    Raises:
        ValueError: A layer, or an option of one, that this writer does not know.
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
    helper.set_model_props(made, told or {})
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
    """Return the Keras models of the two files: the estimator and the U-Net alone."""
    from olivetti_denoiser.network.unet import estimator_of, restorer_of, without_mirror

    return estimator_of(model), restorer_of(without_mirror(model))


def _stride(unet):
    """Return what the sides of a picture must be multiples of: each level halves them."""
    halved = [layer for layer in unet.layers if getattr(layer, "strides", None) == (2, 2)]
    return 2 ** (len(halved) // 2)


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
