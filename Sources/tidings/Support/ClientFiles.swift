import Edge

/// The client for browsers, as every edge serves it. Source: Sources/tidings/Client.
enum ClientFiles {
    static let all: [String: EdgeFile] = [
        "/tidings.js": EdgeFile(body: PackageResources.tidings_js, contentType: "text/javascript; charset=utf-8"),
        "/tidings.mjs": EdgeFile(body: PackageResources.tidings_mjs, contentType: "text/javascript; charset=utf-8"),
        "/tidings.d.ts": EdgeFile(body: PackageResources.tidings_d_ts, contentType: "text/plain; charset=utf-8"),
        "/tidings.d.mts": EdgeFile(body: PackageResources.tidings_d_mts, contentType: "text/plain; charset=utf-8"),
    ]
}
