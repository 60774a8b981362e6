import JSON
import TestSupport
import Testing

@Suite("JSON under hostile bytes")
struct JSONFuzzTests {
    private static let documents = [
        #"{"type":"comment.created","thread":"42","author":{"id":7,"name":"A\u00e9"},"text":"hi <b> \ud83d\ude00"}"#,
        #"[0,-1,1.5e10,18446744073709551615,true,false,null,"",{"a":{"a":[[]]}},[{}]]"#,
        #"{"a":"\\\"\/\b\f\n\r\t","a":2,"é😀":"\u2028","n":-0.0,"deep":[[[[[[1]]]]]]}"#,
    ]
    private static let pieces: [[UInt8]] =
        [
            "\"", "\\", "{", "}", "[", "]", ",", ":", "\\u", "\\ud800", "\\udc00", "null", "1e999", "-", "\u{0}",
            "\u{FEFF}", "\n",
        ].map { [UInt8]($0.utf8) } + [[0xFF], [0xED, 0xA0, 0x80], [0xC0], [0xF0, 0x9F]]

    private func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let index = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.remove(at: index)
            case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: index)
            case 3: bytes.removeSubrange(index...)
            case 4: bytes.insert(contentsOf: Self.pieces.randomElement(using: &random) ?? [], at: index)
            default:
                let end = Int.random(in: index...min(bytes.count, index + 20), using: &random)
                let piece = [UInt8](bytes[index..<end])
                bytes.insert(contentsOf: piece, at: Int.random(in: 0...bytes.count, using: &random))
            }
        }
    }

    @Test(
        "a mangled document never crashes, and what is taken is the same after writing",
        arguments: [1, 2, 3] as [UInt64])
    func mangled(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let parser = JSONParser(maxBytes: 1000, maxDepth: 16)
        var taken = 0
        for round in 0..<30_000 {
            var bytes = [UInt8](Self.documents.randomElement(using: &random)!.utf8)
            mutate(&bytes, &random)
            guard let value = try? parser.parse(bytes) else { continue }
            taken += 1
            let written = value.bytes
            let again = try parser.parse(written)
            try #require(again == value, "seed \(seed) round \(round): \(bytes)")
            try #require(again.bytes == written, "seed \(seed) round \(round): \(bytes)")
            try #require(String(validating: written, as: UTF8.self) != nil, "seed \(seed) round \(round): \(bytes)")
            for (index, byte) in written.enumerated() {
                let isBreak = byte == UInt8(ascii: "<") && written[index...].starts(with: "<br>".utf8)
                try #require(
                    byte >= 0x20 && (byte != UInt8(ascii: "<") || isBreak), "seed \(seed) round \(round): \(bytes)")
            }
        }
        #expect(taken > 1000)
    }

    @Test("a random tree is the same after writing and reading", arguments: [11, 12] as [UInt64])
    func trees(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let parser = JSONParser(maxBytes: 1 << 22)
        for round in 0..<500 {
            let value = tree(depth: 5, &random)
            try #require(try parser.parse(value.bytes) == value, "seed \(seed) round \(round): \(value.text)")
        }
    }

    private func tree(depth: Int, _ random: inout SplitMix64) -> JSON {
        switch Int.random(in: 0..<(depth > 0 ? 9 : 7), using: &random) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &random))
        case 2: return .int(Int64(bitPattern: random.next()))
        case 3: return .uint(UInt64.random(in: (1 << 63)...UInt64.max, using: &random))
        case 4:
            let value = Double(bitPattern: random.next())
            return .double(value.isFinite ? value : 0.5)
        case 5, 6: return .string(string(&random))
        case 7: return .array((0..<Int.random(in: 0...5, using: &random)).map { _ in tree(depth: depth - 1, &random) })
        default:
            return .object(
                JSONObject(
                    members: (0..<Int.random(in: 0...5, using: &random)).map { _ in
                        (key: string(&random), value: tree(depth: depth - 1, &random))
                    }))
        }
    }

    private func string(_ random: inout SplitMix64) -> String {
        var text = ""
        for _ in 0..<Int.random(in: 0...20, using: &random) {
            let limit: UInt32 = Bool.random(using: &random) ? 0x7F : 0x10FFFF
            if let scalar = Unicode.Scalar(UInt32.random(in: 0...limit, using: &random)) {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
