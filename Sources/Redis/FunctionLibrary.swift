/// A library of Redis functions that is part of this program, and how it is loaded into a server.
public struct FunctionLibrary: Sendable {
    public let name: String
    public let version: Int64
    /// The Lua source, beginning with `#!lua name=…`.
    public let source: [UInt8]

    public init(name: String, version: Int64, source: [UInt8]) {
        self.name = name
        self.version = version
        self.source = source
    }

    /// Loads the library when the server has none with this name, or an older one. A newer one stays, so that a process
    /// of an older release cannot replace it during an upgrade.
    ///
    /// The library's function `NAME_version` returns the loaded version.
    public func ensureLoaded(
        on connection: RedisConnection, completion: @escaping (Result<Void, RedisError>) -> Void
    ) {
        connection.send(RedisCommand("FCALL_RO", "\(name)_version", "0")) { result in
            switch result {
            case .success(let value) where (value.integer ?? 0) >= version: completion(.success(()))
            case .failure(let error) where error.code != .functionMissing: completion(.failure(error))
            default: load(on: connection, completion: completion)
            }
        }
    }

    private func load(on connection: RedisConnection, completion: @escaping (Result<Void, RedisError>) -> Void) {
        var command = RedisCommand("FUNCTION", "LOAD", "REPLACE")
        command.append(source)
        connection.send(command) { completion($0.map { _ in () }) }
    }
}
