// SETTINGS='{"tileSide": 512, …}' node --test space/browser/test/, as tests/test_browser_space.py does

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { plan, restore } from "../src/worker/denoiser.js";
import { readHeader } from "../src/worker/header.js";
import { figures } from "../src/worker/metrics.js";
import { noisyPicture, normal } from "../src/worker/noise.js";
import { onnxMetadata } from "../src/worker/onnx_metadata.js";
import { settings } from "../src/worker/settings.js";

Object.assign(settings, JSON.parse(process.env.SETTINGS));

test("the noise of a seed never changes, and is normal", () => {
  const draw = normal(0);
  const first = [draw(), draw(), draw()];
  const again = normal(0);
  assert.deepEqual(first, [again(), again(), again()]);
  assert.notDeepEqual(first[0], normal(1)());
  const draws = Array.from({ length: 100_000 }, normal(7));
  const moment = (power) => draws.reduce((sum, x) => sum + x ** power, 0) / draws.length;
  assert.ok(Math.abs(moment(1)) < 0.015);
  assert.ok(Math.abs(moment(2) - 1) < 0.02);
  assert.ok(Math.abs(moment(3)) < 0.05);
  assert.ok(Math.abs(moment(4) - 3) < 0.15);
});

test("a picture is at most 100 dB from itself, and its similarity is 1", () => {
  const picture = Uint8Array.from({ length: 400 }, (_, i) => (i * 37) % 256);
  const { mse, psnr, ssim } = figures(picture, picture);
  assert.equal(mse, 0);
  assert.equal(psnr, 100);
  assert.ok(Math.abs(ssim - 1) < 1e-12);
});

/** A picture of 30×40 whose values are told by the number of the pixel and of the value. */
function pictureOf(channels, value, width = 30, height = 40) {
  const length = width * height * channels;
  const data = Uint8Array.from({ length }, (_, i) => value(Math.floor(i / channels), i));
  return { width, height, channels, data };
}

test("what is transparent counts as what it is filled with", async () => {
  const page = pictureOf(4, (pixel, i) => (pixel === 0 ? 0 : pixel > 600 && pixel < 660 ? i % 251 : 255));
  let passed = 0;
  const network = { planes: 3, stride: 4, restore: async ({ data }) => ((passed += data.length / 3), data) };
  const work = plan(network, page);
  await restore(work, 0.1);
  assert.ok(passed > 0);
  assert.equal(work.pixels, passed);
});

test("the numbers for colours of an AVIF become those of a PNG", () => {
  const latin = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const file = latin("\0\0\0\x18ftypavif\0\0\0\0avifmif1\0\0\0\x13colrnclx\0\x0c\0\x10\0\x09\x80");
  assert.deepEqual([...readHeader(file).chunks.cICP[0]], [12, 16, 0, 1]); // Display P3, PQ
  const still = readHeader(latin("GIF89a\x40\0\x20\0"));
  assert.deepEqual([still.format, still.width, still.height, still.animated], ["GIF", 64, 32, false]);
});

test("the networks tell of themselves what Python has written", () => {
  const told = (path) => onnxMetadata(readFileSync(new URL(`../../../model_card/${path}.onnx`, import.meta.url)));
  const { mirror, stride } = told("onnx/restorer");
  assert.deepEqual([mirror, stride], ["true", "4"]);
  assert.equal(told("colour/onnx/restorer").mirror, "false");
  assert.deepEqual(told("onnx/estimator"), {});
});
