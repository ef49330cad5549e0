"""Mixed precision: bfloat16 where the hardware computes in it, on JAX.

>>> with mixed_precision():
...     network = residual_unet()
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras

LEAST_CAPABILITY = 8  # of NVIDIA's GPUs that compute in bfloat16: Ampere and later


@contextlib.contextmanager
def mixed_precision() -> Iterator[None]:
    """What is built inside computes in bfloat16 where the hardware does; its weights are float32.

    On CPUs, on older GPUs and on other backends than JAX it changes nothing.
    """
    before = keras.config.dtype_policy()
    if has_bfloat16():
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def has_bfloat16() -> bool:
    """Whether this machine's devices compute in bfloat16 faster than in float32."""
    if keras.backend.backend() != "jax":
        return False
    import jax

    device = jax.local_devices()[0]
    major = str(getattr(device, "compute_capability", "")).partition(".")[0]
    return device.platform == "tpu" or (major.isdecimal() and int(major) >= LEAST_CAPABILITY)
