import JSON
public import Pipeline

/// `route`: finds the channels of an event and notes them in its member `channels`, for the publishing stage. What stood
/// there before is overwritten: who sends an event does not choose who gets it.
public final class RouteStage: Stage {
    private let router: ChannelRouter

    /// - Throws: ``CommentsError`` that names the template that cannot be used.
    public init(_ options: RouteOptions = RouteOptions()) throws(CommentsError) {
        router = try ChannelRouter(options: options)
    }

    public func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        var event = event
        event.fields["channels"] = .array(router.channels(of: event.fields).map(JSON.string))
        return .forward([event])
    }
}
