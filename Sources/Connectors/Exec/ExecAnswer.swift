import JSON
import Pipeline

/// Turns the answer of an `exec` program into the disposition of the event that it answers. Pure.
enum ExecAnswer {
    /// Why a line is not an answer. The program is at fault, not the event.
    struct InvalidAnswer: Error, Equatable {
        let reason: String
    }

    /// The reason under which the metrics count events that the program dropped.
    static let dropped = "by_program"

    /// An object replaces the event. An array of objects: all of them replace it. Null or an empty array drops it.
    ///
    /// The objects are serialised again, so that they have the form of all the pipeline's events: one line, markup in
    /// strings escaped. Their `thread` must be that of the event, since the lane keeps the order of a conversation.
    ///
    /// - Parameter isNumbered: the answer carries the number of its line, which is removed. An object with no other
    ///   member drops the event.
    /// - Throws: ``InvalidAnswer`` for JSON of any other shape.
    static func disposition(
        of answer: JSON, to event: Event, isNumbered: Bool = false
    ) throws(InvalidAnswer) -> Disposition {
        var objects: [JSONObject]
        switch answer {
        case .null: return .drop(reason: dropped)
        case .object(let object): objects = [object]
        case .array(let elements):
            objects = elements.compactMap(\.object)
            guard objects.count == elements.count else {
                throw InvalidAnswer(reason: "an array with elements that are not objects")
            }
        case .bool, .int, .uint, .double, .string:
            throw InvalidAnswer(reason: "JSON, but neither an object, an array of objects nor null")
        }
        if isNumbered { objects = objects.compactMap { ExecLineNumber.remove(from: $0, to: event) } }
        if objects.isEmpty { return .drop(reason: dropped) }
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

    /// The first 100 bytes of a line, for an error message.
    static func excerpt(_ line: UnsafeRawBufferPointer) -> String {
        String(decoding: line.prefix(100), as: UTF8.self)
    }
}

/// Why an `exec` program ended, with the texts for the log and for dead letters.
enum ExecEnding: Equatable {
    /// It ended by itself, or another process killed it.
    case died(how: String)
    /// It did not answer an event within this many milliseconds.
    case timeout(Int64)
    /// It wrote something that is not an answer.
    case invalidAnswer(String)
    /// It wrote an answer that fits no line, or not the one that waits for it.
    case outOfStep(ExecFlow.Fault, answer: String)
    /// It closed its standard input or output and kept running.
    case closedPipe

    /// For the log: what the program did.
    var summary: String {
        switch self {
        case .died(let how): "died (\(how))"
        case .timeout(let limit): "killed: no answer within \(limit) ms"
        case .invalidAnswer(let what): "killed: it wrote \(what)"
        case .outOfStep(let fault, let answer): "killed: it wrote \(fault.text): \(answer)"
        case .closedPipe: "killed: it closed its standard input or output"
        }
    }

    /// The error of the event that the program failed on.
    var blame: String {
        switch self {
        case .died(let how): "the program died (\(how)) over this event"
        case .timeout(let limit):
            "the program gave no answer to this event within \(limit) ms and was killed; "
                + "it has to flush its output after each line"
        case .invalidAnswer(let what): "the program wrote \(what) over this event and was killed"
        case .outOfStep(let fault, _): "the program wrote \(fault.text) over this event and was killed"
        case .closedPipe: "the program closed its standard input or output over this event and was killed"
        }
    }

    /// The error of the lanes when the program ended before it read an event.
    func failedStart(within limit: Int64) -> String {
        switch self {
        case .timeout:
            "the program read nothing within \(limit) ms of its start and was killed; see its lines in the log"
        default: "the program ended before it read an event: \(summary); see its lines in the log and correct it"
        }
    }
}
