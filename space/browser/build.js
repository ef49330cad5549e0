// Builds the page: node build.js TARGET
//
// What comes out needs no server of its own and no other origin; the networks, figures and examples
// are put beside it by `python -m olivetti_denoiser.publish.static_space`. `make browser` does both.
// The packages lie in `.node/`, outside of this folder, which wheels and Spaces are made of.

import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const packages = new URL("../../.node/", import.meta.url);
const { build } = createRequire(packages)("esbuild");
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const target = process.argv[2] ?? here("dist");
const runtime = fileURLToPath(new URL("node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded", packages));

await rm(target, { recursive: true, force: true });
await mkdir(`${target}/runtime`, { recursive: true });
const options = {
  outdir: target,
  bundle: true,
  nodePaths: [fileURLToPath(new URL("node_modules", packages))],
  format: "esm",
  minify: true,
  target: "es2022",
  legalComments: "eof", // the licences of what is bundled
};
await build({
  ...options,
  entryPoints: { app: here("src/page/app.js"), service_worker: here("src/service_worker.js") },
});
await build({
  ...options,
  entryPoints: { worker: here("src/worker/worker.js") },
  splitting: true, // what only a TIFF needs is loaded with the first one
  loader: { ".jpg": "binary" },
  chunkNames: "parts/[name]-[hash]",
});
for (const name of ["index.html", "style.css", "icon.svg"]) await cp(here(name), `${target}/${name}`);
await cp(`${runtime}.mjs`, `${target}/runtime/ort-wasm-simd-threaded.mjs`);
// Packed here and unpacked by the page, as a server may or may not do so; hence the neutral name.
await writeFile(`${target}/runtime/ort.wasm.bin`, gzipSync(await readFile(`${runtime}.wasm`), { level: 9 }));
