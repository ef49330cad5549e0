"""The page: see a Residual U-Net remove noise from any picture.

    python space/app.py

`MODEL_ID` and `MODEL_REVISION` name the model on the Hub; without them, or when the Hub does not
answer, the bundled one serves. `GRADIO_SERVER_NAME` and `GRADIO_SERVER_PORT` say where.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE if (HERE / "training").is_dir() else HERE.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr  # noqa: E402
from gradio import processing_utils, utils  # noqa: E402

from training.demo import MAX_SEED, MAX_SIGMA, Trial, gain_in_words  # noqa: E402
from training.serving import ServedModel, load_served_model  # noqa: E402
from training.uploads import Upload  # noqa: E402
from training.views import MAX_BYTES, encode_png, gray_view, read_upload  # noqa: E402

BUNDLED = ROOT / "model_card"
EXAMPLES = HERE / "examples"
HUB_SECONDS = 20.0


def build(served: ServedModel) -> gr.Blocks:
    """Builds the page around a served model."""
    with gr.Blocks(title="Olivetti denoiser", analytics_enabled=False) as page:
        gr.Markdown("# Olivetti denoiser")
        with gr.Tab("Demo"):
            demo_tab(served)
        gr.Markdown(f"Serving: {served}")
    return page


def demo_tab(served: ServedModel) -> None:
    """A clean picture, the same with noise, and what the network makes of it."""

    def denoise(image: str, sigma: float = 0.1, seed: float = 0):
        """Add Gaussian noise to a picture and let the network remove it.

        Args:
            image: The picture, of any size and format; its middle square is seen in gray, 64×64.
            sigma: The noise level as a fraction of the brightness range, from 0 to 0.3.
            seed: The number that the noise is drawn from, so that it can be drawn again.

        Returns:
            original: The clean 64×64 picture, a PNG.
            noisy: The same with noise, a PNG.
            reconstructed: What the network makes of the noisy picture, a PNG.
            figures: MSE, PSNR in dB and SSIM of both against the original, and the gain in dB.
            verdict: The gain in words.
        """
        if image is None:
            raise gr.Error("Please choose a picture first.", print_exception=False)
        try:
            trial = Trial.run(served.denoiser, gray_view(read_upload(image)), sigma, seed)
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from None
        return (
            png(trial.original, "original"),
            png(trial.noisy, "noisy"),
            png(trial.restored, "reconstructed"),
            trial.figures,
            gain_in_words(trial.figures),
        )

    with gr.Row():
        with gr.Column(scale=1):
            image = Upload(label="Your picture", sources=["upload", "clipboard", "webcam"])
            sigma = gr.Slider(0.0, MAX_SIGMA, 0.1, step=0.01, label="Noise level σ")
            seed = gr.Number(0, label="Seed", precision=0, minimum=0, maximum=MAX_SEED)
            button = gr.Button("Run", variant="primary")
        with gr.Column(scale=3):
            with gr.Row():
                outputs = [
                    gr.Image(label=label, format="png", interactive=False)
                    for label in ("Original", "Noisy", "Reconstructed")
                ]
            figures = gr.JSON(label="Figures")
            verdict = gr.Markdown()
    gr.on(
        [image.input, sigma.release, seed.submit, button.click],
        denoise,
        [image, sigma, seed],
        [*outputs, figures, verdict],
        api_name="denoise",
    )


def png(image, name: str) -> str:
    """Writes an exact PNG for the browser to fetch."""
    return processing_utils.save_bytes_to_cache(
        encode_png(image), f"{name}.png", utils.get_upload_folder()
    )


def main() -> None:
    """Loads the model and serves the page until interrupted."""
    served = load_served_model(
        os.environ.get("MODEL_ID"),
        os.environ.get("MODEL_REVISION"),
        fallback=os.environ.get("BUNDLED_MODEL", BUNDLED),
        timeout=HUB_SECONDS,
    )
    print(f"Serving {served}", flush=True)
    build(served).launch(max_file_size=MAX_BYTES, mcp_server=True)


if __name__ == "__main__":
    main()
