package import Edge

/// One of `edge.api_keys`: `{ name: blog, env: NAME }`, `{ name: blog, file: PATH }` or `{ name: blog, sha256: HEX }`.
package struct APIKeySetting {
    private enum Value {
        case source(KeySource)
        case hash(APIKey)
    }

    package let name: String
    private let value: Value

    package init(_ node: ConfigurationNode) throws {
        let members = try node.members(known: ["name"] + KeySource.keys + ["sha256"])
        guard let named = members["name"] else {
            throw node.error("needs a name, such as '{ name: blog, env: BLOG_KEY }'")
        }
        name = try named.string()
        guard Configuration.isName(name) else {
            throw named.error("'\(name)' is no name; use 1 to 64 of a-z A-Z 0-9 _ . -")
        }
        guard KeySource.keys.count(where: { members[$0] != nil }) + (members["sha256"] == nil ? 0 : 1) == 1 else {
            throw node.error("needs one of env (a variable's name), file (a path) and sha256 (the key's hash)")
        }
        if let hash = members["sha256"] {
            let digits = try hash.string()
            do throws(EdgeError) {
                value = .hash(try APIKey(name: name, sha256: digits))
            } catch {
                throw hash.error(error.message)
            }
        } else {
            value = .source(try KeySource(members, of: node))
        }
    }

    /// What it is made of, where that does not stand in the file of settings.
    package func text() throws(ConfigurationError) -> String? {
        guard case .source(let source) = value else { return nil }
        return try source.read()
    }

    /// The key itself.
    ///
    /// - Throws: ``ConfigurationError`` when it cannot be read, or is no such key.
    package func key() throws -> APIKey {
        switch value {
        case .hash(let key): return key
        case .source(let source):
            let text = try source.read()
            do throws(EdgeError) {
                return try APIKey(name: name, key: text)
            } catch {
                throw source.node.error(error.message)
            }
        }
    }
}
