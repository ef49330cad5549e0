"""The static Space's Demo and About, and the page as a whole: its policy, its look, its keys.

Screenshots go to `screenshots/`; look at them after changing the page.
"""

from __future__ import annotations

import re
import threading

import numpy as np
import pytest
from PIL import Image

from browser_visit import WIDE, give, section, shot, shown, told, until, wait_for_result
from olivetti_denoiser.images.gray_view import gray_view
from olivetti_denoiser.metrics import mse, psnr, ssim
from pictures_for_browsers import VIEWS, save
from static_space import PACKAGES, ROOT

EXAMPLES = ROOT / "space" / "examples"
PHONE = {"width": 390, "height": 844}


def source(part, name):
    """Return the address of a picture of the Demo."""
    return part.locator(f"figure.{name} img").get_attribute("src")


def changed(part, name, before):
    """Wait until a picture of the Demo is another one; returns its address."""
    until(part.page, lambda: source(part, name) != before)
    return source(part, name)


def choose(tab, path):
    """Give the Demo a picture and wait for its view."""
    part = section(tab, "Demo")
    before = source(part, "original")
    give(tab, "Demo", path)
    changed(part, "original", before)


def assert_view(part, path):
    """Assert that the Demo shows a picture as Python's gray view has it, but for one level."""
    difference = np.abs(shown(part, "original") - gray_view(Image.open(path)).astype(int))
    assert np.quantile(difference, 0.99) <= 1 and difference.max() <= 3, path


def test_a_first_visit_of_an_older_browser_on_a_slow_line(visit, visits):
    """Files wait for the network, the example does not replace them, and six megabytes suffice."""
    older = b"delete Promise.withResolvers; delete Array.fromAsync; delete Iterator.prototype.map;"
    free = threading.Event()
    held = (visits.folder / "model" / "restorer.onnx").read_bytes()
    replaced = {
        name: older + (visits.folder / name).read_bytes() for name in ("app.js", "worker.js")
    }
    replaced["model/restorer.onnx"] = lambda: free.wait(60) and held
    tab = visit(replaced=replaced, ready=False, offline="block")
    colours = tab.locator("#demo .outcome img:not([src])").evaluate_all(
        "images => images.map((image) => getComputedStyle(image).color)"
    )
    assert colours == ["rgba(0, 0, 0, 0)"] * 5  # alternative texts would lie over each other
    give(tab, "Demo", EXAMPLES / "drawn_3_letters.png")
    assert tab.locator("#demo .verdict").inner_text().startswith("The first picture")
    free.set()
    tab.wait_for_selector("figure.reconstructed img[src]")
    assert sum(size for _, size in tab.space.log) <= 6_000_000
    assert_view(section(tab, "Demo"), EXAMPLES / "drawn_3_letters.png")
    said = tab.locator("#serving").inner_text()
    assert said == "Serving the built-in networks, 30.17 dB on the test faces."


@pytest.mark.smoke
def test_the_demo_follows_the_controls_and_its_figures_are_right(tab):
    part = section(tab, "Demo")
    choose(tab, EXAMPLES / "drawn_2_still_life.png")
    before = source(part, "noisy")
    original, noisy, restored = (shown(part, n) for n in ("original", "noisy", "reconstructed"))
    noise = noisy / 255.0 - original / 255.0
    assert 0.085 < np.std(noise) < 0.105 and abs(noise.mean()) < 0.01
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
    told(tab, "The seed must be a whole number")
    part.get_by_label("Seed").fill("0")
    part.get_by_label("Noise level").fill("0.1")
    until(tab, lambda: tab.locator("#alert").is_hidden())


@pytest.mark.parametrize("name", VIEWS)
def test_the_gray_view_is_the_one_that_python_sees(tab, tmp_path, name):
    path = save(tmp_path / name, VIEWS[name]())
    choose(tab, path)
    assert_view(section(tab, "Demo"), path)


def test_pictures_come_by_clicking_dropping_and_pasting(tab):
    part = section(tab, "Demo")
    before = source(part, "original")
    part.get_by_role("button", name="Example: portrait drawn").click()
    changed(part, "original", before)
    for kind, name in (("drop", "drawn_3_letters.png"), ("paste", "drawn_4_patterns.png")):
        before = source(part, "original")
        left = tab.evaluate(
            """async ([kind, path]) => {
              const blob = await (await fetch(path)).blob();
              const data = new DataTransfer();
              data.items.add(new File([blob], "dropped.png", { type: "image/png" }));
              const options = { bubbles: true, cancelable: true };
              return document.body.dispatchEvent(kind === "drop"
                ? new DragEvent("drop", { ...options, dataTransfer: data })
                : new ClipboardEvent("paste", { ...options, clipboardData: data }));
            }""",
            [kind, f"examples/{name}"],
        )
        assert left == (kind == "paste")  # the browser would open what is dropped
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


@pytest.mark.parametrize("phone", [False, True], ids=["wide", "dark phone"])
def test_it_fits_the_window_and_is_accessible(tab, phone):
    axe = (PACKAGES / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    tab.set_viewport_size(PHONE if phone else WIDE)
    tab.emulate_media(color_scheme="dark" if phone else "light")
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
    tab.set_viewport_size(WIDE)
    tab.emulate_media(color_scheme="light")


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
