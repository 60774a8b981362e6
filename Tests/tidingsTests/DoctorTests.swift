import Supervision
import TestSupport
import Testing

/// `tidings doctor` on a real Redis.
@Suite(.serialized)
struct DoctorTests {
    @Test("a pipeline at work has no faults and no warnings")
    func healthy() throws {
        let patient = try DoctorPatient()
        let work = try TidingsBinary.launch(["work", "--workers", "2", "--redis", patient.server.url])
        try eventually(within: 30, "all events are published") {
            // Of each event its thread and its post, and the feed that was there.
            try patient.server.cli("SCARD", "feeds") == "41"
        }
        let report = try patient.report()
        #expect(report.exit == .code(0))
        #expect(report.checks(in: "fault") == [], "\(report.json)")
        // A busy host answers slowly, has little memory, or has just seen a slow command.
        let excused = ["redis-latency", "redis-slow-commands", "system-memory", "system-disk", "system-open-files"]
        #expect(report.checks(in: "warning").filter { !excused.contains($0) } == [], "\(report.json)")
        let text = try patient.doctor("--verbose")
        #expect(text.exit == .code(0))
        #expect(text.output.contains("the counters of all 49 lanes add up [lane-balance]"), "\(text.output)")
        #expect(text.output.contains("every owner lives [lane-owner]"), "\(text.output)")
        #expect(!text.output.contains("\u{1B}"))
        work.send(15)
        try work.wait(within: 20)
    }

    @Test("each damage is found with its place, and nothing is written", arguments: DoctorDamage.all)
    func found(_ damage: DoctorDamage) throws {
        let patient = try DoctorPatient()
        try patient.plant(damage.plant)
        let before = try patient.content()
        let report = try patient.report("--all")
        #expect(try patient.content() == before)
        let finding = try #require(report.findings(damage.check).first, "\(report.json)")
        #expect(finding["level"]?.string == damage.level)
        #expect(finding["where"]?.string?.contains(damage.place) == true, "\(finding)")
        #expect((finding["fix"] != nil) == damage.isFixed, "\(finding)")
        #expect(report.exit == (report.checks(in: "fault").isEmpty ? .code(0) : .code(1)))
    }

    @Test("--fix repairs what is safe, says so, and leaves the rest")
    func fixed() throws {
        let patient = try DoctorPatient()
        let fixable = DoctorDamage.all.filter(\.isFixed)
        for damage in fixable { try patient.plant(damage.plant) }
        try patient.plant([["HINCRBY", "{comments.3}:lane:validate", "in", "2"]])
        let result = try patient.doctor("--fix")
        #expect(result.exit == .code(1), "the counter stays wrong: \(result.errors)")
        for line in [
            "fixed: loaded the functions", "fixed: set appendonly to yes", "fixed: set maxmemory-policy to noeviction",
            "write 'appendonly yes' into redis.conf", "fixed: ended the leases of ghost",
            "removed ghost from comments:procs",
            "removed {thread:none} from feeds", "added {thread:1} to feeds",
        ] {
            #expect(result.output.contains(line), "\(line)\n\(result.output)")
        }
        #expect(try patient.server.cli("HGET", "{comments.2}:lane:format", "owner") == "")
        #expect(try patient.server.cli("CONFIG", "GET", "maxmemory-policy").contains("noeviction"))
        let after = try patient.report()
        for damage in fixable {
            #expect(after.findings(damage.check).allSatisfy { $0["fix"] == nil }, "\(damage.testDescription)")
        }
        #expect(after.checks(in: "fault") == ["lane-balance"])
    }

    @Test("the line for stranded events takes them to the next stage, counted")
    func stranded() throws {
        let patient = try DoctorPatient()
        try patient.plant([["RPUSH", "{comments.3}:queue:score", "{\"n\":1}", "{\"n\":2}"]])
        let line = try #require(patient.report().findings("stranded-events").first?["type"]?.string)
        let result = try ChildProcess.run("sh", ["-c", line])
        #expect(result.succeeded, "\(result.errors)\(result.output)")
        let after = try patient.report()
        #expect(after.state("stranded-events") == "well")
        #expect(after.state("lane-balance") == "well", "\(after.findings("lane-balance"))")
    }

    @Test("the line for counters that were changed by hand makes the lane sound again")
    func booked() throws {
        let patient = try DoctorPatient()
        try patient.plant([
            ["RPUSH", "{comments.3}:queue:format", "{}"], ["HINCRBY", "{comments.5}:lane:route", "in", "3"],
        ])
        for finding in try patient.report().findings("lane-balance") {
            let remedy = try #require(finding["type"]?.string)
            let start = try #require(remedy.firstRange(of: "redis-cli"))
            #expect(try ChildProcess.run("sh", ["-c", String(remedy[start.lowerBound...])]).succeeded)
        }
        #expect(try patient.report().state("lane-balance") == "well")
    }

    @Test("a user without CONFIG and SLOWLOG gets a note, not an error")
    func denied() throws {
        let patient = try DoctorPatient()
        try patient.server.cli(
            "ACL", "SETUSER", "default", "+@all", "-@admin", "-@dangerous", "+info", "-client|tracking", "+acl|setuser")
        let report = try patient.report()
        #expect(report.exit == .code(0), "\(report.json)")
        #expect(report.state("redis-config-readable") == "note")
        #expect(report.state("redis-tracking") == "warning")
        #expect(report.state("redis-timeout") == "unknown")
        #expect(report.state("redis-append-only") == "well")
        #expect(report.state("lane-balance") == "well")
    }

    @Test("a limit on feeds and keys is kept, and said")
    func sampled() throws {
        let patient = try DoctorPatient()
        try patient.server.cli(
            "EVAL", "for i = 1, 3000 do redis.call('SADD', 'feeds', 'foreign' .. i) redis.call('SET', 'k' .. i, 1) end",
            "0")
        let report = try patient.report("--feeds", "7", "--keys", "1000")
        #expect((report.json["feeds_seen"]?.integer ?? 0) <= 8)
        #expect(report.json["feeds"]?.integer == 3001)
        #expect((report.json["keys_seen"]?.integer ?? 0) < 3000)
        #expect(try patient.doctor("--feeds", "7").output.contains("of 3,001 feeds looked at"))
        #expect(try patient.report("--all").findings("feed-listed").count == 3000)
    }

    @Test("no Redis is exit 75; a number that is none is exit 2")
    func exits() throws {
        let nowhere = try TidingsBinary.run(["doctor", "--redis", "unix:///nowhere/redis.sock"])
        #expect(nowhere.exit == .code(75))
        #expect(nowhere.errors.contains("cannot reach Redis"))
        #expect(try TidingsBinary.run(["doctor", "--feeds", "0"]).exit == .code(2))
    }
}
