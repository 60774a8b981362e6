import JSON
public import Pipeline
import Signing
import Store

/// The options of the stage `validate`.
public struct ValidateOptions: Sendable {
    /// The largest event, in bytes of JSON as it was queued.
    public var maxBytes: Int
    /// The largest `text`, in bytes of UTF-8.
    public var maxText: Int
    /// How long the repeat of a comment is recognised.
    public var duplicates: DuplicatePolicy

    public init(maxBytes: Int = 65_536, maxText: Int = 16_384, duplicates: DuplicatePolicy = DuplicatePolicy()) {
        self.maxBytes = maxBytes
        self.maxText = maxText
        self.duplicates = duplicates
    }
}

/// `validate`: rejects invalid events, completes the others and gives them the key by which duplicates are recognised.
///
/// An event needs `thread`, a string or a whole number of 1 to 200 bytes without control characters, braces or white
/// space at either end; the same rule holds for `forum`, `id` and `author.id` when they are present. A created or
/// edited comment needs `text`. Missing members get a default: `id` (UUID version 7), `type` (`comment.created`),
/// `received_at` (milliseconds since 1970). Unknown members pass through. A rejected event becomes a dead letter with
/// the reason.
///
/// A deletion needs `id` and `thread`, and keeps only the members that say what is deleted: its text would be read by
/// nobody before it is published. The same holds for `thread.closed` and `thread.opened`, which need a `thread`. A member by which an event is known must not stand there twice, where two programs could
/// read two things.
public final class ValidateStage: Stage {
    public let duplicates: DuplicatePolicy
    private let validator: Validator
    private var generator = SystemRandomNumberGenerator()

    public init(_ options: ValidateOptions = ValidateOptions()) {
        duplicates = options.duplicates
        validator = Validator(options: options)
    }

    public func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        do throws(SigningError) {
            return try validator.decide(event, now: context.now, using: &generator)
        } catch {
            // The machine lacks a library: no fault of the event.
            throw StageError(error.message, isCounted: false)
        }
    }
}

/// Decides whether an event is valid, and adds `id`, `type`, `received_at` and the duplicate key where they are
/// missing.
///
/// Nothing is corrected silently: a thread with a space at its end could be another conversation than the sender means,
/// so the event is rejected with a sentence that says what is expected. A member that is null counts as missing.
struct Validator {
    let options: ValidateOptions

    /// - Parameters:
    ///   - now: milliseconds since 1970.
    /// - Throws: ``SigningError/Code/library``.
    func decide(
        _ event: Event, now: Int64, using generator: inout some RandomNumberGenerator
    ) throws(SigningError) -> Disposition {
        var completed = event
        if let problem = check(&completed, now: now, using: &generator) { return .reject(reason: problem) }
        completed.duplicateKey = try DuplicateKey.make(for: event)
        return .forward([completed])
    }

    /// Checks an event and completes its members, without a duplicate key. Returns what is wrong, nil when nothing is.
    func check(_ event: inout Event, now: Int64, using generator: inout some RandomNumberGenerator) -> String? {
        sizeProblem(event) ?? complete(&event.fields, now: now, using: &generator)
    }

    /// What is too large of an event; nil when nothing is.
    func sizeProblem(_ event: Event) -> String? {
        if event.size > options.maxBytes {
            return "the event has \(event.size) bytes, at most \(options.maxBytes) are taken"
        }
        let text = event.fields["text"]?.string?.utf8.count ?? 0
        return text > options.maxText ? "`text` has \(text) bytes, at most \(options.maxText) are taken" : nil
    }

    /// Checks and completes the members. Returns what is wrong; nil for a valid event.
    private func complete(
        _ fields: inout JSONObject, now: Int64, using generator: inout some RandomNumberGenerator
    ) -> String? {
        if fields["_by"] != nil { return "`_by` must be the first member, right behind the brace" }
        if let key = repeated(fields) { return "`\(key)` is there twice: send it once" }
        guard let thread = given(fields["thread"]) else {
            return "`thread` is missing: it names the conversation, as a string or a whole number"
        }
        if let problem = problem(thread, "thread") { return problem }
        if case .string = thread {} else { fields["thread"] = ChannelName.part(thread).map(JSON.string) }

        if let forum = given(fields["forum"]), let problem = problem(forum, "forum") { return problem }
        if let author = given(fields["author"]?["id"]), let problem = problem(author, "author.id") { return problem }
        if let id = given(fields["id"]) {
            if let problem = problem(id, "id") { return problem }
            if case .string = id {} else { fields["id"] = ChannelName.part(id).map(JSON.string) }
        } else if EventType.of(fields) == EventType.deleted {
            return "`id` is missing: a \(EventType.deleted) names the comment that it deletes"
        } else {
            fields["id"] = .string(UUIDv7.make(at: now, using: &generator))
        }
        if let type = given(fields["type"]) {
            guard case .string = type else { return "`type` is no string: send one such as \"comment.created\"" }
        } else {
            fields["type"] = .string(EventType.created)
        }
        let type = EventType.of(fields)
        if type == EventType.deleted {
            keepNames(&fields, further: ["parent", "event_id"])
        } else if EventType.isOfConversation(type) {
            keepNames(&fields, further: ["event_id"])
        } else if let problem = textProblem(fields) {
            return problem
        }
        if given(fields["received_at"]) == nil { fields["received_at"] = .int(now) }
        return nil
    }

    /// The members by which functions and readers know an event's comment.
    private static let names = ["thread", "id", "type"]

    /// The first of these members that an object has twice.
    private func repeated(_ fields: JSONObject) -> String? {
        var (seen, twice): ([Bool], String?) = ([false, false, false], nil)
        for (key, _) in fields.members where key.utf8.count <= 6 {
            guard twice == nil, let index = Validator.names.firstIndex(of: key) else { continue }
            if seen[index] { twice = key }
            seen[index] = true
        }
        return twice
    }

    /// Removes whatever could carry a text: members but those that name things, and names that are none.
    private func keepNames(_ fields: inout JSONObject, further: [String]) {
        var kept = JSONObject()
        for key in ["id", "type", "thread", "forum"] {
            if let value = given(fields[key]) { kept[key] = value }
        }
        for key in further {
            if let value = given(fields[key]), let part = ChannelName.part(value),
                ChannelName.problem(ofPart: part) == nil
            {
                kept[key] = value
            }
        }
        switch fields["received_at"] {
        case .int(let time): kept["received_at"] = .int(time)
        case .uint(let time): kept["received_at"] = .uint(time)
        default: break
        }
        fields = kept
    }

    private func textProblem(_ fields: JSONObject) -> String? {
        let text = given(fields["text"])
        if let text, text.string == nil { return "`text` is no string: send the comment as plain text" }
        let type = EventType.of(fields)
        guard type == EventType.created || type == EventType.edited else { return nil }
        guard let text = text?.string else { return "`text` is missing: a \(type) needs one" }
        return TextFolding.isBlank(text) ? "`text` is blank: a \(type) needs something to read" : nil
    }

    private func problem(_ value: JSON, _ name: String) -> String? {
        guard let part = ChannelName.part(value) else { return "`\(name)` is neither a string nor a whole number" }
        return ChannelName.problem(ofPart: part).map { "`\(name)` \($0)" }
    }

    private func given(_ value: JSON?) -> JSON? {
        value?.isNull == true ? nil : value
    }
}

/// Generates UUIDs of version 7 (RFC 9562 section 5.7), which sort by time: the ids of events that have none.
enum UUIDv7 {
    /// - Parameter milliseconds: since 1970.
    static func make(at milliseconds: Int64, using generator: inout some RandomNumberGenerator) -> String {
        let time = UInt64(bitPattern: milliseconds) & 0xFFFF_FFFF_FFFF
        let version: UInt64 = 7
        let variant: UInt64 = 0b10
        let high = time << 16 | version << 12 | (generator.next() as UInt64) & 0xFFF
        let low = variant << 62 | (generator.next() as UInt64) >> 2
        return String(unsafeUninitializedCapacity: 36) { buffer in
            var index = 0
            for (word, shifts) in [
                (high, stride(from: 60, through: 0, by: -4)), (low, stride(from: 60, through: 0, by: -4)),
            ] {
                for shift in shifts {
                    if index == 8 || index == 13 || index == 18 || index == 23 {
                        buffer[index] = UInt8(ascii: "-")
                        index += 1
                    }
                    let digit = UInt8(truncatingIfNeeded: word >> UInt64(shift)) & 15
                    buffer[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit
                    index += 1
                }
            }
            return index
        }
    }
}
