import JSON
public import Pipeline
import Store

/// The options of the stage `route`.
public struct RouteOptions: Sendable {
    /// Templates of channel names: text with members of the event in braces, `{author.id}` for a nested member. An
    /// array gives one channel for each of its elements; a missing member gives none.
    public var channels: [String]
    /// The most channels of one event, at most ``ChannelRouter/most``. Beyond, those that lists gave are left out first.
    public var maxChannels: Int
    /// The most channels that one template may give, by a member that is a list: `user:{mentions}`.
    public var maxMentions: Int
    /// What the copies of an event in its channels may take together, in bytes, before channels that lists gave are left
    /// out: a long comment reaches fewer of the people whom it mentions.
    public var maxCopied: Int

    /// What ``maxChannels`` and ``maxMentions`` may be.
    public static let channelCounts = 1...ChannelRouter.most
    public static let mentionCounts = 0...ChannelRouter.most

    public init(
        channels: [String] = ["thread:{thread}", "forum:{forum}", "user:{author.id}", "user:{mentions}", "post:{id}"],
        maxChannels: Int = 8, maxMentions: Int = 5, maxCopied: Int = 16_384
    ) {
        self.channels = channels
        self.maxChannels = maxChannels
        self.maxMentions = maxMentions
        self.maxCopied = maxCopied
    }
}

/// `route`: finds the channels of an event and writes them into its member `channels`, for the stage `publish`. A list
/// that the sender gave is overwritten: senders do not choose who receives an event. Where a limit leaves out channels,
/// the lane counts the event as `limited:channels`.
///
/// A `thread.closed` or `thread.opened` has no channel of its own: its `id` fills no template, or `post:{id}` would give
/// each of them a channel that nobody reads.
public final class RouteStage: Stage {
    private let router: ChannelRouter

    /// - Throws: ``CommentsError`` that names the invalid template.
    public init(_ options: RouteOptions = RouteOptions()) throws(CommentsError) {
        router = try ChannelRouter(options: options)
    }

    public func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        var event = event
        let route = router.route(event.fields, bytes: event.raw.count)
        event.fields["channels"] = .array(route.channels.map(JSON.string))
        if route.isCut { event.countLimit("channels") }
        return .forward([event])
    }
}

/// Finds the channels of an event by the templates of ``RouteOptions``.
struct ChannelRouter {
    /// The most channels that any configuration may allow one event.
    static let most = 32

    /// The channels of an event, and whether a limit has left some out.
    struct Route: Equatable {
        var channels: [String] = []
        var isCut = false
    }

    private let templates: [ChannelTemplate]
    private let options: RouteOptions

    /// - Throws: ``CommentsError`` that names the invalid template.
    init(options: RouteOptions) throws(CommentsError) {
        var templates: [ChannelTemplate] = []
        for template in options.channels { templates.append(try ChannelTemplate(template)) }
        guard templates.count <= options.maxChannels else {
            throw CommentsError(
                .template,
                "\(templates.count) channel templates, and an event may reach \(options.maxChannels) channels: raise "
                    + "max_channels")
        }
        self.templates = templates
        self.options = options
    }

    /// Valid names, each once, in the order of the templates. Templates that give one name come first when limits leave
    /// out some; a deletion reaches only these.
    ///
    /// - Parameter bytes: the event's size.
    func route(_ event: JSONObject, bytes: Int) -> Route {
        var fields = event
        if EventType.isOfConversation(EventType.of(fields)) { fields["id"] = nil }
        let found = templates.map { $0.names(for: fields, limit: Self.most) }
        var singles: [String] = []
        for names in found where !names.isList { singles += names.texts }
        let affordable = options.maxCopied / max(1, bytes)
        let isDeletion = EventType.of(fields) == EventType.deleted
        var room = isDeletion ? 0 : max(0, min(options.maxChannels, affordable) - singles.count)
        var route = Route()
        for names in found {
            var given = 0
            for name in names.texts where !ChannelName.contains(route.channels, name) {
                if names.isList {
                    if ChannelName.contains(singles, name) { continue }
                    guard room > 0, given < options.maxMentions else {
                        route.isCut = route.isCut || !isDeletion
                        break
                    }
                    room -= 1
                    given += 1
                }
                route.channels.append(name)
            }
        }
        return route
    }
}

/// A channel's name with placeholders for an event's members: `thread:{thread}`, `user:{author.id}`.
struct ChannelTemplate {
    private enum Piece {
        case text(String)
        case path([String])
    }

    private let pieces: [Piece]

    /// - Throws: ``CommentsError`` that names the template and what is wrong with it.
    init(_ template: String) throws(CommentsError) {
        var pieces: [Piece] = []
        var rest = template[...]
        while let brace = rest.firstIndex(where: { $0 == "{" || $0 == "}" }) {
            if brace > rest.startIndex { pieces.append(.text(String(rest[..<brace]))) }
            let inside = rest[rest.index(after: brace)...]
            guard rest[brace] == "{", let end = inside.firstIndex(where: { $0 == "{" || $0 == "}" }),
                inside[end] == "}"
            else { throw Self.error(template, "its braces do not match") }
            let path = inside[..<end].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            guard !path.contains(where: \.isEmpty) else {
                throw Self.error(template, "a name in braces is empty, write one as in {author.id}")
            }
            pieces.append(.path(path))
            rest = inside[inside.index(after: end)...]
        }
        if !rest.isEmpty { pieces.append(.text(String(rest))) }
        let text = pieces.reduce(into: "") { if case .text(let part) = $1 { $0 += part } }
        guard !pieces.isEmpty, text.isEmpty || ChannelName.isValid(text) else {
            throw Self.error(
                template, "a channel's name has 1 to \(ChannelName.maxBytes) bytes and no control characters")
        }
        self.pieces = pieces
    }

    /// What a template gives for an event: valid names, and whether a member that is a list has a part in it.
    struct Names {
        var texts: [String] = []
        var isList = false
    }

    /// At most `limit` names.
    func names(for fields: JSONObject, limit: Int) -> Names {
        var names = [""]
        var isList = false
        for piece in pieces {
            switch piece {
            case .text(let text):
                for index in names.indices { names[index] += text }
            case .path(let path):
                let parts = Self.parts(.object(fields), path[...], limit: limit, &isList)
                if parts.count == 1 {
                    for index in names.indices { names[index] += parts[0] }
                } else {
                    names = Array(names.lazy.flatMap { name in parts.lazy.map { name + $0 } }.prefix(limit))
                }
            }
            if names.isEmpty { return Names() }
        }
        return Names(texts: names.filter(ChannelName.isValid), isList: isList)
    }

    /// The values at a path that can be part of a name. An array stands for each of its elements.
    private static func parts(
        _ value: JSON, _ path: ArraySlice<String>, limit: Int, _ isList: inout Bool
    ) -> [String] {
        if case .array(let elements) = value {
            isList = true
            var found: [String] = []
            for element in elements.prefix(limit) { found += parts(element, path, limit: limit, &isList) }
            return Array(found.prefix(limit))
        }
        guard let key = path.first else {
            return ChannelName.part(value).map { $0.isEmpty ? [] : [$0] } ?? []
        }
        return value[key].map { parts($0, path.dropFirst(), limit: limit, &isList) } ?? []
    }

    private static func error(_ template: String, _ problem: String) -> CommentsError {
        CommentsError(.template, "the channel template \"\(template)\" cannot be used: \(problem)")
    }
}
