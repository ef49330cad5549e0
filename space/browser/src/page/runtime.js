// ONNX Runtime's WebAssembly, compiled while it is still being downloaded and unpacked.

/** Compiles a .wasm file that may be packed with gzip, whether or not the server unpacks it. */
export async function compiled(address) {
  const response = await fetch(address);
  if (!response.ok) throw new TypeError(`${address} answered ${response.status}`);
  const reader = response.body.getReader();
  const { value: start } = await reader.read();
  const whole = new ReadableStream({
    start: (controller) => controller.enqueue(start),
    async pull(controller) {
      const { value, done } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
  const packed = start[0] === 0x1f && start[1] === 0x8b;
  const stream = packed ? whole.pipeThrough(new DecompressionStream("gzip")) : whole;
  const headers = { "Content-Type": "application/wasm" };
  return WebAssembly.compileStreaming(new Response(stream, { headers }));
}
