import Foundation
import TestSupport
import Testing

/// Short runs of `tidings bench pipeline`: that it measures, not how fast.
struct BenchPipelineTests {
    @Test("bench pipeline says what an event costs Redis, of another binary as well, in pairs")
    func beside() throws {
        let result = try TidingsBinary.run(
            [
                "bench", "pipeline", "--events", "4000", "--runs", "2", "--workers", "1", "--json", "--only", "default",
                "--beside", try TidingsBinary.path,
            ], within: 240)
        #expect(result.succeeded, "\(result.errors)")
        let rows = try #require(try ParsedJSON(parsing: result.output).array)
        #expect(rows.count == 2)
        for row in rows {
            for part in ["workers", "bare", "beside"] {
                #expect(try #require(row["\(part)_events_per_s"]?.double) > 0)
                let redis = try #require(row["\(part)_redis"], "\(part)")
                #expect(try #require(redis["us_per_event"]?.double) > 0)
                // Nobody can publish to four channels by fewer commands, or keep a comment in less.
                #expect(try #require(redis["commands_per_event"]?.double) > 4, "\(part)")
                #expect(try #require(redis["bytes_per_event"]?.double) > 300, "\(part)")
                #expect(try #require(redis["keys_per_event"]?.double) > 1, "\(part)")
                #expect(redis["longest_call"]?.string == "fcall" || part != "bare", "\(redis)")
                #expect(redis["commands"]?.array?.contains { $0["command"]?.string == "fcall" } == true)
            }
            // The same binary keeps the same keys.
            let here = try #require(row["workers_redis"]?["keys_per_event"]?.double)
            let there = try #require(row["beside_redis"]?["keys_per_event"]?.double)
            #expect(abs(here - there) < 0.2, "\(here) and \(there)")
        }
    }

    @Test("bench pipeline takes an input that looks like life, and a file, which it repeats", arguments: [true, false])
    func inputs(isLife: Bool) throws {
        let folder = try TemporaryFolder()
        let file = folder.path + "/comments.ndjson"
        try #"{"thread":"1","id":"a","text":"one"}\n{"thread":"2","text":"two","author":{"id":3}}"#
            .replacingOccurrences(of: "\\n", with: "\n").write(toFile: file, atomically: true, encoding: .utf8)
        let result = try TidingsBinary.run(
            [
                "bench", "pipeline", "--events", "4000", "--runs", "1", "--workers", "1", "--json", "--seed", "11",
                "--input", isLife ? "life" : file,
            ], within: 240)
        #expect(result.succeeded, "\(result.errors)")
        let rows = try #require(try ParsedJSON(parsing: result.output).array)
        #expect(rows.count == 2)
        #expect(rows.allSatisfy { $0["input"]?.string == (isLife ? "life, seed 11" : "\(file), 2 events") })
        // The bare loop does not know what the default pipeline would do with them.
        #expect(rows[0]["bare_redis"] != nil && rows[1]["bare_redis"] == nil)
        // Had repeats been dropped, next to nothing would stay.
        #expect(try #require(rows[1]["workers_redis"]?["keys_per_event"]?.double) > 1)
    }

    @Test("bench pipeline counts the time from door to feed of every event")
    func latency() throws {
        let result = try TidingsBinary.run(
            [
                "bench", "pipeline", "--events", "4000", "--runs", "1", "--workers", "1", "--json", "--only", "default",
                "--input", "life", "--latency", "--latency-seconds", "1", "--commands",
            ], within: 240)
        #expect(result.succeeded, "\(result.errors)")
        let rows = try #require(try ParsedJSON(parsing: result.output).array)
        let calls = try #require(rows[0]["workers_redis"]?["calls"]?.array).map { $0["call"]?.string ?? "" }
        for stage in ["validate", "moderate", "format", "route", "publish"] {
            #expect(calls.contains("tidings_commit \(stage)"), "\(calls)")
        }
        #expect(!calls.contains("hmget"), "the benchmark's own looks")
        let found = try #require(rows[0]["workers_events_per_s"]?.double)
        let figures = try #require(rows.last?["door_to_feed"]?.array)
        #expect(figures.map { $0["percent_of_rate"]?.integer } == [10, 50, 90])
        for figure in figures {
            let rate = try #require(figure["events_per_s"]?.double)
            #expect(abs(rate - found * Double(figure["percent_of_rate"]?.integer ?? 0) / 100) < 2)
            #expect(try #require(figure["sent"]?.integer) > 0)
            // Edits and deletions are announced as well.
            #expect(figure["missing"]?.integer == 0, "\(figure)")
            let times = try ["p50_us", "p99_us", "p99_9_us", "worst_us"].map { try #require(figure[$0]?.integer) }
            #expect(times[0] > 0 && times == times.sorted(), "\(figure)")
        }
    }

    @Test("bench pipeline refuses what it cannot measure")
    func wrongUse() throws {
        for (flags, reason) in [
            (["--beside", "/nonexistent/tidings"], "--beside takes the path of a program"),
            (["--events", "10"], "--events takes"), (["--only", "both"], "--only"),
            (["--latency", "--only", "stages"], "--latency needs the default pipeline"),
            (["--input", "/nonexistent.ndjson"], "cannot read /nonexistent.ndjson"),
        ] {
            let result = try TidingsBinary.run(["bench", "pipeline"] + flags)
            #expect(result.exit == .code(64) || result.exit == .code(2), "\(result.exit)")
            #expect(result.errors.contains(reason), "\(result.errors)")
        }
    }
}
