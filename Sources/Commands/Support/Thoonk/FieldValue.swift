import ArgumentParser

/// `FIELD=VALUE` on the command line. The value may hold further signs of equality, and may be empty.
struct FieldValue: ExpressibleByArgument, Sendable {
    let field: String
    let value: String

    init?(argument: String) {
        guard let sign = argument.firstIndex(of: "="), sign != argument.startIndex else { return nil }
        field = String(argument[..<sign])
        value = String(argument[argument.index(after: sign)...])
    }
}
