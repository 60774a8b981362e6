import Console
import Glibc

/// Where a secret comes from: the file of settings itself (`secret`), a variable of the environment (`secret_env`), or a
/// file (`secret_file`), since settings are read by more people than a secret should be.
package struct SecretSource {
    private enum Place {
        case here(String)
        case variable(String)
        case file(String)
    }

    private let place: Place
    private let node: ConfigurationNode

    /// A valid one that is nobody's, for checking what surrounds it.
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
