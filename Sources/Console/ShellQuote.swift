package import Redis

/// Lines that can be pasted into a shell.
package enum ShellQuote {
    /// The word as a POSIX shell reads it back unchanged.
    package static func quoted(_ word: String) -> String {
        let plain = word.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: ","), UInt8(ascii: "="), UInt8(ascii: "+"):
                true
            default: false
            }
        }
        if plain, !word.isEmpty { return word }
        return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }

    /// How redis-cli reaches that server. The password stays out: redis-cli takes it from REDISCLI_AUTH.
    package static func redisCLI(_ address: RedisAddress) -> String {
        var words = ["redis-cli"]
        switch address.endpoint {
        case .unix(let path): words += ["-s", quoted(path)]
        case .tcp(let host, let port):
            if host != "127.0.0.1" && host != "localhost" { words += ["-h", quoted(host)] }
            if port != 6379 { words += ["-p", String(port)] }
        }
        if address.database != 0 { words += ["-n", String(address.database)] }
        if let user = address.user { words += ["--user", quoted(user)] }
        return words.joined(separator: " ")
    }
}
