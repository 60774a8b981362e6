import JSON
import Pipeline

/// The number of a line to an `exec` program: the member `_line`, which the stage writes in front of an event's other
/// members and takes out of the answer. Pure.
///
/// The first line of each run of the program has the number 1. A program that returns its input object changed returns
/// the number with it.
enum ExecLineNumber {
    static let member = "_line"
    private static let head = Array("{\"\(member)\":".utf8)
    /// By how many bytes a number may lengthen an answer beyond the longest line.
    static let room = 64

    /// The event as a line with its end. A member `_line` of the event's own is left out: ``remove(from:to:)`` puts it
    /// back.
    static func line(of event: Event) -> [UInt8] {
        guard event.fields[member] != nil else { return event.line + [UInt8(ascii: "\n")] }
        var fields = event.fields
        fields[member] = nil
        return fields.bytes + [UInt8(ascii: "\n")]
    }

    /// The line with its number.
    static func write(_ number: Int, into line: [UInt8]) -> [UInt8] {
        guard let open = line.firstIndex(of: UInt8(ascii: "{")) else { return line }
        let members = line[(open + 1)...]
        let isEmpty = members.first { $0 > UInt8(ascii: " ") } == UInt8(ascii: "}")
        var result: [UInt8] = []
        result.reserveCapacity(line.count + 32)
        result.append(contentsOf: head)
        result.append(contentsOf: String(number).utf8)
        if !isEmpty { result.append(UInt8(ascii: ",")) }
        result.append(contentsOf: members)
        return result
    }

    /// The number that an answer carries; nil when it has none. Elements of an array may be without it.
    ///
    /// - Throws: ``ExecAnswer/InvalidAnswer`` when the number is none, or elements of an array have different ones.
    static func read(from answer: JSON) throws(ExecAnswer.InvalidAnswer) -> Int? {
        guard case .array(let elements) = answer else { return try number(answer) }
        var found: Int?
        for element in elements {
            guard let number = try number(element) else { continue }
            if let found, found != number {
                throw ExecAnswer.InvalidAnswer(reason: "one answer to the lines \(found) and \(number)")
            }
            found = number
        }
        return found
    }

    private static func number(_ answer: JSON) throws(ExecAnswer.InvalidAnswer) -> Int? {
        guard let value = answer[member] else { return nil }
        // Languages whose only number is a floating-point one may write 7.0.
        guard
            let number = value.int.flatMap(Int.init(exactly:)) ?? value.double.flatMap(Int.init(exactly:))
        else {
            throw ExecAnswer.InvalidAnswer(reason: "a `\(member)` that is not the number of a line")
        }
        return number
    }

    /// The object of an answer without the number, and with the event's own member of that name. Nil when the object
    /// has no other members, which drops the event.
    static func remove(from object: JSONObject, to event: Event) -> JSONObject? {
        guard object[member] != nil else { return object }
        // An event without members comes back as its number alone, and is not dropped.
        if object.count == 1, event.fields.keys.contains(where: { $0 != member }) { return nil }
        var result = object
        result[member] = event.fields[member]
        return result
    }
}
