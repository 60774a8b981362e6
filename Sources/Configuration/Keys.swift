import Console
package import Edge
import Glibc

/// Where a key comes from: a variable of the environment (`env`) or a file (`file`). Never tidings.yaml itself: more people
/// can read it than should have the key.
package struct KeySource {
    private enum Place {
        case variable(String)
        case file(String)
    }

    private let place: Place
    /// The place that names the source, for errors when it is read.
    package let node: ConfigurationNode

    /// The keys that name a source.
    package static let keys = ["env", "file"]
    private static let maxBytes = 65_536

    /// - Throws: ``ConfigurationError`` unless exactly one of them is named.
    package init(_ members: [String: ConfigurationNode], of parent: ConfigurationNode) throws(ConfigurationError) {
        switch (members["env"], members["file"]) {
        case (let node?, nil): (place, self.node) = (.variable(try node.string()), node)
        case (nil, let node?): (place, self.node) = (.file(try node.string()), node)
        default: throw parent.error("needs one of env (a variable's name) and file (a path)")
        }
    }

    /// Reads `{ env: NAME }` or `{ file: PATH }`.
    package init(_ node: ConfigurationNode) throws(ConfigurationError) {
        try self.init(try node.members(known: KeySource.keys), of: node)
    }

    /// The text, without line ends at its end.
    ///
    /// - Throws: ``ConfigurationError``, without the text in its message.
    package func read() throws(ConfigurationError) -> String {
        var text: Substring
        switch place {
        case .variable(let name):
            guard let value = Terminal.environment(name) else { throw node.error("the variable \(name) is not set") }
            text = value[...]
        case .file(let path): text = try contents(of: path)[...]
        }
        while let last = text.last, last.isNewline { text.removeLast() }
        return String(text)
    }

    private func contents(of path: String) throws(ConfigurationError) -> String {
        do throws(CommandError) {
            return try SmallFile.read(path, maxBytes: KeySource.maxBytes)
        } catch {
            throw node.error(error.description)
        }
    }
}

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
        name = try named.name()
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

    /// The text of the key; nil where tidings.yaml has only its hash.
    package func text() throws(ConfigurationError) -> String? {
        guard case .source(let source) = value else { return nil }
        return try source.read()
    }

    /// The key itself.
    ///
    /// - Throws: ``ConfigurationError`` when it cannot be read, or is no key of this kind.
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

/// One of `edge.tokens.keys`: `{ id: k1, hs256: { env: NAME } }` or `{ id: k2, es256: { file: PUBLIC.pem } }`, also with rs256
/// or eddsa.
package struct TokenKeySetting {
    package let id: String?
    package let algorithm: TokenAlgorithm
    private let source: KeySource

    package init(_ node: ConfigurationNode) throws {
        let names = TokenAlgorithm.allCases.map { $0.rawValue.lowercased() }
        let members = try node.members(known: ["id"] + names)
        id = try members["id"]?.string()
        if let id, !(1...64).contains(id.utf8.count) { throw node.error("an id has 1 to 64 bytes") }
        let given = TokenAlgorithm.allCases.compactMap { algorithm in
            members[algorithm.rawValue.lowercased()].map { (algorithm, $0) }
        }
        guard given.count == 1, let (algorithm, source) = given.first else {
            throw node.error(
                "needs one of \(names.joined(separator: ", ")), such as '{ id: k1, hs256: { env: TIDINGS_TOKEN_KEY } }' or "
                    + "'{ id: k2, es256: { file: public.pem } }'")
        }
        self.algorithm = algorithm
        self.source = try KeySource(source)
    }

    /// The key itself.
    ///
    /// - Throws: ``ConfigurationError`` when it cannot be read, or is no key of this kind.
    package func key() throws -> TokenKey {
        let text = try source.read()
        return try named {
            switch algorithm {
            case .hs256: try TokenKey(id: id, hs256: Array(text.utf8))
            case .es256, .rs256, .eddsa: try TokenKey(id: id, algorithm, pem: text)
            }
        }
    }

    /// The text of the key.
    package func text() throws(ConfigurationError) -> String {
        try source.read()
    }

    /// Signs tokens with this key; nil: the file has only the public half.
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

/// Where the secret of a webhook comes from: tidings.yaml itself (`secret`), a variable of the environment (`secret_env`) or
/// a file (`secret_file`). More people can read tidings.yaml than should know the secret.
package struct SecretSource {
    private enum Place {
        case here(String)
        case variable(String)
        case file(String)
    }

    private let place: Place
    private let node: ConfigurationNode

    /// A valid secret that nobody uses, to check the other options with.
    package static let example = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

    /// - Throws: ``ConfigurationError`` unless exactly one place is named.
    package init(_ members: [String: ConfigurationNode], of options: ConfigurationNode) throws {
        let names = ["secret", "secret_env", "secret_file"].filter { members[$0] != nil }
        guard names.count == 1, let name = names.first, let node = members[name] else {
            throw options.error(
                "needs one of secret, secret_env (a variable's name) and secret_file; make a secret with "
                    + "'echo whsec_$(openssl rand -base64 32)'")
        }
        self.node = node
        let text = try node.string()
        switch name {
        case "secret_env": place = .variable(text)
        case "secret_file": place = .file(text)
        default: place = .here(text)
        }
    }

    /// The secret, without the end of its line.
    package func read() throws -> String {
        switch place {
        case .here(let text): return text
        case .variable(let name):
            guard let value = Terminal.environment(name) else { throw node.error("the variable \(name) is not set") }
            return value
        case .file(let path):
            guard let file = fopen(path, "r") else {
                throw node.error("\(path) cannot be read: \(String(cString: strerror(errno)))")
            }
            defer { fclose(file) }
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = fread(&bytes, 1, bytes.count, file)
            return String(decoding: bytes[..<count].filter { $0 != 10 && $0 != 13 }, as: UTF8.self)
        }
    }
}
