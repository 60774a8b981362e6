import ArgumentParser
import Configuration
import Console
import Edge

/// The flags of access control. What each means stands at ``AccessOptions``.
struct EdgeAccessOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "An origin whose pages may read and post, such as https://example.org; can be repeated. (default: all)",
            valueName: "origin"))
    var origin: [String] = []

    @Option(
        name: .long,
        help: """
            Comments of one API key in each process, such as 100/s or 5000/hour, or 'none'. (env TIDINGS_API_RATE, key \
            edge.api_rate; default 100/s)
            """)
    var apiRate: String?

    @Option(
        name: .long,
        help: """
            Comments of one API key at once; more in one request: 413. (env TIDINGS_API_BURST, key edge.api_burst; \
            default: 10 s of the rate)
            """)
    var apiBurst: Int?

    func validate() throws {
        for text in origin where text != "*" && !AllowedOrigins.isOrigin(text) {
            throw ValidationError("--origin: \(AccessSetting.noOrigin(text))")
        }
        guard origin.count <= AllowedOrigins.maxCount else {
            throw ValidationError("--origin can be given \(AllowedOrigins.maxCount) times")
        }
        if let apiRate { try check(rate: apiRate, from: "--api-rate") }
        if let apiBurst { try check(burst: apiBurst, from: "--api-burst") }
    }

    /// What an edge is told: flag over environment over file over default.
    ///
    /// - Throws: ``ConfigurationError`` for a key that cannot be read or used, ``ValidationError`` for a wrong variable.
    func options(
        _ setting: AccessSetting, environment: (String) -> String? = Terminal.environment
    ) throws -> AccessOptions {
        var options = try setting.options()
        if !origin.isEmpty { options.origins = origin.contains("*") ? .any : .listed(origin) }
        let rate = apiRate ?? environment("TIDINGS_API_RATE")
        if let rate {
            try check(rate: rate, from: "TIDINGS_API_RATE")
            options.apiRate = Rate.parse(rate).map(AccessSetting.rate)
            options.apiBurst = setting.burst ?? AccessSetting.burst(for: options.apiRate)
        }
        if let apiBurst {
            options.apiBurst = apiBurst
        } else if let text = environment("TIDINGS_API_BURST") {
            let burst = Int(text) ?? 0
            try check(burst: burst, from: "TIDINGS_API_BURST")
            options.apiBurst = burst
        }
        return options
    }

    private func check(rate: String, from source: String) throws {
        guard rate == "none" || Rate.parse(rate) != nil else {
            throw ValidationError("\(source) takes a number per s, min, hour or day, such as 100/s, not '\(rate)'")
        }
    }

    private func check(burst: Int, from source: String) throws {
        guard AccessSetting.bursts.contains(burst) else {
            throw ValidationError("\(source) takes 1 to \(AccessSetting.bursts.upperBound)")
        }
    }

    /// The same flags again, for a child.
    var words: [String] {
        var words: [String] = []
        for text in origin { words += ["--origin", text] }
        if let apiRate { words += ["--api-rate", apiRate] }
        if let apiBurst { words += ["--api-burst", "\(apiBurst)"] }
        return words
    }
}
