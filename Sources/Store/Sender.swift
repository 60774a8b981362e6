import JSON

/// Who sent an event: the web app, a person with a token, or the holder of an edit key.
///
/// The edge stamps it onto what is posted; whoever pushes into Redis may say it, and without a word the web app vouches for
/// the event. The owner of a comment is who created it: only the owner, the app and moderators may edit or delete it.
///
/// It travels as one of the ``LeadingMembers``, `"_by":"u:42"`:
///
/// - absent or `app`: the web app.
/// - `u:SUB`: SUB is the verified `sub` of a token, 1 to 128 bytes without control characters.
/// - `m:SUB`: the same, and the token makes its holder a moderator of this conversation.
/// - `k:FINGERPRINT`: 128 bits of the SHA-256 of an edit key, 22 characters of base64url.
package struct Sender: Hashable, Sendable {
    package static let app = Sender(form: nil)
    package static let maxSubjectBytes = 128
    private static let fingerprintBytes = 22
    /// The most bytes that the form can have in JSON, every byte escaped.
    static let maxEscapedBytes = 2 + maxSubjectBytes * 6

    /// Nil for the app.
    private let form: String?

    private init(form: String?) {
        self.form = form
    }

    /// Nil for what is none of the forms.
    package init?(_ text: String) {
        guard text != "app" else {
            self = .app
            return
        }
        let bytes = text.utf8
        guard bytes.count > 2, bytes.dropFirst().first == UInt8(ascii: ":") else { return nil }
        let rest = bytes.dropFirst(2)
        switch bytes.first {
        case UInt8(ascii: "u"), UInt8(ascii: "m"):
            guard rest.count <= Sender.maxSubjectBytes, !Sender.hasControl(rest) else { return nil }
        case UInt8(ascii: "k"):
            guard rest.count == Sender.fingerprintBytes, rest.allSatisfy(Sender.isBase64URL) else { return nil }
        default: return nil
        }
        form = text
    }

    /// A person whose token's `sub` was verified. Nil for one that is no SUB.
    package init?(subject: String, isModerator: Bool) {
        self.init((isModerator ? "m:" : "u:") + subject)
    }

    /// Whoever holds the edit key with this fingerprint.
    package init?(fingerprint: String) {
        self.init("k:" + fingerprint)
    }

    package var isApp: Bool { form == nil }

    /// Whether a verified token names who sent the event.
    package var isPerson: Bool { form?.utf8.first == UInt8(ascii: "u") || isModerator }

    package var isModerator: Bool { form?.utf8.first == UInt8(ascii: "m") }

    /// The form as text: `app`, `u:42`.
    package var text: String { form ?? "app" }

    /// Whose a comment is that this sender creates, as text: the form without the moderator's right.
    package var owner: String {
        guard isModerator, let form else { return text }
        return "u:" + String(Substring(form.utf8.dropFirst(2)))
    }

    /// The form as it may stand in a string of JSON, without spaces, so that it is one word in a record. Empty for the app.
    package var escaped: [UInt8] {
        guard let form else { return [] }
        var quoted: [UInt8] = []
        quoted.appendJSONString(form)
        var escaped: [UInt8] = []
        escaped.reserveCapacity(quoted.count)
        for byte in quoted.dropFirst().dropLast() {
            if byte == UInt8(ascii: " ") { escaped += Array(#"\u0020"#.utf8) } else { escaped.append(byte) }
        }
        return escaped
    }

    private static func isBase64URL(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func hasControl(_ bytes: Substring.UTF8View.SubSequence) -> Bool {
        var before: UInt8 = 0
        for byte in bytes {
            // C1 controls, U+0080 to U+009F, are C2 80 to C2 9F.
            if byte < 0x20 || byte == 0x7F || (before == 0xC2 && byte < 0xA0) { return true }
            before = byte
        }
        return false
    }
}
