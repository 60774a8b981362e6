import Comments
package import Pipeline
import Store
import Yams

/// One stage of the configuration: its name, and a maker for the code that runs it.
package struct StageSetting {
    package let name: String
    package let factory: StageFactory
    /// Which repeats the stage drops; nil for one that drops none.
    package let duplicates: DuplicatePolicy?

    /// The stages of a pipeline that nobody configured.
    package static var standard: [StageSetting] {
        [
            StageSetting(name: "validate", duplicates: ValidateOptions().duplicates) { ValidateStage() },
            StageSetting(name: "moderate") { try ModerateStage() },
            StageSetting(name: "format") { FormatStage() },
            StageSetting(name: "route") { try RouteStage() },
            StageSetting(name: "publish") { PublishStage() },
        ]
    }

    private init(name: String, duplicates: DuplicatePolicy? = nil, factory: @escaping StageFactory) {
        self.name = name
        self.duplicates = duplicates
        self.factory = factory
    }

    private static let kinds = ["validate", "moderate", "format", "route", "publish"]

    /// Reads one element of `stages`: a name, or a name with options.
    ///
    /// - Parameters:
    ///   - limits: what a stage says about the lanes is set here.
    ///   - eventBytes: the largest event is set here.
    package init(_ element: ConfigurationNode, limits: inout PipelineLimits, eventBytes: inout Int) throws {
        let name: String
        let options: ConfigurationNode?
        if element.node.scalar != nil {
            name = try element.string()
            options = nil
        } else {
            guard let mapping = element.node.mapping, mapping.count == 1, let pair = mapping.first,
                let text = pair.key.string
            else { throw element.error("expected one stage, such as '- validate: { max_bytes: 65536 }'") }
            name = text
            options = ConfigurationNode(file: element.file, key: "stages.\(text)", node: pair.value)
        }
        guard Configuration.isName(name), name != LaneID.incoming else {
            throw element.error("'\(name)' cannot name a stage; use 1 to 64 of a-z A-Z 0-9 _ . - and not 'incoming'")
        }
        self.name = name
        let given = options.flatMap { $0.isEmpty ? nil : $0 }
        var duplicates: DuplicatePolicy?
        switch name {
        case "validate":
            let options = try StageSetting.validate(given)
            eventBytes = options.maxBytes
            duplicates = options.duplicates
            factory = { ValidateStage(options) }
        case "moderate": factory = try StageSetting.moderate(given)
        case "format": factory = try StageSetting.format(given)
        case "route": factory = try StageSetting.route(given)
        case "publish": factory = try StageSetting.publish(given, &limits)
        default: factory = try StageSetting.named(name, given, element)
        }
        self.duplicates = duplicates
    }

    /// A stage with a name of the user's own: its options say what it is.
    private static func named(
        _ name: String, _ options: ConfigurationNode?, _ element: ConfigurationNode
    ) throws -> StageFactory {
        if let options, let factory = try ConnectorSetting.factory(options) { return factory }
        guard let options, let members = try? options.members(known: ["pass"]), try members["pass"]?.bool() == true
        else {
            throw element.error(
                "unknown stage '\(name)'; known are \(kinds.joined(separator: ", ")); or say what it is: "
                    + ConnectorSetting.examples)
        }
        return { PassStage() }
    }

    private static func validate(_ options: ConfigurationNode?) throws -> ValidateOptions {
        var result = ValidateOptions()
        let members = try options?.members(known: ["max_bytes", "duplicate_window", "duplicate_keys"]) ?? [:]
        if let node = members["max_bytes"] { result.maxBytes = try node.integer(in: 256...(16 << 20)) }
        if let node = members["duplicate_window"] {
            result.duplicates.window = try node.duration(atLeast: 1000, atMost: 7 * 86_400_000)
        }
        if let node = members["duplicate_keys"] { result.duplicates.keys = try node.integer(in: 2...100_000_000) }
        return result
    }

    private static func moderate(_ options: ConfigurationNode?) throws -> StageFactory {
        var result = ModerateOptions()
        let members =
            try options?.members(known: ["blocked_words", "blocked_patterns", "max_links", "author_rate", "hold"])
            ?? [:]
        if let node = members["blocked_words"] { result.blockedWords = try node.strings() }
        if let node = members["blocked_patterns"] { result.blockedPatterns = try node.strings() }
        if let node = members["max_links"] { result.maxLinks = try node.isNone ? nil : node.integer(in: 0...10_000) }
        if let node = members["author_rate"] {
            let rate = try node.isNone ? nil : node.rate()
            result.authorRate = rate.map { ModerateOptions.Rate(count: $0.count, seconds: Int($0.window / 1000)) }
        }
        if let node = members["hold"] { result.hold = try node.bool() }
        do {
            let moderator = try Moderator(result)
            return { ModerateStage(moderator) }
        } catch {
            let node = members["blocked_patterns"] ?? options
            throw node?.error(error.message) ?? ConfigurationError(file: "", line: nil, key: "", message: error.message)
        }
    }

    private static func format(_ options: ConfigurationNode?) throws -> StageFactory {
        var result = FormatOptions()
        let members = try options?.members(known: ["private", "keep_text"]) ?? [:]
        if let node = members["private"] { result.privateKeys = try node.strings() }
        if let node = members["keep_text"] { result.keepText = try node.bool() }
        let final = result
        return { FormatStage(final) }
    }

    private static func route(_ options: ConfigurationNode?) throws -> StageFactory {
        guard let node = try options?.members(known: ["channels"])["channels"] else { return { try RouteStage() } }
        let options = RouteOptions(channels: try node.strings())
        do {
            // Once now, to hear of a template that does not parse.
            _ = try RouteStage(options)
        } catch {
            throw node.error(error.message)
        }
        return { try RouteStage(options) }
    }

    private static func publish(
        _ options: ConfigurationNode?, _ limits: inout PipelineLimits
    ) throws -> StageFactory {
        let members = try options?.members(known: ["history", "ttl"]) ?? [:]
        if let node = members["history"] { limits.historyEvents = try node.integer(in: 1...100_000) }
        if let node = members["ttl"] { limits.feedLifetime = try node.duration(atLeast: 1000) }
        return { PublishStage() }
    }
}
