"""The Residual U-Net: stock Keras layers, fully convolutional, one picture in, one out.

    noisy ──┬───────────────┬── restorer ── restored
            └── estimator ── sigma ┘

The restorer is a U-Net that predicts the noise in units of its sigma; the estimator finds sigma in
the same graph. Training and `Denoiser` can give sigma instead, by calling the restorer directly.
The released network averages the trained U-Net over the picture and its mirror image.
"""

from __future__ import annotations

import math

import keras
from keras import layers, ops

RESTORER, ESTIMATOR = "restorer", "estimator"
SIGMA_UNIT = 0.1  # the sigma that estimator and restorer take as one
ESTIMATOR_LAYERS = {1: ((16, 1), (16, 2), (32, 1)), 3: ((24, 2), (32, 2), (64, 1))}
LEAST_SIGMA = 0.01  # sigmas far under this one are seen as if they were this one
AROUND = 15  # pixels across, whose mean colour the network for colour sees its details against
BOUND = 4.0  # sigmas: more than this is no noise, see `residual_unet`


def residual_unet(
    channels: tuple[int, ...] = (12, 40, 96),
    blocks: tuple[int, ...] = (1, 2, 2),
    planes: int = 1,
    bounded: bool = False,
) -> keras.Model:
    """Build the denoiser.

    Args:
        channels: Channels of each level, full resolution first; each further level halves
            the sides.
        blocks: Residual blocks of each level, the last entry being the bottom.
        planes: Channels of a picture, 1 for gray and 3 for colour.
        bounded: Whether the noise that it removes is limited to `BOUND` times sigma, so that no
            picture can make it fail by more. Training needs it without the bound, beyond which
            there is no gradient.

    Returns:
        A functional model from N×H×W×planes in [0, 1] to the same shape, not clipped, float32.
        H and W must be multiples of 2 ** (levels - 1), and at least 12, in colour 15, for the
        estimator. With untrained weights it returns its input.
    """
    return _joined(_estimator(planes), _restorer(channels, blocks, planes, bounded=bounded))


def restorer_of(model: keras.Model) -> keras.Model:
    """Return the part that restores at a given sigma: (N×H×W×C, N×1×1×1) to N×H×W×C.

    Raises:
        ValueError: The model has no such part.
    """
    return model.get_layer(RESTORER)


def estimator_of(model: keras.Model) -> keras.Model:
    """Return the part that estimates sigma: N×H×W×C to N×1×1×1, a fraction of the range.

    Raises:
        ValueError: The model has no such part.
    """
    return model.get_layer(ESTIMATOR)


def with_mirror(model: keras.Model) -> keras.Model:
    """Return the network averaged over the picture and its mirror image, at twice the work.

    What the network gets wrong differs between the two, so a part of it cancels.

    Args:
        model: A model as `residual_unet` builds it; the weights are shared with it.
    """
    unet = restorer_of(model)
    noisy = keras.Input(model.input_shape[1:], name="noisy")
    sigma = keras.Input((1, 1, 1), name="sigma")
    mirrored = ops.flip(unet([ops.flip(noisy, axis=2), sigma]), axis=2)
    restored = layers.Average(name="restored")([unet([noisy, sigma]), mirrored])
    restorer = keras.Model([noisy, sigma], restored, name=RESTORER)
    return _joined(estimator_of(model), restorer)


def without_mirror(model: keras.Model) -> keras.Model:
    """Return the network that `with_mirror` was given, weights shared; any other as it is."""
    inside = [part for part in restorer_of(model).layers if part.name == RESTORER]
    return _joined(estimator_of(model), *inside) if inside else model


def _joined(estimator, restorer):
    """Return the network that estimates a picture's sigma and restores the picture at it."""
    noisy = keras.Input(estimator.input_shape[1:], name="noisy")
    return keras.Model(noisy, restorer([noisy, estimator(noisy)]), name="residual_unet")


def _restorer(channels, blocks, planes, side=None, bounded=False) -> keras.Model:
    """Return the U-Net: noisy minus sigma times the noise that it sees."""
    noisy = keras.Input((side, side, planes), name="noisy")
    sigma = keras.Input((1, 1, 1), name="sigma")
    embedding = layers.Rescaling(1.0 / SIGMA_UNIT, name="level")(sigma)
    embedding = layers.Conv2D(32, 1, activation="silu", name="level_embedding")(embedding)

    around_zero = _centred(noisy) if planes == 1 else _details(noisy)
    units = _in_noise_units(around_zero, sigma)
    x = layers.Concatenate(name="seen", dtype="float32")([noisy, units])
    x = layers.Conv2D(channels[0], 3, padding="same", name="stem")(x)
    skips = []
    for level, (width, count) in enumerate(zip(channels[:-1], blocks[:-1], strict=True)):
        for block in range(count):
            x = _residual_block(x, embedding, width, f"down{level}_{block}")
        skips.append(x)
        x = layers.Conv2D(channels[level + 1], 2, strides=2, name=f"down{level}_out")(x)
    for block in range(blocks[-1]):
        x = _residual_block(x, embedding, channels[-1], f"bottom_{block}")
    for level in reversed(range(len(channels) - 1)):
        width = channels[level]
        x = layers.Conv2DTranspose(width, 2, strides=2, name=f"up{level}_in")(x)
        x = layers.Add(name=f"up{level}_skip")([x, skips[level]])
        for block in range(blocks[level]):
            x = _residual_block(x, embedding, width, f"up{level}_{block}")

    # Zero at the start, so the untrained network is the identity and training begins at 20 dB.
    output = layers.Conv2D(planes, 3, padding="same", kernel_initializer="zeros", name="unit_noise")
    # In float32 whatever the convolutions compute in, as pictures have more digits than bfloat16.
    noise = layers.Multiply(name="noise", dtype="float32")([output(x), sigma])
    restored = layers.Subtract(name="restored", dtype="float32")([noisy, noise])
    if bounded:
        restored = _within_bound(restored, noisy, sigma)
    return keras.Model([noisy, sigma], restored, name=RESTORER)


def _within_bound(restored, noisy, sigma):
    """Keep each value of the restored picture within `BOUND` sigmas of the noisy one."""
    bound = layers.Rescaling(BOUND, name="bound")(sigma)
    least = layers.Subtract(name="least")([noisy, bound])
    most = layers.Add(name="most")([noisy, bound])
    restored = layers.Maximum(name="at_least")([restored, least])
    return layers.Minimum(name="at_most")([restored, most])


def _estimator(planes, side=None) -> keras.Model:
    """Return a small network that estimates one sigma for the whole picture."""
    noisy = keras.Input((side, side, planes), name="noisy")
    # In units of sigma: without this the branch learns ten times slower.
    x = layers.Rescaling(1.0 / SIGMA_UNIT, name="noisy_scaled")(noisy)
    # Channels and strides; of colour it looks farther, as a camera's noise reaches over neighbours.
    for index, (width, stride) in enumerate(ESTIMATOR_LAYERS[planes]):
        conv = layers.Conv2D(width, 3, stride, activation="relu", name=f"estimate_{index}")
        x = conv(x)
    x = layers.GlobalAveragePooling2D(keepdims=True, name="estimate_pool")(x)
    x = layers.Conv2D(32, 1, activation="relu", name="estimate_3")(x)
    x = layers.Conv2D(1, 1, activation="softplus", name="estimate_4")(x)
    sigma = layers.Rescaling(SIGMA_UNIT, name="sigma", dtype="float32")(x)
    return keras.Model(noisy, sigma, name=ESTIMATOR)


def _centred(noisy):
    """Return a picture with gray at zero."""
    return layers.Rescaling(1.0, offset=-0.5, name="centred", dtype="float32")(noisy)


def _details(noisy):
    """Return what differs from the mean colour around, so that a smooth ramp is near zero.

    Vivid colours divided by a weak noise's sigma are far from what most pictures show; a network
    that is shown them fails on smooth gradients.
    """
    mean = layers.AveragePooling2D(AROUND, 1, "same", name="around", dtype="float32")(noisy)
    return layers.Subtract(name="details", dtype="float32")([noisy, mean])


def _in_noise_units(picture, sigma):
    """Divide a picture around zero by sigma, so that noise is equally strong at every sigma.

    All in float32, since the picture has more digits than bfloat16, and of layers alone, since the
    legacy file format knows no operations: √(σ² + c²), by which it divides, is a vector's length.
    """
    exact = {"dtype": "float32"}
    least = layers.Rescaling(0.0, offset=LEAST_SIGMA, name="least_sigma", **exact)(sigma)
    both = layers.Concatenate(axis=1, name="sigma_and_least", **exact)([sigma, least])
    both = layers.UnitNormalization(axis=1, name="over_their_length", **exact)(both)
    gain = layers.Cropping2D(((1, 0), (0, 0)), name="least_over_length", **exact)(both)
    gain = layers.Rescaling(SIGMA_UNIT / LEAST_SIGMA, name="gain", **exact)(gain)
    return layers.Multiply(name="noise_units", **exact)([picture, gain])


def _residual_block(x, embedding, width, name):
    """Add to the input two convolutions around a shift that depends on sigma.

    The second convolution is zero at the start, when a block is the identity.
    """
    shift = layers.Conv2D(width, 1, kernel_initializer="zeros", name=f"{name}_level")(embedding)
    y = layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"{name}_conv0")(x)
    y = layers.Add(name=f"{name}_shift")([y, shift])
    y = layers.Activation("silu", name=f"{name}_silu")(y)
    last = layers.Conv2D(width, 3, padding="same", kernel_initializer="zeros", name=f"{name}_conv1")
    y = last(y)
    return layers.Add(name=f"{name}_add")([x, y])


def multiply_adds(
    channels: tuple[int, ...],
    blocks: tuple[int, ...],
    *,
    mirror: bool = False,
    side: int = 64,
    planes: int = 1,
) -> int:
    """Return the multiply-adds of one pass over a side×side picture, as convolutions count them.

    Args:
        channels, blocks, planes: As for `residual_unet`.
        mirror: Whether it is averaged as by `with_mirror`.
        side: Side of the picture in pixels.
    """
    total = 0
    restorer, estimator = _restorer(channels, blocks, planes, side), _estimator(planes, side)
    for layer in [*restorer.layers * (1 + mirror), *estimator.layers]:
        if isinstance(layer, layers.Conv2DTranspose):
            total += math.prod(layer.kernel.shape) * math.prod(layer.input.shape[1:3])
        elif isinstance(layer, layers.Conv2D):
            total += math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:3])
    return total
