import Foundation
import FuzzTargets
import TestSupport
import Testing

/// The short form of `make fuzz`: the corpus, and seeded mutations of it.
@Suite("whatever bytes come")
struct FuzzTests {
    private static func corpus(_ target: FuzzTarget) throws -> [[UInt8]] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("FuzzTargets/Corpus/\(target.rawValue)")
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .sorted { $0.path < $1.path }.map { [UInt8](try Data(contentsOf: $0)) }
    }

    @Test("the corpus holds", arguments: FuzzTarget.allCases)
    func corpus(target: FuzzTarget) throws {
        let inputs = try Self.corpus(target)
        #expect(inputs.count >= 5)
        for input in inputs {
            #expect(target.violation(input) == nil, "\(String(decoding: input, as: UTF8.self).debugDescription)")
        }
    }

    @Test("2,000 seeded mutations hold", arguments: FuzzTarget.allCases)
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
