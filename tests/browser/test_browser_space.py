"""The static Space's Demo and About, and the page as a whole: its policy, its look, its keys.

Screenshots go to `screenshots/`; look at them after changing the page.
"""

from __future__ import annotations

import re
import threading

import numpy as np
import pytest
from PIL import Image

from browser_visit import download, give, told, wait_for_result
from checkout import EXAMPLES
from olivetti_denoiser.images.gray_view import gray_view
from olivetti_denoiser.metrics import mse, psnr, ssim
from page_in_browser import PHONE, WIDE, look, section, until
from pictures_for_browsers import deep, noisy_scene, save, with_alpha
from static_space import PACKAGES

VIEWS = {
    "large.jpg": noisy_scene(1203, 911, 3),  # not the middle, or aliased
    "tall.png": noisy_scene(65, 64 * 60, 1),  # the other side in the middle
    "deep.png": deep(200, 150),  # 16 bits as if they were 8
    "alpha.png": with_alpha(noisy_scene(90, 70, 3)),  # transparency on black
}


def shown(part, name):
    """Return the pixels of a picture of the Demo."""
    return np.asarray(download(part, f"figure.{name} a"))


def after(part, name, act, *values):
    """Return a picture of the Demo, the next after an act of the visitor."""
    source = part.locator(f"figure.{name} img")
    before = source.get_attribute("src")
    act(*values)
    until(part.page, lambda: source.get_attribute("src") != before)
    return shown(part, name)


def assert_view(view, path):
    """Assert that the Demo shows a picture as Python's gray view has it, but for one level."""
    difference = np.abs(view - gray_view(Image.open(path)).astype(int))
    assert np.quantile(difference, 0.99) <= 1 and difference.max() <= 3, path


def test_a_first_visit_of_an_older_browser_on_a_slow_line(visits):
    """Files wait for the network, the example does not replace them, and six megabytes suffice."""
    older = b"delete Promise.withResolvers; delete Array.fromAsync; delete Iterator.prototype.map;"
    replaced = {name: older + visits.file(name) for name in ("app.js", "worker.js")}
    free, held = threading.Event(), visits.file("model/restorer.onnx")
    replaced["model/restorer.onnx"] = lambda: free.wait(60) and held
    tab = visits.open(replaced=replaced, ready=False)
    colours = tab.locator("#demo .outcome img:not([src])").evaluate_all(
        "images => images.map((image) => getComputedStyle(image).color)"
    )
    assert colours == ["rgba(0, 0, 0, 0)"] * 5  # alternative texts would lie over each other
    path = EXAMPLES / "drawn_3_letters.png"
    give(tab, "Demo", path)
    assert_view(after(tab.locator("#demo"), "original", free.set), path)
    assert sum(size for _, size in tab.space.log) <= 6_000_000
    said = tab.locator("#serving").inner_text()
    assert said == "Serving the built-in networks, 30.17 dB on the test faces."


@pytest.mark.smoke
def test_the_demo_follows_the_controls_and_its_figures_are_right(tab):
    part = section(tab, "Demo")
    original = after(part, "original", give, tab, "Demo", EXAMPLES / "drawn_2_still_life.png")
    noisy, restored = shown(part, "noisy"), shown(part, "reconstructed")
    noise = noisy / 255.0 - original / 255.0
    assert 0.085 < np.std(noise) < 0.105 and abs(noise.mean()) < 0.01
    for name, picture in (("noisy", noisy), ("reconstructed", restored)):
        pair = original[None] / 255.0, picture[None] / 255.0
        cells = part.locator(f"tr.{name} td").all_inner_texts()
        for cell, metric, digits in zip(cells, (psnr, ssim, mse), (2, 3, 5), strict=True):
            assert abs(float(cell.split()[0]) - metric(*pair)[0]) <= 0.51 * 10**-digits
    gain = float(re.search(r"\+([\d.]+) dB", part.locator(".verdict").inner_text())[1])
    measured = psnr(*pair)[0] - psnr(pair[0], noisy[None] / 255.0)[0]
    assert gain == pytest.approx(measured, abs=0.06)

    # No noise, by the keyboard alone; then another seed, which can be had again.
    sigma, seed = part.get_by_label("Noise level"), part.get_by_label("Seed")
    drawn = [after(part, "noisy", sigma.press, key) for key in ("Home", "End")]
    drawn += [after(part, "noisy", seed.fill, number) for number in ("7", "0")]
    assert np.array_equal(drawn[0], original)
    assert np.array_equal(drawn[1], drawn[3]) and not np.array_equal(drawn[1], drawn[2])
    seed.fill("-1")
    told(tab, "The seed must be a whole number")
    seed.fill("0")
    sigma.fill("0.1")
    until(tab, lambda: tab.locator("#alert").is_hidden())


@pytest.mark.parametrize("name", VIEWS)
def test_the_gray_view_is_the_one_that_python_sees(tab, tmp_path, name):
    path = save(tmp_path / name, VIEWS[name])
    assert_view(after(section(tab, "Demo"), "original", give, tab, "Demo", path), path)


def test_pictures_come_by_clicking_dropping_and_pasting(tab):
    part = section(tab, "Demo")
    button = part.get_by_role("button", name="Example: portrait drawn")
    assert_view(after(part, "original", button.click), EXAMPLES / "drawn_1_portrait.png")
    script = """async ([kind, path]) => {
        const blob = await (await fetch(path)).blob();
        const data = new DataTransfer();
        data.items.add(new File([blob], "dropped.png", { type: "image/png" }));
        const options = { bubbles: true, cancelable: true };
        document.body.dispatchEvent(kind === "drop"
          ? new DragEvent("drop", { ...options, dataTransfer: data })
          : new ClipboardEvent("paste", { ...options, clipboardData: data }));
    }"""
    for kind, name in (("drop", "drawn_3_letters.png"), ("paste", "drawn_4_patterns.png")):
        view = after(part, "original", tab.evaluate, script, [kind, f"examples/{name}"])
        assert_view(view, EXAMPLES / name)


def test_the_policy_lets_nothing_out(tab):
    """Neither the page nor its worker can send anything anywhere."""
    violated = """new Promise((resolve) => {
        self.addEventListener("securitypolicyviolation", (e) => resolve(e.effectiveDirective));
        fetch("http://127.0.0.1:9/", { mode: "no-cors" }).catch(() => {});
        setTimeout(() => resolve("nothing stopped it"), 3000);
    })"""
    (worker,) = [one for one in tab.workers if one.url.startswith("blob:")]
    assert [side.evaluate(violated) for side in (tab, worker)] == ["connect-src"] * 2


@pytest.mark.parametrize("phone", [False, True], ids=["wide", "dark phone"])
def test_it_fits_the_window_and_is_accessible(tab, phone):
    axe = (PACKAGES / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    tab.set_viewport_size(PHONE if phone else WIDE)
    tab.emulate_media(color_scheme="dark" if phone else "light")
    tab.evaluate(axe)
    for part in ("Demo", "Clean up", "About"):
        panel = section(tab, part)
        if part == "Clean up":
            wait_for_result(tab)
        if part == "About":
            panel.get_by_role("row", name=re.compile("Residual U-Net")).wait_for()
            for text in ("30.17 (29.35–30.99)", "AT&T Laboratories", 'from_pretrained("OWNER/'):
                assert text in panel.inner_text()
            assert panel.locator(".plots img").count() == 4
        look(tab, f"browser_{'phone' if phone else 'wide'}_{part}")
        found = tab.evaluate("axe.run()")["violations"]
        assert not [one for one in found if one["impact"] in ("serious", "critical")]
    ground = tab.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert ground == ("rgb(20, 22, 27)" if phone else "rgb(255, 255, 255)")
    tab.set_viewport_size(WIDE)


def test_the_tabs_are_walked_by_keyboard_alone(tab):
    section(tab, "Demo")
    tab.locator("#tab-demo").focus()
    for key, opened in (("ArrowRight", "clean-up"), ("End", "about"), ("Home", "demo")):
        tab.keyboard.press(key)
        assert tab.get_by_role("tabpanel").get_attribute("id") == opened
    names = []
    for _ in range(12):
        tab.keyboard.press("Tab")
        focused = "document.activeElement.name || document.activeElement.ariaLabel"
        names.append(tab.evaluate(focused))
    assert {"sigma", "seed", "Download the original as PNG"} <= set(names)
