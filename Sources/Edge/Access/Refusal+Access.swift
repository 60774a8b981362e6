/// The refusals of access control, each with its challenge (RFC 9110, 11.6.1; RFC 6750, 3).
extension Refusal {
    private static let realm = "Bearer realm=\"tidings\""

    static func unauthorized(_ reason: TokenRefusal) -> Refusal {
        var refusal = Refusal(.unauthorized, "\(reason.message)")
        // Who has sent no token is told no error.
        refusal.challenge =
            reason == .missing
            ? realm : "\(realm), error=\"invalid_token\", error_description=\"\(reason.message)\""
        return refusal
    }

    /// The token is good and does not name the channel.
    static var insufficientScope: Refusal {
        let message = "private channel: the token gives no leave to read one of these channels"
        var refusal = Refusal(.forbidden, message)
        refusal.challenge = "\(realm), error=\"insufficient_scope\", error_description=\"\(message)\""
        return refusal
    }

    static func unauthorizedKey(isMissing: Bool) -> Refusal {
        let message =
            isMissing ? "posting needs an API key, as Authorization: Bearer KEY" : "this API key is not known here"
        var refusal = Refusal(.unauthorized, message)
        refusal.challenge =
            isMissing ? realm : "\(realm), error=\"invalid_token\", error_description=\"\(message)\""
        return refusal
    }
}
