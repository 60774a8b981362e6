import CZlib

/// zlib's compressor. One serves a whole process: its 256 KiB are taken at the first use and used again for each body, so
/// that connections hold none of it.
///
/// Owns the C state; for one thread.
final class ZlibHandle {
    private var stream: UnsafeMutablePointer<z_stream>?

    /// Fast rather than small: it happens on the loop's thread. 5 finds about as much as the usual 6.
    private static let level: Int32 = 5

    deinit {
        guard let stream else { return }
        deflateEnd(stream)
        stream.deallocate()
    }

    /// Compresses bytes as blocks of DEFLATE (RFC 1951) without a last one. They end at the end of a byte and refer to
    /// nothing before them, so blocks of several calls may follow each other.
    ///
    /// - Returns: nil when there is no memory for it.
    func blocks(of body: [UInt8]) -> [UInt8]? {
        guard let stream = prepared() else { return nil }
        // Room for the blocks and for the mark that ends them.
        let room = Int(deflateBound(stream, uLong(body.count))) + 16
        let packed = [UInt8](unsafeUninitializedCapacity: room) { output, count in
            body.withUnsafeBufferPointer { input in
                // zlib reads from it only.
                stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.pointee.avail_in = uInt(input.count)
                stream.pointee.next_out = output.baseAddress
                stream.pointee.avail_out = uInt(room)
                let code = deflate(stream, Z_SYNC_FLUSH)
                let isWhole = code == Z_OK && stream.pointee.avail_in == 0 && stream.pointee.avail_out > 0
                count = isWhole ? room - Int(stream.pointee.avail_out) : 0
                stream.pointee.next_in = nil
                stream.pointee.next_out = nil
            }
        }
        // A copy, since the room was much larger than what is kept.
        return packed.isEmpty ? nil : Array(packed[...])
    }

    /// The checksum that gzip has of bytes (CRC-32).
    static func checksum(of bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBufferPointer { UInt32(truncatingIfNeeded: crc32(0, $0.baseAddress, uInt($0.count))) }
    }

    /// The checksum of two runs of bytes, one after the other.
    static func checksum(of first: UInt32, and second: UInt32, length: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: crc32_combine(uLong(first), uLong(second), length))
    }

    /// The state, as new.
    private func prepared() -> UnsafeMutablePointer<z_stream>? {
        if let stream { return deflateReset(stream) == Z_OK ? stream : nil }
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // A negative window means bare DEFLATE: the frame around it is written by `GzipWriter`.
        let code = deflateInit2_(
            stream, Self.level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard code == Z_OK else {
            stream.deallocate()
            return nil
        }
        self.stream = stream
        return stream
    }
}
