# Two stages: build with the compiler, run without it, as a user that owns nothing but its data.
FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends libssl-dev pkg-config && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package tieout

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends libssl3 ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --system --create-home --home-dir /var/lib/tieout tieout
COPY --from=build /src/target/release/tieout /usr/local/bin/tieout
USER tieout
WORKDIR /var/lib/tieout
ENTRYPOINT ["tieout"]
CMD ["--log", "json", "run"]
