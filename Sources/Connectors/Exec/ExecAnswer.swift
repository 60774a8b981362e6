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

/// Why a run of an `exec` program is over, in words for the log and for dead letters.
enum ExecEnding: Equatable {
    /// By itself, or somebody killed it.
    case died(how: String)
    /// An event took longer than it may, in milliseconds.
    case timeout(Int64)
    /// It wrote what is no answer.
    case invalidAnswer(String)
    /// It closed its standard input or output and lived on.
    case closedPipe

    /// For the log: what the program did.
    var summary: String {
        switch self {
        case .died(let how): "died (\(how))"
        case .timeout(let limit): "killed: no answer within \(limit) ms"
        case .invalidAnswer(let what): "killed: it wrote \(what)"
        case .closedPipe: "killed: it closed its standard input or output"
        }
    }

    /// For the event that is to blame.
    var blame: String {
        switch self {
        case .died(let how): "the program died (\(how)) over this event"
        case .timeout(let limit):
            "the program gave no answer to this event within \(limit) ms and was killed; "
                + "it has to flush its output after each line"
        case .invalidAnswer(let what): "the program wrote \(what) over this event and was killed"
        case .closedPipe: "the program closed its standard input or output over this event and was killed"
        }
    }

    /// For lanes whose program did not get as far as an event.
    func failedStart(within limit: Int64) -> String {
        switch self {
        case .timeout:
            "the program read nothing within \(limit) ms of its start and was killed; see its lines in the log"
        default: "the program ended before it read an event: \(summary); see its lines in the log and correct it"
        }
    }
}
