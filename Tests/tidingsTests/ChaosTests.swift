import Foundation
import Supervision
import TestSupport
import Testing

/// The fault suite in its short form; the long one is `make chaos`. See docs/chaos.md.
///
/// `TIDINGS_CHAOS_SEED` names the seed of a run that is to be repeated.
@Suite(.serialized)
struct ChaosTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Chaos").path

    @Test("under kills, stops and cut connections every accepted event is published once and in order, and read so")
    func short() throws {
        try run("--seconds", "20")
    }

    @Test("the same where a kill of Redis is a loss of power: only what the server lost is missing")
    func lossOfPower() throws {
        try run("--seconds", "15", "--fsync", "everysec")
    }

    private func run(_ arguments: String...) throws {
        let given = ProcessInfo.processInfo.environment["TIDINGS_CHAOS_SEED"].flatMap(UInt32.init)
        let seed = given ?? UInt32.random(in: 0...UInt32(Int32.max))
        let result = try ChildProcess.run(
            "python3",
            [
                "-B", "chaos.py", "--binary", TidingsBinary.path, "--conversations", "60", "--rate", "150", "--readers",
                "8", "--seed", "\(seed)",
            ] + arguments,
            in: Self.folder, within: 240)
        #expect(result.succeeded, "TIDINGS_CHAOS_SEED=\(seed): \(result.output)\(result.errors)")
    }

    @Test("the reconciler finds what is lost, doubled, disordered or missed")
    func reconciler() throws {
        let result = try ChildProcess.run("python3", ["-B", "selftest.py"], in: Self.folder)
        #expect(result.succeeded, "\(result.output)\(result.errors)")
    }
}
