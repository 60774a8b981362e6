/// The refusals of access control, each with its challenge (RFC 9110, 11.6.1; RFC 6750, 3).
extension HTTPError {
    private static let realm = "Bearer realm=\"tidings\""

    static func unauthorized(_ reason: TokenError) -> HTTPError {
        var error = HTTPError(.unauthorized, "\(reason.message)")
        // Who has sent no token is told no error.
        error.challenge =
            reason == .missing
            ? realm : "\(realm), error=\"invalid_token\", error_description=\"\(reason.message)\""
        return error
    }

    /// The token is good and does not name the channel.
    static var insufficientScope: HTTPError {
        let message = "private channel: the token gives no leave to read one of these channels"
        var error = HTTPError(.forbidden, message)
        error.challenge = "\(realm), error=\"insufficient_scope\", error_description=\"\(message)\""
        return error
    }

    static func unauthorizedKey(isMissing: Bool) -> HTTPError {
        let message =
            isMissing ? "posting needs an API key, as Authorization: Bearer KEY" : "this API key is not known here"
        var error = HTTPError(.unauthorized, message)
        error.challenge =
            isMissing ? realm : "\(realm), error=\"invalid_token\", error_description=\"\(message)\""
        return error
    }
}
