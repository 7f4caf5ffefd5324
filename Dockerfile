# The image, for who has a container engine. `npm run image` makes the same without one, and is what tests run.

FROM docker.io/library/node:24.21.0-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# Node is in its own place; the lockfile's copy of it is for checkouts.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && rm -rf node_modules/node-linux-* node_modules/.bin

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=packages /usr/local/bin/node /usr/bin/node
COPY --from=packages /app/node_modules /app/node_modules
COPY LICENSE package.json postfleet.ts /app/
COPY crds /app/crds
COPY lib /app/lib
COPY mta /app/mta
COPY operator /app/operator
COPY examples/standalone /app/examples/standalone
ENV NODE_COMPILE_CACHE=/tmp/compile
WORKDIR /app
USER 65532:65532
ENTRYPOINT ["/usr/bin/node","--max-semi-space-size=16","--no-parallel-scavenge","--disable-warning=ExperimentalWarning","/app/postfleet.ts"]
