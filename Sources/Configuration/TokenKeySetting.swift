package import Edge

/// One of `edge.tokens.keys`: `{ id: k1, hs256: { env: NAME } }` or `{ id: k2, es256: { file: PUBLIC.pem } }`.
package struct TokenKeySetting {
    package let id: String?
    package let algorithm: TokenAlgorithm
    private let source: KeySource

    package init(_ node: ConfigurationNode) throws {
        let members = try node.members(known: ["id", "hs256", "es256"])
        id = try members["id"]?.string()
        if let id, !(1...64).contains(id.utf8.count) { throw node.error("an id has 1 to 64 bytes") }
        switch (members["hs256"], members["es256"]) {
        case (let node?, nil): (algorithm, source) = (.hs256, try KeySource(node))
        case (nil, let node?): (algorithm, source) = (.es256, try KeySource(node))
        default:
            throw node.error(
                "needs one of hs256 and es256, such as '{ id: k1, hs256: { env: TIDINGS_TOKEN_KEY } }' or "
                    + "'{ id: k2, es256: { file: public.pem } }'")
        }
    }

    /// The key itself.
    ///
    /// - Throws: ``ConfigurationError`` when it cannot be read, or is no such key.
    package func key() throws -> TokenKey {
        let text = try source.read()
        return try named {
            switch algorithm {
            case .hs256: try TokenKey(id: id, hs256: Array(text.utf8))
            case .es256: try TokenKey(id: id, es256: text)
            }
        }
    }

    /// What it is made of.
    package func text() throws(ConfigurationError) -> String {
        try source.read()
    }

    /// What makes tokens for this key; nil: the edge has only the public half.
    package func signer() throws -> TokenSigner? {
        guard algorithm == .hs256 else { return nil }
        let text = try source.read()
        return try named { try TokenSigner(id: id, hs256: Array(text.utf8)) }
    }

    private func named<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as EdgeError {
            throw source.node.error(error.message)
        }
    }
}
