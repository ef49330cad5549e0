"""Further examples of faults that others' pictures have shown, through the real command line."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from odd_pictures import encoded, exif_block, gamma_profile, jpeg_with_exif
from olivetti_denoiser.cli.main import main
from olivetti_denoiser.images.read import decode_picture, read_picture

cv2 = pytest.importorskip("cv2")
pytest.importorskip("pillow_heif").register_heif_opener()

SMALL = np.random.default_rng(0).integers(30, 220, (6, 6, 3), np.uint8)
PIXELS = cv2.resize(SMALL, (64, 48), interpolation=cv2.INTER_CUBIC)
RGB = Image.fromarray(PIXELS)
PALETTE = RGB.quantize(16)
DEEP = PIXELS.astype(np.uint16) * 257


@pytest.fixture
def restore(page_model, tmp_path, capsys):
    """Restores a file's bytes at no strength: exit code, what was said, the new file."""

    def run(content, output="out.png", *options):
        (tmp_path / "in").write_bytes(content)
        arguments = [str(tmp_path / "in"), str(tmp_path / output), "--strength", "0", *options]
        code = main(["restore", *arguments, "--model", str(page_model)])
        return code, capsys.readouterr().err, tmp_path / output

    return run


def colours(path):
    return np.asarray(read_picture(path).image.convert("RGB")).astype(int)


def ppm(values, top):
    header = b"P6\n# by me\n%d # wide\n%d %d\n" % (values.shape[1], values.shape[0], top)
    return header + values.astype(">u2").tobytes()


def heif_with_exif(block):
    return encoded(RGB, "HEIF", quality=100, exif=b"Exif\0\0" + block)


# 2. A save that fails empties what was there.


def test_a_link_is_kept_and_the_file_behind_it_replaced_whole(restore, tmp_path):
    (tmp_path / "album.png").write_bytes(b"old")
    (tmp_path / "out.png").symlink_to(tmp_path / "album.png")
    code, _, output = restore(encoded(RGB, "PNG"), "out.png", "--overwrite")
    assert (code, output.is_symlink()) == (0, True)
    assert np.array_equal(colours(tmp_path / "album.png"), PIXELS)


def test_an_interrupted_save_leaves_the_old_file(restore, tmp_path, monkeypatch):
    (tmp_path / "out.png").write_bytes(b"old")

    save = Image.Image.save

    def interrupted(image, path, *arguments, **options):
        if not isinstance(path, Path):  # no file yet: how the format encodes is tried in memory
            return save(image, path, *arguments, **options)
        path.write_bytes(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", interrupted)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        raise SystemExit(restore(encoded(RGB, "PPM"), "out.png", "--overwrite")[0])
    assert (tmp_path / "out.png").read_bytes() == b"old"
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out.png"}


# 3. Formats of the output.


def test_a_palette_with_half_transparent_colours_is_refused_before_any_work(restore):
    file = io.BytesIO()
    PALETTE.save(file, "PNG", transparency=bytes([0, 128] + [255] * 14))
    code, said, output = restore(file.getvalue(), "out.jpg")
    assert (code, output.exists()) == (2, False)
    assert "holds no transparency" in said
    assert restore(file.getvalue(), "out.webp")[0] == 0


@pytest.mark.parametrize("ending", [".png", ".avif"])
def test_lab_of_a_scanner_is_written_in_rgb(restore, ending):
    code, _, output = restore(encoded(RGB.convert("LAB"), "TIFF"), f"out{ending}")
    assert code == 0
    assert np.abs(colours(output) - PIXELS).mean() < 4


# 4. Sound photographs with odd EXIF.


@pytest.mark.parametrize(
    "content",
    [
        heif_with_exif(exif_block([(0x0112, 3, 6), (0x0128, 2, b"inch")])),
        jpeg_with_exif(RGB, exif_block([(0x0112, 3, 6), (0x8769, 4, 8), (0x8825, 4, 8)])),
    ],
    ids=["HEIC with text for a number", "directories that point to themselves"],
)
def test_orientation_is_applied_once_beside_what_is_odd(restore, content):
    code, said, output = restore(content)
    assert (code, said) == (0, "")
    assert np.abs(colours(output) - np.rot90(PIXELS, -1)).mean() < 4
    assert decode_picture(output.read_bytes(), "out").image.size == (48, 64)


# 5. Colour profiles.


def test_a_palettes_profile_is_kept(restore):
    profile = gamma_profile(1.8)
    _, _, output = restore(encoded(PALETTE, "PNG", icc_profile=profile))
    assert Image.open(output).info["icc_profile"] == profile
    assert np.array_equal(np.asarray(Image.open(output)), np.asarray(PALETTE.convert("RGB")))


# 7. One-colour transparency.


def test_a_transparent_gif_stays_transparent(restore):
    content = encoded(PALETTE, "GIF", transparency=3)
    _, _, output = restore(content)
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))[..., 3]
    assert 0 < (expected == 0).mean() < 1
    np.testing.assert_array_equal(np.asarray(Image.open(output))[..., 3], expected)


def test_a_palettes_single_transparent_entry_is_kept(restore):
    content = encoded(PALETTE, "PNG", transparency=5)
    _, _, output = restore(content)
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))[..., 3]
    np.testing.assert_array_equal(np.asarray(Image.open(output))[..., 3], expected)


# 8. Bits of a colour.


JPEG_2000 = cv2.imencode(".jp2", DEEP[..., ::-1])[1]  # lossy


@pytest.mark.parametrize(
    ("content", "pixels"),
    [
        (ppm(DEEP, 65535), DEEP),
        (ppm(DEEP // 64, 1023), DEEP),
        (JPEG_2000.tobytes(), cv2.imdecode(JPEG_2000, cv2.IMREAD_UNCHANGED)[..., ::-1]),
    ],
    ids=["PPM of 16 bits", "PPM of 10 bits", "JPEG 2000 of 16 bits"],
)
def test_all_bits_of_a_colour_are_kept(restore, content, pixels):
    code, said, output = restore(content)
    assert (code, said) == (0, "")
    assert np.abs(read_picture(output).deep.astype(int) - pixels).max() < 100


@pytest.mark.parametrize("bits", [10, 12])
def test_bits_of_an_avif_that_are_lost_are_said(restore, bits):
    options = [cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 95]
    content = cv2.imencode(".avif", DEEP[..., ::-1] >> (16 - bits), options)[1].tobytes()
    code, said, _ = restore(content)
    assert (code, said.count("\n"), said.startswith(f"Of {bits} bits a colour 8 are used")) == (
        0,
        1,
        True,
    )
    code, said, _ = restore(encoded(RGB, "AVIF"), "eight.png")
    assert (code, said) == (0, "")


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_tiff_of_other_numbers_is_not_called_another_format(restore, kind):
    pixels = (PIXELS if kind is np.float32 else PIXELS[..., 0]).astype(kind) / 255
    code, said, _ = restore(cv2.imencode(".tif", pixels)[1].tobytes())
    assert code == 2
    assert "this TIFF holds values of a kind that is not read" in said


# 9. What would start another program, or is no picture.

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n{} loop\n"


@pytest.mark.parametrize(
    "content",
    [
        b"\x1b%-12345X@PJL JOB\r\n" + POSTSCRIPT,
        gzip.compress(POSTSCRIPT),
        b"\0\0\0\x18ftypmp42" + bytes(60),
        b"\0\0\0\x18ftypcrx " + bytes(60),
    ],
    ids=["a printer's job", "compressed", "a film", "a raw photograph"],
)
def test_what_is_no_picture_is_called_so_and_starts_nothing(restore, content, monkeypatch):
    import subprocess

    def started(*arguments, **options):
        raise AssertionError(f"started {arguments}")

    monkeypatch.setattr(subprocess, "Popen", started)
    code, said, output = restore(content)
    assert (code, output.exists()) == (2, False)
    assert "is not a picture in a format that is read" in said


# 12. Frames and pages.


@pytest.mark.parametrize("kind", ["AVIF", "HEIF", "WEBP", "PNG"])
def test_frames_that_are_left_out_are_said_in_one_line(restore, kind):
    frames = [Image.fromarray(np.roll(PIXELS, shift, 1)) for shift in (0, 9, 20)]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    code, said, output = restore(content)
    assert (code, said.strip()) == (0, "Only the first of 3 frames is used.")
    assert np.abs(colours(output) - PIXELS).mean() < 6
