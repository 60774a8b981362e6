import Glibc
package import Redis

/// Numbers and columns for people.
package enum Text {
    /// 1.234 → `1.23 s`, 0.0123 → `12 ms`.
    package static func seconds(_ seconds: Double) -> String {
        if seconds < 1 { return "\(Int((seconds * 1000).rounded())) ms" }
        return "\(Double(Int((seconds * 100).rounded())) / 100) s"
    }

    /// Milliseconds since 1970 → `2026-11-29 13:45:07Z`.
    package static func time(_ milliseconds: Int64) -> String {
        var seconds = time_t(milliseconds / 1000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let numbers = [
            Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday), Int(parts.tm_hour), Int(parts.tm_min),
            Int(parts.tm_sec),
        ].map { $0 < 10 ? "0\($0)" : "\($0)" }
        return "\(numbers[0])-\(numbers[1])-\(numbers[2]) \(numbers[3]):\(numbers[4]):\(numbers[5])Z"
    }

    package static func left(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    package static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    /// 1234567 → `1,234,567`.
    package static func grouped(_ number: Int) -> String {
        var digits = String(abs(number))
        var result = ""
        while digits.count > 3 {
            result = "," + digits.suffix(3) + result
            digits = String(digits.dropLast(3))
        }
        return (number < 0 ? "-" : "") + digits + result
    }

    /// 1234567 bytes → `1.2 MB`.
    package static func megabytes(_ bytes: Int64) -> String {
        let tenths = bytes * 10 / (1 << 20)
        return tenths < 1000 ? "\(tenths / 10).\(tenths % 10) MB" : "\(grouped(Int(tenths / 10))) MB"
    }
}

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
