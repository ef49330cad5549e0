"""The page: see a Residual U-Net remove noise from any picture.

    python space/app.py

`MODEL_ID` and `MODEL_REVISION` name the repository on the Hub that holds both networks. Without
them, or when the Hub does not answer, the built-in ones serve. `GRADIO_SERVER_NAME` and
`GRADIO_SERVER_PORT` say where.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
# The folder of `page`, and in a checkout that of the package; `runpy` puts neither there. They
# come first, so that a page.py in the current folder is not taken for `page`.
sys.path[:0] = [str(folder) for folder in (HERE, HERE.parent / "training") if folder.is_dir()]

from olivetti_denoiser.bundled import bundled  # noqa: E402
from olivetti_denoiser.streams import print_any_character  # noqa: E402
from page.serving import load_networks  # noqa: E402


def main() -> None:
    """Load the networks and serve the page until interrupted."""
    print_any_character()  # Gradio's log has pictograms
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that pictures are deleted at the end
    served = load_networks(os.environ, bundled("model_card"))
    print(f"Serving {served.words}", flush=True)
    with own_folder() as folder:
        os.environ["GRADIO_TEMP_DIR"] = os.environ["GRADIO_EXAMPLES_CACHE"] = folder
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        # Gradio asks its own address for an answer, which no proxy knows.
        os.environ["no_proxy"] = "*"
        from page.build import build, launch  # Gradio reads these when it is imported

        launch(build(served))


def own_folder() -> tempfile.TemporaryDirectory:
    """Make a folder for visitors' pictures that no other app writes to, for this process's life.

    Gradio's own default, `gradio` among the temporary files, belongs to the first user of a machine
    who started any app.

    Raises:
        SystemExit: No folder can be made; one sentence.
    """
    above = os.environ.get("GRADIO_TEMP_DIR") or None
    try:
        if above:
            Path(above).mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(
            prefix="denoiser-", dir=above, ignore_cleanup_errors=True
        )
    except OSError as error:
        raise SystemExit(
            "The page needs a folder for visitors' pictures; set GRADIO_TEMP_DIR to one that you "
            f"may write to. Received: {error}"
        ) from None


if __name__ == "__main__":
    main()
