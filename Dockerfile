# The image of every motcua process: docker-compose.yml says which command each container runs.

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
# The lock first: while it does not change, Docker keeps this layer.
COPY requirements/run.txt requirements/run.txt
RUN python -m venv /opt/motcua \
    && /opt/motcua/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY config config
COPY connectors connectors
COPY dashboards dashboards
COPY monitor monitor
COPY tasks tasks
# The build's tools are in the lock too, so this downloads nothing.
RUN /opt/motcua/bin/pip install --no-cache-dir --disable-pip-version-check --no-build-isolation --no-deps --no-index .

FROM python:3.11-slim-bookworm
# The font of the report as PDF.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends fonts-liberation2 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/motcua --create-home motcua
COPY --from=build /opt/motcua /opt/motcua
ENV PATH=/opt/motcua/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /var/lib/motcua
USER 10001:10001
ENTRYPOINT ["motcua"]
CMD ["--help"]
