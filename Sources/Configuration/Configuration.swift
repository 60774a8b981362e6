package import Comments
import Edge
import Glibc
package import Pipeline
package import Store
package import YAML

/// Everything that `tidings.yaml` says, with the defaults for what it does not say. A missing file is the default
/// comment pipeline.
package struct Configuration {
    package var pipeline = Settings.Pipeline.name.defaultValue
    package var partitions = Settings.Pipeline.partitions.defaultValue
    /// Nil: the file names none.
    package var redis: String?
    package var stages: [StageSetting] = StageSetting.standard
    /// Thoonk queues, job feeds and feeds from which events are taken besides the incoming list.
    package var doors: [Inlet] = []
    package var limits = PipelineLimits()
    /// What the stages `validate` and `format` take, and so what an edge takes.
    package var intake = CommentIntake.Options()
    package var edge = EdgeSettings()
    /// Who may read private channels, and who may post.
    package var access = AccessSettings()
    /// The limits of an edge that the file names.
    package var edgeLimits = EdgeLimitSettings()
    /// The file without the limits of an edge; nil: it says nothing else.
    package private(set) var rest: YAMLNode?

    /// Which repeats the pipeline drops.
    package var duplicates: DuplicatePolicy { stages.lazy.compactMap(\.duplicates).first ?? DuplicatePolicy() }

    /// The largest event that `validate` takes, in bytes, and so the largest comment that an edge takes.
    package var eventBytes: Int { intake.validate.maxBytes }

    package var layout: PipelineLayout {
        PipelineLayout(name: pipeline, partitions: partitions, stages: stages.map(\.name))
    }

    /// Reads a file.
    ///
    /// - Parameter path: nil takes `tidings.yaml` in the working folder when there is one.
    package init(path: String?) throws {
        let file = path ?? Settings.Global.config.defaultValue
        try self.init(yaml: Configuration.read(file, required: path != nil) ?? "", file: file)
    }

    /// Reads a text.
    ///
    /// - Parameter file: its name, for errors.
    package init(yaml text: String, file: String) throws {
        guard let top = try ConfigurationNode.parse(yaml: text, file: file) else { return }
        rest = top.without(edgeKeys: EdgeLimitSettings.keys)
        let members = try top.members(known: Settings.Pipeline.all.map(\.name) + ["edge"])
        try members.read(Settings.Pipeline.fields, into: &self)
        if let node = members[Settings.Pipeline.inlets.name] { try readInlets(node) }
        if let node = members[Settings.Pipeline.stages.name] { try readStages(node) }
        if let node = members["edge"] { try readEdge(node) }
    }

    /// Makes each stage once, to find at the start what would fail later: a secret that is missing, for example.
    package func checkStages() throws {
        for stage in stages { _ = try stage.factory() }
    }

    private mutating func readInlets(_ node: ConfigurationNode) throws {
        for element in try node.elements() {
            let source = try InletSetting.source(element)
            if doors.contains(where: { $0.name == source.name }) {
                throw element.error("'\(source.name)' stands twice")
            }
            doors.append(source)
        }
    }

    private mutating func readStages(_ node: ConfigurationNode) throws {
        stages = []
        intake.format = nil
        for element in try node.elements() {
            let setting = try StageSetting(element, limits: &limits, intake: &intake)
            if stages.contains(where: { $0.name == setting.name }) {
                throw element.error("stage '\(setting.name)' stands twice; give each a name of its own")
            }
            stages.append(setting)
        }
        if stages.isEmpty { throw node.error("no stages; leave the key out for the default ones") }
    }

    private mutating func readEdge(_ node: ConfigurationNode) throws {
        let members = try node.members(known: EdgeSettings.keys + AccessSettings.keys + EdgeLimitSettings.keys)
        edge = try EdgeSettings(members)
        access = try AccessSettings(members)
        edgeLimits = try EdgeLimitSettings(members)
    }

    /// Whether a text can name a pipeline, a stage or an API key.
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
}
