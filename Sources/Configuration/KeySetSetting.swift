import Connectors
import Console
package import Edge

/// `edge.tokens.jwks`: `{ file: PATH }` or `{ url: URL, refresh: 5m, ca_file: PATH }`.
package struct KeySetSetting {
    private let place: KeySetSource.Place
    private let refresh: Int64
    private let node: ConfigurationNode

    package init(_ node: ConfigurationNode) throws {
        self.node = node
        let members = try node.members(of: Settings.Access.keySetSettings)
        var refresh = Settings.Access.keySetRefresh.defaultValue
        switch (members["file"], members["url"]) {
        case (let file?, nil):
            if let other = members["refresh"] ?? members["ca_file"] {
                throw other.error("goes with url: a file is read again when it changes")
            }
            place = .file(try file.string())
        case (nil, let url?):
            let text = try url.string()
            do throws(ConnectorsError) {
                try DocumentClient.check(url: text)
            } catch {
                throw url.error(error.message)
            }
            if let given = members["refresh"] { refresh = try Settings.Access.keySetRefresh.form.read(given) }
            place = .url(text, caFile: try members["ca_file"]?.string())
        default: throw node.error("needs one of file (a path) and url (an address)")
        }
        self.refresh = refresh
    }

    /// What an edge is told: of a file with its keys as they are now.
    ///
    /// - Throws: ``ConfigurationError`` for a file that cannot be read, or is no key set.
    package func source() throws -> KeySetSource {
        guard case .file(let path) = place else { return KeySetSource(place, refresh: refresh) }
        do {
            return KeySetSource(place, refresh: refresh, keys: try KeySet(file: path).keys)
        } catch {
            throw node.error("\(error)")
        }
    }
}

extension KeySet {
    /// - Throws: ``CommandError`` for a file that cannot be read, ``EdgeError`` when it is no key set.
    package init(file path: String) throws {
        try self.init(Array(SmallFile.read(path, maxBytes: KeySet.maxBytes).utf8))
    }
}

extension SettingForm where Value == WritePolicy {
    static var writePolicy: Self {
        SettingForm(
            range: "open, token or key", parse: WritePolicy.init(rawValue:),
            read: { node in
                let text = try node.string()
                guard let policy = WritePolicy(rawValue: text) else {
                    throw node.error("'\(text)' is none of open, token and key")
                }
                return policy
            }, text: \.rawValue)
    }
}
