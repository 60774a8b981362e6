/// Who may post comments over HTTP: `edge.write`.
public enum WritePolicy: String, CaseIterable, Sendable {
    /// Anybody. Who shows neither token nor API key is anonymous, and is known again by an edit key.
    case open
    /// Who has a token or an API key.
    case token
    /// Who has an API key.
    case key

    /// The strictest policy that these keys can serve.
    public static func strictest(hasTokenKeys: Bool, hasAPIKeys: Bool) -> WritePolicy {
        hasTokenKeys ? .token : hasAPIKeys ? .key : .open
    }

    /// What an edge does.
    ///
    /// - Parameters:
    ///   - said: what the configuration says; nil: nothing.
    ///   - isLocal: whether only this machine reaches the edge.
    /// - Throws: ``EdgeError/Code/write`` when nobody could post, and when strangers could although nobody has said so.
    public static func resolve(
        _ said: WritePolicy?, hasTokenKeys: Bool, hasAPIKeys: Bool, isLocal: Bool
    ) throws(EdgeError) -> WritePolicy {
        switch said {
        case .open: return .open
        case .token:
            guard hasTokenKeys else {
                throw EdgeError(
                    code: .write,
                    message: "edge.write is token, and there are no keys to check tokens with: set edge.tokens.keys or "
                        + "edge.tokens.jwks, or write: key")
            }
            return .token
        case .key:
            guard hasAPIKeys else {
                throw EdgeError(
                    code: .write,
                    message: "edge.write is key, and there are no API keys: set edge.api_keys, or write: token")
            }
            return .key
        case nil:
            let strictest = strictest(hasTokenKeys: hasTokenKeys, hasAPIKeys: hasAPIKeys)
            guard strictest != .open || isLocal else {
                throw EdgeError(
                    code: .write,
                    message: "this edge listens for other machines, and nothing says who may post: set edge.tokens "
                        + "(people with a token of your site), edge.api_keys (your own server), or say edge.write: open "
                        + "(--write open) to let anybody post")
            }
            return strictest
        }
    }
}
