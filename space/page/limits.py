"""How much work the page takes on; the About tab tells visitors these numbers."""

from __future__ import annotations

MEGABYTES = 20  # of a file
MEGAPIXELS = 25  # of a picture, a large phone photograph; 75 MB once decoded
CLEAN_UP_MEGAPIXELS = 12.6  # of a picture in Clean up: 4096×3072 at most
MINUTES = 5  # of work for a picture
VISITORS_AT_ONCE = 8
VISITORS_WAITING = 200
KEPT_MINUTES = 60  # how long pictures stay on the server
