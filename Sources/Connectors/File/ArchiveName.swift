import Glibc

/// The names of a partition's archive: `comments.3.ndjson`, rotated `comments.3.20261123T101500Z.ndjson`. Pure.
struct ArchiveName {
    /// The folder with its slash; empty for the current folder.
    let folder: String
    /// The parts of a rotated file's name before and after the time.
    private let stem: String
    private let ending: String

    init(path: String, partition: Int) {
        let nameStart = path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex
        folder = String(path[..<nameStart])
        let name = path[nameStart...]
        // A name that begins with its only dot has no extension.
        if let dot = name.lastIndex(of: "."), dot != name.startIndex {
            stem = "\(name[..<dot]).\(partition)"
            ending = String(name[dot...])
        } else {
            stem = "\(name).\(partition)"
            ending = ""
        }
    }

    /// The path of the file that is written.
    var current: String { folder + stem + ending }

    /// The path of a file that is rotated at this time.
    ///
    /// - Parameters:
    ///   - time: milliseconds since 1970.
    ///   - counter: above 0, tells apart files of the same second.
    func rotated(at time: Int64, counter: Int) -> String {
        let count = counter > 0 ? "-\(counter)" : ""
        return folder + "\(stem).\(ArchiveName.stamp(time))\(count)\(ending)"
    }

    /// The paths of this partition's rotated files among the names in the folder, oldest first.
    func rotated(among names: [String]) -> [String] {
        names.compactMap { name in age(of: name).map { (name, $0) } }
            .sorted { $0.1 < $1.1 }
            .map { folder + $0.0 }
    }

    private func age(of name: String) -> (stamp: String, counter: Int)? {
        guard name.hasPrefix(stem + "."), name.hasSuffix(ending) else { return nil }
        let middle = name.dropFirst(stem.count + 1).dropLast(ending.count)
        let parts = middle.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard let stamp = parts.first, ArchiveName.isStamp(stamp) else { return nil }
        guard parts.count > 1 else { return (String(stamp), 0) }
        return Int(parts[1]).map { (String(stamp), $0) }
    }

    private static func isStamp(_ text: Substring) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == 16, bytes[8] == UInt8(ascii: "T"), bytes[15] == UInt8(ascii: "Z") else { return false }
        return bytes.indices.allSatisfy { $0 == 8 || $0 == 15 || (48...57).contains(bytes[$0]) }
    }

    /// `20261123T101500Z`.
    private static func stamp(_ time: Int64) -> String {
        var seconds = time_t(time / 1000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(parts.tm_year + 1900)\(two(parts.tm_mon + 1))\(two(parts.tm_mday))"
            + "T\(two(parts.tm_hour))\(two(parts.tm_min))\(two(parts.tm_sec))Z"
    }
}
