import JSON
import Pipeline

/// Decides whether an event is one, and gives it what it lacks: `id`, `type`, `received_at`, the duplicate key.
///
/// Nothing is corrected silently: a name with a space at its end could be another conversation than its sender means, so
/// it is refused with a sentence that says what is expected. A member that is null counts as missing.
struct Validator {
    let options: ValidateOptions

    /// - Parameters:
    ///   - now: milliseconds since 1970.
    func decide(_ event: Event, now: Int64, using generator: inout some RandomNumberGenerator) -> Disposition {
        guard event.raw.count <= options.maxBytes else {
            return .reject(reason: "the event has \(event.raw.count) bytes, at most \(options.maxBytes) are taken")
        }
        var event = event
        let key = DuplicateKey.make(for: event.fields, raw: event.raw)
        if let problem = complete(&event.fields, now: now, using: &generator) { return .reject(reason: problem) }
        event.duplicateKey = key
        return .forward([event])
    }

    /// Checks and completes the members. Returns what is wrong, nil when nothing is.
    private func complete(
        _ fields: inout JSONObject, now: Int64, using generator: inout some RandomNumberGenerator
    ) -> String? {
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
        } else {
            fields["id"] = .string(UUIDv7.make(at: now, using: &generator))
        }
        if let type = given(fields["type"]) {
            guard case .string = type else { return "`type` is no string: send one such as \"comment.created\"" }
        } else {
            fields["type"] = .string(EventType.created)
        }
        if let problem = textProblem(fields) { return problem }
        if given(fields["received_at"]) == nil { fields["received_at"] = .int(now) }
        return nil
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
