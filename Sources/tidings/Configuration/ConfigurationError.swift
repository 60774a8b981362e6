/// What is wrong in a configuration, and where: `tidings.yaml:12: stages.moderate.max_links: …`.
struct ConfigurationError: Error, CustomStringConvertible {
    let file: String
    let line: Int?
    /// The keys from the top of the file to the one that is wrong, with dots between.
    let key: String
    /// What is wrong, and what would be right.
    let message: String

    var description: String {
        let place = line.map { "\(file):\($0)" } ?? file
        return key.isEmpty ? "\(place): \(message)" : "\(place): \(key): \(message)"
    }
}
