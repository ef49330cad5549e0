"""Published denoisers, measured on the same bytes as ours: FFDNet, DnCNN and BM3D.

    denoiser evaluate model_card --peers FOLDER
    >>> published = published_denoisers("peers")
    >>> restored = published["FFDNet"](noisy, 0.1)      # N×H×W×1 in [0, 1]

The folder holds `ffdnet_gray.npz` and `dncnn_25.npz`, for colour `ffdnet_color.npz`: arrays
`w0, b0, w1, b1, …`, one pair a 3×3 convolution, kernels out × in × height × width, ReLU between.
BM3D joins where the extra `bm3d` is installed, whose licence allows non-commercial use only. The
networks run on ONNX Runtime, as ours do.
"""

from __future__ import annotations

from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np

from olivetti_denoiser.evaluate.baselines import Method

FFDNET_FILE, DNCNN_FILE, COLOUR_FILE = "ffdnet_gray.npz", "dncnn_25.npz", "ffdnet_color.npz"
CLIPPED_FILE = "ffdnet_clip_color.npz"  # trained with noise that was clipped, as 8 bits clip it
CLIPPED = "FFDNet for clipped noise"


def published_denoisers(folder: str | Path, channels: int = 1) -> dict[str, Method]:
    """Build the published denoisers from their weights.

    Args:
        folder: A folder with `ffdnet_gray.npz` and `dncnn_25.npz`, or for three channels with
            `ffdnet_color.npz` and, where it is there, `ffdnet_clip_color.npz`.
        channels: 1 for gray pictures, 3 for colour.

    Returns:
        {name: function}, the function from `noisy` (N×H×W×channels in [0, 1], any size) and sigma
        (a fraction of the range) to the restored float32 pictures in [0, 1]. DnCNN was trained for
        sigma = 25/255 and takes no other: it is the same whatever sigma it is given.

    Raises:
        ValueError: A file is missing, cannot be read or holds other arrays.
    """
    folder = Path(folder)
    if channels == 1:
        published = {
            "FFDNet": ffdnet(folder / FFDNET_FILE),
            "DnCNN (σ = 25/255)": dncnn(folder / DNCNN_FILE),
        }
    else:
        published = {"FFDNet": ffdnet(folder / COLOUR_FILE, channels)}
        if (folder / CLIPPED_FILE).is_file():
            published[CLIPPED] = ffdnet(folder / CLIPPED_FILE, channels)
    if find_spec("bm3d"):
        published["BM3D" if channels == 1 else "CBM3D"] = bm3d
    return published


def ffdnet(path: str | Path, channels: int = 1) -> Method:
    """Build FFDNet (Zhang, Zuo and Zhang 2018), which is given the noise level.

    Args:
        path: Its weights.
        channels: 1 for the network of gray pictures, 3 for that of colour.

    Raises:
        ValueError: The weights cannot be read or are not those of this network.
    """
    run = _convolutions(path, inputs=4 * channels + 1, outputs=4 * channels)

    def restore(noisy: np.ndarray, sigma: float) -> np.ndarray:
        count, height, width, _ = noisy.shape
        even = np.pad(noisy, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        # One picture for each pixel of a 2×2 square and channel, the square column by column.
        squares = even.reshape(count, -(-height // 2), 2, -(-width // 2), 2, channels)
        phases = squares.transpose(0, 5, 4, 2, 1, 3)
        inputs = phases.reshape(count, 4 * channels, *phases.shape[-2:])
        outputs = run(np.concatenate([inputs, np.full_like(inputs[:, :1], sigma)], axis=1))
        restored = outputs.reshape(phases.shape).transpose(0, 4, 3, 5, 2, 1).reshape(even.shape)
        return np.clip(restored[:, :height, :width], 0.0, 1.0)

    return restore


def dncnn(path: str | Path) -> Method:
    """Build DnCNN (Zhang et al. 2017), which predicts the noise of the one level it was made for.

    Args:
        path: Its weights, batch normalisation merged.

    Raises:
        ValueError: The weights cannot be read or are not those of this network.
    """
    run = _convolutions(path, inputs=1, outputs=1)

    def restore(noisy: np.ndarray, sigma: float) -> np.ndarray:
        return np.clip(noisy - np.moveaxis(run(np.moveaxis(noisy, -1, 1)), 1, -1), 0.0, 1.0)

    return restore


def bm3d(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """Restore with BM3D, colour with CBM3D (Dabov et al. 2007; the authors' package `bm3d`).

    Args:
        noisy: N×H×W×1 or N×H×W×3 in [0, 1], sides of at least 8 pixels.
        sigma: Noise level as a fraction of the range; at 0 the pictures come back as they are.

    Returns:
        float32 pictures in [0, 1], shaped like `noisy`.
    """
    if sigma == 0:
        return noisy
    from bm3d import bm3d as restore_gray
    from bm3d import bm3d_rgb

    restore_one = bm3d_rgb if noisy.shape[-1] == 3 else restore_gray
    restored = np.stack([restore_one(picture.squeeze(), sigma) for picture in noisy])
    return np.clip(restored, 0.0, 1.0).astype(np.float32).reshape(noisy.shape)


def _convolutions(path, inputs, outputs):
    """Build a chain of 3×3 convolutions with ReLU between: a function of N×C×H×W."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    pairs = _read(Path(path), inputs, outputs)
    nodes, constants, x = [], [], "noisy"
    for index, arrays in enumerate(pairs):
        names = [f"w{index}", f"b{index}"]
        constants += map(numpy_helper.from_array, arrays, names)
        nodes.append(helper.make_node("Conv", [x, *names], [f"c{index}"], pads=[1, 1, 1, 1]))
        x = f"c{index}"
        if index < len(pairs) - 1:
            nodes.append(helper.make_node("Relu", [x], [f"r{index}"]))
            x = f"r{index}"
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", channels, "H", "W"])
        for name, channels in (("noisy", inputs), (x, outputs))
    ]
    graph = helper.make_graph(nodes, "published", ends[:1], ends[1:], constants)
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return lambda noisy: session.run(None, {"noisy": np.ascontiguousarray(noisy, np.float32)})[0]


def _read(path, inputs, outputs):
    """Return the file's (kernel, bias) pairs, float32, kernels out × in × height × width."""
    try:
        with np.load(path) as stored:
            pairs = [
                (stored[f"w{index}"].astype(np.float32), stored[f"b{index}"].astype(np.float32))
                for index in range(len(stored.files) // 2)
            ]
    except Exception as error:  # NumPy and zipfile raise many types for a damaged file
        raise ValueError(f"the weights cannot be read: {error}. Received: {path}") from None
    widths = [inputs, *(bias.size for _, bias in pairs)]
    shapes = [kernel.shape for kernel, _ in pairs]
    wanted = [(out, into, 3, 3) for into, out in pairwise(widths)]
    if not pairs or shapes != wanted or widths[-1] != outputs:
        raise ValueError(
            f"the weights must be 3×3 convolutions from {inputs} to {outputs} channels. "
            f"Received: {path}"
        )
    return pairs
