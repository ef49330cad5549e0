"""The noise of real cameras: from light to a JPEG, step by step.

    >>> rng = np.random.default_rng(0)
    >>> target, noisy = camera_noise(np.full((64, 64, 3), 0.5, np.float32), rng)
    >>> target.shape, noisy.dtype
    ((64, 64, 3), dtype('float32'))

A picture is taken back to a sensor's counts, and developed again as in a camera:

1. sRGB to linear light (IEC 61966-2-1), divided by the white balance's gains of red and blue;
2. a Bayer mosaic, one colour a pixel;
3. shot and read noise: Gaussian with the variance a·x + b² at the signal x (Foi et al. 2008);
4. demosaicing by OpenCV, bilinear or edge-aware, gains and sRGB's curve again;
5. the camera's own smoothing, of colour more than of brightness, and sharpening;
6. sometimes a smaller size;
7. JPEG, with colour at full (4:4:4) or half (4:2:0) resolution.

So the noise depends on brightness, reaches over neighbours and is blotchy in colour, unlike white
noise (Brooks et al. 2019, Guo et al. 2019). The target goes through the same steps without
noise and without JPEG, as the mean of many shots of one scene does.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from olivetti_denoiser.noise import from_uint8, to_uint8

SHOT = (2e-4, 2.5e-2)  # a: from a bright day at ISO 100 to the night; drawn evenly in its logarithm
READ = (5e-4, 1.6e-2)  # b, fractions of the sensor's range, likewise
BLACK, WHITE = 0.06, 0.94  # of 16 bits: noise around black goes below it, as with a black level


@dataclass(frozen=True)
class Camera:
    """How one picture is taken and developed. None or zero leaves a step out.

    Attributes:
        gains: White balance, the factors of red and blue; green has 1.
        shot, read: `a` and `b` of the noise's variance a·x + b².
        mosaic: Whether each pixel sees one colour.
        edge_aware: Demosaicing that follows edges rather than the bilinear one.
        smoothing: Standard deviation in pixels of the Gaussian blur of brightness.
        colour_smoothing: The same of colour.
        sharpening: How much of the difference to a blurred picture is added.
        scale: Sides afterwards, as a share of those before.
        quality: Of JPEG, 1 to 100.
        half_colour: 4:2:0 rather than 4:4:4.
    """

    gains: tuple[float, float] = (2.0, 1.6)
    shot: float = 2e-3
    read: float = 2e-3
    mosaic: bool = True
    edge_aware: bool = False
    smoothing: float = 0.0
    colour_smoothing: float = 0.0
    sharpening: float = 0.0
    scale: float = 1.0
    quality: int | None = None
    half_colour: bool = True


def draw_camera(rng: np.random.Generator) -> Camera:
    """Draw a camera and its settings.

    Shot and read noise rise together, as they do with the ISO setting.

    Args:
        rng: Generator of the settings.
    """
    share = rng.random()
    shot = np.exp(np.log(SHOT[0]) + share * np.log(SHOT[1] / SHOT[0]))
    read = np.exp(np.log(READ[0]) + share * np.log(READ[1] / READ[0]) + rng.normal(0, 0.4))
    smooths = rng.random() < 0.6
    return Camera(
        gains=(rng.uniform(1.2, 2.4), rng.uniform(1.2, 2.2)),
        shot=float(shot),
        read=float(read),
        edge_aware=bool(rng.random() < 0.5),
        smoothing=float(rng.uniform(0.3, 1.2)) if smooths else 0.0,
        colour_smoothing=float(np.exp(rng.uniform(*np.log((0.5, 5.0))))) if smooths else 0.0,
        sharpening=float(rng.uniform(0.2, 1.0)) if rng.random() < 0.4 else 0.0,
        scale=float(rng.uniform(0.5, 1.0)) if rng.random() < 0.15 else 1.0,
        quality=int(rng.integers(70, 99)) if rng.random() < 0.7 else None,
        half_colour=bool(rng.random() < 0.6),
    )


def camera_noise(
    clean: np.ndarray, rng: np.random.Generator, camera: Camera | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Take a picture with a camera, once without noise and once with it.

    Args:
        clean: H×W×3 in [0, 1], sRGB, sides even.
        rng: Generator of the noise.
        camera: How it is taken; None draws one.

    Returns:
        The target and the noisy picture, float32 in [0, 1], of one size: H×W×3, smaller where the
        camera scales. The noisy one has 8-bit values.

    Raises:
        ValueError: The picture is not H×W×3 with even sides.
    """
    if clean.ndim != 3 or clean.shape[2] != 3 or clean.shape[0] % 2 or clean.shape[1] % 2:
        raise ValueError(f"a camera takes H×W×3 with even sides. Received: shape={clean.shape}")
    camera = draw_camera(rng) if camera is None else camera
    gains = np.array([camera.gains[0], 1.0, camera.gains[1]], np.float32)
    sensor = to_linear(clean) / gains
    if camera.mosaic:
        sensor = bayer_mosaic(sensor)
    deviation = np.sqrt(camera.shot * sensor + camera.read**2)
    exposed = sensor + deviation * rng.standard_normal(sensor.shape, np.float32)
    target = _developed(sensor, gains, camera)
    noisy = jpeg(_developed(exposed, gains, camera), camera.quality, camera.half_colour)
    return target, noisy


def patterned_noise(
    clean: np.ndarray, sigma: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Add the noise that cameras leave after smoothing: weak, in blotches, most of it in colour.

    Args:
        clean: H×W×3 in [0, 1].
        sigma: Standard deviation of the noise, a fraction of the range.
        rng: Generator of the noise and of the size of its blotches.

    Returns:
        The clean and the noisy picture, float32 in [0, 1], the latter with 8-bit values.
    """

    def blurred(noise, smallest, largest):
        size = np.exp(rng.uniform(np.log(smallest), np.log(largest)))
        noise = cv2.GaussianBlur(noise, (0, 0), size)
        return noise / max(float(noise.std()), 1e-6)

    noise = rng.standard_normal(clean.shape, np.float32)
    gray = noise.mean(axis=2)
    broad = rng.uniform(0.0, 0.7)
    brightness = blurred(gray, 0.3, 1.2)
    brightness = brightness + broad * blurred(rng.standard_normal(gray.shape, np.float32), 1.5, 6)
    brightness = brightness / max(float(brightness.std()), 1e-6)
    colour = blurred(noise - gray[..., None], 0.7, 6.0)
    share = rng.uniform(0.2, 1.0)
    both = share * brightness[..., None] + (1 - share) * colour
    shade = 0.5 + rng.uniform(0, 1) * clean.mean(axis=2, keepdims=True)  # brighter is noisier
    both = both * shade
    both *= sigma / max(float(np.sqrt(np.square(both).mean())), 1e-6)
    quality = int(rng.integers(80, 99)) if rng.random() < 0.7 else None
    noisy = np.clip(clean + both, 0, 1).astype(np.float32)
    return clean.astype(np.float32), jpeg(noisy, quality, bool(rng.random() < 0.6))


def to_linear(srgb: np.ndarray) -> np.ndarray:
    """Return linear light of sRGB values, both in [0, 1] (IEC 61966-2-1)."""
    srgb = np.asarray(srgb, np.float32)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(
        np.float32
    )


def to_srgb(linear: np.ndarray) -> np.ndarray:
    """Return sRGB values of linear light, which is clipped to [0, 1] (IEC 61966-2-1)."""
    linear = np.clip(linear, 0, 1)
    curve = 1.055 * np.power(linear, 1 / 2.4, dtype=np.float32) - 0.055
    return np.where(linear <= 0.0031308, 12.92 * linear, curve).astype(np.float32)


def bayer_mosaic(colour: np.ndarray) -> np.ndarray:
    """Return the H×W mosaic of an H×W×3 picture under a Bayer filter: rows R G R G and G B G B."""
    mosaic = colour[..., 1].copy()
    mosaic[::2, ::2] = colour[::2, ::2, 0]
    mosaic[1::2, 1::2] = colour[1::2, 1::2, 2]
    return mosaic


def demosaic(mosaic: np.ndarray, edge_aware: bool = False) -> np.ndarray:
    """Return the H×W×3 picture of a mosaic as `bayer_mosaic` makes it, by OpenCV.

    Args:
        mosaic: float H×W, about [0, 1]; values a little below or above are kept.
        edge_aware: Whether to interpolate along edges.
    """
    counts = np.rint((BLACK + (WHITE - BLACK) * mosaic) * 65535)
    counts = np.clip(counts, 0, 65535).astype(np.uint16)
    # OpenCV names a pattern by its second row and column.
    code = cv2.COLOR_BayerBG2RGB_EA if edge_aware else cv2.COLOR_BayerBG2RGB
    colour = cv2.cvtColor(counts, code).astype(np.float32) / 65535
    return (colour - BLACK) / (WHITE - BLACK)


def jpeg(image: np.ndarray, quality: int | None, half_colour: bool = True) -> np.ndarray:
    """Return the picture as it comes back from a JPEG file, or rounded to 8 bits.

    Args:
        image: H×W×3 in [0, 1].
        quality: 1 to 100; None only rounds.
        half_colour: 4:2:0 rather than 4:4:4.

    Returns:
        float32 H×W×3 with 8-bit values.
    """
    eight_bits = to_uint8(image)
    if quality is not None:
        sampling = (
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
            if half_colour
            else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
        )
        options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
        _, content = cv2.imencode(".jpg", eight_bits[..., ::-1], options)
        eight_bits = cv2.imdecode(content, cv2.IMREAD_COLOR)[..., ::-1]
    return from_uint8(eight_bits)


def _developed(sensor, gains, camera):
    """Return the sRGB picture of a sensor's counts."""
    colour = demosaic(sensor, camera.edge_aware) if camera.mosaic else sensor
    image = to_srgb(colour * gains)
    if camera.smoothing or camera.colour_smoothing:
        brightness = image.mean(axis=2, keepdims=True)
        chroma = image - brightness
        if camera.smoothing:
            brightness = cv2.GaussianBlur(brightness, (0, 0), camera.smoothing)[..., None]
        if camera.colour_smoothing:
            chroma = cv2.GaussianBlur(chroma, (0, 0), camera.colour_smoothing)
        image = brightness + chroma
    if camera.sharpening:
        image = image + camera.sharpening * (image - cv2.GaussianBlur(image, (0, 0), 1.0))
    if camera.scale != 1.0:
        height, width = (round(side * camera.scale) for side in image.shape[:2])
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return np.clip(image, 0, 1).astype(np.float32)
