// SETTINGS='{"margin": 64, …}' node --test space/browser/test/, as tests/test_browser_space.py does

import assert from "node:assert/strict";
import { test } from "node:test";

import { estimateLevel, restore, work } from "../src/worker/denoiser.js";
import { readHeader } from "../src/worker/header.js";
import { figures } from "../src/worker/metrics.js";
import { noisyPicture, normal } from "../src/worker/noise.js";
import { insideFrame } from "../src/worker/plain_frame.js";
import { settings } from "../src/worker/settings.js";
import { copyTile, tileLength, tilePlaces, tileSide } from "../src/worker/tiles.js";

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

test("no noise leaves the picture as it was", () => {
  const picture = Uint8Array.from({ length: 256 }, (_, i) => i);
  assert.deepEqual(noisyPicture(picture, 0, 3), picture);
});

test("a picture is at most 100 dB from itself, and its similarity is 1", () => {
  const picture = Uint8Array.from({ length: 400 }, (_, i) => (i * 37) % 256);
  const { mse, psnr, ssim } = figures(picture, picture);
  assert.equal(mse, 0);
  assert.equal(psnr, 100);
  assert.ok(Math.abs(ssim - 1) < 1e-12);
});

test("tiles cover a picture, and none reaches further than it must", () => {
  assert.deepEqual([1, 64, 65, 512, 4000].map((side) => tileSide(side, 1)), [64, 64, 128, 512, 512]);
  assert.deepEqual(tilePlaces(512, 600, 512, 128), [[0, 0], [384, 0]]);
  const covered = new Set();
  for (const [, left] of tilePlaces(1300, 1, 512, 128))
    for (let x = left ? left + 64 : 0; x < Math.min(left + 512, 1300); x += 1) covered.add(x);
  assert.equal(covered.size, 1300);
  assert.equal(tileLength(1, 512), 72);
  assert.equal(tileLength(600, 512), 512);
});

test("a tile beyond the picture is its mirror image", () => {
  const picture = { width: 3, height: 1, channels: 1, data: Uint8Array.of(0, 51, 255) };
  const tile = new Float32Array(8);
  copyTile(picture, 0, { top: 0, left: 0, high: 1, wide: 8 }, tile, 0);
  assert.deepEqual([...tile].map((x) => Math.round(x * 5)), [0, 1, 5, 1, 0, 1, 5, 1]);
});

/** A picture of 30×40 whose values are told by the number of the pixel and of the value. */
function pictureOf(channels, value, width = 30, height = 40) {
  const length = width * height * channels;
  const data = Uint8Array.from({ length }, (_, i) => value(Math.floor(i / channels), i));
  return { width, height, channels, data };
}

const inBars = (pixel, i) => {
  const y = Math.floor(pixel / 30);
  return y < 10 ? 0 : y >= 33 ? 255 : i % 251;
};

/** A network that adds a tenth, and counts its passes. */
function tenth(planes) {
  const network = {
    planes,
    passes: 0,
    estimate: async () => [0.1],
    restore: async ({ data }) => {
      network.passes += 1;
      return data.map((x) => x + 0.1);
    },
  };
  return network;
}

test("bars of one colour are a frame", () => {
  const whole = { top: 0, left: 0, rows: 40, columns: 30 };
  const frame = (picture) => insideFrame(picture, 0, picture.channels);
  assert.deepEqual(frame(pictureOf(3, inBars)), { ...whole, top: 10, rows: 30 }); // 7 are too few
  assert.deepEqual(frame(pictureOf(3, (_, i) => i % 251)), whole);
  const columns = frame(pictureOf(1, (pixel) => (pixel % 30 < 8 ? 9 : pixel % 251)));
  assert.deepEqual(columns, { ...whole, left: 8, columns: 22 });
  for (const plain of [() => 7, (pixel) => (pixel < 600 ? 0 : 255), (pixel) => (pixel % 30 < 3 ? 0 : 255)])
    assert.equal(Math.min(frame(pictureOf(1, plain)).rows, frame(pictureOf(1, plain)).columns), 0);
});

test("a frame stays as it is, in each group of planes for itself", async () => {
  for (const [planes, passes] of [[3, 1], [1, 3]]) {
    const network = tenth(planes);
    const shares = [];
    const restored = await restore(network, pictureOf(3, inBars), 0.1, (share) => shares.push(share));
    assert.deepEqual([network.passes, shares.length, shares.at(-1)], [passes, passes, 1]);
    assert.ok(restored.subarray(0, 300).every((x) => x === 0));
    assert.ok(restored.subarray(300, 1200).every((x) => x >= 0.0999)); // 7 white rows are no frame
  }
  const gray = tenth(1);
  const red = pictureOf(3, (pixel, i) => (i % 3 === 0 && pixel < 300 ? 255 : i % 251));
  const restored = await restore(gray, red, 0.1);
  assert.ok(restored.subarray(0, 300).every((x) => x === 1));
  assert.ok(restored.subarray(1200, 1500).some((x) => x < 1));
});

test("a plain picture stays as it is, and takes no time", async () => {
  const network = tenth(3);
  const plain = pictureOf(3, (_, i) => [9, 200, 3][i % 3]);
  const restored = await restore(network, plain, 0.1);
  assert.deepEqual([network.passes, work(network, plain)], [0, 0]);
  assert.deepEqual([0, 1200, 2400].map((i) => Math.round(restored[i] * 255)), [9, 200, 3]);
  assert.ok(Math.abs((await estimateLevel(network, plain)) - 0.1) < 1e-6);
});

test("what is transparent counts as what it is filled with", async () => {
  const network = tenth(3);
  const page = pictureOf(4, (pixel, i) => (pixel === 0 ? 0 : pixel > 600 && pixel < 660 ? i % 251 : 255));
  let all = 0;
  const counted = { ...network, restore: async (tile) => ((all += tile.data.length / 3), network.restore(tile)) };
  await restore(counted, page, 0.1);
  assert.equal(work(counted, page), all);
});

test("the numbers for colours of an AVIF become those of a PNG", () => {
  const latin = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const file = latin("\0\0\0\x18ftypavif\0\0\0\0avifmif1\0\0\0\x13colrnclx\0\x0c\0\x10\0\x09\x80");
  assert.deepEqual([...readHeader(file).chunks.cICP[0]], [12, 16, 0, 1]); // Display P3, PQ
  const still = readHeader(latin("GIF89a\x40\0\x20\0"));
  assert.deepEqual([still.format, still.width, still.height, still.animated], ["GIF", 64, 32, false]);
});
