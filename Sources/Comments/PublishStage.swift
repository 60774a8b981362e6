import JSON
public import Pipeline

/// `publish`: has the event appended to the feeds of its channels, which stand in its member `channels`; the member
/// itself is not published.
///
/// The feeds are written by the lane's commit, so that publishing and leaving the queue are one step; how much of them
/// is kept is a limit of the lanes. Without `route` before it, the channels are those that came with the event, as far
/// as their names are valid.
public final class PublishStage: Stage {
    public init() {}

    public func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        PublishStage.decide(event)
    }

    static func decide(_ event: Event) -> Disposition {
        var channels: [String] = []
        for case .string(let name) in event.fields["channels"]?.array ?? []
        where channels.count < ChannelRouter.maxChannels && ChannelName.isValid(name)
            && !ChannelName.contains(channels, name)
        {
            channels.append(name)
        }
        guard !channels.isEmpty else { return .drop(reason: "no_channel") }
        var event = event
        event.fields["channels"] = nil
        return .publish(event, channels: channels)
    }
}
