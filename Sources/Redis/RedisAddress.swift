/// The address of a Redis server, with its login.
public struct RedisAddress: Sendable, Equatable, CustomStringConvertible {
    public enum Endpoint: Sendable, Equatable {
        case tcp(host: String, port: Int32)
        case unix(path: String)
    }

    public let endpoint: Endpoint
    public let database: Int
    public let user: String?
    public let password: String?

    public init(endpoint: Endpoint, database: Int = 0, user: String? = nil, password: String? = nil) {
        self.endpoint = endpoint
        self.database = database
        self.user = user
        self.password = password
    }

    /// Parses `redis://[user:password@]host[:port][/database]` or `unix:///path[?db=N&password=…]`.
    ///
    /// - Throws: ``RedisError`` with code `address` that says what is wrong.
    public init(url: String) throws(RedisError) {
        let shown = RedisAddress.masked(url)
        guard let separator = url.firstRange(of: "://") else {
            throw RedisError(
                .address, "'\(shown)' is no Redis address; write redis://host:6379/0 or unix:///path"
            )
        }
        let rest = url[separator.upperBound...]
        switch url[..<separator.lowerBound] {
        case "redis": try self.init(tcp: rest, url: shown)
        case "unix": try self.init(unix: rest, url: shown)
        case let scheme where ["rediss", "redis-sentinel", "redis-cluster"].contains(scheme):
            throw RedisError(.address, "\(scheme):// is not supported; write redis://host:6379/0 or unix:///path")
        case let scheme:
            throw RedisError(
                .address, "unknown scheme '\(scheme)' in '\(shown)'; write redis:// or unix://")
        }
    }

    /// - Parameter url: the URL without its password, for errors.
    private init(tcp rest: Substring, url: String) throws(RedisError) {
        var authority = rest
        var database = 0
        if let slash = rest.firstIndex(of: "/") {
            authority = rest[..<slash]
            let name = rest[rest.index(after: slash)...]
            if !name.isEmpty {
                guard let number = Int(name), number >= 0 else {
                    throw RedisError(
                        .address, "'\(name)' in '\(url)' is no database number; write …/0")
                }
                database = number
            }
        }
        var user: String?
        var password: String?
        if let at = authority.lastIndex(of: "@") {
            let login = authority[..<at]
            authority = authority[authority.index(after: at)...]
            let parts = login.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            user = parts[0].isEmpty ? nil : RedisAddress.percentDecoded(parts[0])
            password = parts.count > 1 ? RedisAddress.percentDecoded(parts[1]) : nil
            if password == nil { (user, password) = (nil, user) }
        }
        var host = authority
        var port: Int32 = 6379
        // A colon inside brackets is part of an IPv6 address.
        if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
            host = authority[..<colon]
            guard let number = Int32(authority[authority.index(after: colon)...]), (1...65535).contains(number) else {
                throw RedisError(.address, "'\(url)' has no valid port; write redis://host:6379/0")
            }
            port = number
        }
        let name = host.trimming(while: { $0 == "[" || $0 == "]" })
        self.init(
            endpoint: .tcp(host: name.isEmpty ? "127.0.0.1" : String(name), port: port), database: database,
            user: user, password: password)
    }

    /// - Parameter url: the URL without its password, for errors.
    private init(unix rest: Substring, url: String) throws(RedisError) {
        let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = RedisAddress.percentDecoded(parts[0])
        guard path.hasPrefix("/") else {
            throw RedisError(
                .address, "'\(url)' has no absolute path; write unix:///run/redis/redis.sock")
        }
        guard path.utf8.count <= 107 else {
            throw RedisError(
                .address,
                "the socket's path in '\(url)' is longer than 107 bytes; use a shorter folder")
        }
        var database = 0
        var password: String?
        for pair in parts.dropFirst().joined().split(separator: "&") {
            let halves = pair.split(separator: "=", maxSplits: 1)
            switch (halves.first, halves.dropFirst().first) {
            case ("db", let value?):
                guard let number = Int(value), number >= 0 else {
                    throw RedisError(.address, "'\(value)' in '\(url)' is no database number")
                }
                database = number
            case ("password", let value?): password = RedisAddress.percentDecoded(value)
            default:
                throw RedisError(
                    .address,
                    "'\(pair.prefix { $0 != "=" })' in '\(url)' is not known; db=N and password=… are"
                )
            }
        }
        self.init(endpoint: .unix(path: path), database: database, password: password)
    }

    /// The address without its password, for logs.
    public var description: String {
        switch endpoint {
        case .tcp(let host, let port): "redis://\(host.contains(":") ? "[\(host)]" : host):\(port)/\(database)"
        case .unix(let path): "unix://\(path)\(database == 0 ? "" : "?db=\(database)")"
        }
    }

    /// The address with its password, as ``init(url:)`` parses it: parent processes pass it to their children.
    public var url: String {
        func escaped(_ text: String) -> String {
            text.utf8.map { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                    String(UnicodeScalar(byte))
                default: "%" + String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
                }
            }.joined()
        }
        switch endpoint {
        case .tcp(let host, let port):
            let login = password.map { "\(user.map(escaped) ?? ""):\(escaped($0))@" } ?? ""
            return "redis://\(login)\(host.contains(":") ? "[\(host)]" : host):\(port)/\(database)"
        case .unix(let path):
            let login = password.map { "&password=\(escaped($0))" } ?? ""
            return
                "unix://\(path.split(separator: "/", omittingEmptySubsequences: false).map { escaped(String($0)) }.joined(separator: "/"))?db=\(database)\(login)"
        }
    }

    /// A URL for errors: everything that could be a password is replaced.
    private static func masked(_ url: String) -> String {
        var shown = url[...]
        if let query = shown.firstRange(of: "password=") {
            let rest = shown[query.upperBound...].drop { $0 != "&" }
            shown = shown[..<query.upperBound] + "***" + rest
        }
        guard let at = shown.lastIndex(of: "@") else { return String(shown) }
        let login = shown.firstRange(of: "://")?.upperBound ?? shown.startIndex
        return login < at ? shown[..<login] + "***" + shown[at...] : String(shown)
    }

    private static func percentDecoded(_ text: some StringProtocol) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2, rest.first != UInt8(ascii: "+"),
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Substring {
    fileprivate func trimming(while predicate: (Character) -> Bool) -> Substring {
        var result = self
        while let first = result.first, predicate(first) { result.removeFirst() }
        while let last = result.last, predicate(last) { result.removeLast() }
        return result
    }
}
