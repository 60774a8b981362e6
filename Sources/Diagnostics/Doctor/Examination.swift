import Console
package import Pipeline
package import Redis
package import Store

/// One look at everything: gathers the facts, and has each check judge them.
package struct Examination {
    /// A check with what it came to.
    package struct Result {
        let check: DoctorCheck
        let verdict: Verdict
    }

    let facts: DoctorFacts
    package let results: [Result]

    init(facts: DoctorFacts) {
        self.facts = facts
        results = DoctorCheck.all.map { Result(check: $0, verdict: $0.judge(facts)) }
    }

    /// Gathers the facts.
    ///
    /// - Parameters:
    ///   - feeds: how many feeds are looked at; nil: all.
    ///   - keys: how many keys are looked at in search of those that belong to nothing; nil: all.
    package init(
        client: BlockingRedis, address: RedisAddress, expected: PipelineLayout, limits: PipelineLimits,
        duplicates: DuplicatePolicy, feeds: Int?, keys: Int?
    ) throws {
        let server = try ServerSurvey(client: client, address: address).facts()
        let survey = PipelineSurvey(client: client, expected: expected, limits: limits)
        var pipeline = try survey.facts()
        let walk = try KeySurvey(client: client, layout: pipeline.layout, limit: keys).walk()
        pipeline.strayKeys = walk.strayKeys
        pipeline.keysSeen = walk.keysSeen
        pipeline.keysThere = walk.keysThere
        var (found, foreign) = try FeedSurvey(client: client, limit: feeds).facts(found: walk.feeds)
        found.foreignKeys = try survey.name(foreign)
        self.init(
            facts: DoctorFacts(
                cli: ShellQuote.redisCLI(address), expected: expected, limits: limits, duplicates: duplicates,
                server: server, pipeline: pipeline, feeds: found,
                system: SystemSurvey.facts(redisFolder: server.isLocal ? server.settings["dir"] : nil)))
    }

    package var findings: [Finding] { results.flatMap(\.verdict.findings) }

    package func count(_ level: FindingLevel) -> Int { findings.count { $0.level == level } }

    /// What `--fix` would do, in the order of the checks.
    package var repairs: [Repair] { findings.compactMap(\.repair) }
}
