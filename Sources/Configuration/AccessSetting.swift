package import Edge

/// Who may read and write at an edge, as `tidings.yaml` says it. Keys are read only where they are needed: a worker has
/// no business with them.
package struct AccessSetting {
    /// What stands in `edge` beside other things.
    package static let keys = ["tokens", "api_keys", "api_rate", "api_burst", "origins"]

    package private(set) var tokenKeys: [TokenKeySetting] = []
    package private(set) var audience: String?
    private var apiKeys: [(setting: APIKeySetting, node: ConfigurationNode)] = []
    /// Nil: as the edge has it; `.some(nil)`: none.
    private var rate: AccessOptions.Rate??
    package private(set) var burst: Int?
    private var origins = AllowedOrigins.any

    package init() {}

    /// - Parameter members: those of `edge`.
    package init(_ members: [String: ConfigurationNode]) throws {
        if let node = members["tokens"] { try readTokens(node) }
        if let node = members["api_keys"] { try readAPIKeys(node) }
        if let node = members["api_rate"] {
            rate = .some(try node.isNone ? nil : AccessSetting.rate(node.rate()))
        }
        if let node = members["api_burst"] { burst = try node.integer(in: AccessSetting.bursts) }
        if let node = members["origins"] { origins = try AccessSetting.origins(node) }
    }

    package static let bursts = 1...1_000_000

    /// What an edge is told: the keys as they are now.
    ///
    /// - Throws: ``ConfigurationError`` for a key that cannot be read or used.
    package func options() throws -> AccessOptions {
        var options = try tokenOptions()
        for (setting, node) in apiKeys {
            let key = try setting.key()
            if let other = options.apiKeys.first(where: key.isSameKey) {
                throw node.error("is the same key as that of '\(other.name)'; give each its own")
            }
            options.apiKeys.append(key)
        }
        if let rate { options.apiRate = rate }
        options.apiBurst = burst ?? AccessSetting.burst(for: options.apiRate)
        options.origins = origins
        return options
    }

    /// Another number when a key is another, though it stands in the same file or variable. Means something in this process
    /// only.
    package func digest() throws(ConfigurationError) -> Int {
        var hasher = Hasher()
        for key in tokenKeys { hasher.combine(try key.text()) }
        for key in apiKeys { hasher.combine(try key.setting.text()) }
        return hasher.finalize()
    }

    /// The part of ``options()`` that tokens are checked with.
    package func tokenOptions() throws -> AccessOptions {
        var options = AccessOptions()
        options.tokenKeys = try tokenKeys.map { try $0.key() }
        options.audience = audience
        return options
    }

    /// What may come at once when nobody says it: as much as in one unit of the rate, or in ten seconds.
    package static func burst(for rate: AccessOptions.Rate?) -> Int {
        guard let rate else { return AccessOptions().apiBurst }
        let count = Double(rate.count)
        let most = max(count, count * 10_000 / Double(rate.milliseconds))
        return Int(min(most, Double(bursts.upperBound)).rounded(.down))
    }

    package static func rate(_ rate: (count: Int, window: Int64)) -> AccessOptions.Rate {
        AccessOptions.Rate(count: rate.count, milliseconds: rate.window)
    }

    private mutating func readTokens(_ node: ConfigurationNode) throws {
        let members = try node.members(known: ["keys", "audience"])
        guard let list = members["keys"], case let elements = try list.elements(), !elements.isEmpty else {
            throw node.error("needs keys, such as 'keys: [{ id: k1, hs256: { env: TIDINGS_TOKEN_KEY } }]'")
        }
        guard elements.count <= AccessOptions.maxTokenKeys else {
            throw list.error("at most \(AccessOptions.maxTokenKeys) keys; remove those that have had their time")
        }
        for element in elements {
            let key = try TokenKeySetting(element)
            if let id = key.id, tokenKeys.contains(where: { $0.id == id }) {
                throw element.error("id '\(id)' stands twice; give each key its own")
            }
            tokenKeys.append(key)
        }
        audience = try members["audience"]?.string()
    }

    private mutating func readAPIKeys(_ node: ConfigurationNode) throws {
        let elements = try node.elements()
        guard !elements.isEmpty else { throw node.error("no keys; leave it out and anyone may post") }
        guard elements.count <= AccessOptions.maxAPIKeys else {
            throw node.error("at most \(AccessOptions.maxAPIKeys) keys")
        }
        for element in elements {
            let key = try APIKeySetting(element)
            if apiKeys.contains(where: { $0.setting.name == key.name }) {
                throw element.error("name '\(key.name)' stands twice; give each key its own")
            }
            apiKeys.append((key, element))
        }
    }

    private static func origins(_ node: ConfigurationNode) throws -> AllowedOrigins {
        if node.isAny { return .any }
        let elements = try node.elements()
        guard elements.count <= AllowedOrigins.maxCount else {
            throw node.error("at most \(AllowedOrigins.maxCount) origins")
        }
        return .listed(
            try elements.map { element in
                let text = try element.string()
                guard AllowedOrigins.isOrigin(text) else { throw element.error(noOrigin(text)) }
                return text
            })
    }

    /// What is wrong with an origin.
    package static func noOrigin(_ text: String) -> String {
        "'\(text)' is no origin; write it as browsers send it: scheme://host or scheme://host:port, in lower case, without "
            + "a path and without the scheme's own port, such as https://example.org"
    }
}
