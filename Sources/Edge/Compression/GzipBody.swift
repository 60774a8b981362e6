/// A body in gzip form, made once and shared by all answers that carry it, whole or as a part of theirs.
struct GzipBody {
    /// Smaller bodies are sent as they are: they fit one packet either way.
    static let worthwhile = 1024

    /// The whole file (RFC 1952).
    let bytes: [UInt8]
    /// Of the plain body.
    let checksum: UInt32
    let length: Int

    /// Compresses a body; nil when that does not make it smaller.
    init?(_ body: [UInt8], by zlib: ZlibHandle) {
        guard let blocks = zlib.blocks(of: body), blocks.count + GzipWriter.frame < body.count else { return nil }
        checksum = ZlibHandle.checksum(of: body)
        length = body.count
        var writer = GzipWriter(reserving: blocks.count + GzipWriter.frame)
        writer.append(blocks: blocks[...], checksum: checksum, length: length)
        bytes = writer.finish()
    }

    /// The compressed blocks, without what frames them.
    var blocks: ArraySlice<UInt8> {
        bytes[GzipWriter.header.count..<(bytes.count - GzipWriter.trailer)]
    }
}
