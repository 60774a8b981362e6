import ArgumentParser
import Edge

/// The limits of access control that have a flag, for `tidings edge`. What each means stands at ``AccessOptions``.
struct EdgeAccessOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "An origin whose pages may read and post, such as https://example.org; can be repeated. (default: all)",
            valueName: "origin"))
    var origin: [String] = []

    @Option(name: .long, help: "Comments of one API key in each process, such as 100/s or 5000/hour, or 'none'.")
    var apiRate: String?

    @Option(name: .long, help: "Comments of one API key at once; more in one request: 413. (default: 10 s of the rate)")
    var apiBurst: Int?

    @Option(name: .long, help: "Bytes of a token; more: 401.")
    var tokenBytes: Int = 4096

    func validate() throws {
        for text in origin where text != "*" && !AllowedOrigins.isOrigin(text) {
            throw ValidationError("--origin: \(AccessSetting.noOrigin(text))")
        }
        guard origin.count <= AllowedOrigins.maxCount else {
            throw ValidationError("--origin can be given \(AllowedOrigins.maxCount) times")
        }
        if let apiRate, apiRate != "none", Rate.parse(apiRate) == nil {
            throw ValidationError("--api-rate takes a number per s, min, hour or day, such as 100/s, not '\(apiRate)'")
        }
        if let apiBurst, !AccessSetting.bursts.contains(apiBurst) {
            throw ValidationError("--api-burst takes 1 to \(AccessSetting.bursts.upperBound)")
        }
        guard (256...65_536).contains(tokenBytes) else { throw ValidationError("--token-bytes takes 256 to 65536") }
    }

    /// What an edge is told: what the flags say, else what the file says.
    ///
    /// - Throws: ``ConfigurationError`` for a key that cannot be read or used.
    func options(_ setting: AccessSetting) throws -> AccessOptions {
        var options = try setting.options()
        if !origin.isEmpty { options.origins = origin.contains("*") ? .any : .listed(origin) }
        if let apiRate {
            options.apiRate = Rate.parse(apiRate).map(AccessSetting.rate)
            options.apiBurst = setting.burst ?? AccessSetting.burst(for: options.apiRate)
        }
        if let apiBurst { options.apiBurst = apiBurst }
        options.tokenBytes = tokenBytes
        return options
    }

    /// The same flags again, for a child.
    var words: [String] {
        var words = ["--token-bytes", "\(tokenBytes)"]
        for text in origin { words += ["--origin", text] }
        if let apiRate { words += ["--api-rate", apiRate] }
        if let apiBurst { words += ["--api-burst", "\(apiBurst)"] }
        return words
    }
}
