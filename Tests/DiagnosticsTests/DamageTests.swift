import JSON
import Redis
import TestSupport
import Testing

@testable import Diagnostics

/// What `tidings doctor` finds and repairs in live data.
struct DamageTests {
    @Test("each damage is found with its place, and nothing is written", arguments: Damage.all)
    func found(_ damage: Damage) throws {
        let pipeline = try SamplePipeline()
        try pipeline.run(damage.plant)
        let before = try pipeline.content()
        let report = try pipeline.report(feeds: nil, keys: nil)
        #expect(try pipeline.content() == before)
        let finding = try #require(report.findings(damage.rule).first, "\(report.findings)")
        #expect(finding.severity == damage.severity)
        #expect(finding.place.contains(damage.place), "\(finding)")
        #expect((finding.repair != nil) == damage.isFixed, "\(finding)")
    }

    @Test("repairs do what is safe, say so, and leave the rest")
    func repaired() throws {
        let pipeline = try SamplePipeline()
        let fixable = Damage.all.filter(\.isFixed)
        for damage in fixable { try pipeline.run(damage.plant) }
        try pipeline.run([["HINCRBY", "{comments.3}:lane:validate", "in", "2"]])
        let results = try Repairer(client: pipeline.client()).perform(pipeline.report().repairs)
        let after = try pipeline.report()
        let text = DoctorReport(after, repairs: results).text(verbose: false, coloured: false)
        for line in [
            "fixed: loaded the functions", "fixed: set appendonly to yes", "fixed: set maxmemory-policy to noeviction",
            "write 'appendonly yes' into redis.conf", "fixed: ended the leases of ghost",
            "removed ghost from comments:procs",
            "removed {thread:none} from feeds", "added {thread:1} to feeds",
        ] {
            #expect(text.contains(line), "\(line)\n\(text)")
        }
        #expect(try pipeline.redis.ask("HGET", "{comments.2}:lane:format", "owner").text == "")
        #expect(try pipeline.redis.ask("CONFIG", "GET", "maxmemory-policy").line.contains("noeviction"))
        for damage in fixable {
            #expect(after.findings(damage.rule).allSatisfy { $0.repair == nil }, "\(damage.testDescription)")
        }
        #expect(after.rules(.fault) == ["lane-balance"])
    }

    @Test("the line for stranded events takes them to the next stage, counted")
    func stranded() throws {
        let pipeline = try SamplePipeline()
        try pipeline.run([["RPUSH", "{comments.3}:queue:score", "{\"n\":1}", "{\"n\":2}"]])
        let line = try #require(pipeline.report().findings("stranded-events").first?.line)
        let result = try ChildProcess.run("sh", ["-c", line])
        #expect(result.succeeded, "\(result.errors)\(result.output)")
        let after = try pipeline.report()
        #expect(after.isWell("stranded-events"))
        #expect(after.isWell("lane-balance"), "\(after.findings("lane-balance"))")
    }

    @Test("the line for counters that were changed by hand makes the lane sound again")
    func booked() throws {
        let pipeline = try SamplePipeline()
        try pipeline.run([
            ["RPUSH", "{comments.3}:queue:format", "{}"], ["HINCRBY", "{comments.5}:lane:route", "in", "3"],
        ])
        let findings = try pipeline.report().findings("lane-balance")
        #expect(findings.count == 2)
        for finding in findings {
            let remedy = try #require(finding.remedy)
            let start = try #require(remedy.firstRange(of: "redis-cli"))
            #expect(try ChildProcess.run("sh", ["-c", String(remedy[start.lowerBound...])]).succeeded)
        }
        #expect(try pipeline.report().isWell("lane-balance"))
    }

    @Test("a user without CONFIG and SLOWLOG gets a note, not an error")
    func denied() throws {
        let pipeline = try SamplePipeline()
        try pipeline.run([
            [
                "ACL", "SETUSER", "default", "+@all", "-@admin", "-@dangerous", "+info", "-client|tracking",
                "+acl|setuser",
            ]
        ])
        let report = try pipeline.report()
        #expect(report.rules(.fault) == [], "\(report.findings)")
        #expect(report.outcome("redis-config-readable")?.severity == .note)
        #expect(report.outcome("redis-tracking")?.severity == .warning)
        guard case .unknown = report.outcome("redis-timeout") else {
            Issue.record("\(String(describing: report.outcome("redis-timeout")))")
            return
        }
        #expect(report.isWell("redis-append-only"))
        #expect(report.isWell("lane-balance"))
    }

    @Test("a limit on feeds and keys is kept, and said")
    func sampled() throws {
        let pipeline = try SamplePipeline()
        let script = "for i = 1, 3000 do redis.call('SADD', 'feeds', 'foreign' .. i) redis.call('SET', 'k' .. i, 1) end"
        try pipeline.run([["EVAL", script, "0"]])
        let report = DoctorReport(try pipeline.report(feeds: 7, keys: 1000))
        #expect((report.json["feeds_seen"]?.int ?? 0) <= 8)
        #expect(report.json["feeds"]?.int == 3001)
        #expect((report.json["keys_seen"]?.int ?? 0) < 3000)
        #expect(report.text(verbose: false, coloured: false).contains("of 3,001 feeds looked at"))
        #expect(try pipeline.report(feeds: nil, keys: nil).findings("feed-listed").count == 3000)
    }
}
