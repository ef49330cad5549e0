"""The static Space in a real browser: walked as a visitor, compared with `Denoiser`, and broken.

The page is built once from `space/browser` with the released network in it. Screenshots go to
`screenshots/`; look at them after changing the page.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from browser_visit import (
    HEADERS,
    section,
    shot,
    shown,
    source,
    until,
    wait_for_result,
)
from olivetti_denoiser.images.gray_view import gray_view
from olivetti_denoiser.metrics import mse, psnr, ssim
from olivetti_denoiser.publish.static_space import SETTINGS
from pictures_for_browsers import VIEWS, noisy_scene, save
from static_space import PACKAGES

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "space" / "examples"
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def opened(visits):
    """The page in a tab that most tests share; each brings its own picture."""
    return visits.open()


@pytest.fixture
def tab(opened, visits):
    yield opened
    assert not visits.complaints


def test_the_modules_by_themselves():
    node = shutil.which("node")
    if node is None:
        pytest.skip("these tests run in Node, which is not installed")
    tests = sorted((ROOT / "space" / "browser" / "test").glob("*.test.js"))
    given = os.environ | {"SETTINGS": json.dumps(SETTINGS)}
    command = [node, "--test", *tests]
    done = subprocess.run(command, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def changed(part, name, before):
    """Waits until a picture of the Demo is another one; returns its address."""
    until(part.page, lambda: source(part, name) != before)
    return source(part, name)


def choose(part, path):
    """Gives the Demo a picture and waits for its view."""
    before = source(part, "original")
    part.locator("input[type=file]").set_input_files(path)
    changed(part, "original", before)


def assert_view(part, path):
    """Asserts that the Demo shows a picture as Python's gray view has it, but for one level."""
    difference = np.abs(shown(part, "original") - gray_view(Image.open(path)).astype(int))
    assert np.quantile(difference, 0.99) <= 1 and difference.max() <= 3, path


def test_the_first_answer_takes_six_megabytes_and_the_threads_that_it_may(visit):
    tab = visit(offline="block")  # what is kept for visits without a network comes afterwards
    assert sum(size for _, size in tab.space.log) <= 6_000_000
    cores = tab.evaluate("navigator.hardwareConcurrency")
    said = tab.locator("#serving").inner_text()
    assert said.startswith("Serving the built-in networks, 30.17 dB on the test faces.")
    assert ("One thread" if cores <= 2 else f"{cores - 1} threads") in said
    portrait = np.asarray(Image.open(EXAMPLES / "drawn_1_portrait.png"))
    assert np.array_equal(shown(section(tab, "Demo"), "original"), portrait)


def test_the_demo_follows_the_controls_and_its_figures_are_right(tab):
    part = section(tab, "Demo")
    choose(part, EXAMPLES / "drawn_2_still_life.png")
    before = source(part, "noisy")
    original, noisy, restored = (shown(part, n) for n in ("original", "noisy", "reconstructed"))
    assert 0.085 < np.std(noisy / 255.0 - original / 255.0) < 0.105
    for name, picture in (("noisy", noisy), ("reconstructed", restored)):
        clean, other = original[None] / 255.0, picture[None] / 255.0
        cells = part.locator(f"tr.{name} td").all_inner_texts()
        expected = psnr(clean, other)[0], ssim(clean, other)[0], mse(clean, other)[0]
        for cell, figure, digits in zip(cells, expected, (2, 3, 5), strict=True):
            assert abs(float(cell.split()[0]) - figure) <= 0.51 * 10**-digits
    gain = float(re.search(r"\+([\d.]+) dB", part.locator(".verdict").inner_text())[1])
    measured = psnr(clean, other)[0] - psnr(clean, noisy[None] / 255.0)[0]
    assert gain == pytest.approx(measured, abs=0.06)

    # No noise, by the keyboard alone; then another seed, which can be had again.
    drawn = []
    for key in ("Home", "End"):
        part.get_by_label("Noise level").focus()  # the download's link has it otherwise
        tab.keyboard.press(key)
        before = changed(part, "noisy", before)
        drawn.append(shown(part, "noisy"))
    for seed in ("7", "0"):
        part.get_by_label("Seed").fill(seed)
        before = changed(part, "noisy", before)
        drawn.append(shown(part, "noisy"))
    assert np.array_equal(drawn[0], original)
    assert np.array_equal(drawn[1], drawn[3]) and not np.array_equal(drawn[1], drawn[2])
    part.get_by_label("Seed").fill("-1")
    tab.get_by_text("The seed must be a whole number").wait_for()
    part.get_by_label("Seed").fill("0")
    part.get_by_label("Noise level").fill("0.1")
    until(tab, lambda: tab.locator("#alert").is_hidden())


def test_the_gray_view_is_the_one_that_python_sees(tab, tmp_path):
    part = section(tab, "Demo")
    for make in VIEWS.values():
        path = make(tmp_path)
        choose(part, path)
        assert_view(part, path)


def test_pictures_come_by_clicking_dropping_and_pasting(tab):
    part = section(tab, "Demo")
    before = source(part, "original")
    part.get_by_role("button", name="Example: portrait drawn").click()
    changed(part, "original", before)
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
        assert_view(part, EXAMPLES / name)


def test_about_has_the_figures_the_limits_and_the_credit(tab):
    part = section(tab, "About")
    part.get_by_role("row", name=re.compile("Residual U-Net")).wait_for()
    text = part.inner_text()
    assert "30.17 (29.35–30.99)" in text
    assert "AT&T Laboratories Cambridge" in text
    assert 'Denoiser.from_pretrained("OWNER/' in text
    for image in part.locator(".plots img").all():
        image.scroll_into_view_if_needed()
        until(image.page, lambda image=image: image.evaluate("e => e.naturalWidth") > 300)
    assert part.locator(".plots img").count() == 4


def test_the_policy_lets_nothing_out(tab):
    """Neither the page nor its worker can send anything anywhere."""
    section(tab, "Demo").get_by_role("button", name="Example: portrait drawn").click()
    violated = """new Promise((resolve) => {
        self.addEventListener("securitypolicyviolation", (e) => resolve(e.effectiveDirective));
        fetch("http://127.0.0.1:9/", { mode: "no-cors" }).catch(() => {});
        setTimeout(() => resolve("nothing stopped it"), 3000);
    })"""
    assert tab.evaluate(violated) == "connect-src"
    (worker,) = [one for one in tab.workers if one.url.startswith("blob:")]
    assert worker.evaluate(violated) == "connect-src"


def test_while_the_network_loads_files_wait_and_tabs_work(visit, visits, tmp_path):
    """Chosen and dropped files are worked on afterwards, and the example does not replace them."""
    free = threading.Event()
    held = (visits.folder / "model" / "restorer.onnx").read_bytes()
    replaced = {"model/restorer.onnx": lambda: free.wait(60) and held}
    tab = visit(replaced=replaced, ready=False, offline="block")
    part = tab.locator("#demo")
    colours = part.locator(".outcome img:not([src])").evaluate_all(
        "images => images.map((image) => getComputedStyle(image).color)"
    )
    assert colours == ["rgba(0, 0, 0, 0)"] * 5  # alternative texts would lie over each other
    part.locator("input[type=file]").set_input_files(EXAMPLES / "drawn_3_letters.png")
    stays = """() => {
      const data = new DataTransfer();
      data.items.add(new File(["no picture"], "letter.txt"));
      const drop = new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: data });
      return !document.body.dispatchEvent(drop);
    }"""
    clean = section(tab, "Clean up")
    assert clean.is_visible() and tab.evaluate(stays)
    path = save(tmp_path / "waits.png", noisy_scene(60, 50, 3))
    clean.locator("input[type=file]").set_input_files(path)
    assert "Reading" in clean.locator(".status").inner_text()
    free.set()
    wait_for_result(tab, "a.download[download^='waits']")
    part = section(tab, "Demo")
    tab.wait_for_selector("figure.reconstructed img[src]")
    assert_view(part, EXAMPLES / "drawn_3_letters.png")


def test_a_browser_without_the_newest_functions_works(visit, visits):
    older = (
        b"delete Promise.withResolvers; delete Array.fromAsync; delete Iterator.prototype.map;\n"
    )
    replaced = {
        name: older + (visits.folder / name).read_bytes() for name in ("app.js", "worker.js")
    }
    visit(replaced=replaced, offline="block")


def test_a_browser_without_webassembly_is_told_so(visit, visits):
    worker = b"delete self.WebAssembly;\n" + (visits.folder / "worker.js").read_bytes()
    tab = visit(replaced={"worker.js": worker}, ready=False, offline="block")
    tab.locator("#alert").get_by_text("This browser cannot run the network").wait_for()


@pytest.mark.parametrize("headers", [HEADERS, {}], ids=["isolated", "plain"])
def test_it_works_offline_once_loaded(visit, headers):
    tab = visit(headers=headers)
    assert tab.evaluate("crossOriginIsolated") == bool(headers)
    tab.evaluate("navigator.serviceWorker.ready.then(() => true)")
    tab.space.stop()
    tab.goto(tab.space.url)
    tab.wait_for_selector("figure.reconstructed img[src]")
    section(tab, "Clean up")
    wait_for_result(tab)
    section(tab, "About").get_by_role("row", name=re.compile("Residual U-Net")).wait_for()


def without_tiff(visits):
    """A server that does not have the part of the page that reads TIFF files."""
    return {f"parts/{path.name}": None for path in visits.folder.glob("parts/decode_tiff*")}


def test_an_open_tab_outlives_a_new_version(visit, visits, tmp_path):
    """A part that the server has no more comes from what was kept."""
    replaced = {}
    tab = visit(replaced=replaced)
    tab.evaluate("navigator.serviceWorker.ready.then(() => true)")
    replaced |= without_tiff(visits)
    choose(section(tab, "Demo"), save(tmp_path / "scene.tif", noisy_scene(70, 60, 1)))
    assert any(path.startswith("parts/decode_tiff") for path, _ in tab.space.log)


def test_a_missing_part_is_not_called_a_damaged_picture(visit, visits, tmp_path):
    tab = visit(replaced=without_tiff(visits), offline="block")
    path = save(tmp_path / "scene.tif", noisy_scene(70, 60, 1))
    section(tab, "Demo").locator("input[type=file]").set_input_files(path)
    tab.locator("#alert").get_by_text("A part of this page could not be loaded").wait_for()


def test_with_the_storage_full_the_new_page_is_shown(visit, visits):
    full = (
        b'Cache.prototype.put = () => Promise.reject(new DOMException("", "QuotaExceededError"));\n'
    )
    script = full + (visits.folder / "service_worker.js").read_bytes()
    replaced = {"service_worker.js": script}
    tab = visit(replaced=replaced)
    tab.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page = (visits.folder / "index.html").read_bytes()
    replaced["index.html"] = page.replace(b"<title>", b"<title>The new ")
    tab.goto(tab.space.url)
    assert tab.title().startswith("The new ")
    tab.wait_for_selector("figure.reconstructed img[src]")


@pytest.mark.parametrize("phone", [False, True], ids=["wide", "dark phone"])
def test_it_fits_the_window_and_is_accessible(visit, phone):
    axe = (PACKAGES / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    tab = visit(**({"viewport": PHONE, "scheme": "dark"} if phone else {}), offline="block")
    for part in ("Demo", "Clean up", "About"):
        section(tab, part)
        if part == "Clean up":
            wait_for_result(tab)
        tab.wait_for_timeout(500)  # pictures are decoded
        overflow = tab.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, f"{part} is {overflow} pixels wider than the window"
        name = part.lower().replace(" ", "_")
        shot(tab, f"browser_{'phone' if phone else 'wide'}_{name}")
        tab.evaluate(axe)
        found = tab.evaluate("axe.run()")["violations"]
        grave = [one for one in found if one["impact"] in ("serious", "critical")]
        assert not grave, [(one["id"], [node["html"] for node in one["nodes"]]) for one in grave]
    ground = tab.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) > 380) != phone


def test_the_tabs_are_walked_by_keyboard_alone(tab):
    section(tab, "Demo")
    tab.locator("#tab-demo").focus()
    tab.keyboard.press("ArrowRight")
    wait_for_result(tab)
    tab.keyboard.press("End")
    assert tab.evaluate("document.activeElement.getAttribute('aria-selected')") == "true"
    tab.get_by_text("What they learned from").wait_for()
    tab.keyboard.press("Home")
    names = []
    for _ in range(12):
        tab.keyboard.press("Tab")
        names.append(
            tab.evaluate("document.activeElement.name || document.activeElement.ariaLabel")
        )
    assert {"sigma", "seed", "Download the original as PNG"} <= set(names)
