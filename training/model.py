"""The Residual U-Net: stock Keras layers, fully convolutional, one picture in, one out.

    noisy ──┬──────────────────────────────┬── U-Net ── × sigma ── (noisy − ·) ── restored
            └── estimator ── sigma ── embedding ┘

The network predicts the noise in units of its level, and the level is estimated inside the same
graph. Training and `Denoiser` can give the level instead: `with_sigma_input` cuts the graph
at the layer named "sigma".
"""

from __future__ import annotations

import keras
from keras import layers

SIGMA_LAYER = "sigma"
SIGMA_UNIT = 0.1  # the level that the estimator and the embedding take as one


def residual_unet(
    channels: tuple[int, ...] = (16, 48, 96), blocks: tuple[int, ...] = (1, 2, 2)
) -> keras.Model:
    """Builds the denoiser.

    Args:
        channels: channels of each level, full resolution first; each further level halves
            the sides.
        blocks: residual blocks of each level, the last entry being the bottom.

    Returns:
        A functional model from N×H×W×1 in [0, 1] to the same shape, not clipped, float32.
        H and W must be multiples of `stride(model)`. With untrained weights it returns its input.
    """
    noisy = keras.Input((None, None, 1), name="noisy")
    sigma = _estimator(noisy)
    embedding = layers.Rescaling(1.0 / SIGMA_UNIT, name="sigma_scaled")(sigma)
    embedding = layers.Conv2D(32, 1, activation="silu", name="sigma_embedding")(embedding)

    x = layers.Conv2D(channels[0], 3, padding="same", name="stem")(noisy)
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
    unit_noise = layers.Conv2D(1, 3, padding="same", kernel_initializer="zeros", name="unit_noise")(
        x
    )
    noise = layers.Multiply(name="noise")([unit_noise, sigma])
    restored = layers.Subtract(name="restored")([noisy, noise])
    return keras.Model(noisy, restored, name="residual_unet")


def with_sigma_input(model: keras.Model) -> keras.Model:
    """Returns the same network with the level as a second input, shaped N×1×1×1.

    The weights are shared. A model without a layer named "sigma" cannot be given a level.

    Raises:
        ValueError: the model has no such layer.
    """
    try:
        sigma = model.get_layer(SIGMA_LAYER).output
    except ValueError:
        raise ValueError(
            f"this model takes no noise level: it has no layer {SIGMA_LAYER!r}. "
            f"Received: model={model.name!r}"
        ) from None
    return keras.Model([model.input, sigma], model.output, name=f"{model.name}_given_sigma")


def sigma_estimator(model: keras.Model) -> keras.Model:
    """Returns the part of the network that estimates the level: N×H×W×1 to N×1×1×1."""
    return keras.Model(model.input, model.get_layer(SIGMA_LAYER).output, name="sigma_estimator")


def stride(model: keras.Model) -> int:
    """Returns the number that the sides of the model's input must be multiples of."""
    product = 1
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D) and layer.name.endswith("_out"):
            product *= layer.strides[0]
    return product


def _estimator(noisy):
    """A small branch that estimates the noise level of the whole picture, N×1×1×1."""
    x = layers.Conv2D(16, 3, activation="relu", name="estimate_0")(noisy)
    x = layers.Conv2D(16, 3, strides=2, activation="relu", name="estimate_1")(x)
    x = layers.Conv2D(32, 3, activation="relu", name="estimate_2")(x)
    x = layers.GlobalAveragePooling2D(keepdims=True, name="estimate_pool")(x)
    x = layers.Conv2D(32, 1, activation="relu", name="estimate_3")(x)
    x = layers.Conv2D(1, 1, activation="softplus", name="estimate_4")(x)
    return layers.Rescaling(SIGMA_UNIT, name=SIGMA_LAYER)(x)


def _residual_block(x, embedding, width, name):
    """Two convolutions around a shift that depends on the level, added to the input."""
    shift = layers.Conv2D(width, 1, kernel_initializer="zeros", name=f"{name}_level")(embedding)
    y = layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"{name}_conv0")(x)
    y = layers.Add(name=f"{name}_shift")([y, shift])
    y = layers.ReLU(name=f"{name}_relu")(y)
    y = layers.Conv2D(width, 3, padding="same", name=f"{name}_conv1")(y)
    return layers.Add(name=f"{name}_add")([x, y])
