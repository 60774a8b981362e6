/// What is wrong in a configuration, and where: `tidings.yaml:12: stages.moderate.max_links: …`.
package struct ConfigurationError: Error, CustomStringConvertible {
    package let file: String
    package let line: Int?
    /// The keys from the top of the file to the one that is wrong, with dots between.
    package let key: String
    /// What is wrong, and what would be right.
    package let message: String

    package var description: String {
        let place = line.map { "\(file):\($0)" } ?? file
        return key.isEmpty ? "\(place): \(message)" : "\(place): \(key): \(message)"
    }
}
