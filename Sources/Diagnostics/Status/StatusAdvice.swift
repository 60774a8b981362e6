package import JSON

/// One thing that is not as it should be, and what to type.
package struct StatusAdvice: Equatable {
    package let level: FindingLevel
    /// What it concerns: a stage's name, `redis`, `workers` or `edges`.
    package let place: String
    /// What is wrong, in a sentence without a full stop.
    package let what: String
    /// Why, or what it means; the same.
    package let why: String
    /// A line for a shell.
    package let type: String
    /// What to type then, or instead, or to know about it.
    package let hint: String?

    package init(_ level: FindingLevel, _ place: String, _ what: String, why: String, type: String, hint: String? = nil)
    {
        self.level = level
        self.place = place
        self.what = what
        self.why = why
        self.type = type
        self.hint = hint
    }

    package var json: JSON {
        var object: JSONObject = [
            "level": .string(level.rawValue), "place": .string(place), "what": .string(what), "why": .string(why),
            "type": .string(type),
        ]
        object["hint"] = hint.map { .string($0) }
        return .object(object)
    }
}

extension [StatusAdvice] {
    /// `well`, `note`, `warning` or `fault`: the worst of them.
    var state: String { self.map(\.level).max()?.rawValue ?? "well" }
}
