/// Puts a gzip file (RFC 1952) together from parts that are compressed already and from plain bytes between them. Pure.
///
/// What stands in many answers is compressed once for all of them; an answer of its own costs a copy and an addition of
/// checksums.
struct GzipWriter {
    /// DEFLATE; no name, no time, unknown system.
    static let header: [UInt8] = [0x1F, 0x8B, 0x08, 0, 0, 0, 0, 0, 0, 0xFF]
    /// The bytes of the last block, which is empty, of the checksum and of the length.
    static let trailer = 5 + 8
    /// All bytes beside those of the blocks.
    static let frame = header.count + trailer

    private var bytes: [UInt8]
    private var checksum: UInt32 = 0
    private var length = 0

    init(reserving count: Int = 0) {
        bytes = []
        bytes.reserveCapacity(count)
        bytes.append(contentsOf: Self.header)
    }

    /// Appends bytes as they are, in stored blocks (RFC 1951, 3.2.4).
    mutating func append(plain: [UInt8]) {
        var start = 0
        while start < plain.count {
            let part = plain[start..<min(start + 0xFFFF, plain.count)]
            let size = UInt16(part.count)
            bytes.append(0)
            append(size, bytes: 2)
            append(~size, bytes: 2)
            bytes.append(contentsOf: part)
            start = part.endIndex
        }
        add(ZlibHandle.checksum(of: plain), length: plain.count)
    }

    /// Appends a body that is compressed already.
    mutating func append(_ body: GzipBody) {
        append(blocks: body.blocks, checksum: body.checksum, length: body.length)
    }

    /// Appends compressed blocks of which none is marked as the last.
    mutating func append(blocks: ArraySlice<UInt8>, checksum: UInt32, length: Int) {
        bytes.append(contentsOf: blocks)
        add(checksum, length: length)
    }

    /// Ends the file. Nothing can be appended after it.
    mutating func finish() -> [UInt8] {
        bytes.append(contentsOf: [1, 0, 0, 0xFF, 0xFF])
        append(checksum, bytes: 4)
        append(UInt32(truncatingIfNeeded: length), bytes: 4)
        return bytes
    }

    private mutating func add(_ checksum: UInt32, length: Int) {
        self.checksum = ZlibHandle.checksum(of: self.checksum, and: checksum, length: length)
        self.length += length
    }

    /// Appends a number, its lowest byte first.
    private mutating func append(_ number: some UnsignedInteger, bytes count: Int) {
        for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: number >> (8 * index))) }
    }
}
