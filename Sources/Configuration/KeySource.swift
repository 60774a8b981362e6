import Console
import Glibc

/// Where a key comes from: a variable of the environment (`env`) or a file (`file`). Never the file of settings itself,
/// which more people read than a key should have.
package struct KeySource {
    private enum Place {
        case variable(String)
        case file(String)
    }

    private let place: Place
    /// Where it is named, for what is found out when it is read.
    package let node: ConfigurationNode

    /// What names a source.
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

    /// The text, without the ends of lines behind it.
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
