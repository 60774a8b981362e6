internal import Redis

/// What every type of feed can: be made, configured, deleted. A handle is a name and a client; making one does nothing.
public protocol FeedHandle: Sendable {
    var client: ThoonkClient { get }
    /// The feed's name, as it stands in its keys. Names are told apart by their bytes.
    var name: String { get }
    static var type: FeedType { get }
}

extension FeedHandle {
    /// Makes the feed. Verbs that add make it as well when it is not there, without a configuration.
    ///
    /// - Parameter configuration: more fields for `feed.config:F`.
    /// - Returns: false when it was there: then its configuration stays as it is.
    /// - Throws: ``ThoonkError`` with code `wrongType` when it is of another type.
    @discardableResult
    public func create(_ configuration: [String: String] = [:]) async throws -> Bool {
        var command = RedisCommand("FCALL", "thoonk_create", "0", name, Self.type.rawValue, client.instance)
        for (field, value) in configuration {
            command.append(field)
            command.append(value)
        }
        return try await client.core.call(command).integer == 1
    }

    /// Sets fields of the configuration; others stay. The type cannot be changed.
    ///
    /// - Throws: ``ThoonkError`` with code `noFeed` when there is none.
    public func configure(_ configuration: [String: String]) async throws {
        guard !configuration.isEmpty else { return }
        var command = RedisCommand("FCALL", "thoonk_configure", "0", name, client.instance)
        for (field, value) in configuration {
            command.append(field)
            command.append(value)
        }
        _ = try await client.core.call(command)
    }

    /// The whole configuration, the type included; empty when there is no such feed.
    public func configuration() async throws -> [String: String] {
        let flat = try await client.core.read(RedisCommand("HGETALL", "feed.config:\(name)")).array ?? []
        var fields: [String: String] = [:]
        for index in stride(from: 0, to: flat.count - 1, by: 2) {
            fields[flat[index].text ?? ""] = flat[index + 1].text ?? ""
        }
        return fields
    }

    /// Removes the feed with all that it holds. No key is left.
    ///
    /// - Returns: false when there was none.
    @discardableResult
    public func delete() async throws -> Bool {
        try await client.core.call(RedisCommand("FCALL", "thoonk_delete", "0", name, client.instance)).integer == 1
    }

    public func exists() async throws -> Bool {
        try await client.exists(name)
    }

    /// An item by its id; nil when there is none.
    public func item(_ id: String) async throws -> [UInt8]? {
        try await client.core.read(RedisCommand("HGET", "feed.items:\(name)", id)).bytes
    }

    /// The value of a counter key of the feed.
    func counter(_ key: String) async throws -> Int {
        Int(try await client.core.read(RedisCommand("GET", "feed.\(key):\(name)")).integer ?? 0)
    }

    /// An id that a caller has chosen, or a fresh one.
    func chosen(_ id: String?) throws(ThoonkError) -> String {
        guard let id else { return client.freshID() }
        guard !id.utf8.contains(0) else {
            throw ThoonkError(.invalid, "an id must not hold a NUL: announcements are split at the first one")
        }
        return id
    }

    /// Puts items where they wait to be got, in one step.
    ///
    /// - Parameter function: the one for this type.
    func put(_ entries: [(id: String, item: some ItemBytes)], by function: String, priority: Bool) async throws {
        var command = command(function, client.instance, priority ? "1" : "0")
        for (id, item) in entries {
            command.append(id)
            command.append(item.itemBytes)
        }
        _ = try await client.core.call(command)
    }

    func command(_ function: String, _ arguments: String...) -> RedisCommand {
        var command = RedisCommand("FCALL", "thoonk_\(function)", "0", name)
        for argument in arguments { command.append(argument) }
        return command
    }

    func readingCommand(_ function: String, _ arguments: String...) -> RedisCommand {
        var command = RedisCommand("FCALL_RO", "thoonk_\(function)", "0", name)
        for argument in arguments { command.append(argument) }
        return command
    }
}

/// The types of feed that the Thoonk contract knows. The raw value is what stands in `feed.config:F`.
public enum FeedType: String, Sendable, CaseIterable {
    case feed
    case sortedFeed = "sorted_feed"
    case queue
    case job
}

/// A feed as it is listed.
public struct FeedSummary: Sendable, Equatable {
    public let name: String
    /// As it stands in the feed's configuration; empty while another client is making the feed.
    public let typeName: String

    /// Nil for a type that the contract does not know: `pyqueue` of the Python client.
    public var type: FeedType? { FeedType(rawValue: typeName) }

    public init(name: String, typeName: String) {
        self.name = name
        self.typeName = typeName
    }
}
