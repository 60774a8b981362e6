/// Two servers that can be each other's replica. Replication needs TCP; clients use the sockets.
public struct ReplicaPair {
    public let first: RedisServer
    public let second: RedisServer
    private let ports: (first: UInt16, second: UInt16)

    public init() throws {
        ports = (try freePort(), try freePort())
        first = try ReplicaPair.server(ports.first)
        second = try ReplicaPair.server(ports.second)
    }

    private static func server(_ port: UInt16) throws -> RedisServer {
        try RedisServer(arguments: ["--port", "\(port)", "--repl-diskless-sync-delay", "0"])
    }

    /// Gives the second server the data that the first one has now; it is a master of its own afterwards.
    public func copyToSecond() throws {
        try follow(second, ports.first)
        try second.cli("REPLICAOF", "NO", "ONE")
    }

    /// The first server takes the data of the second one, which may be older. No client is disconnected.
    public func followSecond() throws {
        try follow(first, ports.second)
    }

    /// The first server is a master again.
    public func promoteFirst() throws {
        try first.cli("REPLICAOF", "NO", "ONE")
    }

    private func follow(_ server: RedisServer, _ port: UInt16) throws {
        try server.cli("REPLICAOF", "127.0.0.1", "\(port)")
        try eventually(within: 20, "the replica has the data", every: 0.02) {
            try server.cli("INFO", "replication").contains("master_link_status:up")
        }
    }
}
