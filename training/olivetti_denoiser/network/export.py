"""Write a network as ONNX files, which run everywhere: in `Denoiser`, C#, Rust and the browser.

    denoiser export model_card
    >>> write_exports(model, "outputs/model")    # checked against Keras, then written
    >>> denoiser = Denoiser(to_network(model))   # without any file

There are two files, each complete by itself: `estimator.onnx`, picture to noise level, and
`restorer.onnx`, picture and noise level to restored picture. Pictures are float32 N×C×H×W in
[0, 1], the usual order of axes in ONNX; levels are N×1×1×1. N, H and W are free, H and W multiples
of the network's stride. The restorer is the U-Net alone: a program that averages over the mirror
image (`mirror` in its metadata) runs it twice.

The graph is written from the Keras layers one by one, on any backend: exporters of a whole model
write a broken file (tf2onnx) or one of a fixed picture size (JAX). An unknown layer is an error,
and a layer that is written wrongly is found by the comparison with Keras.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
from onnx import helper, numpy_helper

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
from olivetti_denoiser.network.saving import save_file
from olivetti_denoiser.network.unet import estimator_of, restorer_of, without_mirror
from olivetti_denoiser.release import LEGACY_MODEL, ONNX

OPSET, IR_VERSION = 17, 8  # of 2022, so that older runtimes read it too
TOLERANCE = 1e-6
AXES = (0, 2, 3, 1)  # where Keras's N, H, W, C stand in ONNX
KERNEL = (3, 2, 0, 1)  # the order in which ONNX has the axes of a convolution's kernel
ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "softplus": "Softplus", "tanh": "Tanh"}
MERGES = {"Add": "Add", "Subtract": "Sub", "Multiply": "Mul", "Maximum": "Max", "Minimum": "Min"}
CHECKED = ((2, 64), (1, 128))  # pictures and their side


def write_exports(model: keras.Model, folder: str | Path) -> float:
    """Write the ONNX files of a network into its model folder.

    A gray network gets `best_model.h5` too, the format of Keras 2, without the average over the
    mirror image, which that format cannot hold.

    Args:
        model: The network.
        folder: The model folder.

    Returns:
        The largest difference to Keras.

    Raises:
        ValueError: The difference is too large, or see `to_onnx`.
    """
    network = to_network(model)
    difference = check(model, network)
    with atomic_folder(Path(folder) / ONNX) as stage:
        for name, content in zip(FILES, network.files, strict=True):
            (stage / name).write_bytes(content)
    if network.channels == 1:  # what opens that format knows gray pictures alone
        with atomic_file(Path(folder) / LEGACY_MODEL) as path:
            save_file(without_mirror(model), path)
    return difference


def to_network(model: keras.Model) -> Network:
    """Return a Keras model as the network that `Denoiser` runs.

    Raises:
        ValueError: See `to_onnx`.
    """
    unet = restorer_of(without_mirror(model))
    halved = [layer for layer in unet.layers if getattr(layer, "strides", None) == (2, 2)]
    metadata = {
        MIRROR: "true" if unet is not restorer_of(model) else "false",
        STRIDE: str(2 ** (len(halved) // 2)),  # each level halves the sides, and doubles them again
        PARAMETERS: str(model.count_params()),
    }
    files = to_onnx(estimator_of(model), "sigma"), to_onnx(unet, "restored", metadata)
    return Network(files, name=model.name)


def check(model: keras.Model, network: Network, tolerance: float = TOLERANCE) -> float:
    """Compare a network with Keras on noisy pictures; return the largest difference.

    Args:
        model: The Keras model.
        network: The exported network.
        tolerance: The largest difference that passes; where values exceed 1, relative to the
            largest value.

    Raises:
        ValueError: The difference is above the tolerance.
    """
    unet, worst = restorer_of(without_mirror(model)), {ESTIMATOR: 0.0, RESTORER: 0.0}
    rng = np.random.default_rng(0)
    for count, side in CHECKED:
        noise = 0.1 * rng.standard_normal((count, side, side, network.channels), np.float32)
        pictures = np.clip(0.5 + noise, 0, 1)
        sigmas = np.linspace(0.05, 0.15, count, dtype=np.float32).reshape(-1, 1, 1, 1)
        channels_first = np.moveaxis(pictures, -1, 1)
        estimated = np.asarray(estimator_of(model).predict_on_batch(pictures)).reshape(-1)
        restored = np.asarray(unet.predict_on_batch([pictures, sigmas]))
        pairs = {
            ESTIMATOR: (network.estimate(channels_first), estimated),
            RESTORER: (network.restore(channels_first, sigmas), np.moveaxis(restored, -1, 1)),
        }
        for name, (found, wanted) in pairs.items():
            gap = float(np.abs(found - wanted).max() / max(1.0, np.abs(wanted).max()))
            if not gap <= tolerance:
                raise ValueError(
                    f"{name} must be within {tolerance:g} of Keras. Received: {gap:g} away"
                )
            worst[name] = max(worst[name], gap)
    return max(worst.values())


def to_onnx(model: keras.Model, output: str, metadata: dict[str, str] | None = None) -> bytes:
    """Return the ONNX file of one functional model.

    Args:
        model: The model.
        output: The name of its output.
        metadata: Keys and values to write into the file.

    Raises:
        ValueError: A layer or an activation that this writer does not know.
    """
    graph = _Graph()
    result = graph.add_model(model)
    graph.nodes.append(helper.make_node("Identity", [result], [output]))
    made = helper.make_model(
        helper.make_graph(
            graph.nodes,
            model.name,
            [_described(tensor, tensor.name) for tensor in model.inputs],
            [_described(model.outputs[0], output)],
            graph.constants,
        ),
        producer_name="olivetti-denoiser",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    helper.set_model_props(made, metadata or {})
    onnx.checker.check_model(made, full_check=True)
    return made.SerializeToString()


class _Graph:
    """Nodes and constants of an ONNX graph that grows layer by layer."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add_model(self, model: keras.Model) -> str:
        """Add a functional model; return the name of its output."""
        names = {id(tensor): tensor.name for tensor in model.inputs}
        depths = model._nodes_by_depth
        for depth in sorted(depths, reverse=True):
            for node in depths[depth]:
                if not node.is_input:
                    inputs = [names[id(tensor)] for tensor in node.arguments.keras_tensors]
                    names[id(node.outputs[0])] = self._add_layer(node.operation, inputs)
        return names[id(model.outputs[0])]

    def _add_layer(self, layer, inputs) -> str:
        kind = type(layer).__name__
        if kind in MERGES and len(inputs) == 2:
            return self._node(MERGES[kind], *inputs)
        write = getattr(self, f"_write_{kind.lower()}", None)
        if write is None:
            raise ValueError(f"this layer has no ONNX form here. Received: {kind} {layer.name!r}")
        return write(layer, *inputs)

    def _node(self, operation: str, *inputs: str, **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, inputs, [name], **attributes))
        return name

    def _constant(self, value, dtype=np.float32) -> str:
        name = f"c{len(self.constants)}"
        value = np.ascontiguousarray(value, dtype)
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def _weights(self, variable, order=(0,)) -> str:
        return self._constant(keras.ops.convert_to_numpy(variable).transpose(order))

    def _slice(self, tensor, axis, start, end, step=1) -> str:
        ends = [self._constant([value], np.int64) for value in (start, end, AXES[axis], step)]
        return self._node("Slice", tensor, *ends)

    def _write_activation(self, layer, tensor):
        name = layer.activation.__name__
        if name == "linear":
            return tensor
        if name == "silu":
            return self._node("Mul", tensor, self._node("Sigmoid", tensor))
        if name in ACTIVATIONS:
            return self._node(ACTIVATIONS[name], tensor)
        raise ValueError(
            f"an activation must be linear, silu, {', '.join(ACTIVATIONS)}. "
            f"Received: {name} of {layer.name!r}"
        )

    def _write_averagepooling2d(self, layer, tensor):
        return self._node(
            "AveragePool",
            tensor,
            kernel_shape=list(layer.pool_size),
            strides=list(layer.strides),
            auto_pad="SAME_UPPER" if layer.padding == "same" else "VALID",
            count_include_pad=0,  # at the edges, as Keras: the mean of what is there
        )

    def _write_concatenate(self, layer, *inputs):
        return self._node("Concat", *inputs, axis=AXES[layer.axis])

    def _write_conv2d(self, layer, tensor):
        same = layer.padding == "same"
        return self._convolution("Conv", layer, tensor, "SAME_UPPER" if same else "VALID")

    def _write_conv2dtranspose(self, layer, tensor):
        return self._convolution("ConvTranspose", layer, tensor, "VALID")

    def _convolution(self, operation, layer, tensor, padding):
        weights = [self._weights(layer.kernel, KERNEL)]
        if layer.use_bias:
            weights.append(self._weights(layer.bias))
        result = self._node(
            operation,
            tensor,
            *weights,
            kernel_shape=list(layer.kernel_size),
            strides=list(layer.strides),
            dilations=list(layer.dilation_rate),
            group=getattr(layer, "groups", 1),
            auto_pad=padding,
        )
        return self._write_activation(layer, result)

    def _write_cropping2d(self, layer, tensor):
        for axis, (before, after) in zip((1, 2), layer.cropping, strict=True):
            if before or after:
                tensor = self._slice(tensor, axis, before, -after or np.iinfo(np.int64).max)
        return tensor

    def _write_globalaveragepooling2d(self, layer, tensor):
        return self._node("GlobalAveragePool", tensor)

    def _write_rescaling(self, layer, tensor):
        if layer.scale != 1:
            tensor = self._node("Mul", tensor, self._constant(layer.scale))
        if layer.offset != 0:
            tensor = self._node("Add", tensor, self._constant(layer.offset))
        return tensor

    def _write_unitnormalization(self, layer, tensor):
        (axis,) = layer.axis if isinstance(layer.axis, (list, tuple)) else (layer.axis,)
        length = self._node("ReduceL2", tensor, axes=[AXES[axis]], keepdims=1)
        length = self._node("Max", length, self._constant(1e-6))  # as Keras keeps from zero
        return self._node("Div", tensor, length)


def _described(tensor, name):
    _, height, width, channels = tensor.shape
    shape = ["N", channels, height or "H", width or "W"]
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
