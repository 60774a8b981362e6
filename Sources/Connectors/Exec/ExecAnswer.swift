import JSON
import Pipeline

/// What a line of an `exec` program means for the event that it answers. Pure.
enum ExecAnswer {
    /// Why a line is no answer: the program is at fault, not the event.
    struct InvalidAnswer: Error, Equatable {
        let reason: String
    }

    /// The reason under which events are counted that a program dropped.
    static let dropped = "by_program"

    /// An object: goes on in place of the event. An array of objects: all of them go on. Null, or an empty array: the
    /// event is dropped.
    ///
    /// What goes on is written anew, so that it is in the form that all of the pipeline's events have: one line, markup
    /// in strings escaped. It has to stay in its conversation, whose order is kept by the lane.
    static func disposition(of answer: JSON, to event: Event) throws(InvalidAnswer) -> Disposition {
        let objects: [JSONObject]
        switch answer {
        case .null: return .drop(reason: dropped)
        case .object(let object): objects = [object]
        case .array(let elements):
            objects = elements.compactMap(\.object)
            guard objects.count == elements.count else {
                throw InvalidAnswer(reason: "an array that holds something else than objects")
            }
            if objects.isEmpty { return .drop(reason: dropped) }
        case .bool, .int, .uint, .double, .string:
            throw InvalidAnswer(reason: "JSON, but no object, array of objects or null")
        }
        for object in objects where object["thread"] != event.fields["thread"] {
            return .reject(
                reason: "the program changed the event's thread from \(name(event.fields)) to \(name(object)); "
                    + "have it copy that member unchanged")
        }
        return .forward(objects.map { Event(fields: $0, raw: $0.bytes) })
    }

    private static func name(_ fields: JSONObject) -> String {
        fields["thread"].map { String($0.text.prefix(100)) } ?? "none"
    }

    /// The beginning of a line, for a person to read.
    static func excerpt(_ line: UnsafeRawBufferPointer) -> String {
        String(decoding: line.prefix(100), as: UTF8.self)
    }
}
