import JSON
public import Pipeline
import Store

/// `publish`: appends the event to the feeds of the channels that its member `channels` lists. The member itself is not
/// published.
///
/// The lane's commit writes the feeds, so an event is published and leaves the queue in one step. The limits of the
/// lanes say how much of a feed is kept. Without `route` before this stage, the channels are those that the sender
/// gave, as far as their names are valid.
public final class PublishStage: Stage {
    public init() {}

    public func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        PublishStage.decide(event)
    }

    static func decide(_ event: Event) -> Disposition {
        var channels: [String] = []
        for case .string(let name) in event.fields["channels"]?.array ?? []
        where channels.count < ChannelRouter.most && ChannelName.isValid(name)
            && !ChannelName.contains(channels, name)
        {
            channels.append(name)
        }
        // Edits and deletions reach the channels in which their comment stands as well: the commit knows them. And the
        // closing of a conversation counts, even if no channel hears of it.
        let kind = CommentChange.Kind(of: event.fields)
        let isHeard =
            !channels.isEmpty || kind == .edited || kind == .deleted
            || EventType.isOfConversation(EventType.of(event.fields))
        guard isHeard else { return .drop(reason: "no_channel") }
        var event = event
        event.fields["channels"] = nil
        return .publish(event, channels: channels)
    }
}
