"""Every hyper-parameter in one frozen, validated place.

>>> TrainingConfig(epochs=2).to_json()
>>> TrainingConfig.from_json("training_config.json")
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

OPTIMIZERS = ("muon", "adamw")
LOSSES = ("mse", "mse+ssim", "l1")
NOISES = ("gaussian", "camera", "both")
# Options that configs of older versions hold, with the value that is now the only one.
RETIRED = (("level", "given"),)
PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "quick": {"epochs": 7, "steps_per_epoch": 200},
    # Colour photographs and camera noise, learned from coloured collages of the same faces.
    "colour": {
        "planes": 3,
        "noise": "both",
        "channels": (24, 32, 80),
        "mirror": False,
        "sigma": 25 / 255,
        "sigma_max": 0.25,
        "sigma_share": 0.0,
        "loss": "l1",
        "learning_rate": 1.5e-3,
        "final_rate": 0.1,
        "steps_per_epoch": 2000,
        "epochs": 48,
        "patience": 48,
    },
}


def _option(default, help_text, *, low=None, high=None, choices=None):
    """Return a dataclass field that carries its own help text and bounds."""
    meta = {"help": help_text, "low": low, "high": high, "choices": choices}
    return field(default=default, metadata=meta)


@dataclass(frozen=True)
class TrainingConfig:
    """The settings of a training; equal configs give equal runs.

    Noise levels are standard deviations as a fraction of the range [0, 1].

    Raises:
        ValueError: An option is unknown, of the wrong type or out of its bounds; the
            message names the option, what would work and what was received.
    """

    # Data
    sigma: float = _option(0.1, "noise level that the metrics are about", low=0.005, high=0.5)
    sigma_max: float = _option(
        0.3, "training draws its noise levels from 0 to this one", low=0.005, high=1.0
    )
    sigma_share: float = _option(
        0.5, "share of the training draws made at exactly --sigma", low=0.0, high=1.0
    )
    validation_faces: int = _option(
        8, "how many of the 80 training faces are held out for validation", low=1, high=40
    )
    shift: int = _option(4, "largest random shift in pixels, reflected edges", low=0, high=32)
    flip: bool = _option(True, "flip half of the training faces left to right")
    warp: float = _option(
        0.3, "share of training faces that are turned, scaled and sheared", low=0.0, high=1.0
    )
    mix: float = _option(
        0.5, "share of training faces with a rectangle of another face", low=0.0, high=1.0
    )
    collage: float = _option(
        0.1, "share of training pictures that are collages of pieces of faces", low=0.0, high=1.0
    )
    contrast: float = _option(0.2, "largest relative change of contrast", low=0.0, high=1.0)
    brightness: float = _option(0.1, "largest change of brightness", low=0.0, high=1.0)

    noise: str = _option(
        "gaussian",
        "noise to learn: white, of a camera, or either from patch to patch",
        choices=NOISES,
    )
    pool: int = _option(
        12_000, "pictures of 128×128 made of the faces for a training in colour", low=64, high=10**6
    )

    # Network
    planes: int = _option(1, "channels of a picture: 1 for gray, 3 for colour", choices=(1, 3))
    channels: tuple[int, ...] = _option(
        (12, 40, 96), "channels of each level, full resolution first", low=1, high=1024
    )
    blocks: tuple[int, ...] = _option(
        (1, 2, 2), "residual blocks of each level, the last level being the bottom", low=1, high=64
    )
    mirror: bool = _option(True, "release it averaged over the picture and its mirror image")

    # Optimisation
    loss: str = _option("mse+ssim", "loss of the restored picture", choices=LOSSES)
    optimizer: str = _option("muon", "update rule", choices=OPTIMIZERS)
    learning_rate: float = _option(3e-3, "peak learning rate", low=1e-7, high=1.0)
    weight_decay: float = _option(0.1, "decoupled weight decay", low=0.0, high=1.0)
    clip_norm: float = _option(1.0, "global norm that gradients are clipped to", low=1e-6, high=1e6)
    final_rate: float = _option(
        0.15, "learning rate at the end, as a share of the peak", low=0.0, high=1.0
    )
    ema_share: float = _option(
        0.06, "share of the steps that the averaged weights reach back over", low=0.0, high=1.0
    )
    warmup: float = _option(0.05, "share of the steps spent warming up", low=0.0, high=0.9)
    batch_size: int = _option(4, "faces a step", low=1, high=4096)
    steps_per_epoch: int = _option(400, "steps an epoch", low=1, high=1_000_000)
    epochs: int = _option(100, "epochs, over which the learning rate decays", low=1)
    patience: int = _option(
        15, "epochs without a better validation loss before training stops", low=1
    )
    seed: int = _option(0, "seed of weights, order, augmentation and noise", low=0, high=2**31 - 1)

    def __post_init__(self) -> None:
        for option in fields(self):
            value = _checked(option, getattr(self, option.name))
            object.__setattr__(self, option.name, value)
        if len(self.channels) != len(self.blocks):
            raise ValueError(
                "channels and blocks need one entry a level each. "
                f"Received: channels={self.channels}, blocks={self.blocks}"
            )
        if self.noise != "gaussian" and self.planes != 3:
            raise ValueError(
                "a camera's noise is learned by a network for colour, planes=3. "
                f"Received: noise={self.noise!r}, planes={self.planes}"
            )
        if self.sigma > self.sigma_max:
            raise ValueError(
                f"sigma must not exceed sigma_max. Received: sigma={self.sigma}, "
                f"sigma_max={self.sigma_max}"
            )

    @property
    def network(self) -> dict:
        """Return the arguments of `residual_unet`."""
        return {"channels": self.channels, "blocks": self.blocks, "planes": self.planes}

    @property
    def total_steps(self) -> int:
        """Return the optimizer steps of the whole run."""
        return self.epochs * self.steps_per_epoch

    def to_json(self) -> str:
        """Return the options as indented JSON text, one a line."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_options(
        cls, given: dict, *, path: str | Path | None = None, preset: str = "default"
    ) -> TrainingConfig:
        """Build a config from a preset, over it a JSON file, over both the given options.

        Raises:
            ValueError: An option is unknown or impossible, or the file cannot be read.
        """
        return cls.from_dict(PRESETS[preset] | (_read(path) if path else {}) | given)

    @classmethod
    def from_dict(cls, options: dict) -> TrainingConfig:
        """Build a config from a mapping of option names to values.

        Raises:
            ValueError: An option is unknown or impossible.
        """
        options = {name: options[name] for name in options if (name, options[name]) not in RETIRED}
        known = {option.name for option in fields(cls)}
        if unknown := sorted(set(options) - known):
            raise ValueError(
                f"unknown option; known are {', '.join(sorted(known))}. "
                f"Received: {', '.join(unknown)}"
            )
        return cls(**options)

    @classmethod
    def from_json(cls, path: str | Path) -> TrainingConfig:
        """Read a config from a JSON file that holds one object.

        Raises:
            ValueError: The file cannot be read, is not a JSON object, or holds an unknown or
                impossible option.
        """
        return cls.from_dict(_read(path))


def _read(path):
    """Return the options in a JSON file."""
    try:
        options = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read the config: {error.strerror}. Received: {path}") from None
    except ValueError as error:
        raise ValueError(f"the config is not JSON: {error}. Received: {path}") from None
    if not isinstance(options, dict):
        raise ValueError(
            f"the config must be one JSON object. Received: {type(options).__name__} in {path}"
        )
    return options


def _checked(option, value):
    """Return `value` in the option's type, or raise a ValueError that names the option."""
    name, default, meta = option.name, option.default, option.metadata
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false. Received: {value!r}")
        return value
    if meta["choices"]:
        if type(value) is not type(default) or value not in meta["choices"]:
            raise ValueError(f"{name} must be one of {meta['choices']}. Received: {value!r}")
        return value
    if isinstance(default, tuple):
        if not isinstance(value, (list, tuple)) or not value:
            raise ValueError(f"{name} must be a list of whole numbers. Received: {value!r}")
        return tuple(_number(name, int, item, meta) for item in value)
    return _number(name, type(default), value, meta)


def _number(name, kind, value, meta):
    """Return `value` as `kind` (int or float) inside the option's bounds."""
    words = "a whole number" if kind is int else "a number"
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or (kind is int and value != int(value)):
        raise ValueError(f"{name} must be {words}. Received: {value!r}")
    low, high = meta["low"], meta["high"]
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = f"from {low} to {high}" if high is not None else f"of at least {low}"
        raise ValueError(f"{name} must be {words} {bounds}. Received: {value!r}")
    return kind(value)
