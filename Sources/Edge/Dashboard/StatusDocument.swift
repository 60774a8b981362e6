/// One reading of the pipeline's state; compressed when somebody asks for it so, once for all.
final class StatusDocument {
    let body: [UInt8]
    private var compressed: GzipBody??

    init(body: [UInt8]) {
        self.body = body
    }

    /// In gzip form; nil when that is no smaller.
    func gzip(by zlib: ZlibHandle) -> [UInt8]? {
        if body.count < GzipBody.worthwhile { return nil }
        let result = compressed ?? GzipBody(body, by: zlib)
        compressed = result
        return result?.bytes
    }
}
