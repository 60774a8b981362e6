public import Pipeline

/// The options of the stage `file`.
public struct FileOptions: Sendable {
    /// The path of the archive. Each partition writes its own file: `comments.ndjson` gives `comments.0.ndjson` and so
    /// on.
    public var path: String
    /// The file is rotated before it would exceed this many bytes; nil: never.
    public var rotate: Int?
    /// How many rotated files each partition keeps, the newest; 0: all.
    public var keep = 0
    /// Whether each batch is forced to disk before it is committed.
    public var sync = false

    public init(path: String) {
        self.path = path
    }
}

/// `file`: appends each event as a line to the archive of its partition and passes it on unchanged. It may have any
/// place in the pipeline, also the last.
///
/// The event which says that a person was erased goes no further, see ``ErasedLine``.
///
/// Each event is in the archive once, even when a worker dies between append and commit, as long as no two events have
/// the same bytes: put it after a stage that adds ids, as `validate` does.
public final class FileStage: Stage {
    private let options: FileOptions
    private var archive: ArchiveFile?

    public init(_ options: FileOptions) {
        self.options = options
    }

    /// Appends the whole batch in one write.
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
        ErasedLine.matches(event.fields) ? .drop(reason: ErasedLine.reason) : .publish(event, channels: [])
    }
}
