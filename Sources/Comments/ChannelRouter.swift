import JSON

/// Finds the channels of an event.
struct ChannelRouter {
    static let maxChannels = 32

    private let templates: [ChannelTemplate]

    /// - Throws: ``CommentsError`` that names the template that cannot be used.
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
