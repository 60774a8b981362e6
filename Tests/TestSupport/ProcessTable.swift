import Foundation

/// The processes of this machine, from `/proc`.
public enum ProcessTable {
    /// A process: its id, its parent, and its command line with a space after each argument.
    public struct Entry: Sendable {
        public let pid: Int32
        public let parent: Int32
        public let command: String
    }

    /// The descendants of `ancestor`, parents before children.
    public static func descendants(of ancestor: Int32) -> [Entry] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        let children = Dictionary(grouping: names.compactMap { Int32($0) }.compactMap(entry), by: \.parent)
        var found: [Entry] = []
        var parents = [ancestor]
        while let parent = parents.popLast() {
            found += children[parent] ?? []
            parents += (children[parent] ?? []).map(\.pid)
        }
        return found
    }

    /// Nil when the process has ended meanwhile.
    private static func entry(pid: Int32) -> Entry? {
        guard
            let status = FileManager.default.contents(atPath: "/proc/\(pid)/stat"),
            let command = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline")
        else { return nil }
        // "PID (NAME) STATE PARENT …": the name may contain any character, also a closing parenthesis.
        let fields = String(decoding: status, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 1, let parent = Int32(fields[1]) else { return nil }
        let arguments = String(decoding: command, as: UTF8.self).replacingOccurrences(of: "\0", with: " ")
        return Entry(pid: pid, parent: parent, command: arguments)
    }
}
