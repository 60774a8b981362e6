/// What a stage wants done with one event.
public enum Disposition: Sendable {
    /// Hand these on to the next queue, in this order. Usually one; a stage may split an event into many.
    case forward([Event])

    /// Hand the event on to the next queue of this partition. For the stage `incoming`, which gets the events of all
    /// conversations; every other stage's events stay in their partition.
    case assign(Event, partition: Int)

    /// Append the event to the feeds of these channels and announce it. The pipeline's end for this event, or, when
    /// another stage follows, hand it on as well.
    case publish(Event, channels: [String])

    /// Nothing goes on. The reason is a word or two (`duplicate`, `blocked_word`): it names a counter.
    case drop(reason: String)

    /// Set aside for a person to decide. The reason is a sentence that this person reads.
    case hold(Event, reason: String)

    /// To the dead letters, with this reason. For what can never become valid.
    case reject(reason: String)
}
