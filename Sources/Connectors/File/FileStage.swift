public import Pipeline

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

/// `file`: appends each event as a line to an archive of its partition and hands it on unchanged. It can stand anywhere;
/// as the last stage it is the end of the pipeline.
///
/// Each event is in the archive once, also when a worker dies between append and commit, as long as no two events are
/// byte for byte the same: put it behind a stage that gives ids, as `validate` does.
public final class FileStage: Stage {
    private let options: FileOptions
    private var archive: ArchiveFile?

    public init(_ options: FileOptions) {
        self.options = options
    }

    /// Appends the batch: with one write, since nothing is decided about single events.
    public func prepare(_ batch: [Event], context: StageContext, ready: @escaping (StageError?) -> Void) {
        let archive =
            self.archive
            ?? ArchiveFile(ArchiveName(path: options.path, partition: context.partition), options: options)
        self.archive = archive
        do throws(StageError) {
            try archive.append(batch.map(\.line), now: context.now)
            ready(nil)
        } catch {
            ready(error)
        }
    }

    public func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        .publish(event, channels: [])
    }
}
