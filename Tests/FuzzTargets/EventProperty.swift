import JSON
import Store

@testable import Pipeline

/// What is read as an event is written as JSON that is read as the same; what the pipeline puts in front comes off and goes back
/// on.
enum EventProperty {
    static func violation(_ bytes: [UInt8]) -> String? {
        let parser = JSONParser(maxBytes: 1 << 20)
        let members = LeadingMembers(of: bytes, parser: parser)
        if members.end > 0, !members.hasForeignSender,
            let fields = try? parser.parseObject(bytes, membersFrom: members.end)
        {
            var whole = members.opening(version: members.version)
            if whole.count > 1, !fields.isEmpty { whole.append(UInt8(ascii: ",")) }
            whole += fields.bytes.dropFirst()
            let again = LeadingMembers(of: whole, parser: parser)
            guard again.job == members.job else { return "a ticket was lost or changed" }
            guard again.version?.text == members.version?.text else { return "a version was lost or changed" }
            guard again.sender == members.sender else { return "a sender was lost or changed" }
        }
        guard let fields = try? parser.parseObject(bytes) else { return nil }
        let written = fields.bytes
        guard let again = try? parser.parseObject(written) else { return "what was written is not read" }
        guard again.bytes == written else { return "writing twice gives something else" }
        for index in written.indices where written[index] == 0x3C && !written[index...].starts(with: lineBreak) {
            return "active markup on the wire"
        }
        return nil
    }

    /// The one tag that stands on the wire as it is.
    private static let lineBreak = [UInt8]("<br>".utf8)
}
