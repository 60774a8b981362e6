package import Comments
package import Pipeline
import Store

/// One stage of the configuration: its name, and a maker for the code that runs it.
///
/// The options of the stages are declared in this file and in ConnectorSettings.swift, each beside the function that makes
/// its stage: the stages themselves know their options as Swift values only, and nothing of YAML.
package struct StageSetting {
    package let name: String
    package let factory: StageFactory
    /// The repeats that the stage drops; nil for a stage that drops none.
    package let duplicates: DuplicatePolicy?
    /// Whether it is a `file`.
    package let isArchive: Bool

    /// A kind of stage that has a name of its own.
    struct Kind {
        let name: String
        let options: [any SettingDeclaration]
        /// Makes the stage's factory from the options, nil where there are none, and says which repeats it drops. What the
        /// options say about lanes is set in the limits, what an edge has to know of them in the intake.
        let make:
            @Sendable (ConfigurationNode?, inout PipelineLimits, inout CommentIntake.Options) throws -> (
                StageFactory, DuplicatePolicy?
            )
        /// The repeats that it drops without options.
        let standardDuplicates: DuplicatePolicy?

        /// A kind that drops repeats.
        init(
            name: String, options: [any SettingDeclaration],
            droppingRepeats make:
                @escaping @Sendable (ConfigurationNode?, inout PipelineLimits, inout CommentIntake.Options) throws -> (
                    StageFactory, DuplicatePolicy?
                )
        ) {
            self.name = name
            self.options = options
            self.make = make
            standardDuplicates = DuplicatePolicy()
        }

        /// A kind that drops none.
        init(
            name: String, options: [any SettingDeclaration],
            make:
                @escaping @Sendable (ConfigurationNode?, inout PipelineLimits, inout CommentIntake.Options) throws ->
                StageFactory
        ) {
            self.name = name
            self.options = options
            self.make = { (try make($0, &$1, &$2), nil) }
            standardDuplicates = nil
        }
    }

    /// The kinds, in the order of a pipeline without configuration.
    private static var kinds: [Kind] { [validate, moderate, format, route, publish] }

    /// The options of all stages, those of connectors too.
    static var allOptions: [any SettingDeclaration] {
        kinds.flatMap(\.options) + ConnectorSetting.allOptions + [pass]
    }

    /// The stages of a pipeline without configuration.
    package static var standard: [StageSetting] {
        kinds.map { kind in
            StageSetting(name: kind.name, duplicates: kind.standardDuplicates) {
                var (limits, intake) = (PipelineLimits(), CommentIntake.Options())
                return try kind.make(nil, &limits, &intake).0()
            }
        }
    }

    private init(name: String, duplicates: DuplicatePolicy?, factory: @escaping StageFactory) {
        self.name = name
        self.duplicates = duplicates
        self.factory = factory
        isArchive = false
    }

    /// Reads one element of `stages`: a name, or a name with options.
    ///
    /// - Parameters:
    ///   - limits: what a stage says about the lanes is set here.
    ///   - intake: what it takes is set here, where an edge has to know it.
    package init(
        _ element: ConfigurationNode, limits: inout PipelineLimits, intake: inout CommentIntake.Options
    ) throws {
        let options: ConfigurationNode?
        if element.isScalar {
            (name, options) = (try element.string(), nil)
        } else {
            guard let (text, value) = element.onlyMember(in: Settings.Pipeline.stages.name) else {
                throw element.error("expected one stage, such as '- validate: { max_bytes: 65536 }'")
            }
            (name, options) = (text, value.isEmpty ? nil : value)
        }
        guard Configuration.isName(name), name != LaneID.incoming else {
            throw element.error("'\(name)' cannot name a stage; use 1 to 64 of a-z A-Z 0-9 _ . - and not 'incoming'")
        }
        let name = name
        if let kind = StageSetting.kinds.first(where: { $0.name == name }) {
            (factory, duplicates) = try kind.make(options, &limits, &intake)
            isArchive = false
        } else {
            (factory, duplicates) = (try StageSetting.named(name, options, element), nil)
            isArchive = options.map(ConnectorSetting.isArchive) ?? false
        }
    }

    /// A stage with a name of the user's own: its options say which kind it is.
    private static func named(
        _ name: String, _ options: ConfigurationNode?, _ element: ConfigurationNode
    ) throws -> StageFactory {
        if let options, let factory = try ConnectorSetting.factory(options) { return factory }
        guard let options, let members = try? options.members(of: [pass]), try members["pass"]?.bool() == true
        else {
            throw element.error(
                "unknown stage '\(name)'; known are \(kinds.map(\.name).joined(separator: ", ")); or say what it is: "
                    + ConnectorSetting.examples)
        }
        return { PassStage() }
    }
}

extension StageSetting {
    private static let pass = Setting(
        key: "stages.pass.pass", .bool, default: true, otherwise: "", "A stage that changes nothing")

    private static let maxBytes = SettingField(
        Setting(
            key: "stages.validate.max_bytes", .integer(256...(16 << 20)), default: ValidateOptions().maxBytes,
            "Largest event, in bytes of JSON"), \ValidateOptions.maxBytes)
    private static let maxText = SettingField(
        Setting(
            key: "stages.validate.max_text", .integer(16...(16 << 20)), default: ValidateOptions().maxText,
            "Largest text, in bytes"), \ValidateOptions.maxText)
    private static let duplicates: [SettingField<ValidateOptions>] = [
        SettingField(
            Setting(
                key: "stages.validate.duplicate_window", .time(1000...7 * 86_400_000),
                default: DuplicatePolicy().window,
                "How long a repeat is recognised at least; at most twice that"), \.duplicates.window),
        SettingField(
            Setting(
                key: "stages.validate.duplicate_keys", .integer(2...100_000_000),
                default: DuplicatePolicy().keys, "Events remembered for that in each partition"),
            \.duplicates.keys),
    ]
    private static let validate = Kind(
        name: "validate", options: ([maxBytes, maxText] + duplicates).map(\.setting),
        droppingRepeats: { node, _, intake in
            var options = ValidateOptions()
            let fields = [maxBytes, maxText] + duplicates
            try node?.members(of: fields.map(\.setting)).read(fields, into: &options)
            intake.validate = options
            let final = options
            return ({ ValidateStage(final) }, options.duplicates)
        })

    private static let moderation: [SettingField<ModerateOptions>] = [
        SettingField(
            Setting(
                key: "stages.moderate.blocked_words", .texts, default: ModerateOptions().blockedWords,
                "Whole words, upper and lower case alike; a word may be several"), \.blockedWords),
        SettingField(
            Setting(
                key: "stages.moderate.blocked_patterns", .texts, default: ModerateOptions().blockedPatterns,
                "Patterns in RE2's syntax"), \.blockedPatterns),
        SettingField(
            Setting(
                key: "stages.moderate.max_links", SettingForm.integer(0...10_000).orNone,
                default: ModerateOptions().maxLinks, "Most links in a text"), \.maxLinks),
        SettingField(
            Setting(
                key: "stages.moderate.author_rate", SettingForm.rate.orNone,
                default: ModerateOptions().authorRate.map {
                    Rate(count: $0.count, milliseconds: Int64($0.seconds) * 1000)
                },
                "Most new comments of one author")
        ) { rate, options in
            options.authorRate = rate.map {
                ModerateOptions.Rate(count: $0.count, seconds: Int($0.milliseconds / 1000))
            }
        },
        SettingField(
            Setting(
                key: "stages.moderate.hold", .bool, default: ModerateOptions().hold,
                "Whether suspicious comments wait for a person; false: they are dropped"), \.hold),
    ]
    private static let moderate = Kind(name: "moderate", options: moderation.map(\.setting)) { node, _, _ in
        var options = ModerateOptions()
        let members = try node?.members(of: moderation.map(\.setting)) ?? [:]
        try members.read(moderation, into: &options)
        do throws(CommentsError) {
            let moderator = try Moderator(options)
            return { ModerateStage(moderator) }
        } catch {
            let place = members["blocked_patterns"] ?? node
            throw place?.error(error.message)
                ?? ConfigurationError(file: "", line: nil, key: "", message: error.message)
        }
    }

    private static let formatting: [SettingField<FormatOptions>] = [
        SettingField(
            Setting(
                key: "stages.format.private", .texts, default: FormatOptions().privateKeys,
                "Members that are removed, at any depth"), \.privateKeys),
        SettingField(
            Setting(
                key: "stages.format.keep_text", .bool, default: FormatOptions().keepText,
                "Publish text beside html"), \.keepText),
        SettingField(
            Setting(
                key: "stages.format.max_growth", .integer(100...10_000), default: FormatOptions().maxGrowth,
                "Largest published form of an event, in percent of the event, besides 2 KiB"), \.maxGrowth),
    ]
    private static let format = Kind(name: "format", options: formatting.map(\.setting)) { node, _, intake in
        var options = FormatOptions()
        try node?.members(of: formatting.map(\.setting)).read(formatting, into: &options)
        intake.format = options
        let final = options
        return { FormatStage(final) }
    }

    private static let channels = Setting(
        key: "stages.route.channels", .texts, default: RouteOptions().channels,
        otherwise: "the five of the contract", "Templates of channels")
    private static let routing: [SettingField<RouteOptions>] = [
        SettingField(channels, \.channels),
        SettingField(
            Setting(
                key: "stages.route.max_channels", .integer(RouteOptions.channelCounts),
                default: RouteOptions().maxChannels, "Most channels of one event"), \.maxChannels),
        SettingField(
            Setting(
                key: "stages.route.max_mentions", .integer(RouteOptions.mentionCounts),
                default: RouteOptions().maxMentions, "Most channels that a list, such as mentions, gives an event"),
            \.maxMentions),
        SettingField(
            Setting(
                key: "stages.route.max_copied", .size(1024...1 << 30), default: RouteOptions().maxCopied,
                "Size of an event's copies together, beyond which channels of lists are left out"), \.maxCopied),
    ]
    private static let route = Kind(name: "route", options: routing.map(\.setting)) { node, _, _ in
        guard let node else { return { try RouteStage() } }
        var options = RouteOptions()
        let members = try node.members(of: routing.map(\.setting))
        try members.read(routing, into: &options)
        let final = options
        do throws(CommentsError) {
            // A template that does not parse is found now, not when the stage is first used.
            _ = try RouteStage(final)
        } catch {
            throw (members[channels.name] ?? node).error(error.message)
        }
        return { try RouteStage(final) }
    }

    private static let publication: [SettingField<PipelineLimits>] = [
        SettingField(
            Setting(
                key: "stages.publish.history", .history, default: PipelineLimits().history,
                "How much each kind of channel keeps")
        ) { history, limits in
            limits.history.kinds = history.kinds
            limits.history.others = history.others
        },
        SettingField(
            Setting(
                key: "stages.publish.ttl", .time(1000...Int64.max), default: PipelineLimits().history.lifetime,
                "A channel that is idle for that long disappears, where `history` gives its kind no age"),
            \.history.lifetime),
    ]
    private static let publish = Kind(name: "publish", options: publication.map(\.setting)) { node, limits, _ in
        try node?.members(of: publication.map(\.setting)).read(publication, into: &limits)
        return { PublishStage() }
    }
}
