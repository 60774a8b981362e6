@testable import Edge

/// Whatever is accepted as an offset or an id is written again byte by byte as it was: there is one spelling.
enum OffsetProperty {
    static func violation(_ bytes: [UInt8]) -> String? {
        let text = String(decoding: bytes, as: UTF8.self)
        if case .position(let position)? = Offset(text) {
            guard position.text == text else { return "another spelling of \(position.text)" }
            guard text.utf8.count == Position.length else { return "an offset of \(text.utf8.count) bytes" }
        }
        let channels = ["thread:42", "forum:music", "post:7"]
        for count in 1...3 {
            let check = StreamEventID.check(of: channels.prefix(count))
            // The bytes as they are, and behind a beginning that is right.
            for id in [text, "1." + String(check, radix: 36) + "." + text] {
                guard let places = StreamEventID.parse(id, check: check, count: count) else { continue }
                guard places.count == count else { return "\(places.count) places for \(count) channels" }
                var written: [UInt8] = []
                StreamEventID.write(places, check: check, into: &written)
                guard written.elementsEqual(id.utf8) else { return "another spelling of an id" }
                for place in places where Offset(place.text) != .position(place) { return "a place is no offset" }
            }
        }
        return nil
    }
}
