/// Assembles a gzip file (RFC 1952) from parts that are already compressed and plain bytes between them. Pure.
///
/// A part that many answers share is compressed once; each further answer only copies it and combines checksums.
struct GzipWriter {
    /// DEFLATE, without name or time, unknown system.
    static let header: [UInt8] = [0x1F, 0x8B, 0x08, 0, 0, 0, 0, 0, 0, 0xFF]
    /// The size of the empty last block, the checksum and the length.
    static let trailer = 5 + 8
    /// The size of everything except the blocks.
    static let frame = header.count + trailer

    private var bytes: [UInt8]
    private var checksum: UInt32 = 0
    private var length = 0

    init(reserving count: Int = 0) {
        bytes = []
        bytes.reserveCapacity(count)
        bytes.append(contentsOf: Self.header)
    }

    /// Appends bytes uncompressed, in stored blocks (RFC 1951, 3.2.4).
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

    /// Appends a body that is already compressed.
    mutating func append(_ body: GzipBody) {
        append(blocks: body.blocks, checksum: body.checksum, length: body.length)
    }

    /// Appends compressed blocks. None may be marked as the last.
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

    /// Appends a number, lowest byte first.
    private mutating func append(_ number: some UnsignedInteger, bytes count: Int) {
        for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: number >> (8 * index))) }
    }
}

/// A compressed body, made once and shared by all answers that contain it.
struct GzipBody {
    /// Smaller bodies are not compressed: they fit into one packet anyway.
    static let worthwhile = 1024

    /// The whole file (RFC 1952).
    let bytes: [UInt8]
    /// CRC-32 of the uncompressed body.
    let checksum: UInt32
    let length: Int

    /// Compresses a body; nil when the result is not smaller.
    init?(_ body: [UInt8], by zlib: ZlibHandle) {
        guard let blocks = zlib.blocks(of: body), blocks.count + GzipWriter.frame < body.count else { return nil }
        checksum = ZlibHandle.checksum(of: body)
        length = body.count
        var writer = GzipWriter(reserving: blocks.count + GzipWriter.frame)
        writer.append(blocks: blocks[...], checksum: checksum, length: length)
        bytes = writer.finish()
    }

    /// The compressed blocks without header and trailer.
    var blocks: ArraySlice<UInt8> {
        bytes[GzipWriter.header.count..<(bytes.count - GzipWriter.trailer)]
    }
}

/// The `Accept-Encoding` field (RFC 9110, 12.5.3), as far as gzip is concerned. Pure.
enum AcceptEncoding {
    /// Whether the client accepts gzip: the field names it, or `*`, with a weight above zero.
    static func takesGzip(_ field: Span<UInt8>) -> Bool {
        var named: Bool?
        var any = false
        var start = 0
        while start < field.count {
            let end = field.firstIndex(of: 0x2C, from: start) ?? field.count
            let item = field.extracting(start..<end)
            start = end + 1
            let semicolon = item.firstIndex(of: 0x3B) ?? item.count
            let word = item.extracting(0..<semicolon)
            let coding = word.extracting(word.trimmed())
            let isWanted = !isZero(item.extracting(min(semicolon + 1, item.count)..<item.count))
            if coding.equalsIgnoringCase("gzip") || coding.equalsIgnoringCase("x-gzip") {
                named = isWanted
            } else if coding.equals("*") {
                any = isWanted
            }
        }
        return named ?? any
    }

    /// Whether an item's parameters give it a weight of zero or a malformed one: `q=0`, `q=0.000`, `q=x`.
    private static func isZero(_ parameters: Span<UInt8>) -> Bool {
        let text = parameters.extracting(parameters.trimmed())
        guard text.count > 0 else { return false }
        guard text.count > 2, text[0].lowercasedASCII == 0x71, text[1] == 0x3D else { return true }
        var hasWeight = false
        for index in 2..<text.count {
            guard text[index].isDigit || text[index] == 0x2E else { return true }
            if text[index] != 0x30, text[index] != 0x2E { hasWeight = true }
        }
        return !hasWeight
    }
}
