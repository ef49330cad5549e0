#!/usr/bin/env bash
# Installs what the whole test suite needs beside Python, on Debian and Ubuntu: Chromium and a font,
# to see the pages as a visitor does; Node and npm, to build the static page; Open MPI, to train in
# two processes. Without them the tests that need them are skipped.
set -euo pipefail

sudo=$([ "$(id -u)" = 0 ] || echo sudo)
# Ubuntu's own package is a snap; GitHub's machines bring the browser under its other name.
if ! command -v chromium >/dev/null && command -v chromium-browser >/dev/null; then
    $sudo ln -s "$(command -v chromium-browser)" /usr/local/bin/chromium
fi
missing=()
command -v chromium >/dev/null || missing+=(chromium)
[ -d /usr/share/fonts/truetype/dejavu ] || missing+=(fonts-dejavu-core)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
command -v mpirun >/dev/null || missing+=(openmpi-bin)
if [ ${#missing[@]} -gt 0 ]; then
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
fi
