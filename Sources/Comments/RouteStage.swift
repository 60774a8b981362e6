import JSON
public import Pipeline

/// The options of the stage `route`.
public struct RouteOptions: Sendable {
    /// Templates of channel names: text with members of the event in braces, `{author.id}` for a nested member. An
    /// array gives one channel for each of its elements; a missing member gives none.
    public var channels: [String]

    public init(
        channels: [String] = ["thread:{thread}", "forum:{forum}", "user:{author.id}", "user:{mentions}", "post:{id}"]
    ) {
        self.channels = channels
    }
}

/// `route`: finds the channels of an event and writes them into its member `channels`, for the stage `publish`. A list
/// that the sender gave is overwritten: senders do not choose who receives an event.
public final class RouteStage: Stage {
    private let router: ChannelRouter

    /// - Throws: ``CommentsError`` that names the invalid template.
    public init(_ options: RouteOptions = RouteOptions()) throws(CommentsError) {
        router = try ChannelRouter(options: options)
    }

    public func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        var event = event
        event.fields["channels"] = .array(router.channels(of: event.fields).map(JSON.string))
        return .forward([event])
    }
}

/// Finds the channels of an event by the templates of ``RouteOptions``.
struct ChannelRouter {
    static let maxChannels = 32

    private let templates: [ChannelTemplate]

    /// - Throws: ``CommentsError`` that names the invalid template.
    init(options: RouteOptions) throws(CommentsError) {
        var templates: [ChannelTemplate] = []
        for template in options.channels { templates.append(try ChannelTemplate(template)) }
        self.templates = templates
    }

    /// Valid names, each once, in the order of the templates, at most 32.
    func channels(of fields: JSONObject) -> [String] {
        var channels: [String] = []
        for template in templates {
            for name in template.names(for: fields, limit: Self.maxChannels) where !ChannelName.contains(channels, name)
            {
                if channels.count == Self.maxChannels { return channels }
                channels.append(name)
            }
        }
        return channels
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

    /// The valid names that the template gives for an event, at most `limit`.
    func names(for fields: JSONObject, limit: Int) -> [String] {
        var names = [""]
        for piece in pieces {
            switch piece {
            case .text(let text):
                for index in names.indices { names[index] += text }
            case .path(let path):
                let parts = Self.parts(.object(fields), path[...], limit: limit)
                if parts.count == 1 {
                    for index in names.indices { names[index] += parts[0] }
                } else {
                    names = Array(names.lazy.flatMap { name in parts.lazy.map { name + $0 } }.prefix(limit))
                }
            }
            if names.isEmpty { return [] }
        }
        return names.filter(ChannelName.isValid)
    }

    /// The values at a path that can be part of a name. An array stands for each of its elements.
    private static func parts(_ value: JSON, _ path: ArraySlice<String>, limit: Int) -> [String] {
        if case .array(let elements) = value {
            return Array(elements.prefix(limit).flatMap { parts($0, path, limit: limit) }.prefix(limit))
        }
        guard let key = path.first else {
            return ChannelName.part(value).map { $0.isEmpty ? [] : [$0] } ?? []
        }
        return value[key].map { parts($0, path.dropFirst(), limit: limit) } ?? []
    }

    private static func error(_ template: String, _ problem: String) -> CommentsError {
        CommentsError(.template, "the channel template \"\(template)\" cannot be used: \(problem)")
    }
}
