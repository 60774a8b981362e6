import JSON
import Signing
import Store

@testable import Edge

/// No bytes are a token of a key that did not sign them, and what signed claims allow is within what they say.
///
/// The bytes are taken as a whole token, and as claims that are signed.
enum TokenProperty {
    private static let secret = Array("a secret of thirty-two bytes, ok".utf8)
    private static let now: Int64 = 1_800_000_000_000

    static func violation(_ bytes: [UInt8]) -> String? {
        guard let key = try? TokenKey(id: "k1", hs256: secret), let mac = try? HMACKey(secret) else {
            return "libcrypto is missing"
        }
        var options = AccessOptions()
        options.tokenKeys = [key]
        let text = String(decoding: bytes, as: UTF8.self)
        if let claims = try? TokenVerifier(options: options).verify(text, now: now) {
            guard let dot = text.utf8.lastIndex(of: UInt8(ascii: ".")) else { return "a token without a signature" }
            let signature = Base64.encode(mac.code(of: Array(text.utf8[..<dot])), .url)
            guard text.utf8[text.utf8.index(after: dot)...].elementsEqual(signature.utf8) else {
                return "a forged token"
            }
            if let problem = violation(claims) { return problem }
        }
        let input = Base64.encode(#"{"alg":"HS256","kid":"k1"}"#.utf8, .url) + "." + Base64.encode(bytes, .url)
        let token = input + "." + Base64.encode(mac.code(of: Array(input.utf8)), .url)
        return (try? TokenVerifier(options: options).verify(token, now: now)).flatMap(violation)
    }

    private static func violation(_ claims: TokenClaims) -> String? {
        guard claims.expires + TokenVerifier.leeway > now else { return "an expired token" }
        if claims.channels?.isEmpty == true { return "a list without channels" }
        guard case .person(let person) = claims.writing else { return nil }
        for channels in [["thread:1"], ["thread:1", "forum:a"]] {
            guard let sender = try? person.sender(into: channels) else { continue }
            if person.write?.isEmpty == true { return "a scope of nothing lets in" }
            if sender.owner != "u:" + person.subject { return "the sender is not the subject" }
            if person.moderates?.isEmpty == true, sender.isModerator { return "nobody made a moderator" }
            guard Sender(sender.text) == sender, !sender.isApp else { return "the sender has another form" }
        }
        return nil
    }
}

/// A key set that is taken is within its limits and shows no private key.
enum KeySetProperty {
    static func violation(_ bytes: [UInt8]) -> String? {
        guard let set = try? KeySet(bytes) else { return nil }
        guard (1...KeySet.maxKeys).contains(set.keys.count), bytes.count <= KeySet.maxBytes else {
            return "\(set.keys.count) keys of \(bytes.count) bytes"
        }
        for key in set.keys {
            guard key.algorithm != .hs256 else { return "a shared key was taken" }
            if let id = key.id, !(1...KeySet.maxIDBytes).contains(id.utf8.count) { return "an id of another length" }
            if key.verifies([UInt8](repeating: 0, count: 64), of: [1]) { return "zeros are a signature" }
        }
        return nil
    }
}

/// An edit key has one form and makes a sender; what an anonymous writer and the holder of a token say about themselves is
/// never more than a name and two addresses.
enum EditKeyProperty {
    static func violation(_ bytes: [UInt8]) -> String? {
        let text = String(decoding: bytes, as: UTF8.self)
        let fingerprint = String(repeating: "f", count: 22)
        if let key = EditKey(parsing: text) {
            guard EditKey.characters.contains(bytes.count), bytes.elementsEqual(key.text.utf8) else {
                return "another key"
            }
            guard let made = try? key.fingerprint(), Sender(fingerprint: made) != nil else { return "no sender" }
        }
        guard let fields = try? JSONParser(maxBytes: 65_536).parseObject(bytes) else { return nil }
        var person = PersonClaims(subject: "42")
        person.write = ["thread:*", "forum:a"].compactMap { ChannelPattern($0) }
        for identity: CommentWriter.Identity in [
            .person(person), .anonymous(EditKey.make(), fingerprint: fingerprint),
        ] {
            guard let (result, sender) = try? CommentWriter(identity).attribute(fields) else { continue }
            guard !sender.isApp, !sender.isModerator else { return "a stranger became \(sender.text)" }
            let id = result["author"]?["id"]
            guard id == (sender.text == "u:42" ? .string("42") : nil) else { return "another author" }
            for member in result["author"]?.object?.keys ?? [] where !["id", "name", "url", "avatar"].contains(member) {
                return "the author has \(member)"
            }
            guard Set(result.keys.map { Array($0.utf8) }).count == result.count else { return "a member stands twice" }
            let type = result["type"]?.string
            guard type == nil || CommentWriter.openTypes.contains(type ?? "") else { return "a type of the web app's" }
        }
        return nil
    }
}
