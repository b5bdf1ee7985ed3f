# The tasks of ./dev, for those who use just.

# Show the tasks.
default:
    @just --list

# The main job: a node with a console, real flights, and conflicts to resolve.
demo *args:
    ./dev demo {{args}}

# All tests; the quick profile unless KEEPCLEAR_TESTS=thorough.
test *args:
    ./dev test {{args}}

# Style, types, and the direction of imports.
lint:
    ./dev lint

# The figures, with ratios against peers measured in the same run.
bench *args:
    ./dev bench {{args}}

# Nodes under drawn faults and lies: --seeds N, --first K, --nodes 8, --real.
simulate *args:
    ./dev simulate {{args}}

# InterUSS's suites against a fresh service; KEEPCLEAR_INTERUSS_TOOLS names the folder with their tools.
interuss *args:
    ./dev interuss {{args}}

# The pictures in the README and in the walk through the examples; needs Chromium.
picture:
    KEEPCLEAR_PICTURE=docs/images/demo.png ./dev test tests/e2e/test_demo.py -k conflicts
    KEEPCLEAR_PICTURE=docs/images/watch.png ./dev test tests/e2e/test_demo.py -k wildfire
    -.venv/bin/keepclear check examples/wildfire-2020/*.geojson --report report.html
    chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$(mktemp -d)" \
        --window-size=1100,1465 --screenshot=docs/images/report.png "file://$PWD/report.html"

# Pin the requirements anew, with hashes.
lock:
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --extra fast --extra pg --group build pyproject.toml -o requirements/run.txt
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --extra fast --extra adsb --extra asterix --extra tak --extra pg --group build --group dev pyproject.toml -o requirements/dev.txt
    echo "bluesky-simulator==1.1.1" | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-deps - -o requirements/bench-bluesky.txt
    echo "traffic==2.13" | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-deps - -o requirements/bench-traffic.txt
