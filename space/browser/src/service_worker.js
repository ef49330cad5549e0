// Keeps the page's own files, so that it opens without a network; with one, the network's are used.
// An open tab goes on with parts that are kept when a new version has taken them off the server.
//
// Requests to other origins, which are those for the model on the Hub, are left alone.

const CACHE = "page";

self.addEventListener("install", (event) => {
  const keep = async () => {
    const cache = await caches.open(CACHE);
    const { files } = await (await fetch("content.json")).json();
    await cache.addAll(["./", ...files]);
    await self.skipWaiting();
  };
  event.waitUntil(keep());
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== location.origin) return;
  event.respondWith(answer(event));
});

/** The server's answer, which is kept afterwards; where it has none, what is kept. */
async function answer(event) {
  const { request } = event;
  const response = await fetch(request).catch(() => null);
  if (response?.status === 200) {
    event.waitUntil(keep(request, response.clone()).catch(() => {})); // the storage may be full
    return response;
  }
  const kept = await caches.match(request, { ignoreSearch: true, cacheName: CACHE }).catch(() => null);
  return kept ?? response ?? Response.error();
}

async function keep(request, response) {
  const cache = await caches.open(CACHE);
  await cache.put(request, response);
}
