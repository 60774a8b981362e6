internal import Redis

/// The operations that every type of feed has. A handle is a name and a client; creating a handle sends nothing.
public protocol FeedHandle: Sendable {
    /// The client that the feed is used through.
    var client: ThoonkClient { get }
    /// The feed's name as it stands in its keys. Names are compared by their bytes.
    var name: String { get }
    /// The type of feed that this handle is for.
    static var type: FeedType { get }
}

extension FeedHandle {
    /// Creates the feed. Verbs that add items create a missing feed as well, without configuration.
    ///
    /// - Parameter configuration: more fields for `feed.config:F`.
    /// - Returns: false when the feed exists; its configuration is left as it is.
    /// - Throws: ``ThoonkError`` with code `wrongType` when the feed is of another type.
    @discardableResult
    public func create(_ configuration: [String: String] = [:]) async throws -> Bool {
        var command = RedisCommand("FCALL", "thoonk_create", "0", name, Self.type.rawValue, client.instance)
        for (field, value) in configuration {
            command.append(field)
            command.append(value)
        }
        return try await client.core.call(command).integer == 1
    }

    /// Sets fields of the configuration and leaves the others as they are. The type cannot be changed.
    ///
    /// - Throws: ``ThoonkError`` with code `noFeed` when the feed does not exist.
    public func configure(_ configuration: [String: String]) async throws {
        guard !configuration.isEmpty else { return }
        var command = RedisCommand("FCALL", "thoonk_configure", "0", name, client.instance)
        for (field, value) in configuration {
            command.append(field)
            command.append(value)
        }
        _ = try await client.core.call(command)
    }

    /// The whole configuration including the type; empty when the feed does not exist.
    public func configuration() async throws -> [String: String] {
        let flat = try await client.core.read(RedisCommand("HGETALL", "feed.config:\(name)")).array ?? []
        var fields: [String: String] = [:]
        for index in stride(from: 0, to: flat.count - 1, by: 2) {
            fields[flat[index].text ?? ""] = flat[index + 1].text ?? ""
        }
        return fields
    }

    /// Deletes the feed with all its items. No key is left.
    ///
    /// - Returns: false when the feed did not exist.
    @discardableResult
    public func delete() async throws -> Bool {
        try await client.core.call(RedisCommand("FCALL", "thoonk_delete", "0", name, client.instance)).integer == 1
    }

    /// Whether a feed of this name exists, of any type.
    public func exists() async throws -> Bool {
        try await client.exists(name)
    }

    /// The content of an item; nil when there is no such item.
    public func item(_ id: String) async throws -> [UInt8]? {
        try await client.core.read(RedisCommand("HGET", "feed.items:\(name)", id)).bytes
    }

    /// The value of a counter key of the feed.
    func counter(_ key: String) async throws -> Int {
        Int(try await client.core.read(RedisCommand("GET", "feed.\(key):\(name)")).integer ?? 0)
    }

    /// The caller's id if it can be used, or a new one.
    func chosen(_ id: String?) throws(ThoonkError) -> String {
        guard let id else { return client.freshID() }
        guard !id.utf8.contains(0) else {
            throw ThoonkError(.invalid, "an id must not hold a NUL: announcements are split at the first one")
        }
        return id
    }

    /// Puts items into a queue or job feed, in one step.
    ///
    /// - Parameter function: the function of this feed's type.
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

/// An entry of ``ThoonkClient/feeds(matching:)``.
public struct FeedSummary: Sendable, Equatable {
    public let name: String
    /// The type as written in the feed's configuration; empty while another client is creating the feed.
    public let typeName: String

    /// Nil for a type outside of the contract, such as `pyqueue` of the Python client.
    public var type: FeedType? { FeedType(rawValue: typeName) }

    public init(name: String, typeName: String) {
        self.name = name
        self.typeName = typeName
    }
}
