"""Which model serves which picture, with and without a colour model."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from olivetti_denoiser.pillow_modes import is_gray
from page.serving import load_models

GRAY = Image.fromarray(np.arange(100, dtype=np.uint8).reshape(10, 10))
RED = Image.new("RGB", (10, 10), (200, 10, 10))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I", "F", "RGB", "RGBA", "P", "CMYK"])
def test_a_picture_without_colours_is_gray_however_it_is_stored(mode):
    assert is_gray(GRAY.convert(mode))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK", "YCbCr"])
def test_one_coloured_pixel_makes_a_picture_coloured(mode):
    assert not is_gray(RED.convert(mode))
    nearly = GRAY.convert("RGB")
    nearly.putpixel((9, 9), (10, 10, 60))
    assert not is_gray(nearly)


@pytest.fixture
def bundle(page_model, tmp_path):
    """A bundled model folder without a colour model."""
    return shutil.copytree(page_model, tmp_path / "model_card")


def test_each_model_is_told_with_its_own_figure(bundle):
    released = Path(__file__).resolve().parents[1] / "model_card"
    models = load_models({}, released)
    assert re.search(
        r"Colour pictures: .*\d dB on the colour pictures of scikit-image", str(models)
    )
    assert re.search(r"Gray pictures: bundled model, test PSNR \d\d\.\d\d dB", str(models))
    assert "dB" not in str(load_models({}, bundle).gray)  # which came without figures


def test_the_benchmark_of_the_page_measures_each_of_its_parts(bundle):
    sys.path.append(str(Path(__file__).resolve().parent / "benchmarks"))
    from benchmark_page import PARTS, run

    parts = dict(json.loads(run("-c", PARTS, bundle).splitlines()[-1]))
    assert {"import the page", "load the models", "launch"} <= parts.keys()
    assert all(seconds > 0 for seconds in parts.values())


def test_without_a_colour_model_the_gray_one_serves_all(bundle):
    models = load_models({}, bundle)
    assert models.colour is None
    assert models.for_picture(RED) is models.for_picture(GRAY) is models.gray
    assert "no colour model" in str(models)


def test_a_bundled_colour_model_serves_colour_pictures(bundle, colour_model):
    shutil.copytree(colour_model, bundle / "colour")
    models = load_models({}, bundle)
    assert models.for_picture(RED) is models.colour
    assert models.for_picture(GRAY) is models.for_picture(GRAY.convert("RGB")) is models.gray
    assert models.colour.folder == bundle / "colour"
    assert (models.gray.denoiser.planes, models.colour.denoiser.planes) == (1, 3)
    assert str(models).count("no MODEL_ID is set") == 2


def test_the_variable_of_an_older_space_is_told_and_not_read(bundle, capsys):
    load_models({"COLOUR_MODEL_ID": "ada/colour"}, bundle, timeout=5)
    assert "COLOUR_MODEL_ID is not read any more" in capsys.readouterr().out


def test_a_damaged_colour_model_does_not_keep_the_page_from_starting(bundle, colour_model):
    shutil.copytree(colour_model, bundle / "colour")
    (bundle / "colour" / "model.weights.h5").write_bytes(b"damaged")
    models = load_models({}, bundle)
    assert models.colour is None
    assert "cannot be loaded" in str(models)
    assert str(bundle) not in str(models)
