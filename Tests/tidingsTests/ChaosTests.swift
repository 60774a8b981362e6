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

    @Test("clock steps, a bad network, new settings and lost rights cost nothing; readers are told of lost data")
    func surroundings() throws {
        let faults = [
            "clock stepped back", "clock stepped forward", "connections cut", "connections delayed",
            "connections stalled", "data flushed", "edge pool slow", "history lowered", "history raised",
            "replica and back", "rights taken away", "shape changed",
        ]
        try run("--seconds", "10", "--each", "--only", faults.joined(separator: ","), seed: 13)
    }

    /// - Parameter seed: nil for a new one.
    private func run(_ arguments: String..., seed fixed: UInt32? = nil) throws {
        let given = ProcessInfo.processInfo.environment["TIDINGS_CHAOS_SEED"].flatMap(UInt32.init)
        let seed = given ?? fixed ?? UInt32.random(in: 0...UInt32(Int32.max))
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
