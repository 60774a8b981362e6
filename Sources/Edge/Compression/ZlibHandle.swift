import CZlib

/// zlib's compressor. A process has one: its 256 KiB are allocated at first use and reused for every body, so
/// connections need no compressor of their own.
///
/// Owns the C state. Use it from one thread.
final class ZlibHandle {
    private var stream: UnsafeMutablePointer<z_stream>?

    /// Favours speed, since compressing blocks the loop. Level 5 compresses about as well as the default 6.
    private static let level: Int32 = 5

    deinit {
        guard let stream else { return }
        deflateEnd(stream)
        stream.deallocate()
    }

    /// Compresses bytes to DEFLATE blocks (RFC 1951), none of them marked as the last. They end on a byte boundary and
    /// refer to nothing before them, so the blocks of several calls can be concatenated.
    ///
    /// - Returns: nil when out of memory.
    func blocks(of body: [UInt8]) -> [UInt8]? {
        guard let stream = prepared() else { return nil }
        // Space for the blocks and the marker that ends them.
        let room = Int(deflateBound(stream, uLong(body.count))) + 16
        let packed = [UInt8](unsafeUninitializedCapacity: room) { output, count in
            body.withUnsafeBufferPointer { input in
                // zlib only reads from this pointer.
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
        // Copy to an array of the right size: the buffer is much larger than the result.
        return packed.isEmpty ? nil : Array(packed[...])
    }

    /// The CRC-32 of bytes, as gzip uses it.
    static func checksum(of bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBufferPointer { UInt32(truncatingIfNeeded: crc32(0, $0.baseAddress, uInt($0.count))) }
    }

    /// The CRC-32 of two runs of bytes joined.
    static func checksum(of first: UInt32, and second: UInt32, length: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: crc32_combine(uLong(first), uLong(second), length))
    }

    /// The state, reset.
    private func prepared() -> UnsafeMutablePointer<z_stream>? {
        if let stream { return deflateReset(stream) == Z_OK ? stream : nil }
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // A negative window size means raw DEFLATE: `GzipWriter` writes the gzip frame.
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
