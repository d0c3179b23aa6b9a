# The console in a container.
#
#   docker build --tag galileo-console .
#   docker run --rm --publish 127.0.0.1:8088:8088 --volume traces:/data --env GALILEO_CONSOLE_TOKEN=at-least-16-characters galileo-console
#
# Its own address is every interface of the container, so requests need the token; without one it makes one up and prints it.

# The version is the one of rust-toolchain.toml; `cargo xtask release` compares them.
FROM rust:1.95.0-slim-bookworm AS build
# The image has this compiler; without the variable rustup would fetch the components for development as well.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo install --locked --path console --root /installed \
    && mkdir /data

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /installed/bin/galileo-console /usr/local/bin/galileo-console
COPY --from=build --chown=65532:65532 /data /data
ENV GALILEO_CONSOLE_LISTEN=0.0.0.0:8088 \
    GALILEO_CONSOLE_ALLOW_REMOTE=true \
    GALILEO_CONSOLE_DB=/data/traces.db
VOLUME /data
EXPOSE 8088
# The number of `nonroot`, which a cluster can check without a look into the image.
USER 65532
ENTRYPOINT ["galileo-console"]
CMD ["serve"]
