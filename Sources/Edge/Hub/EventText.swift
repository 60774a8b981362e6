import JSON

/// Makes an event fit to stand in an answer: valid JSON without line breaks.
///
/// What the pipeline publishes passes unchanged. Any Thoonk client can publish anything to a feed; what is no JSON is
/// passed on as a JSON string, so that one publisher cannot break the answers of all readers.
final class EventText {
    private let parser = JSONParser(maxBytes: 16 * 1024 * 1024, maxDepth: 512)

    func normalized(_ event: [UInt8]) -> [UInt8] {
        guard (try? parser.parse(event)) != nil else {
            return JSON.string(String(decoding: event, as: UTF8.self)).bytes
        }
        // Valid JSON has line breaks only between its tokens, where a space is as good.
        guard event.contains(where: { $0 == 0x0A || $0 == 0x0D }) else { return event }
        return event.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }
    }
}
