import Foundation
import FuzzTargets
import TestSupport
import Testing

/// The short form of `make fuzz`: the corpus, and seeded mutations of it.
@Suite("Fuzzing the parsers")
struct FuzzTests {
    private static func corpus(_ target: FuzzTarget) throws -> [[UInt8]] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("FuzzTargets/Corpus/\(target.rawValue)")
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .sorted { $0.path < $1.path }.map { [UInt8](try Data(contentsOf: $0)) }
    }

    @Test("no input of the corpus violates a property", arguments: FuzzTarget.allCases)
    func corpus(target: FuzzTarget) throws {
        let inputs = try Self.corpus(target)
        #expect(inputs.count >= 5)
        for input in inputs {
            #expect(target.violation(input) == nil, "\(String(decoding: input, as: UTF8.self).debugDescription)")
        }
    }

    @Test("no violation in 2,000 seeded mutations", arguments: FuzzTarget.allCases)
    func mutations(target: FuzzTarget) throws {
        let inputs = try Self.corpus(target)
        var mutator = Mutator(corpus: inputs)
        for _ in 0..<2000 {
            let input = mutator.next()
            if let violation = target.violation(input) {
                Issue.record("seed \(mutator.seed): \(violation): \(input)")
                return
            }
        }
    }
}

/// Mutates inputs like a fuzzer: bits, bytes, extreme numbers, pieces duplicated, moved and joined.
struct Mutator {
    private let corpus: [[UInt8]]
    private var random: SplitMix64

    var seed: UInt64 { random.seed }

    init(corpus: [[UInt8]], random: SplitMix64 = SplitMix64()) {
        self.corpus = corpus
        self.random = random
    }

    private static let pieces: [[UInt8]] = [
        "\r\n", "\n", "\r", "\0", " ", "\t", ":", "%", "%00", "%zz", "\"", "\\", "{", "[", "]", "}", ",", "-1", "0",
        "18446744073709551616", "9223372036854775807", "ffffffff", "Content-Length: 1\r\n",
        "Transfer-Encoding: chunked\r\n",
    ].map { Array($0.utf8) }

    mutating func next() -> [UInt8] {
        var bytes = corpus.randomElement(using: &random) ?? []
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let place = Int.random(in: 0...bytes.count, using: &random)
            let end = Int.random(in: place...bytes.count, using: &random)
            switch Int.random(in: 0..<7, using: &random) {
            case 0: if place < bytes.count { bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
            case 1: if place < bytes.count { bytes[place] = UInt8.random(in: 0...255, using: &random) }
            case 2: bytes.insert(contentsOf: Self.pieces.randomElement(using: &random) ?? [], at: place)
            case 3: bytes.removeSubrange(place..<end)
            case 4: bytes.insert(contentsOf: bytes[place..<end], at: place)
            case 5: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
            default: bytes = Array(bytes[..<place]) + (corpus.randomElement(using: &random) ?? []).suffix(end)
            }
            if bytes.count > 4096 { bytes.removeLast(bytes.count - 4096) }
        }
        return bytes
    }
}
