import Foundation
import TestSupport
import Testing

/// `tidings bench check` and the script of `make bench`: that they find what is dearer, not how fast this machine is.
struct BenchCheckTests {
    private static func check(_ flags: String...) throws -> CommandResult {
        try TidingsBinary.run(
            ["bench", "check", "--no-instructions", "--runs", "1", "--events", "1000"] + flags, within: 240)
    }

    @Test("bench check keeps figures when it is told to, passes what is within the room, and fails what is dearer")
    func keptAndCompared() throws {
        let folder = try TemporaryFolder()
        let file = folder.path + "/figures.json"
        let missing = try Self.check("--figures", file)
        #expect(missing.exit == .code(2) && missing.errors.contains("--record"), "\(missing.errors)")

        #expect(try Self.check("--figures", file, "--record").succeeded)
        var figures = try String(contentsOfFile: file, encoding: .utf8)
        #expect(figures.contains("\"default pipeline, life, seed 1\"") && figures.contains("\"redis_to_yardstick\""))

        // This machine is busy with other tests, and a debug build commits smaller batches: any figure may be fine here.
        figures = figures.replacing(/(      "(?:redis_to_yardstick|commands|bytes_kept|keys_kept)": )[0-9.]+/) {
            $0.output.1 + "90000"
        }
        try figures.write(toFile: file, atomically: true, encoding: .utf8)
        let cheaper = try Self.check("--figures", file)
        #expect(cheaper.succeeded && cheaper.output.contains("cheaper than what is kept"), "\(cheaper)")

        figures = figures.replacing(
            /("default pipeline, worst": \{\s+"redis_to_yardstick": [0-9]+,\s+"commands": )[0-9]+/
        ) {
            $0.output.1 + "3"
        }
        try figures.write(toFile: file, atomically: true, encoding: .utf8)
        let dearer = try Self.check("--figures", file)
        #expect(dearer.exit == .code(1), "\(dearer)")
        #expect(dearer.errors.contains("default pipeline, worst: commands") && dearer.errors.contains("RECORD=1"))
        #expect(!dearer.errors.contains("life"), "\(dearer.errors)")
    }

    @Test("the figures of the repository can be read, and hold every pipeline")
    func repository() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let data = try Data(contentsOf: root.appendingPathComponent("Bench/figures.json"))
        let book = try ParsedJSON(parsing: String(decoding: data, as: UTF8.self))
        for name in ["three pass-through", "default pipeline, worst", "default pipeline, life, seed 1"] {
            #expect(try #require(book["figures"]?[name]?["redis_to_yardstick"]?.double) > 0)
        }
    }

    @Test("the table of make bench has the figures of each benchmark, and says which one failed")
    func table() throws {
        let folder = try TemporaryFolder()
        let program = folder.path + "/tidings"
        try """
        #!/bin/sh
        case "$2" in
        idle) echo '{"redis_commands_per_s":14.1,"core_percent":0.26,"private_kb":[1500,1600]}' ;;
        takeover) echo 'tidings: no worker runs' >&2; exit 1 ;;
        memory) echo '{"private_before_kb":[1]}' ;;
        esac
        """.write(toFile: program, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Bench/bench.py").path
        func run(_ steps: [String]) throws -> CommandResult {
            try ChildProcess.run(
                "/usr/bin/env",
                ["python3", "-B", script, "--binary", program, "--output", folder.path + "/bench.txt"]
                    + steps.flatMap { ["--only", $0] }, environment: [:], input: "", in: nil, within: 60)
        }
        let fine = try run(["idle"])
        #expect(fine.succeeded, "\(fine.errors)")
        #expect(fine.output.contains("1,600") && fine.output.contains("14.1"), "\(fine.output)")
        #expect(try String(contentsOfFile: folder.path + "/bench.txt", encoding: .utf8) == fine.output)
        let failed = try run(["takeover", "memory", "idle"])
        #expect(failed.exit == .code(1))
        #expect(
            failed.output.contains("FAILED    exit 1: tidings: no worker runs")
                || failed.output.contains("no worker runs"))
        #expect(failed.output.contains("private_peak_kb") && failed.output.contains("14.1"), "\(failed.output)")
    }
}
