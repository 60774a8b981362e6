/// What a `file` stage is told.
public struct FileOptions: Sendable {
    /// The archive. Each partition writes a file of its own: `comments.ndjson` stands for `comments.0.ndjson` and so on.
    public var path: String
    /// A file that would grow beyond so many bytes is renamed and a new one begun; nil: never.
    public var rotate: Int?
    /// Renamed files kept for each partition, the newest; 0: all.
    public var keep = 0
    /// Whether each batch is forced to disk before it is committed.
    public var sync = false

    public init(path: String) {
        self.path = path
    }
}
