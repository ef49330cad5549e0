"""The static Space in a real browser: walked as a visitor, compared with `Denoiser`, and broken.

The page is built once from `space/browser` with the released network in it. Screenshots go to
`screenshots/`; look at them after changing the page.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.gray_view import gray_view
from olivetti_denoiser.metrics import mse, psnr, ssim
from olivetti_denoiser.pillow_modes import is_gray
from static_space import PACKAGES, StaticSpace, build_page, headers_of

ROOT = Path(__file__).resolve().parent.parent
SOURCE, EXAMPLES, MODEL = (
    ROOT / "space" / "browser",
    ROOT / "space" / "examples",
    ROOT / "model_card",
)
SHOTS = ROOT / "screenshots"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking")
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
PATIENCE = 180_000  # milliseconds
HEADERS = headers_of((SOURCE / "README.md").read_text(encoding="utf-8"))
HUB = "https://huggingface.co/"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The page, built, with the released network."""
    from olivetti_denoiser.publish.static_space import main

    folder = tmp_path_factory.mktemp("page") / "dist"
    build_page(folder)
    main(str(MODEL), str(folder))
    return folder


@pytest.fixture(scope="module")
def denoiser():
    """What the page's pictures are compared with: the released networks, each for its pictures."""
    gray, colour = Denoiser.from_pretrained(MODEL), Denoiser.from_pretrained(MODEL / "colour")

    def restore(picture, **options):
        if isinstance(picture, np.ndarray):
            return gray(picture, **options)
        with Image.open(picture) as image:
            return (gray if is_gray(image) else colour)(picture, **options)

    return restore


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium; skips where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium is not installed: `apt-get install chromium` lets these tests run")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, built):
    """Opens the page in a fresh browser; fails if it complains or asks any other origin."""
    closing, complaints = [], []

    def open_page(
        viewport=WIDE, scheme="light", path="", hub=None, ready=True, offline="allow", **server
    ):
        space = StaticSpace(built, **{"headers": HEADERS, **server}).__enter__()
        context = browser.new_context(
            viewport=viewport, color_scheme=scheme, service_workers=offline
        )
        closing.append((context, space))
        tab = context.new_page()
        tab.space = space
        tab.set_default_timeout(PATIENCE)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        context.on("request", lambda request: outside(request.url, space, hub))
        if hub is not None:
            context.route(f"{HUB}**", hub)
        tab.goto(space.url + path)
        if ready:
            tab.wait_for_selector("figure.reconstructed img[src]")
        return tab

    def outside(url, space, hub):
        allowed = (space.url, "data:", f"blob:{space.url}", *([HUB] if hub else []))
        if not url.startswith(allowed):
            complaints.append(f"asked {url}")

    yield open_page
    for context, space in closing:
        context.close()
        space.stop()
    assert not complaints


def section(tab, name):
    """Opens a tab of the page and returns what it shows."""
    tab.get_by_role("tab", name=name).click()
    return tab.get_by_role("tabpanel")


def until(tab, holds):
    """Waits until a function of no argument holds; the page's policy forbids the driver's own."""
    for _ in range(PATIENCE // 50):
        if holds():
            return
        tab.wait_for_timeout(50)
    raise AssertionError("what was waited for did not come")


def changed(part, name, before):
    """Waits until a picture of the Demo is another one; returns its address."""
    until(part.page, lambda: source(part, name) != before)
    return source(part, name)


def source(part, name):
    return part.locator(f"figure.{name} img").get_attribute("src")


def download(part, link) -> Image.Image:
    """What a visitor gets from a link."""
    with part.page.expect_download() as started:
        part.locator(link).click()
    return Image.open(io.BytesIO(Path(started.value.path()).read_bytes()))


def shown(part, name) -> np.ndarray:
    return np.asarray(download(part, f"figure.{name} a"))


def clean_up(tab, path) -> Image.Image:
    """Cleans up a picture file and returns what can be downloaded."""
    part = section(tab, "Clean up")
    part.locator(".result").wait_for()  # the example
    part.locator("input[type=file]").set_input_files(path)
    start = part.get_by_role("button", name="Start")  # there where it takes long
    link = part.locator(f"a.download[download^='{Path(path).stem}_']")
    start.or_(link).first.wait_for()
    if start.is_visible():
        start.click()
    link.wait_for()
    return download(part, "a.download")


def noisy_scene(width, height, channels):
    """A smooth scene with noise, 8 bits."""
    rng = np.random.default_rng([width, height, channels])
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / (7 + c)) * np.cos(y / (9 + 2 * c)) for c in range(channels)]
    noisy = 0.5 + 0.3 * np.stack(waves, -1) + 0.08 * rng.standard_normal((height, width, channels))
    return np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8)


def with_alpha(pixels):
    """The same with transparency of every degree."""
    alpha = np.add.outer(np.arange(pixels.shape[0]), np.arange(pixels.shape[1])).astype(np.uint8)
    return np.dstack([pixels, alpha])


def save(path, picture, **options):
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture.squeeze())
    image.save(path, **options)
    return path


def rotated(orientation):
    """EXIF data that says so."""
    exif = Image.Exif()
    exif[274] = orientation
    return exif


def framed(picture, above, below, left, right):
    """A picture with black bars above and below, and white margins."""
    picture = np.pad(picture, ((0, 0), (left, right), (0, 0)), constant_values=255)
    return np.pad(picture, ((above, below), (0, 0), (0, 0)))


PICTURES = {
    "gray": lambda p: save(p / "gray.png", noisy_scene(100, 80, 1)),
    "colour": lambda p: save(p / "colour.png", noisy_scene(160, 120, 3)),
    "gray in RGB": lambda p: save(p / "equal.png", noisy_scene(90, 110, 1).repeat(3, axis=2)),
    "alpha": lambda p: save(p / "alpha.png", with_alpha(noisy_scene(90, 70, 3))),
    "gray and alpha": lambda p: save(p / "la.png", with_alpha(noisy_scene(70, 90, 1))),
    "palette": lambda p: save(
        p / "palette.png", Image.fromarray(noisy_scene(96, 96, 3)).quantize(64)
    ),
    "two colours": lambda p: save(
        p / "two.png", Image.fromarray(noisy_scene(75, 75, 1)[..., 0]).convert("1")
    ),
    "jpeg": lambda p: save(p / "photo.jpg", noisy_scene(200, 140, 3), quality=90),
    "gray jpeg": lambda p: save(p / "gray.jpg", noisy_scene(120, 80, 1), quality=95),
    "rotated": lambda p: save(p / "turned.jpg", noisy_scene(120, 80, 3), exif=rotated(6)),
    "mirrored": lambda p: save(p / "mirrored.png", noisy_scene(120, 80, 3), exif=rotated(5)),
    "webp": lambda p: save(p / "lossless.webp", noisy_scene(130, 70, 3), lossless=True),
    "one pixel": lambda p: save(p / "one.png", noisy_scene(1, 1, 3)),
    "a line": lambda p: save(p / "line.png", noisy_scene(1, 4000, 1)),
    "several tiles": lambda p: save(p / "tiles.png", noisy_scene(700, 520, 1)),
    "bars": lambda p: save(p / "bars.png", framed(noisy_scene(150, 200, 3), 40, 9, 0, 5)),
    "a page in tiles": lambda p: save(
        p / "page.png", framed(noisy_scene(560, 90, 3), 30, 8, 21, 70)
    ),
    "gray bars": lambda p: save(p / "columns.png", framed(noisy_scene(90, 64, 1), 0, 0, 32, 32)),
}


def test_the_modules_by_themselves():
    node = shutil.which("node")
    if node is None:
        pytest.skip("these tests run in Node, which is not installed")
    tests = sorted((SOURCE / "test").glob("*.test.js"))
    done = subprocess.run([node, "--test", *tests], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_cleaned_up_as_by_the_denoiser(visit, denoiser, tmp_path, name):
    path = PICTURES[name](tmp_path)
    equal_but_for_rounding(clean_up(visit(path="#clean-up", ready=False), path), denoiser(path))


@pytest.mark.slow
def test_a_large_picture_is_cleaned_up_as_by_the_denoiser(visit, denoiser, tmp_path):
    path = save(tmp_path / "large.png", noisy_scene(2000, 1500, 3))
    tab = visit(path="#clean-up", ready=False)
    tab.set_default_timeout(600_000)
    equal_but_for_rounding(clean_up(tab, path), denoiser(path))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_stay_sixteen_bits(visit, denoiser, tmp_path, suffix):
    deep = noisy_scene(100, 80, 1)[..., 0].astype(np.uint16) * 257 + np.arange(100, dtype=np.uint16)
    path = save(tmp_path / f"deep.{suffix}", Image.fromarray(np.minimum(deep, 65535)))
    cleaned = clean_up(visit(path="#clean-up", ready=False), path)
    assert cleaned.mode == "I;16"
    difference = np.asarray(cleaned).astype(int) - np.asarray(denoiser(path))
    assert np.abs(difference).max() <= 1
    assert np.count_nonzero(difference) < 0.2 * difference.size  # the network's own last digit


def test_a_turned_tiff_and_one_with_a_palette_come_out_upright(visit, denoiser, tmp_path):
    path = save(tmp_path / "turned.tif", noisy_scene(300, 200, 3), exif=rotated(8))
    equal_but_for_rounding(clean_up(visit(path="#clean-up", ready=False), path), denoiser(path))


def equal_but_for_rounding(ours: Image.Image, theirs: Image.Image):
    """The same but for one level in at most 0.01 % of the values."""
    assert (ours.size, ours.mode) == (theirs.size, theirs.mode)
    difference = np.asarray(ours).astype(int) - np.asarray(theirs)
    assert np.abs(difference).max() <= 1
    assert np.count_nonzero(difference) <= max(1, 1e-4 * difference.size)


VIEWS = {
    **PICTURES,
    "large": lambda p: save(p / "large.png", noisy_scene(1203, 911, 3)),
    "huge": lambda p: save(p / "huge.jpg", noisy_scene(2600, 1700, 3)),
    "tall": lambda p: save(p / "tall.png", noisy_scene(65, 64 * 120, 1)),
    "tiny": lambda p: save(p / "tiny.png", noisy_scene(20, 33, 3)),
    "deep": lambda p: save(
        p / "deep.png", Image.fromarray(noisy_scene(300, 200, 1)[..., 0].astype(np.uint16) * 251)
    ),
}


def test_the_gray_view_is_the_one_that_python_sees(visit, tmp_path):
    tab = visit()
    part = section(tab, "Demo")
    for name, make in VIEWS.items():
        path = make(tmp_path)
        before = source(part, "original")
        part.locator("input[type=file]").set_input_files(path)
        changed(part, "original", before)
        expected = gray_view(Image.open(path)).astype(int)
        difference = np.abs(shown(part, "original") - expected)
        assert difference.max() <= 1, name
        assert np.count_nonzero(difference) < 0.02 * difference.size, name


def test_the_demo_greets_with_a_result_and_follows_the_controls(visit, denoiser):
    tab = visit()
    part = section(tab, "Demo")
    original, noisy, restored = (shown(part, n) for n in ("original", "noisy", "reconstructed"))
    assert np.array_equal(original, np.asarray(Image.open(EXAMPLES / "drawn_1_portrait.png")))
    assert 0.09 < np.std(noisy / 255.0 - original / 255.0) < 0.105
    equal_but_for_rounding(Image.fromarray(restored), Image.fromarray(denoiser(noisy)))

    # The figures are those that Python computes from the downloaded pictures.
    for name, picture in (("noisy", noisy), ("reconstructed", restored)):
        clean, other = original[None] / 255.0, picture[None] / 255.0
        cells = part.locator(f"tr.{name} td").all_inner_texts()
        expected = psnr(clean, other)[0], ssim(clean, other)[0], mse(clean, other)[0]
        for cell, figure, digits in zip(cells, expected, (2, 3, 5), strict=True):
            assert abs(float(cell.split()[0]) - figure) <= 0.51 * 10**-digits
    gain = float(re.search(r"\+([\d.]+) dB", part.locator(".verdict").inner_text())[1])
    assert gain == pytest.approx(
        psnr(clean, other)[0] - psnr(clean, noisy[None] / 255.0)[0], abs=0.06
    )

    # No noise, by the keyboard alone; then another seed, which can be had again.
    before = source(part, "noisy")
    part.get_by_label("Noise level").focus()
    tab.keyboard.press("Home")
    before = changed(part, "noisy", before)
    assert np.array_equal(shown(part, "noisy"), original)
    part.get_by_label("Noise level").focus()  # the download's link has it now
    tab.keyboard.press("End")
    before = changed(part, "noisy", before)
    drawn = [shown(part, "noisy")]
    for seed in ("7", "0"):
        part.get_by_label("Seed").fill(seed)
        before = changed(part, "noisy", before)
        drawn.append(shown(part, "noisy"))
    assert np.array_equal(drawn[0], drawn[2])
    assert not np.array_equal(drawn[0], drawn[1])

    part.get_by_label("Seed").fill("-1")
    tab.get_by_text("The seed must be a whole number").wait_for()
    part.get_by_label("Seed").fill("1")
    changed(part, "noisy", before)
    assert tab.locator("#alert").is_hidden()

    # An example, clicked.
    before = source(part, "original")
    part.get_by_role("button", name="Example: letters drawn").click()
    changed(part, "original", before)


def test_strength_blends_and_the_line_moves(visit, denoiser):
    tab = visit(path="#clean-up", ready=False)
    part = section(tab, "Clean up")
    part.locator(".result").wait_for()
    assert re.search(r"σ ≈ 0\.\d+", part.locator(".status").inner_text())
    path = EXAMPLES / "noisy_2_still_life.png"
    part.get_by_role("button", name="Example: still life noisy").click()
    part.locator("a.download[download^='noisy_2']").wait_for()
    equal_but_for_rounding(download(part, "a.download"), denoiser(path))
    link = part.locator("a.download")
    for keys, strength in ((["Home"], 0.0), (["End", *["ArrowLeft"] * 10], 0.5)):
        before = link.get_attribute("href")
        part.get_by_label("Strength").focus()
        for key in keys:
            tab.keyboard.press(key)
        until(tab, lambda before=before: link.get_attribute("href") != before)
        equal_but_for_rounding(download(part, "a.download"), denoiser(path, strength=strength))

    smoothness = part.get_by_label("Smoothness")
    for keys, factor in ((["Home"], 0.0), (["End"], 2.0)):
        before = link.get_attribute("href")
        smoothness.focus()
        for key in keys:
            tab.keyboard.press(key)
        until(tab, lambda before=before: link.get_attribute("href") != before)
        options = {"strength": 0.5, "level_factor": factor}
        equal_but_for_rounding(download(part, "a.download"), denoiser(path, **options))
    assert "2 times the estimate), so the picture becomes smoother" in part.inner_text()

    cut = part.get_by_label("How much of the picture before")
    cut.focus()
    tab.keyboard.press("End")
    stack = part.locator(".stack")
    line = "e => [e.style.getPropertyValue('--cut'), e.clientWidth]"
    at, width = stack.evaluate(line)
    assert float(at.removesuffix("px")) == pytest.approx(width)
    box = part.locator(".frame").bounding_box()
    middle = box["y"] + box["height"] / 2
    tab.mouse.move(box["x"] + 0.9 * box["width"], middle)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.25 * box["width"], middle, steps=4)
    tab.mouse.up()
    assert cut.input_value() == "25"
    zoom = part.get_by_role("button", name="100 %")
    zoom.focus()
    tab.keyboard.press("Enter")
    assert stack.locator(".before").evaluate("e => [e.clientWidth, e.naturalWidth]") == [160, 160]


def test_several_pictures_are_cleaned_up_one_after_the_other(visit, denoiser, tmp_path):
    tab = visit(path="#clean-up", ready=False)
    part = section(tab, "Clean up")
    part.locator(".result").wait_for()
    paths = [save(tmp_path / f"{name}.png", noisy_scene(70, 50, 3)) for name in ("first", "second")]
    part.locator("input[type=file]").set_input_files(paths)
    part.get_by_role("link", name="Download second.png").wait_for()
    equal_but_for_rounding(download(part, "li:has-text('first') a"), denoiser(paths[0]))


def test_pictures_come_by_dropping_and_pasting(visit, denoiser):
    tab = visit()
    part = section(tab, "Demo")
    for kind, name in (("drop", "drawn_3_letters.png"), ("paste", "drawn_4_patterns.png")):
        before = source(part, "original")
        tab.evaluate(
            """async ([kind, path]) => {
              const blob = await (await fetch(path)).blob();
              const data = new DataTransfer();
              data.items.add(new File([blob], "dropped.png", { type: "image/png" }));
              const options = { bubbles: true, cancelable: true };
              document.body.dispatchEvent(kind === "drop"
                ? new DragEvent("drop", { ...options, dataTransfer: data })
                : new ClipboardEvent("paste", { ...options, clipboardData: data }));
            }""",
            [kind, f"examples/{name}"],
        )
        changed(part, "original", before)
        expected = gray_view(Image.open(EXAMPLES / name))
        assert np.abs(shown(part, "original").astype(int) - expected).max() <= 1


MISTAKES = {
    "letter.png": (b"Dear page, this is a letter.", "not a picture that can be read here"),
    "empty.png": (b"", "The file is empty"),
    "short.png": (None, "damaged or cut short"),
    "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "An SVG is a drawing"),
    "phone.heic": (b"\0\0\0\x18ftypheic" + bytes(64), "HEIC"),
}


def test_a_mistake_is_one_sentence_and_the_next_picture_is_served(visit, tmp_path):
    tab = visit()
    part = section(tab, "Demo")
    for name, (content, sentence) in MISTAKES.items():
        path = tmp_path / name
        path.write_bytes(
            content
            if content is not None
            else (EXAMPLES / "noisy_2_still_life.png").read_bytes()[:9000]
        )
        part.locator("input[type=file]").set_input_files(path)
        tab.locator("#alert").get_by_text(sentence).wait_for()
    before = source(part, "original")
    part.locator("input[type=file]").set_input_files(EXAMPLES / "drawn_2_still_life.png")
    changed(part, "original", before)
    assert tab.locator("#alert").is_hidden()


def test_a_picture_that_the_device_cannot_hold_is_refused_before_it_is_decoded(visit, tmp_path):
    path = save(tmp_path / "endless.png", Image.new("1", (30_000, 30_000)))
    tab = visit(path="#clean-up", ready=False)
    part = section(tab, "Clean up")
    part.locator(".result").wait_for()
    part.locator("input[type=file]").set_input_files(path)
    tab.get_by_text("The picture is too large for this device (30,000×30,000 pixels)").wait_for()
    part.get_by_role("button", name="Example: portrait noisy").click()
    part.locator(".result").wait_for()


def test_a_long_run_asks_first_and_can_be_stopped(visit, tmp_path):
    path = save(tmp_path / "long.png", noisy_scene(3000, 2000, 3))
    tab = visit(path="#clean-up", ready=False)
    part = section(tab, "Clean up")
    part.locator(".result").wait_for()
    part.locator("input[type=file]").set_input_files(path)
    part.get_by_text(
        re.compile(r"3,000×2,000 pixels: this will take about .*(s|minutes?)\.")
    ).wait_for()
    part.get_by_role("button", name="Start").click()
    part.locator("progress[value]").wait_for()
    shot(tab, "browser_wide_working")
    part.get_by_role("button", name="Stop").click()
    part.get_by_text("Stopped.").wait_for()
    part.get_by_role("button", name="Example: portrait noisy").click()
    part.locator(".result").wait_for()


def test_about_has_the_figures_the_limits_and_the_credit(visit):
    part = section(visit(), "About")
    part.get_by_role("row", name=re.compile("Residual U-Net")).wait_for()
    text = part.inner_text()
    assert "30.17 (29.35–30.99)" in text
    assert "AT&T Laboratories Cambridge" in text
    assert 'keras.saving.load_model("hf://' in text
    for image in part.locator(".plots img").all():
        image.scroll_into_view_if_needed()
        until(image.page, lambda image=image: image.evaluate("e => e.naturalWidth") > 300)
    assert part.locator(".plots img").count() == 4


def test_the_policy_lets_nothing_out(visit):
    """Neither the page nor its worker can send anything anywhere."""
    tab = visit()
    attempt = (
        "fetch('http://127.0.0.1:9/', { mode: 'no-cors' }).then(() => 'sent', (e) => e.message)"
    )
    violated = """new Promise((resolve) => {
        self.addEventListener("securitypolicyviolation", (e) => resolve(e.effectiveDirective));
        fetch("http://127.0.0.1:9/", { mode: "no-cors" }).catch(() => {});
        setTimeout(() => resolve("nothing stopped it"), 3000);
    })"""
    assert tab.evaluate(attempt) == "Failed to fetch"
    assert tab.evaluate(violated) == "connect-src"
    (worker,) = [one for one in tab.workers if one.url.startswith("blob:")]
    assert worker.evaluate(violated) == "connect-src"


@pytest.mark.parametrize("headers", [HEADERS, {}], ids=["isolated", "plain"])
def test_it_works_offline_once_loaded(visit, headers):
    tab = visit(headers=headers)
    assert tab.evaluate("crossOriginIsolated") == bool(headers)
    tab.evaluate("navigator.serviceWorker.ready.then(() => true)")
    tab.space.stop()
    tab.goto(tab.space.url)
    tab.wait_for_selector("figure.reconstructed img[src]")
    part = section(tab, "Clean up")
    part.locator(".result").wait_for()
    section(tab, "About").get_by_role("row", name=re.compile("Residual U-Net")).wait_for()


def test_threads_are_used_where_memory_may_be_shared(visit):
    cores = visit().evaluate("navigator.hardwareConcurrency")
    said = visit().locator("#serving").inner_text()
    assert ("One thread" if cores <= 2 else f"{cores - 1} threads") in said
    assert "One thread" in visit(headers={}).locator("#serving").inner_text()


@pytest.fixture(scope="module")
def onnx(built):
    """The released files, as they lie in a model repository on the Hub."""
    return {
        name: (built / "model" / name).read_bytes() for name in ("estimator.onnx", "restorer.onnx")
    }


VARIABLES = {"MODEL_ID": "owner/olivetti-denoiser", "MODEL_REVISION": "v1.0.0"}


def answering(onnx, asked):
    """A Hub that has the files."""

    def answer(route):
        asked.append(route.request.url)
        name = route.request.url.rsplit("/", 1)[-1]
        route.fulfill(body=onnx[name], headers={"Access-Control-Allow-Origin": "*"})

    return answer


def test_the_released_network_comes_from_the_hub(visit, onnx):
    asked = []
    tab = visit(variables=VARIABLES, hub=answering(onnx, asked), offline="block")
    assert "Serving owner/olivetti-denoiser at v1.0.0." in tab.locator("#serving").inner_text()
    start = f"{HUB}owner/olivetti-denoiser/resolve/v1.0.0/onnx/"
    assert sorted(asked) == [f"{start}estimator.onnx", f"{start}restorer.onnx"]
    assert not [path for path, _ in tab.space.log if path.endswith(".onnx")]
    assert "hf://owner/olivetti-denoiser" in section(tab, "About").inner_text()


def test_without_the_hub_the_kept_network_serves_or_the_bundled_one(visit, onnx):
    gone = []

    def hub(route):
        route.abort() if gone else answering(onnx, [])(route)

    tab = visit(variables=VARIABLES, hub=hub)
    tab.wait_for_timeout(300)
    gone.append(True)
    tab.reload()
    tab.wait_for_selector("figure.reconstructed img[src]")
    assert "v1.0.0; kept from an earlier visit" in tab.locator("#serving").inner_text()

    tab = visit(variables=VARIABLES, hub=lambda route: route.abort())
    said = tab.locator("#serving").inner_text()
    assert "the network that came with this page; owner/olivetti-denoiser could not be had" in said


@pytest.mark.parametrize(
    "answer", [{"status": 404}, {"body": b"broken"}], ids=["missing", "broken"]
)
def test_a_useless_file_on_the_hub_leaves_a_working_page(visit, answer):
    tab = visit(
        variables=VARIABLES,
        hub=lambda route: route.fulfill(headers={"Access-Control-Allow-Origin": "*"}, **answer),
    )
    assert "the network that came with this page; " in tab.locator("#serving").inner_text()


@pytest.mark.parametrize("variables", [None, {}, {"OTHER": "1"}], ids=str)
def test_without_variables_the_bundled_network_serves(visit, variables):
    said = visit(variables=variables).locator("#serving").inner_text()
    assert said.startswith("Serving the network that came with this page.")


@pytest.mark.parametrize(
    "path", ["model/restorer.onnx", "runtime/ort.wasm.bin", "model/estimator.onnx"]
)
@pytest.mark.parametrize("content", [None, b"broken"], ids=["missing", "broken"])
def test_a_broken_page_says_so_in_one_sentence(visit, path, content):
    tab = visit(replaced={path: content}, ready=False)
    tab.get_by_text(re.compile("A file of the network .* please load the page again")).wait_for()
    assert tab.locator("#serving").inner_text() == "Nothing serves."


def test_a_broken_page_says_so_though_its_list_of_files_comes_late(visit, built):
    def late():
        time.sleep(3)
        return (built / "content.json").read_bytes()

    tab = visit(replaced={"runtime/ort.wasm.bin": b"broken", "content.json": late}, ready=False)
    tab.get_by_text("please load the page again").wait_for()


def test_a_server_that_unpacks_the_runtime_does_no_harm(visit, built):
    import gzip

    packed = (built / "runtime" / "ort.wasm.bin").read_bytes()
    visit(replaced={"runtime/ort.wasm.bin": gzip.decompress(packed)})


def test_the_first_answer_takes_six_megabytes_at_most(visit):
    tab = visit(offline="block")  # what is kept for visits without a network comes afterwards
    assert sum(size for _, size in tab.space.log) <= 6_000_000


@pytest.mark.parametrize(
    ("name", "viewport", "scheme"),
    [("wide", WIDE, "light"), ("phone", PHONE, "light"), ("dark", WIDE, "dark")],
)
def test_it_fits_the_window_and_is_accessible(visit, name, viewport, scheme):
    axe = (PACKAGES / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    tab = visit(viewport, scheme)
    for part in ("Demo", "Clean up", "About"):
        section(tab, part)
        if part == "Clean up":
            tab.locator(".result").wait_for()
        tab.wait_for_timeout(500)  # pictures are decoded
        overflow = tab.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, f"{part} is {overflow} pixels wider than the window"
        shot(tab, f"browser_{name}_{part.lower().replace(' ', '_')}")
        tab.evaluate(axe)
        found = tab.evaluate("axe.run()")["violations"]
        grave = [one for one in found if one["impact"] in ("serious", "critical")]
        assert not grave, [(one["id"], [node["html"] for node in one["nodes"]]) for one in grave]
    ground = tab.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    bright = sum(map(int, re.findall(r"\d+", ground)[:3])) > 380
    assert bright == (scheme == "light")


def test_the_tabs_are_walked_by_keyboard_alone(visit):
    tab = visit()
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Demo"
    tab.keyboard.press("ArrowRight")
    tab.locator("#clean-up .result").wait_for()
    tab.keyboard.press("End")
    assert tab.evaluate("document.activeElement.getAttribute('aria-selected')") == "true"
    tab.get_by_text("What it learned from").wait_for()
    tab.keyboard.press("Home")
    names = []
    for _ in range(12):
        tab.keyboard.press("Tab")
        names.append(
            tab.evaluate("document.activeElement.name || document.activeElement.ariaLabel")
        )
    assert {"sigma", "seed"} <= set(names)
    assert "Download the original as PNG" in names


def shot(tab, name):
    SHOTS.mkdir(exist_ok=True)
    tab.screenshot(path=SHOTS / f"{name}.png", full_page=True)
