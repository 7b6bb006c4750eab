# A small image that runs as nobody in particular, on a read-only root, with its state in a volume:
#   docker build -t backfill .
#   docker run --rm --read-only --tmpfs /tmp -e INKEEPANALYTICS_API_INTEGRATION_KEY \
#     -v "$PWD/jobs:/jobs:ro" -v "$PWD/sample_data:/sample_data:ro" -v backfill-state:/state \
#     backfill run --state-dir /state /jobs/docs-search.toml

FROM python:3.13.9-slim-trixie AS build

WORKDIR /build
COPY requirements-extras.lock pyproject.toml README.md LICENSE ./
COPY etl ./etl
# The lock pins every dependency by hash; the package itself is built from the tree, without reaching for anything.
RUN python -m venv /opt/backfill \
    && /opt/backfill/bin/pip install --no-cache-dir --require-hashes --requirement requirements-extras.lock \
    && /opt/backfill/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13.9-slim-trixie

COPY --from=build /opt/backfill /opt/backfill
# A fixed number, so that volumes keep their owner from one image to the next.
RUN groupadd --gid 10001 backfill \
    && useradd --uid 10001 --gid backfill --no-create-home --shell /usr/sbin/nologin backfill \
    && install --directory --mode 0700 --owner backfill --group backfill /state
ENV PATH="/opt/backfill/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
VOLUME ["/state"]
# SIGTERM drains a run within five seconds.
STOPSIGNAL SIGTERM
ENTRYPOINT ["backfill"]
CMD ["--help"]
