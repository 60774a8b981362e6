@testable import Edge

/// What is decoded from a target is text without a broken escape, and what is plain stays as it is.
enum TargetProperty {
    static func violation(_ bytes: [UInt8]) -> String? {
        for plusIsSpace in [true, false] {
            let decoded = TargetDecoder.decode(bytes.span, plusIsSpace: plusIsSpace)
            guard let decoded else { continue }
            guard decoded.utf8.count <= bytes.count else { return "the decoded text is longer" }
            if !bytes.contains(0x25), !plusIsSpace || !bytes.contains(0x2B), Array(decoded.utf8) != bytes {
                return "plain text was changed"
            }
        }
        var count = 0
        do throws(HTTPError) {
            try TargetDecoder.forEachParameter(bytes.span) { _, _ throws(HTTPError) in count += 1 }
        } catch {
            if error.status != .badRequest { return "a broken query is answered with \(error.status)" }
        }
        return count > bytes.count ? "more parameters than bytes" : nil
    }
}
