"""Train, evaluate, publish and use a Residual U-Net that denoises 64×64 faces.

Nothing heavy is imported here: `from training.denoiser import Denoiser` is the way in.
"""

__version__ = "0.1.0"
