# syntax=docker/dockerfile:1

# One image for each program: docker build --target worker|api|consentry .
# The images hold a static binary, certificate authorities and time zones; no shell, no package manager, no secret.
# Base images are pinned by tag. Pin them by digest where images are built (docker buildx imagetools inspect IMAGE): the
# digest has to be read from the registry, which the machine this file was written on does not reach.

FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ENV CGO_ENABLED=0 GOFLAGS=-trimpath
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build go build -ldflags="-s -w" -o /out/consentry-worker ./worker
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build go build -ldflags="-s -w" -o /out/consentry-api ./api
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build go build -ldflags="-s -w" -o /out/consentry ./starter

# Certificate authorities, time zones and an unprivileged user (65532), nothing else.
FROM gcr.io/distroless/static-debian12:nonroot AS base
LABEL org.opencontainers.image.title="Consentry" org.opencontainers.image.description="Moves customers from hand-made app registrations to consented connectors"
USER 65532:65532
WORKDIR /

FROM base AS worker
COPY --from=build /out/consentry-worker /consentry-worker
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["/consentry-worker", "health"]
ENTRYPOINT ["/consentry-worker"]

# The operator's command line: docker run --rm -e CONSENTRY_API -e CONSENTRY_TOKEN_FILE=/token -v FILE:/token:ro IMAGE whoami
FROM base AS consentry
COPY --from=build /out/consentry /consentry
ENTRYPOINT ["/consentry"]

FROM base AS api
COPY --from=build /out/consentry-api /consentry-api
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/consentry-api", "health"]
ENTRYPOINT ["/consentry-api"]
