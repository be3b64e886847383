FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
ARG TARGETOS TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# timetzdata: the image has no time zones, and TZ shall work.
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -tags timetzdata -ldflags '-s -w' -o /out/windhover ./cmd/windhover
RUN mkdir /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build /out/windhover /windhover
USER 65532:65532
ENV WINDHOVER_DATA=/data
VOLUME /data
EXPOSE 5501 5502
HEALTHCHECK --interval=10s --timeout=6s --start-period=5s CMD ["/windhover", "health"]
ENTRYPOINT ["/windhover"]
