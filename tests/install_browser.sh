#!/bin/sh
# Installs Debian's Chromium for the tests that open a report in a browser. Says nothing when there
# is nothing to do, and never fails: without a browser those tests skip (under CI=true they fail).

for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done

if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" -ne 0 ]; then
    echo "No Chromium here, and not root on Debian: install it to run the browser tests too."
    exit 0
fi

log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
if apt-get update >"$log" 2>&1 &&
    apt-get install --yes --no-install-recommends chromium fonts-liberation >>"$log" 2>&1; then
    rm -f "$log"
else
    echo "Chromium could not be installed; the browser tests will not run. The last lines were:"
    tail -n 3 "$log"
fi
exit 0
