package import Store

/// One element of `doors`: a Thoonk queue, job feed or feed from which events are taken besides the incoming list.
package enum InletSetting {
    private static let example =
        "expected one source, such as '- queue: comments', '- job: comments' or "
        + "'- feed: { name: comments, from: start }'"

    package static func source(_ element: ConfigurationNode) throws(ConfigurationError) -> Inlet {
        guard let (word, value) = element.onlyMember(in: element.key) else { throw element.error(example) }
        guard let kind = Inlet.Kind(rawValue: word) else {
            throw element.error("unknown door '\(word)'; \(example)")
        }
        if value.isScalar { return Inlet(kind, try name(value)) }
        let members = try value.members(known: kind == .feed ? ["name", "from"] : ["name"])
        guard let given = members["name"] else { throw value.error("`name` is missing: the feed's name") }
        return Inlet(kind, try name(given), fromStart: try members["from"].map(fromStart) ?? false)
    }

    private static func name(_ node: ConfigurationNode) throws(ConfigurationError) -> String {
        let name = try node.string()
        guard name.utf8.count <= 256, name.utf8.allSatisfy({ $0 >= 32 && $0 != 127 }) else {
            throw node.error("no name of a feed: use 1 to 256 bytes without control characters")
        }
        return name
    }

    private static func fromStart(_ node: ConfigurationNode) throws(ConfigurationError) -> Bool {
        switch try node.string() {
        case "start": return true
        case "now": return false
        case let text: throw node.error("'\(text)' is neither start nor now")
        }
    }
}
