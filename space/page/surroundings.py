"""What Gradio takes from the machine that it starts on, made fit for this page.

own_folder()                        # before Gradio is imported
with past_proxies():                # around its import, and around all of its serving
import gradio
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


def own_folder() -> Path:
    """Gives Gradio a folder that no other app writes to, for as long as this process lives.

    Gradio's own default, `gradio` among the temporary files, belongs to the first user of a machine
    who started any app.

    Raises:
        SystemExit: no folder can be made; one sentence.
    """
    above = os.environ.get("GRADIO_TEMP_DIR")
    try:
        if above:
            Path(above).mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="denoiser-", dir=above or None)).resolve()
    except OSError as error:
        raise SystemExit(
            "The page needs a folder for visitors' pictures; set GRADIO_TEMP_DIR to one that you "
            f"may write to. Received: {error}"
        ) from None
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    os.environ["GRADIO_EXAMPLES_CACHE"] = str(folder / "examples")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@contextlib.contextmanager
def past_proxies() -> Iterator[None]:
    """Lets this process's requests pass every proxy by.

    Gradio asks its own address for an answer, which a proxy does not know; and the client that it
    asks with refuses to be made where the environment names a proxy that it cannot use.
    """
    before = os.environ.get("no_proxy")
    os.environ["no_proxy"] = "*"
    try:
        yield
    finally:
        if before is None:
            del os.environ["no_proxy"]
        else:
            os.environ["no_proxy"] = before
