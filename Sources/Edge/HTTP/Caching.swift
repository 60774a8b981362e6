/// What caches on the way may do with an answer.
enum Caching {
    /// Nothing: it is true only now.
    case none
    /// Nothing, and nobody may touch the bytes: a stream that is gathered or compressed on the way does not arrive.
    case noneUntouched
    /// Keep it for five minutes, then ask whether it still holds.
    case minutes

    /// The `Cache-Control` field, ready to be sent.
    var field: StaticString {
        switch self {
        case .none: "Cache-Control: no-store\r\n"
        case .noneUntouched: "Cache-Control: no-store, no-transform\r\n"
        case .minutes: "Cache-Control: public, max-age=300\r\n"
        }
    }
}
