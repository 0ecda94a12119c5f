#!/bin/sh
# trim-venv.sh VENV: takes out of an image's environment what no service of ours can reach: packages' own tests, the
# sources and headers of compiled modules, type stubs, and Arrow's Flight (31 MB), which nothing here imports and no
# other part of Arrow is linked to. An image is read-only, so nothing is made from them later either.
set -eu
venv=${1:?the environment to trim}
find "$venv" -name tests -type d -prune -exec rm -rf {} +
find "$venv" -type f \( -name '*.pxd' -o -name '*.pxi' -o -name '*.pyx' -o -name '*.pyi' -o -name '*.h' -o -name '*.hpp' \
    -o -name '*.c' -o -name '*.cpp' -o -name '*.cc' -o -name '*.a' \) -delete
find "$venv" -path '*/pyarrow/*' -name '*flight*' -delete
