/// Numbers and columns for people.
package enum Text {
    /// 1.234 → `1.23 s`, 0.0123 → `12 ms`.
    package static func seconds(_ seconds: Double) -> String {
        if seconds < 1 { return "\(Int((seconds * 1000).rounded())) ms" }
        return "\(Double(Int((seconds * 100).rounded())) / 100) s"
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
