internal import JSON

/// An event that was set aside, with what a person needs to decide about it: a dead letter or a held event. Stored as
/// one JSON object in a list.
struct Letter {
    let event: [UInt8]
    /// Why it is here, in a sentence.
    let reason: String
    let stage: String
    let attempts: Int
    /// Milliseconds since 1970.
    let time: Int64
    /// Names the letter on the command line: lane, token, serial of the commit, place in the batch.
    let id: String

    func encoded(with parser: JSONParser) -> [UInt8] {
        var object = JSONObject()
        object["id"] = .string(id)
        object["stage"] = .string(stage)
        object["error"] = .string(reason)
        object["attempts"] = .int(Int64(attempts))
        object["time"] = .int(time)
        if let fields = try? parser.parseObject(event) {
            object["event"] = .object(fields)
        } else {
            // What is no JSON is kept as text to read, and as it was, byte by byte, to restore.
            object["event"] = .string(String(decoding: event, as: UTF8.self))
            if String(validating: event, as: UTF8.self) == nil { object["hex"] = .string(Letter.hex(event)) }
        }
        return object.bytes
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
