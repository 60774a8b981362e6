import Console
package import Edge

/// Who may read and write at an edge, as `tidings.yaml` says it. The keys themselves are read only by processes that need
/// them: a worker never does.
package struct AccessSettings {
    /// What stands in `edge` beside other things.
    package static let keys = ["write", "tokens", "api_keys", "api_rate", "api_burst", "origins"]

    package private(set) var tokenKeys: [TokenKeySetting] = []
    /// Keys that change while edges run.
    package private(set) var keySet: KeySetSetting?
    package private(set) var audience: String?
    package private(set) var issuer: String?
    /// Nil: the file does not say.
    package private(set) var write: WritePolicy?
    private var apiKeys: [(setting: APIKeySetting, node: ConfigurationNode)] = []
    /// Nil: the file does not say; `.some(nil)`: any number.
    package private(set) var apiRate: Rate??
    package private(set) var apiBurst: Int?
    package private(set) var origins: AllowedOrigins?

    private static let fields: [SettingField<AccessSettings>] = [
        SettingField(Settings.Access.write) { $1.write = $0 },
        SettingField(Settings.Access.apiRate) { $1.apiRate = .some($0) },
        SettingField(Settings.Access.apiBurst) { $1.apiBurst = $0 },
        SettingField(Settings.Access.origins) { $1.origins = $0 },
    ]

    package init() {}

    /// - Parameter members: those of `edge`.
    init(_ members: [String: ConfigurationNode]) throws {
        if let node = members["tokens"] { try readTokens(node) }
        if let node = members["api_keys"] { try readAPIKeys(node) }
        try members.read(AccessSettings.fields, into: &self)
    }

    /// What an edge is told, with the keys as they are now.
    ///
    /// - Parameters:
    ///   - rate: what a flag or the environment says; nil: nothing.
    ///   - burst: the same.
    ///   - origins: the same.
    ///   - write: the same.
    ///   - isLocal: whether only this machine reaches the edge.
    /// - Throws: ``ConfigurationError`` for a key that cannot be read or used, ``CommandError`` when nobody could post, or
    ///   strangers although nobody has said so.
    package func options(
        rate: Rate?? = nil, burst: Int? = nil, origins: AllowedOrigins? = nil, write: WritePolicy? = nil,
        isLocal: Bool = true
    ) throws -> AccessOptions {
        var options = try tokenOptions()
        for (setting, node) in apiKeys {
            let key = try setting.key()
            if let other = options.apiKeys.first(where: key.isSameKey) {
                throw node.error("is the same key as that of '\(other.name)'; give each its own")
            }
            options.apiKeys.append(key)
        }
        let rate = rate ?? apiRate ?? Settings.Access.apiRate.defaultValue
        options.apiRate = rate.map { AccessOptions.Rate(count: $0.count, milliseconds: $0.milliseconds) }
        options.apiBurst = burst ?? apiBurst ?? AccessSettings.burst(for: rate)
        do throws(EdgeError) {
            options.write = try WritePolicy.resolve(
                write ?? self.write, hasTokenKeys: options.hasTokenKeys, hasAPIKeys: !options.apiKeys.isEmpty,
                isLocal: isLocal)
        } catch {
            throw CommandError(error.message, exitCode: 2)
        }
        options.origins = origins ?? self.origins ?? Settings.Access.origins.defaultValue
        return options
    }

    /// A number that changes with any of the keys, also when the key stands in the same file or variable as before. Only
    /// for comparison within this process.
    package func digest() throws(ConfigurationError) -> Int {
        var hasher = Hasher()
        for key in tokenKeys { hasher.combine(try key.text()) }
        for key in apiKeys { hasher.combine(try key.setting.text()) }
        return hasher.finalize()
    }

    /// The part of ``options(rate:burst:origins:)`` that tokens are checked with.
    package func tokenOptions() throws -> AccessOptions {
        var options = AccessOptions()
        options.tokenKeys = try tokenKeys.map { try $0.key() }
        options.keySet = try keySet?.source()
        options.audience = audience
        options.issuer = issuer
        return options
    }

    /// The burst when nobody says one: as much as in one unit of the rate, or in ten seconds.
    private static func burst(for rate: Rate?) -> Int {
        guard let rate else { return AccessOptions().apiBurst }
        let count = Double(rate.count)
        let most = max(count, count * 10_000 / Double(rate.milliseconds))
        return Int(min(most, 1_000_000).rounded(.down))
    }

    private mutating func readTokens(_ node: ConfigurationNode) throws {
        let members = try node.members(of: [
            Settings.Access.tokenKeys, Settings.Access.keySet, Settings.Access.audience, Settings.Access.issuer,
        ])
        keySet = try members["jwks"].map { try KeySetSetting($0) }
        audience = try members["audience"]?.string()
        issuer = try members["issuer"]?.string()
        if members["keys"] == nil, keySet != nil { return }
        guard let list = members["keys"], case let elements = try list.elements(), !elements.isEmpty else {
            throw node.error("needs keys, such as 'keys: [{ id: k1, hs256: { env: TIDINGS_TOKEN_KEY } }]', or jwks")
        }
        guard elements.count <= AccessOptions.maxTokenKeys else {
            throw list.error("at most \(AccessOptions.maxTokenKeys) keys; remove those that are no longer used")
        }
        for element in elements {
            let key = try TokenKeySetting(element)
            if let id = key.id, tokenKeys.contains(where: { $0.id == id }) {
                throw element.error("id '\(id)' stands twice; give each key its own")
            }
            tokenKeys.append(key)
        }
    }

    private mutating func readAPIKeys(_ node: ConfigurationNode) throws {
        let elements = try node.elements()
        guard !elements.isEmpty else { throw node.error("no keys; leave it out, and edge.write says who may post") }
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
}
