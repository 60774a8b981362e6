import Console
package import Pipeline
package import Redis
package import Store

/// A rule with what it came to.
struct JudgedRule {
    let rule: Rule
    let outcome: Rule.Outcome
}

/// The facts of one moment, and what every rule whose facts were gathered came to.
package struct Report {
    let facts: Facts
    let results: [JudgedRule]

    init(_ facts: Facts) {
        self.facts = facts
        results = Rule.all.compactMap { rule in rule.judge(facts).map { JudgedRule(rule: rule, outcome: $0) } }
    }

    /// Gathers all facts, as `tidings doctor` does, and judges them. Writes nothing.
    ///
    /// - Parameters:
    ///   - feeds: how many feeds are looked at; nil: all.
    ///   - keys: how many keys are searched for stray ones; nil: all.
    package init(
        client: BlockingRedis, address: RedisAddress, expected: PipelineLayout, limits: PipelineLimits,
        duplicates: DuplicatePolicy, feeds: Int?,
        keys: Int?
    ) throws {
        let (server, settings, probes) = try ServerSurvey(client: client, address: address).facts()
        let survey = PipelineSurvey(client: client, expected: expected, limits: limits)
        var (pipeline, earlier, keyFacts) = try survey.facts()
        let found = try KeySurvey(client: client, layout: pipeline.layout, limit: keys).walk(into: &keyFacts)
        var feedsFacts = try FeedSurvey(client: client, limit: feeds).facts(found: found)
        feedsFacts.foreignKeys = try survey.typed(feedsFacts.foreignKeys)
        self.init(
            Facts(
                redisCLI: ShellQuote.redisCLI(address), limits: limits, duplicates: duplicates, server: server,
                pipeline: pipeline,
                earlier: earlier, settings: settings, probes: probes, keys: keyFacts, feeds: feedsFacts,
                system: SystemFacts.current(redisFolder: server.isLocal ? settings["dir"] : nil)))
    }

    package var findings: [Finding] { results.flatMap(\.outcome.findings) }

    package func count(_ severity: Severity) -> Int { findings.count { $0.severity == severity } }

    /// What `--fix` would do, in the order of the rules.
    package var repairs: [Repair] { findings.compactMap(\.repair) }

    /// The findings for `tidings status` and the dashboard, the worst first: one for each rule and subject.
    package var advice: [Advice] {
        let advice = results.flatMap { result in
            let findings = result.outcome.findings
            var subjects: [String?] = []
            for finding in findings where !subjects.contains(finding.subject) { subjects.append(finding.subject) }
            return subjects.compactMap { subject in
                Advice(findings.filter { $0.subject == subject }, group: result.rule.group)
            }
        }
        // Within a severity the order of the rules stays.
        return Severity.all.flatMap { severity in advice.filter { $0.severity == severity } }
    }
}
