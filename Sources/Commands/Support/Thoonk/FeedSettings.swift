import ArgumentParser

/// Fields of a feed's configuration, as `feed create` and `feed configure` take them.
struct FeedSettings: ParsableArguments, Sendable {
    @Argument(help: ArgumentHelp("Fields of the configuration: FIELD=VALUE.", valueName: "field=value"))
    var fields: [FieldValue] = []

    @Option(name: .long, help: "How many items a feed keeps; 0: all. The same as max_length=N.")
    var maxLength: Int?

    @Option(
        name: .long,
        help: """
            How long a claim on a job lasts when nobody says it, such as 90s; also claims of clients that know no such \
            thing. The same as claim_timeout=MS.
            """)
    var claimTimeout: TimeSpan?

    func validate() throws {
        if let maxLength, maxLength < 0 { throw ValidationError("--max-length takes a whole number from 0") }
        try check("max_length", takes: "a whole number from 0", 0...Int.max)
        try check("claim_timeout", takes: "whole milliseconds from 1; --claim-timeout takes a time", 1...Int.max)
        if fields.contains(where: { $0.field == "type" }) {
            throw ValidationError("a type is given by 'feed create NAME --type TYPE' and cannot be changed")
        }
    }

    /// A field that means something to every feed has to mean it; an empty value takes it back.
    private func check(_ name: String, takes what: String, _ range: ClosedRange<Int>) throws {
        for field in fields where field.field == name && !field.value.isEmpty {
            guard let number = Int(field.value), range.contains(number) else {
                throw ValidationError("\(name) is '\(field.value)'; it takes \(what)")
            }
        }
    }

    var all: [String: String] {
        var all = Dictionary(fields.map { ($0.field, $0.value) }) { $1 }
        if let maxLength { all["max_length"] = String(maxLength) }
        if let claimTimeout { all["claim_timeout"] = String(claimTimeout.milliseconds) }
        return all
    }
}
