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

import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np

Method = Callable[[np.ndarray, float], np.ndarray]

FFDNET_FILE, DNCNN_FILE, COLOUR_FILE = "ffdnet_gray.npz", "dncnn_25.npz", "ffdnet_color.npz"
CLIPPED_FILE = "ffdnet_clip_color.npz"  # trained with noise that was clipped, as 8 bits clip it
CLIPPED = "FFDNet for clipped noise"
# FFDNet's order of the four pictures that a 2×2 stride makes of one: (row, column) of each.
PHASES = ((0, 0), (1, 0), (0, 1), (1, 1))


def published_denoisers(folder: str | Path, planes: int = 1) -> dict[str, Method]:
    """Builds the published denoisers from their weights.

    Args:
        folder: a folder with `ffdnet_gray.npz` and `dncnn_25.npz`, or for three planes with
            `ffdnet_color.npz` and, where it is there, `ffdnet_clip_color.npz`.
        planes: 1 for gray pictures, 3 for colour.

    Returns:
        {name: function}, the function from `noisy` (N×H×W×planes in [0, 1], any size) and sigma (a
        fraction of the range) to the restored float32 pictures in [0, 1]. DnCNN was trained for
        sigma = 25/255 and takes no other: it is the same whatever sigma it is given.

    Raises:
        ValueError: a file is missing, cannot be read or holds other arrays.
    """
    folder = Path(folder)
    needed = (FFDNET_FILE, DNCNN_FILE) if planes == 1 else (COLOUR_FILE,)
    missing = [name for name in needed if not (folder / name).is_file()]
    if missing:
        raise ValueError(
            f"the folder of published denoisers needs {' and '.join(needed)}; "
            f"{', '.join(missing)} missing. Received: {folder}"
        )
    if planes == 1:
        published = {
            "FFDNet": ffdnet(folder / FFDNET_FILE),
            "DnCNN (σ = 25/255)": dncnn(folder / DNCNN_FILE),
        }
    else:
        published = {"FFDNet": ffdnet(folder / COLOUR_FILE, planes)}
        if (folder / CLIPPED_FILE).is_file():
            published[CLIPPED] = ffdnet(folder / CLIPPED_FILE, planes)
    if find_spec("bm3d"):
        published["BM3D" if planes == 1 else "CBM3D"] = bm3d if planes == 1 else cbm3d
    return published


def ffdnet(path: str | Path, planes: int = 1) -> Method:
    """Builds FFDNet (Zhang, Zuo and Zhang 2018), which is told the noise level.

    Args:
        path: its weights.
        planes: 1 for the network of gray pictures, 3 for that of colour.

    Raises:
        ValueError: the weights cannot be read or are not those of this network.
    """
    run = _Network(path, inputs=4 * planes + 1, outputs=4 * planes, name="ffdnet")
    order = list(product(range(planes), PHASES))  # all phases of a plane, then of the next

    def restore(noisy: np.ndarray, sigma: float) -> np.ndarray:
        noisy = _batch(noisy, planes)
        height, width = noisy.shape[1:3]
        even = np.pad(noisy, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        phases = [even[:, row::2, column::2, plane] for plane, (row, column) in order]
        level = np.full_like(phases[0], sigma)
        outputs = run(np.stack([*phases, level], axis=-1))
        restored = np.empty_like(even)
        for index, (plane, (row, column)) in enumerate(order):
            restored[:, row::2, column::2, plane] = outputs[..., index]
        return np.clip(restored[:, :height, :width], 0.0, 1.0)

    return restore


def dncnn(path: str | Path) -> Method:
    """Builds DnCNN (Zhang et al. 2017), which predicts the noise of the one level it was made for.

    Args:
        path: its weights, batch normalisation merged.

    Raises:
        ValueError: the weights cannot be read or are not those of this network.
    """
    run = _Network(path, inputs=1, outputs=1, name="dncnn")

    def restore(noisy: np.ndarray, sigma: float) -> np.ndarray:
        noisy = _batch(noisy)
        return np.clip(noisy - run(noisy), 0.0, 1.0)

    return restore


def bm3d(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """Restores with BM3D (Dabov et al. 2007; the authors' package `bm3d`).

    Args:
        noisy: N×H×W×1 in [0, 1], sides of at least 8 pixels.
        sigma: noise level as a fraction of the range; at 0 the pictures come back as they are.

    Returns:
        float32 pictures in [0, 1], shaped like `noisy`.
    """
    noisy = _batch(noisy)
    if sigma == 0:
        return noisy
    from bm3d import bm3d as restore_one

    restored = np.stack([restore_one(picture[..., 0], sigma) for picture in noisy])
    return np.clip(restored, 0.0, 1.0).astype(np.float32).reshape(noisy.shape)


def cbm3d(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """Restores colour with CBM3D (Dabov et al. 2007; the authors' package `bm3d`).

    Args:
        noisy: N×H×W×3 in [0, 1], sides of at least 8 pixels.
        sigma: as for `bm3d`.

    Returns:
        float32 pictures in [0, 1], shaped like `noisy`.
    """
    noisy = _batch(noisy, 3)
    if sigma == 0:
        return noisy
    from bm3d import bm3d_rgb

    restored = np.stack([bm3d_rgb(picture, sigma) for picture in noisy])
    return np.clip(restored, 0.0, 1.0).astype(np.float32)


class _Network:
    """A chain of 3×3 convolutions with ReLU between, as an ONNX graph of the file's weights."""

    def __init__(self, path, inputs, outputs, name) -> None:
        import onnxruntime
        from onnx import TensorProto, helper, numpy_helper

        nodes, constants, x = [], [], "noisy"
        pairs = _read(Path(path), inputs, outputs)
        for index, (kernel, bias) in enumerate(pairs):
            weights = {f"w{index}": kernel, f"b{index}": bias}
            constants += [
                numpy_helper.from_array(np.ascontiguousarray(array, np.float32), key)
                for key, array in weights.items()
            ]
            nodes.append(helper.make_node("Conv", [x, *weights], [f"c{index}"], pads=[1, 1, 1, 1]))
            x = f"c{index}"
            if index < len(pairs) - 1:
                nodes.append(helper.make_node("Relu", [x], [f"r{index}"]))
                x = f"r{index}"
        ends = [
            helper.make_tensor_value_info(end, TensorProto.FLOAT, ["N", channels, "H", "W"])
            for end, channels in (("noisy", inputs), (x, outputs))
        ]
        graph = helper.make_graph(nodes, name, ends[:1], ends[1:], constants)
        opset = [helper.make_opsetid("", 17)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=8)
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Runs N×H×W×C to N×H×W×outputs."""
        channels_first = np.ascontiguousarray(np.moveaxis(inputs, -1, 1), np.float32)
        return np.moveaxis(self._session.run(None, {"noisy": channels_first})[0], 1, -1)


def _read(path, inputs, outputs):
    """The file's (kernel, bias) pairs, kernels out × in × height × width."""
    try:
        with np.load(path) as stored:
            count = len(stored.files) // 2
            pairs = [(stored[f"w{index}"], stored[f"b{index}"]) for index in range(count)]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"the weights cannot be read: {error}. Received: {path}") from None
    pairs = [(kernel, bias) for kernel, bias in pairs if kernel.ndim == 4]
    widths = [inputs, *(kernel.shape[0] for kernel, _ in pairs)]
    fits = len(pairs) == count and count > 0 and widths[-1] == outputs
    fits = fits and all(
        kernel.shape[1:] == (width, 3, 3) and bias.shape == kernel.shape[:1]
        for (kernel, bias), width in zip(pairs, widths, strict=False)
    )
    if not fits:
        raise ValueError(
            f"the weights must be 3×3 convolutions from {inputs} to {outputs} channels. "
            f"Received: {path}"
        )
    return pairs


def _batch(noisy, planes=1):
    noisy = np.asarray(noisy, np.float32)
    if noisy.ndim != 4 or noisy.shape[-1] != planes:
        kind = "gray" if planes == 1 else "colour"
        raise ValueError(
            f"this denoiser takes {kind} pictures, N×H×W×{planes}. Received: shape={noisy.shape}"
        )
    return noisy
