import JSON
import Store

@testable import Pipeline

/// What is read as an event is written as JSON that is read as the same; a ticket comes off and goes back on.
enum EventProperty {
    static func violation(_ bytes: [UInt8]) -> String? {
        let parser = JSONParser(maxBytes: 1 << 20)
        if let (ticket, event) = JobTicket.split(bytes), let fields = try? parser.parseObject(event) {
            guard let (again, rest) = JobTicket.split(ticket.stamp(event)) else { return "a ticket was lost" }
            guard again == ticket else { return "a ticket was changed" }
            guard let other = try? parser.parseObject(rest), other.bytes == fields.bytes else {
                return "an event was changed by its ticket"
            }
        }
        guard let fields = try? parser.parseObject(bytes) else { return nil }
        let written = fields.bytes
        guard let again = try? parser.parseObject(written) else { return "what was written is not read" }
        guard again.bytes == written else { return "writing twice gives something else" }
        for byte in written where byte == 0x3C || byte == 0x3E || byte == 0x26 { return "active markup on the wire" }
        return nil
    }
}
