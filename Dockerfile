# The image of lambda-triggers: a static binary and the certificates of public authorities, run as an unprivileged user.
# `make image` builds the image without a daemon.

FROM docker.io/library/rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates musl-tools && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN case "$(uname -m)" in x86_64 | aarch64) target=$(uname -m)-unknown-linux-musl ;; *) echo "no target for $(uname -m)" >&2; exit 1 ;; esac && \
    rustup target add "$target" && \
    cargo build --locked --profile image --package lambda-triggers --target "$target" && \
    cp "target/$target/image/lambda-triggers" /lambda-triggers

# `make image` uses only this stage, with a binary that the host builds.
FROM scratch AS image
ARG BINARY=/lambda-triggers
ARG CERTIFICATES=/etc/ssl/certs/ca-certificates.crt
COPY --from=build --chmod=0555 ${BINARY} /usr/local/bin/lambda-triggers
COPY --from=build --chmod=0444 ${CERTIFICATES} /etc/ssl/certs/ca-certificates.crt
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/lambda-triggers"]
CMD ["run"]
LABEL org.opencontainers.image.title="lambda-triggers" \
    org.opencontainers.image.description="Runs AWS Lambda functions on schedules and S3 events, declared as Kubernetes resources." \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.source="https://github.com/lambda-triggers/lambda-triggers"
