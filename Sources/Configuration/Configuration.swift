import Comments
import Edge
import Glibc
package import Pipeline
package import Store
package import Yams

/// Everything that `tidings.yaml` says, with the defaults for what it does not say. A missing file is the default
/// comment pipeline.
package struct Configuration {
    package var pipeline = "comments"
    package var partitions = 8
    /// Nil: not named; the caller decides.
    package var redis: String?
    package var stages: [StageSetting] = StageSetting.standard
    /// Thoonk queues, job feeds and feeds that are doors besides the open one.
    package var doors: [Inlet] = []
    package var limits = PipelineLimits()
    /// The largest event, in bytes: what `validate` takes, and so the largest comment that an edge takes.
    package var eventBytes = ValidateOptions().maxBytes
    package var listen = "127.0.0.1:8080"
    /// Seconds that a long-poll is held.
    package var hold = 25
    package var publicKinds: Set<String> = ["thread", "forum", "post"]
    /// Who may read the others, and who may post.
    package var access = AccessSetting()
    /// Through whom clients come.
    package var clients = ClientSetting()
    /// The limits of an edge that the file names.
    package var edgeLimits = EdgeLimitSetting()
    /// In how many seconds a drain answers what is held; nil: one hold.
    package var drain: Int?
    /// The file without the limits of an edge; nil: it says nothing else.
    package private(set) var rest: Node?
    /// Nil: not said; the command decides.
    package var dashboard: DashboardSetting?

    /// Which repeats the pipeline drops.
    package var duplicates: DuplicatePolicy { stages.lazy.compactMap(\.duplicates).first ?? DuplicatePolicy() }

    package var layout: PipelineLayout {
        PipelineLayout(name: pipeline, partitions: partitions, stages: stages.map(\.name))
    }

    /// Reads a file.
    ///
    /// - Parameter path: nil takes `tidings.yaml` in the working folder when there is one.
    package init(path: String?) throws {
        let file = path ?? "tidings.yaml"
        guard let text = try Configuration.read(file, required: path != nil) else { return }
        try apply(yaml: text, file: file)
    }

    /// Reads a text.
    package init(yaml text: String, file: String) throws {
        try apply(yaml: text, file: file)
    }

    private mutating func apply(yaml text: String, file: String) throws {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw Configuration.describe(error, file: file)
        }
        guard let root else { return }
        let top = ConfigurationNode(file: file, key: "", node: root)
        if top.isEmpty { return }
        rest = EdgeLimitSetting.rest(of: root)
        let members = try top.members(known: [
            "pipeline", "partitions", "redis", "doors", "stages", "edge", "queue_limit", "dead_limit", "held_limit",
            "batch", "attempts", "deaths", "lease",
        ])
        if let node = members["pipeline"] {
            pipeline = try node.string()
            guard Configuration.isName(pipeline) else {
                throw node.error("'\(pipeline)' is no name; use 1 to 64 of a-z A-Z 0-9 _ . -")
            }
        }
        if let node = members["partitions"] { partitions = try node.integer(in: 1...1024) }
        if let node = members["redis"] { redis = try node.string() }
        if let node = members["queue_limit"] { limits.queueEvents = try node.integer(in: 0...100_000_000) }
        if let node = members["dead_limit"] { limits.deadLetters = try node.integer(in: 1...10_000_000) }
        if let node = members["held_limit"] { limits.heldEvents = try node.integer(in: 1...10_000_000) }
        if let node = members["deaths"] { limits.deaths = try node.integer(in: 2...100) }
        if let node = members["batch"] { limits.batchEvents = try node.integer(in: 1...5000) }
        if let node = members["attempts"] { limits.attempts = try node.integer(in: 1...1000) }
        if let node = members["lease"] { limits.lease = try node.duration(atLeast: 3000, atMost: 600_000) }
        if let node = members["doors"] { try readDoors(node) }
        if let node = members["stages"] { try readStages(node) }
        if let node = members["edge"] { try readEdge(node) }
    }

    /// Makes each stage once, to hear at the start of what would fail later: a secret that is not there, for example.
    package func checkStages() throws {
        for stage in stages { _ = try stage.factory() }
    }

    private mutating func readDoors(_ node: ConfigurationNode) throws {
        for element in try node.elements() {
            let source = try DoorSetting.source(element)
            if doors.contains(where: { $0.name == source.name }) {
                throw element.error("'\(source.name)' stands twice")
            }
            doors.append(source)
        }
    }

    private mutating func readStages(_ node: ConfigurationNode) throws {
        stages = []
        for element in try node.elements() {
            let setting = try StageSetting(element, limits: &limits, eventBytes: &eventBytes)
            if stages.contains(where: { $0.name == setting.name }) {
                throw element.error("stage '\(setting.name)' stands twice; give each a name of its own")
            }
            stages.append(setting)
        }
        if stages.isEmpty { throw node.error("no stages; leave the key out for the default ones") }
    }

    private mutating func readEdge(_ node: ConfigurationNode) throws {
        let members = try node.members(
            known: ["listen", "hold", "drain", "public", "dashboard"] + AccessSetting.keys + ClientSetting.keys
                + EdgeLimitSetting.keys)
        if let node = members["listen"] { listen = try node.string() }
        if let node = members["hold"] { hold = Int(try node.duration(atLeast: 1000, atMost: 55_000) / 1000) }
        if let node = members["drain"] { drain = Int(try node.duration(atMost: 3_600_000) / 1000) }
        if let node = members["public"] { publicKinds = Set(try node.strings()) }
        if let node = members["dashboard"] { dashboard = try DashboardSetting(node) }
        access = try AccessSetting(members)
        clients = try ClientSetting(members)
        edgeLimits = try EdgeLimitSetting(members)
    }

    package static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    private static func read(_ file: String, required: Bool) throws -> String? {
        guard let handle = fopen(file, "r") else {
            if !required, errno == ENOENT { return nil }
            throw ConfigurationError(
                file: file, line: nil, key: "", message: "cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { fclose(handle) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&chunk, 1, chunk.count, handle)
            if count == 0 { break }
            bytes.append(contentsOf: chunk[..<count])
            if bytes.count > 1 << 20 {
                throw ConfigurationError(file: file, line: nil, key: "", message: "is larger than 1 MiB")
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationError(file: file, line: nil, key: "", message: "is no UTF-8 text")
        }
        return text
    }

    private static func describe(_ error: YamlError, file: String) -> ConfigurationError {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            return ConfigurationError(file: file, line: mark.line, key: "", message: "no valid YAML: \(problem)")
        default:
            return ConfigurationError(file: file, line: nil, key: "", message: "no valid YAML: \(error)")
        }
    }
}
