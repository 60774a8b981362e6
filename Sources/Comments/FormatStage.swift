public import Pipeline

/// `format`: makes the final form for clients, once for all readers.
///
/// `text` becomes `html`: everything escaped, then links, mentions and line ends marked up. Names that the text mentions
/// go into `mentions` unless the event has its own. Private members go, and addresses (`url`, `avatar`, …) that are
/// neither http, https, mailto nor relative. Every other string stays plain text, to be shown as text.
public final class FormatStage: Stage {
    private let formatter: CommentFormatter

    public init(_ options: FormatOptions = FormatOptions()) {
        formatter = CommentFormatter(options: options)
    }

    public func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        var event = event
        formatter.format(&event.fields)
        return .forward([event])
    }
}
