#!/bin/sh
# Finds a Python that Tidemill runs on and hands over to setup.py. PYTHON=... chooses one.
set -eu
here=$(dirname "$0")

fits() {
    "$1" -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info[:2] <= (3, 14)))' >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ]; then
    if ! command -v "$PYTHON" >/dev/null 2>&1; then
        echo "setup: PYTHON=$PYTHON does not exist. Tidemill needs Python 3.11, 3.12, 3.13 or 3.14." >&2
        exit 2
    fi
    if ! fits "$PYTHON"; then
        echo "setup: PYTHON=$PYTHON is $("$PYTHON" --version 2>&1 | head -1); Tidemill needs Python 3.11, 3.12, 3.13 or 3.14." >&2
        exit 2
    fi
    exec "$PYTHON" "$here/setup.py" "$@"
fi

for candidate in python3 python python3.14 python3.13 python3.12 python3.11; do
    if fits "$candidate"; then
        exec "$candidate" "$here/setup.py" "$@"
    fi
done

echo "setup: no Python 3.11, 3.12, 3.13 or 3.14 was found (python3 is $(python3 --version 2>&1 | head -1))." >&2
echo "       Install one, or name it: make setup PYTHON=/path/to/python3.12" >&2
exit 2
